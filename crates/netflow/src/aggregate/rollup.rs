//! Bins of all intervals, each made of those within it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize};

use super::{Bin, Closed, Minute, Span, TrafficDirection, bin::PlacedExporters};
use crate::places::Places;

/// Bins of one interval that ended and may still be asked for. Every account asks in the second in which a bin ends; the
/// others are for runs that are held up.
pub const CLOSED_KEPT: usize = 4;
/// A clock that goes back by more than this is believed, and what it called the future is counted in the present. By less,
/// flows count in the first open minute until it has caught up.
pub const SET_BACK_SECONDS: i64 = 900;
/// Interfaces remembered of one exporter one direction, to report them with 0 when they are idle; a further one is reported when
/// it has traffic.
pub const INTERFACES_MAX: usize = 4_096;

const DAY: i64 = Span::Day.seconds();

/// Bins of all intervals.
#[derive(Debug, Default)]
pub struct Rollup {
    levels: [Level; 5],
    /// By exporter and direction: interfaces, and the minute in which each last had traffic.
    interfaces: Interfaces,
}

type Interfaces = BTreeMap<(IpAddr, TrafficDirection), BTreeMap<u32, i64>>;

/// One interval.
#[derive(Debug, Default)]
struct Level {
    open: BTreeMap<i64, Bin>,
    /// Bins that begin before this second are closed, and are part of the next level.
    floor: i64,
    closed: BTreeMap<i64, Arc<Closed>>,
    /// Whether it changed since it was last written down.
    changed: bool,
}

/// A level as it is written down.
#[derive(Debug, Serialize, Deserialize)]
pub struct LevelCheckpoint<'a> {
    open: Cow<'a, BTreeMap<i64, Bin>>,
    /// What of the level below is part of this one.
    below: i64,
    floor: i64,
    interfaces: Cow<'a, Interfaces>,
    /// Where traffic of the open bins belongs; files of earlier versions end before it.
    #[serde(deserialize_with = "placed_if_any")]
    placed: BTreeMap<i64, PlacedExporters>,
}

/// What is not there is nothing.
fn placed_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<i64, PlacedExporters>, D::Error> {
    Ok(BTreeMap::deserialize(deserializer).unwrap_or_default())
}

impl Rollup {
    /// Adds minutes that ended, and closes all bins that end at `until` or before, a full minute.
    pub fn settle(&mut self, minutes: Vec<(i64, Minute)>, until: i64) {
        self.settle_placed(minutes, until, &Places::default());
    }

    /// Does the same, and adds up where the addresses belong that flows came from or went to, where that is asked for.
    pub fn settle_placed(&mut self, minutes: Vec<(i64, Minute)>, until: i64, places: &Places) {
        for (start, mut minute) in minutes {
            let told = minute.take_systems();
            let mut bin = minute.roll_up();
            if places.any() {
                bin.place(places, &told);
            }
            self.note_interfaces(start, &bin);
            self.level_mut(Span::Minute).open.entry(start).or_default().merge(bin);
        }
        let until = Span::Minute.bin_of(until);
        for span in Span::ALL {
            let ended = self.level_mut(span).end(span, until);
            let Some(longer) = span.longer() else { continue };
            let target = self.level_mut(longer);
            target.changed |= !ended.is_empty();
            for (start, bin) in ended {
                let start = longer.bin_of(start).max(target.floor);
                target.open.entry(start).or_default().merge(bin);
            }
        }
        self.forget_interfaces(until);
    }

    /// Returns a bin that ended, by its first second.
    pub fn closed(&self, span: Span, start: i64) -> Option<Arc<Closed>> {
        self.level(span).closed.get(&start).cloned()
    }

    /// Returns the first seconds of bins that ended and were not empty, oldest first.
    pub fn closed_starts(&self, span: Span) -> Vec<i64> {
        self.level(span).closed.keys().copied().collect()
    }

    /// Returns the second up to which minutes are rolled up.
    pub fn settled_until(&self) -> i64 {
        self.level(Span::Minute).floor
    }

    /// Returns the interfaces of an exporter that had traffic within a day.
    pub fn interfaces(&self, exporter: IpAddr, direction: TrafficDirection) -> BTreeSet<u32> {
        self.interfaces
            .get(&(exporter, direction))
            .map(|known| known.keys().copied().collect())
            .unwrap_or_default()
    }

    /// Returns the distinct keys in the open bins of an interval.
    pub fn keys(&self, span: Span) -> usize {
        self.level(span).open.values().map(Bin::keys).sum()
    }

    /// Returns a level to be written, if it changed since. Levels are to be written from the longest to the shortest
    /// and then the minutes: what is cut off in between is known by its floor, and counted once.
    pub fn checkpoint(&mut self, span: Span) -> Option<LevelCheckpoint<'_>> {
        let below = span.shorter().map_or(0, |below| self.level(below).floor);
        if !std::mem::take(&mut self.level_mut(span).changed) {
            return None;
        }
        let interfaces = match span {
            Span::Quarter => Cow::Borrowed(&self.interfaces),
            _ => Cow::default(),
        };
        let level = self.level(span);
        let placed = level.open.iter().map(|(start, bin)| (*start, bin.placed()));
        let placed = placed.filter(|(_, exporters)| !exporters.is_empty()).collect();
        let (open, floor) = (Cow::Borrowed(&level.open), level.floor);
        Some(LevelCheckpoint { open, below, floor, interfaces, placed })
    }

    /// Notes that a level could not be written: it is to be tried again.
    pub fn checkpoint_failed(&mut self, span: Span) {
        self.level_mut(span).changed = true;
    }

    /// Restores what was written, from the longest to the shortest. Returns the second from which the minutes go on.
    pub fn restore(&mut self, span: Span, checkpoint: LevelCheckpoint<'_>) -> i64 {
        let level = self.level_mut(span);
        // what the level above has already taken is no longer open here
        level.floor = level.floor.max(checkpoint.floor);
        level.open = checkpoint.open.into_owned();
        for (start, placed) in checkpoint.placed {
            level.open.entry(start).or_default().put_placed(placed);
        }
        level.open = level.open.split_off(&level.floor);
        self.interfaces.extend(checkpoint.interfaces.into_owned());
        if let Some(below) = span.shorter() {
            self.level_mut(below).floor = checkpoint.below;
        }
        checkpoint.below
    }

    fn note_interfaces(&mut self, minute: i64, bin: &Bin) {
        for (exporter, ways) in bin.exporters() {
            for direction in TrafficDirection::ALL {
                let sums = direction.of_pair(ways);
                let known = self.interfaces.entry((exporter, direction)).or_default();
                for (interface, _) in sums.interfaces.iter() {
                    if known.len() < INTERFACES_MAX || known.contains_key(&interface) {
                        known.insert(interface, minute);
                    }
                }
            }
        }
    }

    fn forget_interfaces(&mut self, until: i64) {
        self.interfaces.retain(|_, known| {
            known.retain(|_, seen| until.saturating_sub(*seen) <= DAY);
            !known.is_empty()
        });
    }

    fn level(&self, span: Span) -> &Level {
        let [minute, quarter, hour, four_hours, day] = &self.levels;
        match span {
            Span::Minute => minute,
            Span::Quarter => quarter,
            Span::Hour => hour,
            Span::FourHours => four_hours,
            Span::Day => day,
        }
    }

    fn level_mut(&mut self, span: Span) -> &mut Level {
        let [minute, quarter, hour, four_hours, day] = &mut self.levels;
        match span {
            Span::Minute => minute,
            Span::Quarter => quarter,
            Span::Hour => hour,
            Span::FourHours => four_hours,
            Span::Day => day,
        }
    }
}

impl Level {
    /// Removes the bins that ended, and keeps their rankings.
    fn end(&mut self, span: Span, until: i64) -> BTreeMap<i64, Bin> {
        let present = span.bin_of(until);
        if self.floor > present.saturating_add(SET_BACK_SECONDS.max(span.seconds())) {
            self.set_back(present);
        }
        self.floor = self.floor.max(present);
        let still_open = self.open.split_off(&self.floor);
        let ended = std::mem::replace(&mut self.open, still_open);
        self.changed |= !ended.is_empty();
        self.closed.extend(ended.iter().map(|(start, bin)| (*start, Arc::new(Closed::of(bin)))));
        while self.closed.len() > CLOSED_KEPT {
            self.closed.pop_first();
        }
        ended
    }

    /// The clock was set back by far: what it called the future is counted in the present.
    fn set_back(&mut self, present: i64) {
        self.floor = present;
        for (_, bin) in self.open.split_off(&(present + 1)) {
            self.open.entry(present).or_default().merge(bin);
        }
        self.closed.retain(|start, _| *start < present);
    }
}
