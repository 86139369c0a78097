//! From what differs to the cause.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Cause, Flowing, Profile, Window,
    side::{Side, TOLERANCE},
    window::RECENT_MINUTES,
};
use crate::aggregate::LONG_MILLIS;

/// Minutes that have to be compared before anything is said: flows that began before the first one are told in it.
const MINUTES_MIN: usize = 3;
/// Packets of which one is sampled, as people set it up.
#[rustfmt::skip]
const PLAUSIBLE: [u32; 33] = [
    1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 250, 256, 400, 500, 512, 1_000, 1_024, 1_500, 2_000, 2_048,
    3_000, 4_000, 4_096, 5_000, 8_192, 10_000, 16_384, 32_768, 65_536,
];
/// How near a plausible factor has to be.
const NEAR: f64 = 0.12;
/// By how much sides may differ that are off for the same reason.
const ALIKE: f64 = 0.15;
/// A counter of 32 bits, as it wraps.
const NARROW: f64 = 4_294_967_296.0;
/// The share of flows told before from which the rest is told twice too; where all are, it is a half.
const REPEATED_SHARE: f64 = 0.2;
/// The share that is told of an interface from which its exporter may lose the rest: who loses more samples, most likely.
const LOSING_MIN: f64 = 0.4;
/// The largest factor that may as well be flows that are sent elsewhere, or lost.
const PART_MAX: u32 = 4;
/// The share of octets in long flows from which they explain what differs.
const LONG_SHARE: f64 = 0.3;

/// Something that is wrong with an exporter.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Why.
    pub cause: Cause,
    /// At which interfaces; empty where it is the whole exporter.
    pub interfaces: BTreeSet<u32>,
}

/// Returns what is wrong with an exporter: what its own numbers say, and by which cause flows differ from counters. One
/// cause is one finding, however many interfaces it is seen at.
pub fn diagnose(window: &Window, profile: &Profile) -> Vec<Finding> {
    let diagnosis = Diagnosis::of(window, profile);
    let mut findings = Vec::<Finding>::new();
    let mut found = diagnosis.of_exporter();
    found.extend(diagnosis.of_sides());
    for (cause, interface) in found {
        match findings.iter_mut().find(|finding| finding.cause.kind() == cause.kind()) {
            Some(known) => known.interfaces.extend(interface),
            None => findings.push(Finding { cause, interfaces: interface.into_iter().collect() }),
        }
    }
    findings
}

struct Diagnosis<'a> {
    window: &'a Window,
    profile: &'a Profile,
    /// All directions of all interfaces that can be compared.
    sides: Vec<Side>,
    /// Over all minutes that there are.
    longer: BTreeMap<(u32, Flowing), Side>,
    /// Interfaces whose incoming traffic no flow tells of.
    unmonitored: BTreeSet<u32>,
    /// Octets that flows told of interfaces that counters do not know, by index.
    strange: BTreeMap<u32, u64>,
    told: u64,
}

impl<'a> Diagnosis<'a> {
    fn of(window: &'a Window, profile: &'a Profile) -> Self {
        let mut sides = window.sides(RECENT_MINUTES);
        sides.retain(|side| side.minutes >= MINUTES_MIN);
        let all = window.sides(super::WINDOW_MINUTES);
        let longer = all.into_iter().map(|side| ((side.interface, side.flowing), side)).collect();
        let (mut strange, mut told) = (BTreeMap::new(), 0_u64);
        for index in window.interfaces() {
            let sums = window.told(index);
            let bytes = sums.told().told_bytes();
            told = told.saturating_add(bytes);
            if !sums.is_known && bytes > 0 {
                strange.insert(index, bytes);
            }
        }
        let factor = profile.factor.as_f64();
        let unmonitored = sides
            .iter()
            .filter(|side| side.flowing != Flowing::Out && side.is_missing(factor))
            .map(|side| side.interface)
            .collect();
        Self { window, profile, sides, longer, unmonitored, strange, told }
    }

    /// What is seen without looking at a single interface.
    fn of_exporter(&self) -> Vec<(Cause, Option<u32>)> {
        let mut causes = Vec::new();
        let coverage = self.window.coverage();
        let share = |part: u64, whole: u64| part as f64 / (whole as f64).max(1.0);
        if coverage.unscaled as f64 > coverage.flows as f64 * TOLERANCE {
            causes.push((Cause::SamplingUnknown { fits: self.fitting_factor() }, None));
        }
        let arrived = share(coverage.seen, coverage.seen + coverage.lost);
        if coverage.lost > 0 && arrived < 1.0 - TOLERANCE {
            causes.push((Cause::LostOnTheWay { arrived }, None));
        }
        let sent = share(coverage.flows, coverage.flows + coverage.dropped);
        if coverage.dropped > 0 && sent < 1.0 - TOLERANCE {
            causes.push((Cause::DroppedByAgent { sent }, None));
        }
        if self.told == 0 && !self.sides.is_empty() {
            return vec![(Cause::NothingDecoded { waiting: self.profile.waiting }, None)];
        }
        let untold = self.strange.get(&0).copied().unwrap_or(0);
        if self.told > 0 && untold as f64 > self.told as f64 * 0.4 && self.is_blind() {
            causes.push((Cause::InterfacesUntold, None));
        }
        causes
    }

    /// Whether no flow names an interface: where it goes out may be told as 0 of what is dropped or for the device itself.
    fn is_blind(&self) -> bool {
        self.window.interfaces().into_iter().filter(|index| *index != 0).all(|index| {
            let told = self.window.told(index).told();
            told.told_bytes() == 0
        })
    }

    fn fitting_factor(&self) -> Option<u32> {
        let mut factors: Vec<f64> = self
            .sides
            .iter()
            .filter(|side| side.told.told_bytes() > 0)
            .map(|side| side.factor() / side.ratio())
            .collect();
        factors.sort_by(f64::total_cmp);
        let median = factors.get(factors.len() / 2).copied()?;
        plausible(median, NEAR).filter(|factor| *factor > 1)
    }

    /// The cause of each side that is not right.
    fn of_sides(&self) -> Vec<(Cause, Option<u32>)> {
        if self.told == 0 {
            return Vec::new();
        }
        let wrong = self.sides.iter().filter(|side| !side.is_right() || self.is_uneven(side));
        wrong.filter_map(|side| Some((self.cause_of(side)?, Some(side.interface)))).collect()
    }

    fn cause_of(&self, side: &Side) -> Option<Cause> {
        if side.is_missing(self.profile.factor.as_f64()) {
            return self.missing(side);
        }
        self.in_numbers(side)
            .or_else(|| self.spread(side))
            .or_else(|| self.wrapped(side))
            .or_else(|| self.counted_twice(side))
            .or_else(|| framing(side, &self.sides))
            .or_else(|| self.out_of_unmonitored(side))
            .or_else(|| self.sampled(side))
            .or_else(|| self.lost_inside(side))
            .unwrap_or(Some(Cause::Unknown { ratio: side.ratio() }))
    }

    /// No flow tells of it. `None` where that was said of the whole exporter, or follows from another interface.
    fn missing(&self, side: &Side) -> Option<Cause> {
        if self.is_blind() {
            return None;
        }
        let strange = self.strange.iter().filter(|(index, _)| **index != 0);
        let (index, bytes) =
            strange.max_by_key(|(_, bytes)| **bytes).map_or((0, 0), |(index, bytes)| (*index, *bytes));
        if index != 0 && index < 0x3FFF_0000 && bytes as f64 > side.octets as f64 * 0.2 {
            return Some(Cause::Renumbered { index });
        }
        let others = self.unmonitored.iter().any(|interface| *interface != side.interface);
        if side.flowing == Flowing::Out && others {
            return None;
        }
        let is_dark = side.flowing == Flowing::In
            && self.sides.iter().any(|other| {
                other.interface == side.interface && other.flowing == Flowing::Out && other.ratio() < 0.001
            });
        let flowing = if is_dark { Flowing::Either } else { side.flowing };
        Some(Cause::NotExported { flowing })
    }

    /// What the exporter's own numbers say explains it: it is found of the whole exporter.
    fn in_numbers(&self, side: &Side) -> Option<Option<Cause>> {
        let coverage = self.window.coverage();
        let is_unscaled = coverage.unscaled as f64 > coverage.flows as f64 * TOLERANCE;
        let arrived = coverage.ratio().unwrap_or(1.0);
        let is_lost =
            arrived < 1.0 - TOLERANCE / 2.0 && (side.ratio() - arrived).abs() < 2.0 * side.tolerance();
        (is_unscaled || is_lost).then_some(None)
    }

    fn spread(&self, side: &Side) -> Option<Option<Cause>> {
        let longest = self.longest();
        if longest <= LONG_MILLIS {
            return None;
        }
        let longer = self.longer.get(&(side.interface, side.flowing)).unwrap_or(side);
        let share = longer.told.long_bytes as f64 / (longer.told.told_bytes() as f64).max(1.0);
        let evens_out = longer.minutes > side.minutes && longer.is_right();
        let is_near = (0.2..5.0).contains(&side.ratio());
        (share > LONG_SHARE && (evens_out || is_near))
            .then_some(Some(Cause::Spread { longest: longest / 1_000 }))
    }

    /// Whether sums are right and minutes are not, for the length of flows.
    fn is_uneven(&self, side: &Side) -> bool {
        let share = side.told.long_bytes as f64 / (side.told.told_bytes() as f64).max(1.0);
        if self.longest() <= LONG_MILLIS || share <= LONG_SHARE {
            return false;
        }
        let minutes = self.window.minutes().rev().take(RECENT_MINUTES);
        let of_minute = minutes.filter_map(|(_, minute)| {
            let its = minute.interfaces.get(&side.interface)?;
            let sides = super::side::sides(side.interface, its, 1);
            sides.into_iter().find(|other| other.flowing == side.flowing)
        });
        let off = of_minute.filter(|minute| (minute.ratio() - 1.0).abs() > 2.0 * side.tolerance()).count();
        off * 2 > side.minutes
    }

    fn longest(&self) -> u64 {
        let all = self.window.minutes().flat_map(|(_, minute)| minute.interfaces.values());
        all.map(|its| its.told().longest_millis).max().unwrap_or(0)
    }

    fn wrapped(&self, side: &Side) -> Option<Option<Cause>> {
        let short = side.octets as f64 - side.frames();
        let wraps = |missing: f64, unit: f64| {
            let count = (missing / unit).round();
            let room = (side.octets as f64).max(side.frames()) * 0.02;
            count >= 1.0 && room < unit / 4.0 && (missing - count * unit).abs() <= room
        };
        if self.profile.counts_in_32_bits && short > 0.0 {
            let is_wrap = side.told.wrapped > 0 || wraps(short, NARROW * side.factor());
            return is_wrap.then_some(Some(Cause::FlowsWrapped));
        }
        (!side.is_wide && wraps(-short, NARROW)).then_some(Some(Cause::CountersWrapped))
    }

    fn counted_twice(&self, side: &Side) -> Option<Option<Cause>> {
        let is_more = side.ratio() > 1.15;
        let repeated = self.window.repeated();
        let is_double = (side.ratio() - 2.0).abs() < 0.15 && self.is_alike(side) && side.factor() < 1.5;
        let untold = !self.profile.tells_direction;
        (is_more && (repeated > REPEATED_SHARE || (is_double && untold))).then_some(Some(Cause::CountedTwice))
    }

    /// Whether most sides are off as this one is, or most of those whose traffic flows the same way: the exporter's doing,
    /// not an interface's.
    fn is_alike(&self, side: &Side) -> bool {
        self.is_alike_among(side, |_| true)
            || side.flowing != Flowing::Either
                && self.sides.iter().filter(|other| other.flowing == side.flowing).count() > 1
                && self.is_alike_among(side, |other| other.flowing == side.flowing)
    }

    fn is_alike_among(&self, side: &Side, is_meant: impl Fn(&Side) -> bool) -> bool {
        let is_missing = |other: &Side| other.is_missing(self.profile.factor.as_f64());
        let compared = || self.sides.iter().filter(|other| is_meant(other) && !is_missing(other));
        let like = |other: &&Side| {
            let room = ALIKE.max(other.tolerance() + side.tolerance());
            (other.ratio() / side.ratio() - 1.0).abs() <= room
        };
        let all = compared().count();
        compared().filter(like).count() * 3 >= all * 2
    }

    /// Whether both directions of the interface are off alike, as where each interface has a sampler of its own.
    fn is_alike_at_interface(&self, side: &Side) -> bool {
        let mut others = self
            .sides
            .iter()
            .filter(|other| other.interface == side.interface && other.flowing != side.flowing);
        others.any(|other| (other.ratio() / side.ratio() - 1.0).abs() <= ALIKE)
    }

    fn sampled(&self, side: &Side) -> Option<Option<Cause>> {
        let (told, missing) = (side.factor(), 1.0 / side.ratio());
        if missing < 1.5 && side.ratio() < 1.5 {
            return None;
        }
        let is_alike = self.is_alike(side) || (told > 1.5 && self.is_alike_at_interface(side));
        if !is_alike {
            return None;
        }
        let near = plausible(told * missing, NEAR.max(side.tolerance()));
        // one that nobody would set up is believed where flows cannot be lost to such an extent
        let fits = near.or_else(|| (side.ratio() < LOSING_MIN).then(|| rounded(told * missing)))?;
        if (f64::from(fits) / told - 1.0).abs() < NEAR {
            return None;
        }
        Some(Some(match fits {
            1 => Cause::ScaledTwice { told },
            2..=PART_MAX if told < 1.5 => Cause::ToldInPart { told: side.ratio(), fits },
            _ => Cause::SamplingWrong { told, fits },
        }))
    }

    /// What goes out and came in by an interface that is not monitored: that is found of the other interface.
    fn out_of_unmonitored(&self, side: &Side) -> Option<Option<Cause>> {
        let others = self.unmonitored.iter().any(|interface| *interface != side.interface);
        (side.flowing != Flowing::In && side.ratio() < 1.0 && others).then_some(None)
    }

    fn lost_inside(&self, side: &Side) -> Option<Option<Cause>> {
        let told = side.ratio();
        ((LOSING_MIN..1.0).contains(&told) && self.is_alike_among(side, |_| true))
            .then_some(Some(Cause::LostInside { told }))
    }
}

/// Returns the plausible factor that is nearest, if it is near.
fn plausible(factor: f64, near: f64) -> Option<u32> {
    let apart = |candidate: &u32| (factor / f64::from(*candidate)).ln().abs();
    let nearest = PLAUSIBLE.into_iter().min_by(|one, other| apart(one).total_cmp(&apart(other)))?;
    (apart(&nearest) <= near).then_some(nearest)
}

/// Returns a factor in two digits, as it is not known better.
fn rounded(factor: f64) -> u32 {
    let unit = 10_f64.powf(factor.max(1.0).log10().floor() - 1.0).max(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float's `as` saturates, which is meant"
    )]
    let rounded = ((factor / unit).round() * unit) as u32;
    rounded
}

/// Whether each packet is larger or smaller by the same octets at the interface.
fn framing(side: &Side, sides: &[Side]) -> Option<Option<Cause>> {
    let implied = side.implied_framing();
    let octets = implied.round();
    let is_small = side.told.told_bytes() > 0 && side.mean_packet() < 1_600.0;
    let is_same_layer = !side.is_framed() && implied.abs() < 3.0;
    let is_header_missing = side.is_framed() && (12.0..27.0).contains(&implied);
    // other sizes of packets with the same octets around them leave nothing else
    let confirmed = || {
        sides.iter().any(|other| {
            let sizes = other.mean_packet() / side.mean_packet();
            !(0.8..1.25).contains(&sizes) && (other.implied_framing() - implied).abs() < 2.0
        })
    };
    let is_encapsulated = (27.0..90.0).contains(&implied) && confirmed();
    if !is_small || !(is_same_layer || is_header_missing || is_encapsulated) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it lies within a hundred of zero")]
    let octets = octets as i64;
    Some(Some(Cause::Framing { octets }))
}
