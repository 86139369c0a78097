//! What a ping credential says: how many packets, how far apart, how long to wait.

use std::{net::SocketAddr, time::Duration};

use grafolean_collector::{
    details::{self, DetailsError, Seconds, Whole},
    model::Details,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::Probe;

/// How devices are pinged, as a credential says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Credential {
    /// Packets of a run. Each is a series of its own at the backend, so a hundred is already much.
    #[schemars(title = "Packets")]
    pub n_packets: Whole<1, 100>,
    /// Time from one packet to the next; 0 sends a packet a millisecond.
    #[schemars(title = "Gap between packets")]
    pub sleep_packets: Seconds<0, 60_000>,
    /// How long a reply is waited for.
    #[schemars(title = "Time-out")]
    pub timeout: Seconds<1, 60_000>,
    /// How often an unanswered packet is sent again. More attempts hide the loss that they are to show.
    #[schemars(title = "Retries")]
    pub retry: Whole<0, { Probe::MAX_RETRY as u32 }>,
}

impl Default for Credential {
    fn default() -> Self {
        Self {
            n_packets: Whole::of::<3>(),
            sleep_packets: Seconds::of_ms::<1_000>(),
            timeout: Seconds::of_ms::<2_000>(),
            retry: Whole::of::<0>(),
        }
    }
}

/// A credential's settings, as the engine takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Packets a run.
    pub packets: u16,
    /// From one packet to the next.
    pub gap: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// How often an unanswered packet is sent again.
    pub retry: u16,
}

impl From<Credential> for Settings {
    fn from(credential: Credential) -> Self {
        let Credential { n_packets, sleep_packets, timeout, retry } = credential;
        // Both are bounded far below what 16 bits hold.
        let small = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        Self {
            packets: small(n_packets.get()),
            gap: sleep_packets.duration(),
            timeout: timeout.duration(),
            retry: small(retry.get()),
        }
    }
}

impl Default for Settings {
    /// What an absent field means.
    fn default() -> Self {
        Credential::default().into()
    }
}

impl Settings {
    /// Reads a credential's details.
    ///
    /// # Errors
    /// Names the first field that is invalid, what was found and what is expected.
    pub fn read(details: &Details) -> Result<Self, DetailsError> {
        details::read::<Credential>(details).map(Self::from)
    }

    /// The probe of a run to an address, whose port does not matter.
    pub fn probe(&self, address: SocketAddr) -> Probe {
        let Self { packets, gap, timeout, retry } = *self;
        let scope = match address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(address) => address.scope_id(),
        };
        Probe { scope, packets, gap, timeout, retry, ..Probe::to(address.ip()) }
    }

    /// Gives how long a run's packets and their time-outs take at most.
    pub fn longest_run(&self) -> Duration {
        self.probe(([0, 0, 0, 0], 0).into()).longest()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(details: Value) -> Result<Settings, DetailsError> {
        let Value::Object(details) = details else { panic!("{details} is no object") };
        Settings::read(&details)
    }

    #[test]
    fn strings_and_numbers_say_the_same() {
        let expected = Settings {
            packets: 5,
            gap: Duration::from_millis(250),
            timeout: Duration::from_secs(1),
            retry: 2,
        };
        for details in [
            json!({"n_packets": "5", "sleep_packets": "0.25", "timeout": "1.0", "retry": "2"}),
            json!({"n_packets": 5, "sleep_packets": 0.25, "timeout": 1, "retry": 2.0}),
            json!({"n_packets": " 5 ", "sleep_packets": ".25", "timeout": "1", "retry": "2.0", "colour": "blue"}),
        ] {
            assert_eq!(read(details), Ok(expected));
        }
    }

    #[test]
    fn what_is_absent_null_or_empty_is_the_default() {
        for details in [json!({}), json!({"n_packets": null, "timeout": "", "retry": " "})] {
            assert_eq!(read(details), Ok(Settings::default()));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_would_be_right() {
        let seconds = |min| format!("expected a number of seconds from {min} to 60");
        for (details, said) in [
            (
                json!({"n_packets": "0"}),
                r#"`n_packets` is invalid: found "0", expected a whole number from 1 to 100"#.to_owned(),
            ),
            (
                json!({"n_packets": 2.5}),
                "`n_packets` is invalid: found 2.5, expected a whole number from 1 to 100".to_owned(),
            ),
            (
                json!({"retry": -1}),
                "`retry` is invalid: found -1, expected a whole number from 0 to 10".to_owned(),
            ),
            (json!({"timeout": "0"}), format!(r#"`timeout` is invalid: found "0", {}"#, seconds("0.001"))),
            (
                json!({"timeout": "NaN"}),
                format!(r#"`timeout` is invalid: found "NaN", {}"#, seconds("0.001")),
            ),
            (
                json!({"sleep_packets": [1]}),
                format!("`sleep_packets` is invalid: found a list, {}", seconds("0")),
            ),
            (
                json!({"sleep_packets": "1e99"}),
                format!(r#"`sleep_packets` is invalid: found "1e99", {}"#, seconds("0")),
            ),
        ] {
            let error = read(details).unwrap_err().to_string();
            assert_eq!(error, said);
        }
    }

    proptest! {
        #[test]
        fn settings_that_are_taken_make_a_probe_that_is_taken(
            packets in 1_u16..=100, retry in 0_u16..=10, gap in 0.0..=60.0, timeout in 0.001..=60.0,
        ) {
            let details = json!({"n_packets": packets, "retry": retry, "sleep_packets": gap, "timeout": timeout});
            let probe = read(details).unwrap().probe("127.0.0.1:0".parse().unwrap());
            prop_assert_eq!(probe.checked(), Ok(probe));
        }
    }
}
