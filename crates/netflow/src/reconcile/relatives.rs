//! Interfaces that count the same packets: one within another, several as one. Flows tell them of one of these alone.

use std::collections::BTreeMap;

use super::ExporterMinute;

/// ifType of what several interfaces are together: ieee8023adLag (IANAifType-MIB).
const AGGREGATE: u32 = 161;
/// The share of an interface's octets from which those within it are all of it; the rest is hellos without a tag.
const COVERED: f64 = 0.8;
/// How far counters of the same packets may be apart: members and their aggregate are not read at one moment.
const ALIKE: f64 = 0.02;
/// Interfaces that are tried as members of an aggregate, those that count most; each doubles what there is to try.
const TRIED: usize = 12;

impl ExporterMinute {
    /// Leaves out counters of interfaces that no flow tells of, where flows tell the same packets of their relatives:
    /// sub-interfaces and what they are within, by `parents`, members and their aggregate, by what they count.
    pub fn leave_out_relatives(&mut self, parents: &BTreeMap<u32, u32>) {
        let silent: Vec<u32> =
            self.interfaces.keys().copied().filter(|index| self.is_silent(*index)).collect();
        let mut told_elsewhere: Vec<u32> = Vec::new();
        for index in &silent {
            let within = parents.iter().filter(|(_, parent)| *parent == index).map(|(child, _)| *child);
            let parent = parents.get(index).filter(|parent| self.is_told(**parent));
            if self.covers(within, *index) || parent.is_some_and(|parent| self.covers([*parent], *index)) {
                told_elsewhere.push(*index);
            }
        }
        let aggregates = self.interfaces.iter().filter(|(_, its)| its.kind == Some(AGGREGATE));
        let aggregates: Vec<u32> = aggregates.map(|(index, _)| *index).collect();
        for aggregate in aggregates {
            let is_told = self.is_told(aggregate);
            // flows tell of the aggregate or of its members
            let candidates: Vec<u32> = self.members_tried(|index| self.is_told(index) != is_told);
            if let Some(members) = self.members(aggregate, &candidates) {
                told_elsewhere.extend(if is_told { members } else { vec![aggregate] });
            }
        }
        for index in told_elsewhere {
            if let Some(its) = self.interfaces.get_mut(&index) {
                its.octets = None;
            }
        }
    }

    fn octets(&self, index: u32) -> Option<[u64; 2]> {
        self.interfaces.get(&index)?.octets
    }

    fn is_told(&self, index: u32) -> bool {
        self.interfaces.get(&index).is_some_and(|its| its.told().told_bytes() > 0)
    }

    fn is_silent(&self, index: u32) -> bool {
        !self.is_told(index) && self.octets(index).is_some_and(|[ingress, egress]| ingress + egress > 0)
    }

    /// Whether interfaces that flows tell of carry, by counters or by flows, what this one counts.
    fn covers(&self, others: impl IntoIterator<Item = u32>, index: u32) -> bool {
        let whole = self.octets(index).map_or(0, |[ingress, egress]| ingress.saturating_add(egress));
        let carried = |other: u32| {
            let its = self.interfaces.get(&other)?;
            let told = its.told().told_bytes();
            let counted = its.octets.map_or(0, |[ingress, egress]| ingress.saturating_add(egress));
            (told > 0).then_some(told.max(counted))
        };
        let carried: u64 = others.into_iter().filter_map(carried).fold(0, u64::saturating_add);
        carried > 0 && carried as f64 >= whole as f64 * COVERED
    }

    fn members_tried(&self, is_wanted: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut tried: Vec<(u64, u32)> = self
            .interfaces
            .iter()
            .filter(|(index, its)| its.kind != Some(AGGREGATE) && is_wanted(**index))
            .filter_map(|(index, its)| {
                its.octets.map(|[ingress, egress]| (ingress.saturating_add(egress), *index))
            })
            .filter(|(octets, _)| *octets > 0)
            .collect();
        tried.sort_unstable_by(|one, other| other.cmp(one));
        tried.into_iter().take(TRIED).map(|(_, index)| index).collect()
    }

    /// Returns those interfaces that together count in both directions what the aggregate counts; the fewest that do.
    fn members(&self, aggregate: u32, candidates: &[u32]) -> Option<Vec<u32>> {
        let whole = self.octets(aggregate)?;
        let near = |sum: u64, whole: u64| (sum as f64 - whole as f64).abs() <= whole as f64 * ALIKE;
        let of = |chosen: u32| {
            let members = candidates.iter().enumerate().filter(move |(place, _)| chosen >> place & 1 == 1);
            members.map(|(_, index)| *index)
        };
        let mut choices: Vec<u32> = (1..1_u32 << candidates.len()).collect();
        choices.sort_by_key(|chosen| chosen.count_ones());
        let chosen = choices.into_iter().find(|chosen| {
            let mut sums = [0_u64; 2];
            for [ingress, egress] in of(*chosen).filter_map(|index| self.octets(index)) {
                let [sum_in, sum_out] = &mut sums;
                (*sum_in, *sum_out) = (sum_in.saturating_add(ingress), sum_out.saturating_add(egress));
            }
            sums.into_iter().zip(whole).all(|(sum, whole)| near(sum, whole))
        })?;
        Some(of(chosen).collect())
    }
}
