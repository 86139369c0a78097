//! Flows added up, by what they have in common.

use std::{cmp::Reverse, num::NonZeroUsize, path::Path};

use super::{
    Answer, By, Group, GroupTimes, Order, Query, QueryError, Sums,
    attribute::{Attribute, NOT_TOLD},
    by::Side,
    groups::{Added, GROUPS_MAX, Groups, Times},
    reader::Chunks,
    scan::{Findings, Progress, Scan, counted, for_each_thread, sums},
};

/// Numbers that a key may have: three addresses, or an address pair with its ports, protocol and time.
const WIDTH_MAX: usize = 8;

/// Answers a query from a folder of flows, on so many threads, by sums.
///
/// # Errors
/// Fails where a file is damaged: an answer that lacks it would be wrong in silence.
pub fn ask(
    folder: &Path,
    query: &Query,
    threads: NonZeroUsize,
    progress: &Progress,
) -> Result<Answer, QueryError> {
    match width(query) {
        0..=1 => answer::<1>(folder, query, threads, progress),
        2 => answer::<2>(folder, query, threads, progress),
        3..=4 => answer::<4>(folder, query, threads, progress),
        5..=WIDTH_MAX => answer::<WIDTH_MAX>(folder, query, threads, progress),
        _ => Err(QueryError::TooWide),
    }
}

fn width(query: &Query) -> usize {
    query.by.iter().map(|by| by.attributes(Side::Source, Attribute::Received).len()).sum()
}

/// What one thread found.
struct Totals<'a, const WIDTH: usize> {
    query: &'a Query,
    timed: bool,
    groups: Groups<WIDTH>,
    total: Sums,
    times: Times,
}

fn answer<const WIDTH: usize>(
    folder: &Path,
    query: &Query,
    threads: NonZeroUsize,
    progress: &Progress,
) -> Result<Answer, QueryError> {
    let timed = query.timed || query.order.needs_times();
    let attributes = attributes(query, timed);
    let scan = Scan::new(query, attributes, progress);
    let mut found = for_each_thread(threads, || Totals::<WIDTH> {
        query,
        timed,
        groups: Groups::default(),
        total: Sums::default(),
        times: Times::default(),
    });
    let scanned = scan.read(folder, &mut found)?;
    let (mut groups, mut total, mut times) = (Groups::default(), Sums::default(), Times::default());
    for found in found {
        total.add(&found.total);
        times.add(&found.times);
        groups.merge(found.groups);
    }
    if groups.len() > GROUPS_MAX {
        return Err(QueryError::TooManyGroups);
    }
    let times_of = |times: &Times, flows| timed.then(|| GroupTimes::of(times, flows));
    let groups_in_all = groups.len();
    let first = groups.first_by(query.top, |sums, times| place(query.order, sums, times));
    let groups = first.into_iter().map(|(key, sums, times)| {
        let mut parts = key.into_iter();
        let key = query.by.iter().map(|by| by.written(&mut parts)).collect();
        Group { key, sums, times: times.and_then(|times| times_of(&times, sums.flows)) }
    });
    let groups = groups.collect();
    Ok(Answer { groups, groups_in_all, total, times: times_of(&times, total.flows), scanned })
}

/// Returns the attributes that the sums need: the key's, the counts', the times'.
fn attributes(query: &Query, timed: bool) -> Vec<Attribute> {
    let time = query.time.attribute();
    let sides = [Side::Source, Side::Destination];
    let mut attributes: Vec<_> =
        query.by.iter().flat_map(|by| sides.into_iter().flat_map(|side| by.attributes(side, time))).collect();
    attributes.extend([Attribute::Bytes, Attribute::Packets]);
    if !query.unscaled {
        attributes.push(Attribute::Sampling);
    }
    if timed {
        attributes.extend([Attribute::First, Attribute::Last]);
    }
    attributes
}

/// Returns the place of a group in an order: less comes first, and what is not known last.
fn place(order: Order, sums: &Sums, times: Option<&Times>) -> (bool, Reverse<u64>) {
    let known = |value: Option<u64>| (value.is_none(), Reverse(value.unwrap_or(0)));
    let times = times.map(|times| GroupTimes::of(times, sums.flows));
    let micros = |time: grafolean_time::Timestamp| time.micros().max(0).cast_unsigned();
    match order {
        Order::Bytes => known(Some(sums.bytes)),
        Order::Packets => known(Some(sums.packets)),
        Order::Flows => known(Some(sums.flows)),
        Order::BitRate => known(times.and_then(|times| times.rate(sums.bytes.saturating_mul(8)))),
        Order::PacketRate => known(times.and_then(|times| times.rate(sums.packets))),
        Order::Duration => known(times.and_then(|times| times.duration)),
        Order::First => known(times.and_then(|times| times.first).map(|first| u64::MAX - micros(first))),
        Order::Last => known(times.and_then(|times| times.last).map(micros)),
    }
}

impl<const WIDTH: usize> Findings for Totals<'_, WIDTH> {
    fn add(&mut self, chunk: &Chunks, selected: &[bool]) -> Result<(), QueryError> {
        let bytes = counted(chunk, self.query, Attribute::Bytes);
        let packets = counted(chunk, self.query, Attribute::Packets);
        self.total.add(&sums(&bytes, &packets, selected));
        let times = self.timed.then(|| [chunk.of(Attribute::First), chunk.of(Attribute::Last)]);
        if let Some([first, last]) = times {
            for ((first, last), _) in first.iter().zip(last).zip(selected).filter(|(_, selected)| **selected)
            {
                self.times.add(&Times::of(*first, *last));
            }
        }
        if self.query.by.is_empty() {
            return Ok(());
        }
        let added = Added { bytes: &bytes, packets: &packets, times };
        let keys = self.keys(chunk, selected.len(), Side::Source);
        if self.query.by.iter().any(By::is_either) {
            let others = self.keys(chunk, selected.len(), Side::Destination);
            let (one, other) = self.of_either(&keys, &others, selected);
            self.groups.add(&one, &slices(&keys), added);
            self.groups.add(&other, &slices(&others), added);
        } else {
            self.groups.add(selected, &slices(&keys), added);
        }
        if self.groups.len() > GROUPS_MAX { Err(QueryError::TooManyGroups) } else { Ok(()) }
    }
}

impl<const WIDTH: usize> Totals<'_, WIDTH> {
    /// Returns the keys of a chunk's flows, number by number.
    fn keys(&self, chunk: &Chunks, rows: usize, side: Side) -> Vec<Vec<i64>> {
        let time = self.query.time.attribute();
        let of = |by: &By| {
            let read = |attribute| chunk.of(attribute).iter().take(rows).copied().collect();
            let mut own: Vec<Vec<i64>> = by.attributes(side, time).into_iter().map(read).collect();
            by.reduce(&mut own);
            own
        };
        self.query.by.iter().flat_map(of).collect()
    }

    /// Returns the flows that count for their source's key, and those that count for their destination's: once where both
    /// are the same, and not for an end of which nothing was told while the other's is.
    fn of_either(&self, keys: &[Vec<i64>], others: &[Vec<i64>], selected: &[bool]) -> (Vec<bool>, Vec<bool>) {
        let widths = self.query.by.iter().flat_map(|by| {
            let width = by.attributes(Side::Source, Attribute::Received).len();
            std::iter::repeat_n(by.is_either(), width)
        });
        let of_ends: Vec<bool> = widths.collect();
        let at = |numbers: &Vec<i64>, row: usize| numbers.get(row).copied().unwrap_or(NOT_TOLD);
        let told = |keys: &[Vec<i64>], row| {
            keys.iter().zip(&of_ends).any(|(numbers, of_end)| *of_end && at(numbers, row) != NOT_TOLD)
        };
        let ends = selected.iter().enumerate().map(|(row, selected)| {
            if !selected {
                return (false, false);
            }
            let same = keys.iter().zip(others).all(|(one, other)| at(one, row) == at(other, row));
            let (source, destination) = (told(keys, row), told(others, row));
            (same || source || !destination, !same && destination)
        });
        ends.unzip()
    }
}

fn slices(keys: &[Vec<i64>]) -> Vec<&[i64]> {
    keys.iter().map(Vec::as_slice).collect()
}
