//! How a device is to be treated.

use std::time::Duration;

use grafolean_collector::{
    details::{self, DetailsError},
    model::Details,
};

use super::credential::Credential;

/// How a device is to be treated, of a credential's details. A device is asked one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollPolicy {
    /// `snmp_timeout`: how long an answer is waited for.
    pub timeout: Duration,
    /// `snmp_retries`: how often an unanswered request is sent again.
    pub retries: u32,
    /// `snmp_gap`: the least time from an answer to the next request.
    pub gap: Duration,
    /// `snmp_max_oids`: the most objects one GET asks for, whatever the device could take.
    pub max_oids: u32,
    /// `snmp_max_varbinds`: the most objects one GETBULK asks for.
    pub max_varbinds: u32,
    /// `snmp_max_rows`: the most rows of one walk; at more it is cut, and said to be.
    pub max_rows: u32,
    /// `snmp_max_bytes`: the most that the values of one run may take in memory; at more it ends, and says so.
    pub max_bytes: u32,
    /// `snmp_max_timeouts`: after more silences in one run of a device that does answer, what is left is given up.
    pub max_timeouts: u32,
    /// `snmp_max_time`: the longest that a run asks, where that is less than its interval allows.
    pub max_time: Duration,
    /// `snmp_any_source`: whether an answer counts also if it comes from another address or port than was asked.
    pub reply_source: ReplySource,
    /// `snmp_unordered_walk`: whether a walk goes on over rows that are not in ascending order.
    pub walk_order: WalkOrder,
}

/// From where an answer counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplySource {
    /// From the address and port that were asked.
    #[default]
    Asked,
    /// From anywhere; its number, which nobody can know who has not seen the request, still has to be right.
    Any,
}

/// In which order the rows of a walk may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WalkOrder {
    /// Ascending, as they have to; an agent whose are not is learnt, and its rows are taken while they are new to the walk.
    #[default]
    Learnt,
    /// Ascending: a row that is not ends the walk.
    Ascending,
    /// In any order, while they are new to the walk.
    Any,
}

impl Default for PollPolicy {
    fn default() -> Self {
        Self::of(&Credential::default())
    }
}

impl PollPolicy {
    /// One GET fits into any message an agent must take.
    pub const MOST_OIDS: u32 = 100;
    /// A GETBULK's answer has to fit into 64 KiB.
    pub const MOST_VARBINDS: u32 = 2_000;
    /// A full Internet routing table has a million rows.
    pub const MOST_ROWS: u32 = 2_000_000;

    /// Reads a credential's details. Absent, null and empty mean the default.
    ///
    /// # Errors
    /// Names the first field that is no number or lies outside its bounds.
    pub fn read(details: &Details) -> Result<Self, DetailsError> {
        Ok(Self::of(&details::read(details)?))
    }

    /// Returns how a device with this credential is to be treated.
    pub fn of(credential: &Credential) -> Self {
        Self {
            timeout: credential.snmp_timeout.duration(),
            retries: credential.snmp_retries.get(),
            gap: credential.snmp_gap.duration(),
            max_oids: credential.snmp_max_oids.get(),
            max_varbinds: credential.snmp_max_varbinds.get(),
            max_rows: credential.snmp_max_rows.get(),
            max_bytes: credential.snmp_max_bytes.get(),
            max_timeouts: credential.snmp_max_timeouts.get(),
            max_time: credential.snmp_max_time.duration(),
            reply_source: if credential.snmp_any_source { ReplySource::Any } else { ReplySource::Asked },
            walk_order: match credential.snmp_unordered_walk {
                None => WalkOrder::Learnt,
                Some(true) => WalkOrder::Any,
                Some(false) => WalkOrder::Ascending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(details: Value) -> Result<PollPolicy, String> {
        let Value::Object(details) = details else { panic!("{details} is no object") };
        PollPolicy::read(&details).map_err(|error| error.to_string())
    }

    #[test]
    fn strings_and_numbers_say_the_same() {
        let expected =
            PollPolicy { timeout: Duration::from_millis(500), retries: 0, ..PollPolicy::default() };
        assert_eq!(read(json!({"snmp_timeout": "0.5", "snmp_retries": "0", "snmp_gap": ""})), Ok(expected));
        assert_eq!(read(json!({"snmp_timeout": 0.5, "snmp_retries": 0, "snmp_gap": null})), Ok(expected));
    }

    #[test]
    fn exceptions_for_a_device_are_wanted_or_not() {
        for (given, source, order) in [
            (json!({}), ReplySource::Asked, WalkOrder::Learnt),
            (
                json!({"snmp_any_source": "", "snmp_unordered_walk": null}),
                ReplySource::Asked,
                WalkOrder::Learnt,
            ),
            (
                json!({"snmp_any_source": "true", "snmp_unordered_walk": "yes"}),
                ReplySource::Any,
                WalkOrder::Any,
            ),
            (
                json!({"snmp_any_source": false, "snmp_unordered_walk": "0"}),
                ReplySource::Asked,
                WalkOrder::Ascending,
            ),
        ] {
            let policy = read(given).unwrap();
            assert_eq!((policy.reply_source, policy.walk_order), (source, order));
        }
        let error = read(json!({"snmp_unordered_walk": "perhaps"})).unwrap_err();
        assert!(error.contains("`snmp_unordered_walk` is invalid: found \"perhaps\""), "{error}");
    }

    #[test]
    fn what_lies_outside_is_named() {
        for (details, said) in [
            (
                json!({"snmp_timeout": "soon"}),
                "`snmp_timeout` is invalid: found \"soon\", expected a number of seconds from 0.01 to 60",
            ),
            (json!({"snmp_timeout": "NaN"}), "snmp_timeout"),
            (json!({"snmp_retries": -1}), "snmp_retries"),
            (json!({"snmp_retries": 1.5}), "a whole number from 0 to 10"),
            (json!({"snmp_max_rows": [1]}), "snmp_max_rows"),
        ] {
            let error = read(details).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
