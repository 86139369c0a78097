//! What a filter is made into: conditions on lanes, which are decided a chunk at a time.

use crate::{
    archive::End,
    query::{
        bounds::Bounds,
        chunk::Lanes,
        lane::{Lane, halves},
    },
};

/// A condition, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::query) enum Predicate {
    /// Decided already.
    Constant(bool),
    /// The number is told, and in this range, both ends included.
    Number { lane: Lane, least: i64, greatest: i64 },
    /// The address is told, and in this network.
    Address { end: End, network: u128, mask: u128 },
    /// TCP's flags are told, and these are among them.
    Flags { set: i64 },
    /// All hold.
    All(Vec<Predicate>),
    /// At least one holds.
    Any(Vec<Predicate>),
    /// It does not hold.
    Not(Box<Predicate>),
}

use Predicate::{Address, All, Any, Constant, Flags, Not, Number};

impl Predicate {
    pub(super) fn any_of(choices: impl Iterator<Item = Self>) -> Self {
        let mut choices: Vec<_> = choices.collect();
        if choices.len() > 1 { Any(choices) } else { choices.pop().unwrap_or(Constant(false)) }
    }

    /// Decides what can be decided by the bounds of a row group's lanes.
    pub(in crate::query) fn simplified(&self, bounds: &impl Fn(Lane) -> Option<Bounds>) -> Self {
        match self {
            Constant(_) => self.clone(),
            Number { lane, least, greatest } => match bounds(*lane) {
                Some(known) if known.greatest < *least || known.least > *greatest => Constant(false),
                Some(known) if !known.gaps && known.least >= *least && known.greatest <= *greatest => {
                    Constant(true)
                }
                _ => self.clone(),
            },
            Flags { set } => match bounds(Lane::TcpFlags).and_then(|known| known.constant()) {
                Some(flags) => Constant(flags >= 0 && flags & set == *set),
                None => self.clone(),
            },
            Address { end, network, mask } => self.address_by_bounds(*end, *network, *mask, bounds),
            Not(inner) => match inner.simplified(bounds) {
                Constant(holds) => Constant(!holds),
                inner => Not(Box::new(inner)),
            },
            All(parts) => combined(parts, bounds, true),
            Any(parts) => combined(parts, bounds, false),
        }
    }

    fn address_by_bounds(
        &self,
        end: End,
        network: u128,
        mask: u128,
        bounds: &impl Fn(Lane) -> Option<Bounds>,
    ) -> Self {
        let ((high, low), (high_mask, low_mask)) = (halves(network), halves(mask));
        // by the greatest and least number with the network's bits, where the bits in the other half are settled
        let outside = |lane, bits: i64, mask: i64| {
            let Some(known) = bounds(lane) else { return false };
            let (least, greatest) = (bits.cast_unsigned(), (bits | !mask).cast_unsigned());
            !known.gaps && (known.greatest.cast_unsigned() < least || known.least.cast_unsigned() > greatest)
        };
        if outside(Lane::High(end), high, high_mask) || outside(Lane::Low(end), low, low_mask) {
            return Constant(false);
        }
        self.clone()
    }

    /// Adds the lanes that it looks at.
    pub(in crate::query) fn lanes(&self, into: &mut Vec<Lane>) {
        match self {
            Constant(_) => {}
            Number { lane, .. } => into.push(*lane),
            Flags { .. } => into.push(Lane::TcpFlags),
            Address { end, .. } => into.extend([Lane::High(*end), Lane::Low(*end)]),
            Not(inner) => inner.lanes(into),
            All(parts) | Any(parts) => parts.iter().for_each(|part| part.lanes(into)),
        }
    }

    /// Takes out of `meant` the flows of a chunk for which it does not hold.
    pub(in crate::query) fn narrow(&self, lanes: &Lanes, meant: &mut [bool]) {
        match self {
            Constant(true) => {}
            Constant(false) => meant.fill(false),
            Number { lane, least, greatest } => {
                for (meant, number) in meant.iter_mut().zip(lanes.lane(*lane)) {
                    *meant &= (*number >= *least) & (*number <= *greatest);
                }
            }
            Flags { set } => {
                for (meant, flags) in meant.iter_mut().zip(lanes.lane(Lane::TcpFlags)) {
                    *meant &= (*flags >= 0) & (flags & set == *set);
                }
            }
            Address { end, network, mask } => {
                let ((high, low), (high_mask, low_mask)) = (halves(*network), halves(*mask));
                let both = lanes.lane(Lane::High(*end)).iter().zip(lanes.lane(Lane::Low(*end)));
                for (meant, (upper, lower)) in meant.iter_mut().zip(both) {
                    let told = upper & lower != -1;
                    *meant &= told & (upper & high_mask == high) & (lower & low_mask == low);
                }
            }
            All(parts) => parts.iter().for_each(|part| part.narrow(lanes, meant)),
            Any(parts) => {
                let mut found = vec![false; meant.len()];
                for part in parts {
                    let mut these = meant.to_vec();
                    part.narrow(lanes, &mut these);
                    found.iter_mut().zip(these).for_each(|(found, this)| *found |= this);
                }
                meant.copy_from_slice(&found);
            }
            Not(inner) => {
                let mut these = meant.to_vec();
                inner.narrow(lanes, &mut these);
                meant.iter_mut().zip(these).for_each(|(meant, this)| *meant &= !this);
            }
        }
    }
}

/// Simplifies each part: one that settles the whole does so, those that change nothing go. `neutral` is what all of none is.
fn combined(parts: &[Predicate], bounds: &impl Fn(Lane) -> Option<Bounds>, neutral: bool) -> Predicate {
    let mut left = Vec::new();
    for part in parts {
        match part.simplified(bounds) {
            Constant(holds) if holds == neutral => {}
            Constant(holds) => return Constant(holds),
            open => left.push(open),
        }
    }
    match left.pop() {
        None => Constant(neutral),
        Some(only) if left.is_empty() => only,
        Some(last) => {
            left.push(last);
            if neutral { All(left) } else { Any(left) }
        }
    }
}
