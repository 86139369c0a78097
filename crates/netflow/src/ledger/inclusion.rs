//! Whether an exporter's numbers include what their own datagram holds.
//!
//! RFC 7011 wants the records that were sent before; softflowd tells those with the message's own. As long as all
//! datagrams hold the same that is the same but for the first.

use serde::{Deserialize, Serialize};

use super::Units;

/// Datagrams in a row that fit one way of counting only before it is believed; those that fit both say nothing.
const AGREE_MIN: u8 = 2;

/// Follows one stream's numbers to find out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Inclusion {
    is_included: bool,
    latest: Option<(u32, Units)>,
    /// Datagrams in a row that fit the other way only.
    agreed: u8,
    /// What was counted as lost since the first of them.
    lost: u32,
}

impl Inclusion {
    /// Weighs a number. Returns whether it turns out that the exporter counts otherwise than was thought.
    pub(super) fn turns(&mut self, number: u32, units: Units) -> bool {
        let Some((latest, before)) = self.latest.replace((number, units)) else { return false };
        let step = number.wrapping_sub(latest);
        let fits = |units: Units| [units.by_rule, units.without_options].contains(&step);
        let (included, excluded) = (fits(units), fits(before));
        if included == excluded {
            return false;
        }
        if included == self.is_included {
            (self.agreed, self.lost) = (0, 0);
            return false;
        }
        self.agreed += 1;
        if self.agreed < AGREE_MIN {
            return false;
        }
        self.is_included = included;
        self.agreed = 0;
        true
    }

    /// Notes what was counted as lost, in case that it was not.
    pub(super) fn note(&mut self, lost: u32) {
        if self.agreed > 0 {
            self.lost = self.lost.saturating_add(lost);
        }
    }

    /// Returns what was wrongly counted as lost until it turned out.
    pub(super) fn take_lost(&mut self) -> u32 {
        std::mem::take(&mut self.lost)
    }

    /// Returns the number that the datagram should have by the rule; `expected` tells whether options are counted.
    pub(super) fn by_rule(&self, number: u32, units: Units, expected: impl Fn(u32) -> bool) -> u32 {
        if !self.is_included {
            return number;
        }
        let with_options = number.wrapping_sub(units.by_rule);
        let without = number.wrapping_sub(units.without_options);
        if !expected(with_options) && expected(without) { without } else { with_options }
    }
}
