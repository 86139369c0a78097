//! A sampling as elements write it, in records and in options data alike.

use super::{
    element::{Registry, Target},
    reader::{low_u32, unsigned},
};
use crate::record::Factor;

/// What the number of a sampling's algorithm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Packets are sampled: a factor holds.
    Samples,
    /// Packets are picked by what they hold (selectorAlgorithm 5 to 9): how many there were in all is not known by it, and
    /// those that were picked are all of their kind.
    Filters,
    /// No algorithm of the registry.
    Unknown,
}

impl Algorithm {
    /// Returns what a number stands for: IANA's registry knows 1 and 2 for samplingAlgorithm (35) and samplerMode (49), 1 to 9
    /// for selectorAlgorithm (304, RFC 5477 section 8.2.1 and RFC 7014).
    pub(super) const fn of(registry: Registry, number: u64) -> Self {
        match (registry, number) {
            (Registry::Sampling, 1 | 2) | (Registry::Selector, 1..=4) => Self::Samples,
            (Registry::Selector, 5..=9) => Self::Filters,
            _ => Self::Unknown,
        }
    }
}

/// Returns the factor that an element makes of what earlier ones said. 305 and 306 are packets taken and passed over in turn
/// (307 and 308 the time in which they are), 309 and 310 packets taken of how many.
pub(super) fn sampled(so_far: Option<Factor>, target: Target, value: &[u8]) -> Option<Factor> {
    let number = low_u32(unsigned(value).min(u64::from(u32::MAX)));
    match target {
        Target::OneIn if number > 0 => Some(Factor::one_in(number)),
        // a later pair gives way to a plain interval
        _ if so_far.is_some_and(|factor| !factor.is_none()) => so_far,
        Target::PacketInterval | Target::SampleSize if number > 0 => Some(Factor::of(number, number)),
        Target::PacketSpace => {
            so_far.map(|factor| Factor::of(factor.sampled(), factor.population().saturating_add(number)))
        }
        Target::Population => Some(Factor::of(so_far.map_or(1, Factor::sampled), number)),
        Target::Probability => probability(value).map(Factor::from_probability),
        _ => so_far,
    }
}

fn probability(value: &[u8]) -> Option<f64> {
    match value.len() {
        4 => value.first_chunk().map(|octets| f64::from(f32::from_be_bytes(*octets))),
        _ => value.first_chunk().map(|octets| f64::from_be_bytes(*octets)),
    }
}
