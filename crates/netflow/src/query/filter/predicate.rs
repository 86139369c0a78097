//! What a filter is made into: conditions on attributes, which are decided a chunk or a flow at a time.

use crate::{
    archive::{End, NO_ADDRESS},
    query::{
        FlowRow,
        attribute::{Attribute, halves},
        bounds::Bounds,
        reader::Chunks,
    },
};

/// A condition, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::query) enum Predicate {
    /// Decided already.
    Constant(bool),
    /// The number is told, and in this range, both ends included.
    Number { attribute: Attribute, least: i64, greatest: i64 },
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

    /// Decides what can be decided by the bounds of a row group's attributes.
    pub(in crate::query) fn simplified(&self, bounds: &impl Fn(Attribute) -> Option<Bounds>) -> Self {
        match self {
            Constant(_) => self.clone(),
            Number { attribute, least, greatest } => match bounds(*attribute) {
                Some(known) if known.greatest < *least || known.least > *greatest => Constant(false),
                Some(known) if !known.gaps && known.least >= *least && known.greatest <= *greatest => {
                    Constant(true)
                }
                _ => self.clone(),
            },
            Flags { set } => match bounds(Attribute::TcpFlags).and_then(|known| known.constant()) {
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
        bounds: &impl Fn(Attribute) -> Option<Bounds>,
    ) -> Self {
        let ((high, low), (high_mask, low_mask)) = (halves(network), halves(mask));
        // by the greatest and least number with the network's bits, where the bits in the other half are settled
        let outside = |lane, bits: i64, mask: i64| {
            let Some(known) = bounds(lane) else { return false };
            let (least, greatest) = (bits.cast_unsigned(), (bits | !mask).cast_unsigned());
            !known.gaps && (known.greatest.cast_unsigned() < least || known.least.cast_unsigned() > greatest)
        };
        if outside(Attribute::High(end), high, high_mask) || outside(Attribute::Low(end), low, low_mask) {
            return Constant(false);
        }
        self.clone()
    }

    /// Adds the attributes that it looks at.
    pub(in crate::query) fn attributes(&self, into: &mut Vec<Attribute>) {
        match self {
            Constant(_) => {}
            Number { attribute, .. } => into.push(*attribute),
            Flags { .. } => into.push(Attribute::TcpFlags),
            Address { end, .. } => into.extend([Attribute::High(*end), Attribute::Low(*end)]),
            Not(inner) => inner.attributes(into),
            All(parts) | Any(parts) => parts.iter().for_each(|part| part.attributes(into)),
        }
    }

    /// Deselects the flows of a chunk for which it does not hold.
    pub(in crate::query) fn narrow(&self, chunk: &Chunks, selected: &mut [bool]) {
        match self {
            Constant(true) => {}
            Constant(false) => selected.fill(false),
            Number { attribute, least, greatest } => {
                for (selected, number) in selected.iter_mut().zip(chunk.of(*attribute)) {
                    *selected &= (*number >= *least) & (*number <= *greatest);
                }
            }
            Flags { set } => {
                for (selected, flags) in selected.iter_mut().zip(chunk.of(Attribute::TcpFlags)) {
                    *selected &= (*flags >= 0) & (flags & set == *set);
                }
            }
            Address { end, network, mask } => {
                let ((high, low), (high_mask, low_mask)) = (halves(*network), halves(*mask));
                let both = chunk.of(Attribute::High(*end)).iter().zip(chunk.of(Attribute::Low(*end)));
                for (selected, (upper, lower)) in selected.iter_mut().zip(both) {
                    let told = upper & lower != -1;
                    *selected &= told & (upper & high_mask == high) & (lower & low_mask == low);
                }
            }
            All(parts) => parts.iter().for_each(|part| part.narrow(chunk, selected)),
            Any(parts) => {
                let mut found = vec![false; selected.len()];
                for part in parts {
                    let mut these = selected.to_vec();
                    part.narrow(chunk, &mut these);
                    found.iter_mut().zip(these).for_each(|(found, this)| *found |= this);
                }
                selected.copy_from_slice(&found);
            }
            Not(inner) => {
                let mut these = selected.to_vec();
                inner.narrow(chunk, &mut these);
                selected.iter_mut().zip(these).for_each(|(selected, this)| *selected &= !this);
            }
        }
    }

    /// Whether it holds for a flow.
    pub(super) fn holds(&self, row: &FlowRow) -> bool {
        match self {
            Constant(holds) => *holds,
            Number { attribute, least, greatest } => (*least..=*greatest).contains(&attribute.of(row)),
            Flags { set } => {
                let flags = Attribute::TcpFlags.of(row);
                flags >= 0 && flags & set == *set
            }
            Address { end, network, mask } => {
                let address = row.address(*end);
                address != NO_ADDRESS && address & mask == *network
            }
            All(parts) => parts.iter().all(|part| part.holds(row)),
            Any(parts) => parts.iter().any(|part| part.holds(row)),
            Not(inner) => !inner.holds(row),
        }
    }
}

/// Simplifies each part: one that settles the whole does so, those that change nothing go. `neutral` is what all of none is.
fn combined(parts: &[Predicate], bounds: &impl Fn(Attribute) -> Option<Bounds>, neutral: bool) -> Predicate {
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
