//! Whether an exporter numbers over all its observation domains together.
//!
//! RFC 3954 (section 5.1) and RFC 7011 (section 3.1) want a sequence for each domain; some line cards and older systems count
//! over all of them. Both are followed where a session has several domains, and the one that fits is used.

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Account, Sequence, Step, Units};

/// Domains of one session whose numbers are weighed; those of further ones are followed by domain alone.
const DOMAINS_MAX: usize = 256;
/// Datagrams that must fit the other way only, with none between that fits the present way only, before it is believed.
const AGREE_MIN: u8 = 3;

/// Over what an exporter's numbers run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NumberedOver {
    /// Each observation domain has numbers of its own, as the protocols want it.
    #[default]
    Domain,
    /// One row of numbers runs over all domains of the exporter.
    Exporter,
}

/// The domains of one transport session. Most have one, of which no more than its number is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Session {
    One(u32),
    Several(Box<Shared>),
}

/// The numbers of a session that has several domains.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Shared {
    pub(super) domains: Vec<u32>,
    sequence: Sequence,
    over: NumberedOver,
    agreed: u8,
    /// Grows whenever what was set aside for a change of mind is void.
    epoch: u32,
}

/// A datagram's number, and what it counts for.
#[derive(Clone, Copy)]
pub(super) struct Numbered {
    pub(super) number: u32,
    pub(super) units: Units,
    pub(super) uptime_ms: Option<u32>,
    pub(super) received: Timestamp,
}

impl Session {
    /// Adds a domain that was not heard before. Returns whether its numbers are weighed with those of others.
    pub(super) fn add(
        &mut self,
        domain: u32,
        sequence_of_first: impl FnOnce(u32) -> Option<Sequence>,
    ) -> bool {
        if let Self::One(first) = *self {
            let sequence = sequence_of_first(first).unwrap_or_default();
            *self = Self::Several(Box::new(Shared { domains: vec![first], sequence, ..Shared::default() }));
        }
        let Self::Several(shared) = self else { return false };
        let has_room = shared.domains.len() < DOMAINS_MAX;
        if has_room {
            shared.domains.push(domain);
        }
        has_room
    }

    /// Forgets a domain. Whether any is left.
    pub(super) fn remove(&mut self, domain: u32) -> bool {
        match self {
            Self::One(one) => *one != domain,
            Self::Several(shared) => {
                shared.domains.retain(|known| *known != domain);
                !shared.domains.is_empty()
            }
        }
    }

    /// Returns the numbers of all its domains, where it has several.
    pub(super) fn shared(&self) -> Option<&Shared> {
        match self {
            Self::One(_) => None,
            Self::Several(shared) => Some(shared),
        }
    }

    /// Returns them to be changed.
    pub(super) fn shared_mut(&mut self) -> Option<&mut Shared> {
        match self {
            Self::One(_) => None,
            Self::Several(shared) => Some(shared),
        }
    }
}

impl Shared {
    /// Returns over what the numbers run.
    pub(super) fn over(&self) -> NumberedOver {
        self.over
    }

    /// Records the number of a datagram of one of the domains. Returns whether it turned out that the exporter counts the other way:
    /// what accounts have [set aside](Account::set_aside) is then to be given back.
    pub(super) fn observe(&mut self, account: &mut Account, numbered: Numbered) -> (Step, bool) {
        let Numbered { number, units, uptime_ms, received } = numbered;
        let next_of_domain = account.sequence.is_next(number);
        let next_of_session = self.sequence.is_next(number);
        let of_domain = account.sequence.observe(number, units, uptime_ms, received);
        let of_session = self.sequence.observe(number, units, uptime_ms, received);
        let (used, fits, other, fits_other) = match self.over {
            NumberedOver::Domain => (of_domain, next_of_domain, of_session, next_of_session),
            NumberedOver::Exporter => (of_session, next_of_session, of_domain, next_of_domain),
        };
        match (fits, fits_other) {
            (Some(false), Some(true)) => self.agreed += 1,
            (Some(true), Some(false)) => self.change_nothing(),
            _ => {}
        }
        if self.agreed == 0 {
            return (used, false);
        }
        account.set_aside(self.epoch, used.lost.saturating_sub(other.lost));
        if self.agreed < AGREE_MIN {
            return (used, false);
        }
        self.over = match self.over {
            NumberedOver::Domain => NumberedOver::Exporter,
            NumberedOver::Exporter => NumberedOver::Domain,
        };
        self.agreed = 0;
        (used, true)
    }

    /// Returns what is to be given back to accounts, and begins anew.
    pub(super) fn turn(&mut self) -> u32 {
        let epoch = self.epoch;
        self.epoch = self.epoch.wrapping_add(1);
        epoch
    }

    /// Records what belongs to numbers already passed; see [`Sequence::credit`].
    pub(super) fn credit(&mut self, position: u32, count: u32) -> u32 {
        self.sequence.credit(position, count)
    }

    fn change_nothing(&mut self) {
        if self.agreed > 0 {
            self.agreed = 0;
            self.epoch = self.epoch.wrapping_add(1);
        }
    }
}
