//! The numbers of one stream: what is missing, what came late, when they began anew.

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::inclusion::Inclusion;

/// A gap up to this is loss at once. A farther jump may as well be a garbled or forged datagram, so it must be confirmed by
/// the next one.
pub const JUMP_MAX: u32 = 1 << 20;
/// A confirmed jump beyond this, of an exporter that does not tell its uptime, is taken for a restart.
const JUMP_WITHOUT_UPTIME_MAX: u32 = 1 << 24;
/// Gaps remembered, for late datagrams to fill. Beyond it the oldest is forgotten: what fills it later counts as a
/// repetition, and stays counted as lost.
pub const HOLES_MAX: usize = 64;
/// What may be missing between a outlier datagram and the one that confirms it.
const DOUBT_GAP_MAX: u32 = 4_096;
/// Uptimes that differ by less are told apart by delays on the way, not by a restart.
const RESTART_MIN_MS: i64 = 5_000;
/// Datagrams in a row that must agree with another way of counting than the protocol's rule before it is believed,
const OTHER_COUNTING_MIN: u8 = 4;
/// and where the rule was given up already.
const THIRD_COUNTING_MIN: u8 = 2;

/// How much a datagram adds to its stream's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Units {
    /// By the protocol's rule.
    pub by_rule: u32,
    /// As some exporters count who mistake the rule: NetFlow v9 in records, IPFIX in datagrams.
    pub otherwise: u32,
    /// As some others do: data records and templates together, which is the count of NetFlow v9's header.
    pub with_templates: u32,
    /// Without records of options, which some exporters of IPFIX leave out of their count.
    pub without_options: u32,
}

/// What an exporter's numbers count, as it was found out from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counted {
    /// What the protocol's rule says.
    #[default]
    ByRule,
    /// [`Units::otherwise`].
    Otherwise,
    /// [`Units::with_templates`].
    WithTemplates,
}

impl Counted {
    const ALL: [Self; 3] = [Self::ByRule, Self::Otherwise, Self::WithTemplates];
}

impl Units {
    /// Returns the units by one way of counting.
    pub const fn counted(self, counted: Counted) -> u32 {
        match counted {
            Counted::ByRule => self.by_rule,
            Counted::Otherwise => self.otherwise,
            Counted::WithTemplates => self.with_templates,
        }
    }

    /// Returns the same units by all ways of counting.
    pub(super) const fn same(count: u32) -> Self {
        Self { by_rule: count, otherwise: count, with_templates: count, without_options: count }
    }
}

/// What one datagram's number told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// Units found to be missing before it.
    pub lost: u32,
    /// Units counted as lost earlier that came after all.
    pub recovered: u32,
    /// It came after a later one, and filled a gap.
    pub late: bool,
    /// It lies before what was seen, and fills nothing: a repetition, or numbers that do not move.
    pub repeated: bool,
    /// The numbers began anew with it.
    pub restarted: bool,
    /// It lies too far ahead or behind to be believed yet.
    pub outlier: bool,
}

/// Follows the 32-bit numbers of one stream, which wrap.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sequence {
    /// The number that the next datagram should have.
    next: Option<u32>,
    latest: u32,
    latest_units: Option<Units>,
    gaps: Vec<Gap>,
    outlier: Option<Outlier>,
    boot: Option<Boot>,
    counted: Counted,
    candidate: Option<Candidate>,
    inclusion: Inclusion,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Gap {
    start: u32,
    length: u32,
}

/// A datagram that lay too far off to be believed alone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Outlier {
    number: u32,
    /// The number that would go on from it.
    next: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Boot {
    uptime_ms: u32,
    received: Timestamp,
}

/// A way of counting with which so many datagrams in a row agreed, and what was counted as lost for that.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Candidate {
    counted: Counted,
    agreed: u8,
    lost: u32,
}

impl Sequence {
    /// Records one datagram's number. The uptime is the exporter's, where it exports it.
    pub fn observe(
        &mut self,
        number: u32,
        units: Units,
        uptime_ms: Option<u32>,
        received: Timestamp,
    ) -> Step {
        let restarted = self.rebooted(uptime_ms, received);
        let turns = self.inclusion.turns(number, units);
        let expected = |number| self.next == Some(number) || self.left_options_out(number);
        let number = self.inclusion.by_rule(number, units, expected);
        if turns {
            self.begin(number, units);
            return Step { recovered: self.inclusion.take_lost(), ..Step::default() };
        }
        let step = self.follow(number, units, restarted, uptime_ms.is_some());
        self.inclusion.note(step.lost);
        step
    }

    fn follow(&mut self, number: u32, units: Units, restarted: bool, tells_uptime: bool) -> Step {
        let count = self.count(units);
        let Some(next) = self.next else {
            self.begin(number, units);
            return Step::default();
        };
        let ahead = number.wrapping_sub(next);
        if ahead == 0 || self.left_options_out(number) {
            self.settle(number, units);
            return Step::default();
        }
        if restarted {
            self.begin(number, units);
            return Step { restarted: true, ..Step::default() };
        }
        if ahead <= JUMP_MAX {
            return self.gap(number, units, ahead);
        }
        let behind = next.wrapping_sub(number);
        let recovered = if behind <= JUMP_MAX { self.fill(number, count) } else { 0 };
        if recovered > 0 {
            return Step { recovered, late: true, ..Step::default() };
        }
        self.doubt(number, units, tells_uptime)
    }

    /// Records what belongs to numbers already passed: data that waited for its template. `position` is where
    /// they begin, at the least. Returns how many of them had been counted as lost.
    pub fn credit(&mut self, position: u32, count: u32) -> u32 {
        let filled = self.fill_from(position, count);
        let left = count - filled;
        // not yet passed: the latest datagram is longer than was known
        if let Some(next) = self.next
            && position.wrapping_sub(self.latest) <= next.wrapping_sub(self.latest)
            && self.counted == Counted::ByRule
        {
            self.next = Some(next.wrapping_add(left));
        }
        filled
    }

    /// Returns what the exporter's numbers count.
    pub fn counted(&self) -> Counted {
        self.counted
    }

    /// Whether a number is the very next one; `None` before there was any.
    pub(super) fn is_next(&self, number: u32) -> Option<bool> {
        self.next.map(|next| next == number || self.left_options_out(number))
    }

    fn count(&self, units: Units) -> u32 {
        units.counted(self.counted)
    }

    /// Whether a number follows the latest one if that one's records of options are not counted.
    fn left_options_out(&self, number: u32) -> bool {
        self.latest_units.is_some_and(|latest| {
            latest.without_options < latest.by_rule
                && self.latest.wrapping_add(latest.without_options) == number
        })
    }

    fn begin(&mut self, number: u32, units: Units) {
        self.gaps.clear();
        self.settle(number, units);
    }

    fn settle(&mut self, number: u32, units: Units) {
        if let (Some(candidate), Some(latest)) = (self.candidate, self.latest_units)
            && self.count(latest) != latest.counted(candidate.counted)
        {
            self.candidate = None;
        }
        self.next = Some(number.wrapping_add(self.count(units)));
        self.latest = number;
        self.latest_units = Some(units);
        self.outlier = None;
    }

    fn gap(&mut self, number: u32, units: Units, lost: u32) -> Step {
        let before = self.candidate;
        let agreeing = self.agreeing(number, before.map(|candidate| candidate.counted));
        self.remember(Gap { start: number.wrapping_sub(lost), length: lost });
        self.settle(number, units);
        let Some(counted) = agreeing else {
            self.candidate = None;
            return Step { lost, ..Step::default() };
        };
        let before = before.filter(|candidate| candidate.counted == counted);
        let agreed = before.map_or(1, |candidate| candidate.agreed + 1);
        let earlier = before.map_or(0, |candidate| candidate.lost);
        let enough = if self.counted == Counted::ByRule { OTHER_COUNTING_MIN } else { THIRD_COUNTING_MIN };
        if agreed >= enough {
            (self.counted, self.candidate) = (counted, None);
            self.begin(number, units);
            return Step { recovered: earlier, ..Step::default() };
        }
        self.candidate = Some(Candidate { counted, agreed, lost: earlier.saturating_add(lost) });
        Step { lost, ..Step::default() }
    }

    /// Returns the way of counting by which a number that leaves a gap leaves none, the preferred one if it does.
    fn agreeing(&self, number: u32, preferred: Option<Counted>) -> Option<Counted> {
        let latest = self.latest_units?;
        let agrees = |counted: &Counted| {
            *counted != self.counted && self.latest.wrapping_add(latest.counted(*counted)) == number
        };
        preferred.filter(|counted| agrees(counted)).or_else(|| Counted::ALL.into_iter().find(agrees))
    }

    /// Weighs a number that neither follows nor fills a gap. A second one that goes on from it confirms it.
    fn doubt(&mut self, number: u32, units: Units, tells_uptime: bool) -> Step {
        let follows = |outlier: &Outlier| number.wrapping_sub(outlier.next) <= DOUBT_GAP_MAX;
        let (Some(first), Some(next)) = (self.outlier.filter(follows), self.next) else {
            self.outlier = Some(Outlier { number, next: number.wrapping_add(self.count(units)) });
            let near = self.next.is_some_and(|next| next.wrapping_sub(number) <= JUMP_MAX);
            return Step { repeated: near, outlier: !near, ..Step::default() };
        };
        let ahead = first.number.wrapping_sub(next);
        let believable = if tells_uptime { u32::MAX / 2 } else { JUMP_WITHOUT_UPTIME_MAX };
        self.begin(number, units);
        if ahead <= believable {
            let lost = ahead.saturating_add(number.wrapping_sub(first.next));
            Step { lost, ..Step::default() }
        } else {
            Step { restarted: true, ..Step::default() }
        }
    }

    fn remember(&mut self, gap: Gap) {
        if self.gaps.len() >= HOLES_MAX {
            self.gaps.remove(0);
        }
        self.gaps.push(gap);
    }

    /// Fills the gaps that the numbers from `start` on lie in. Returns how many units that were.
    fn fill(&mut self, start: u32, count: u32) -> u32 {
        if self.gaps.is_empty() {
            return 0;
        }
        let mut filled = 0;
        let mut kept = Vec::with_capacity(self.gaps.len() + 1);
        for gap in &self.gaps {
            // seen from the gap's start, as numbers wrap
            let from = start.wrapping_sub(gap.start).cast_signed();
            let until = i64::from(from) + i64::from(count);
            let (low, high) = (i64::from(from.max(0)), until.min(i64::from(gap.length)));
            match (u32::try_from(low), u32::try_from(high)) {
                (Ok(low), Ok(high)) if low < high => {
                    filled += high - low;
                    kept.push(Gap { start: gap.start, length: low });
                    kept.push(Gap { start: gap.start.wrapping_add(high), length: gap.length - high });
                }
                _ => kept.push(*gap),
            }
        }
        kept.retain(|gap| gap.length > 0);
        kept.truncate(HOLES_MAX);
        self.gaps = kept;
        filled
    }

    /// Fills the first gaps at or after a position, wherever they begin.
    fn fill_from(&mut self, position: u32, count: u32) -> u32 {
        let mut left = count;
        for gap in &mut self.gaps {
            let end = gap.start.wrapping_add(gap.length);
            if left == 0 || end.wrapping_sub(position).cast_signed() <= 0 {
                continue;
            }
            let filled = left.min(gap.length);
            gap.start = gap.start.wrapping_add(filled);
            gap.length -= filled;
            left -= filled;
        }
        self.gaps.retain(|gap| gap.length > 0);
        count - left
    }

    /// Returns whether the exporter started anew, by its uptime: the uptime is less than it was, and not since it wrapped.
    fn rebooted(&mut self, uptime_ms: Option<u32>, received: Timestamp) -> bool {
        let Some(uptime_ms) = uptime_ms else { return false };
        let now = Boot { uptime_ms, received };
        let Some(before) = self.boot.replace(now) else { return false };
        let fell = i64::from(before.uptime_ms) - i64::from(uptime_ms) > RESTART_MIN_MS;
        let passed_ms = (received.micros() - before.received.micros()) / 1_000;
        let should_be = (i64::from(before.uptime_ms) + passed_ms).rem_euclid(1 << 32);
        fell && (should_be - i64::from(uptime_ms)).abs() > RESTART_MIN_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn units(count: u32) -> Units {
        Units::same(count)
    }

    /// Feeds numbers of 10 units each. Returns units lost for good and restarts.
    fn run(numbers: &[u32]) -> (i64, u32) {
        let mut sequence = Sequence::default();
        numbers.iter().fold((0, 0), |(lost, restarts), &number| {
            let step = sequence.observe(number, units(10), None, NOW);
            (lost + i64::from(step.lost) - i64::from(step.recovered), restarts + u32::from(step.restarted))
        })
    }

    #[test]
    fn losses_are_counted_and_late_ones_given_back() {
        assert_eq!(run(&[100, 110, 120]), (0, 0));
        assert_eq!(run(&[100, 130, 140]), (20, 0));
        assert_eq!(run(&[100, 130, 120, 140]), (10, 0));
        assert_eq!(run(&[100, 140, 120, 110, 130, 150]), (0, 0));
    }

    #[test]
    fn the_wrap_at_two_to_the_32_is_no_loss() {
        assert_eq!(run(&[u32::MAX - 9, 0, 10]), (0, 0));
        assert_eq!(run(&[u32::MAX - 14, 5, 25, 15, 35]), (10, 0));
    }

    #[test]
    fn a_repetition_gives_nothing_back() {
        assert_eq!(run(&[100, 130, 120, 120, 140]), (10, 0));
        assert_eq!(run(&[7, 7, 7, 7]), (0, 0));
    }

    #[test]
    fn one_wild_number_is_not_believed_but_two_that_follow_are_a_restart() {
        assert_eq!(run(&[5_000_000, 5_000_010, 4_000_000_000, 5_000_020]), (0, 0));
        assert_eq!(run(&[5_000_000, 5_000_010, 0, 10, 20]), (0, 1));
        assert_eq!(run(&[200, 210, 0, 10, 20]), (0, 1));
    }

    #[test]
    fn a_fallen_uptime_tells_a_restart_at_once_and_its_wrap_does_not() {
        let mut sequence = Sequence::default();
        let second = |n: i64| Timestamp::from_seconds(1_700_000_000 + n);
        sequence.observe(900, units(1), Some(u32::MAX - 500), second(0));
        assert_eq!(sequence.observe(902, units(1), Some(499), second(1)).lost, 1, "wrapped, and one lost");
        sequence.observe(903, units(1), Some(60_499), second(61));
        let step = sequence.observe(0, units(1), Some(200), second(90));
        assert!(step.restarted && step.lost == 0, "{step:?}");
    }

    #[test]
    fn an_exporter_that_counts_records_where_datagrams_are_meant_is_found_out() {
        let mut sequence = Sequence::default();
        let (mut number, mut balance) = (0_u32, 0_i64);
        for records in [20, 7, 13, 20, 20, 5, 20] {
            let step = sequence.observe(
                number,
                Units { otherwise: records, with_templates: records, ..Units::same(1) },
                None,
                NOW,
            );
            balance += i64::from(step.lost) - i64::from(step.recovered);
            number += records;
        }
        assert_eq!(sequence.counted(), Counted::Otherwise);
        assert_eq!(balance, 0);
    }

    #[test]
    fn an_exporter_that_counts_records_and_templates_is_found_out_even_if_templates_are_rare() {
        let (mut sequence, mut number, mut balance) = (Sequence::default(), 0_u32, 0_i64);
        for place in 0..60 {
            let templates = if place % 10 == 9 { 3 } else { 0 };
            let records = 20 - templates;
            let units = Units { otherwise: records, with_templates: records + templates, ..Units::same(1) };
            let step = sequence.observe(number, units, None, NOW);
            balance += i64::from(step.lost) - i64::from(step.recovered);
            number += records + templates;
        }
        assert_eq!(sequence.counted(), Counted::WithTemplates);
        assert_eq!(balance, 0);
    }

    #[test]
    fn an_exporter_that_does_not_count_its_options_neither_restarts_nor_repeats() {
        let mut sequence = Sequence::default();
        for number in [100, 110, 119, 129, 138] {
            let with_options = Units { without_options: 9, ..units(10) };
            assert_eq!(sequence.observe(number, with_options, None, NOW), Step::default(), "{number}");
        }
    }

    #[test]
    fn an_exporter_whose_numbers_include_their_own_datagram_is_found_out() {
        // softflowd's IPFIX: records of options are not counted
        for options in [0, 1] {
            let (mut sequence, mut number, mut balance) = (Sequence::default(), 0_u32, 0_i64);
            for (place, records) in [24, 32, 32, 32, 24, 32, 5, 32, 32].into_iter().enumerate() {
                let with_options = records + if place == 4 { options } else { 0 };
                number += records;
                let step = sequence.observe(
                    number,
                    Units { without_options: records, ..units(with_options) },
                    None,
                    NOW,
                );
                balance += i64::from(step.lost) - i64::from(step.recovered);
            }
            assert_eq!(balance, 0, "{options} records of options");
            // one of 32 is lost
            assert_eq!(sequence.observe(number + 64, units(32), None, NOW).lost, 32);
        }
    }

    #[test]
    fn records_that_waited_for_their_template_are_given_back() {
        let mut sequence = Sequence::default();
        sequence.observe(100, units(4), None, NOW);
        // 6 records that nobody could count come in between
        let step = sequence.observe(110, units(10), None, NOW);
        assert_eq!(step.lost, 6);
        assert_eq!(sequence.credit(104, 6), 6);
        assert_eq!(sequence.credit(104, 6), 0, "and not twice");
        // in the latest datagram they only move what comes next
        sequence.observe(120, units(0), None, NOW);
        assert_eq!(sequence.credit(120, 5), 0);
        assert_eq!(sequence.observe(125, units(1), None, NOW), Step::default());
    }
}
