//! What a ping credential says: how many packets, how far apart, how long to wait. Grafolean's forms store strings.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use grafolean_collector::model::Details;
use serde_json::Value;
use thiserror::Error;

use super::engine::Probe;

/// A credential's settings, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `n_packets`: packets a run.
    pub packets: u16,
    /// `sleep_packets`: from one packet to the next.
    pub gap: Duration,
    /// `timeout`: how long an answer is waited for.
    pub timeout: Duration,
    /// `retry`: how often an unanswered packet is sent again.
    pub retry: u16,
}

/// A setting that is none.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("the credential's {key} is {value}: it has to be {expected}")]
pub struct SettingsError {
    key: &'static str,
    value: Value,
    expected: String,
}

impl Default for Settings {
    /// What an absent key means.
    fn default() -> Self {
        Self { packets: 3, gap: Duration::from_secs(1), timeout: Duration::from_secs(2), retry: 0 }
    }
}

impl Settings {
    /// Each packet is a series of its own at the backend, so a hundred is already much.
    pub const PACKETS: RangeInclusive<u16> = 1..=100;
    /// In seconds. 0 sends a packet a millisecond.
    pub const GAP_S: RangeInclusive<f64> = 0.0..=60.0;
    /// In seconds.
    pub const TIMEOUT_S: RangeInclusive<f64> = 0.001..=60.0;
    /// More attempts than this hide the loss they are to tell.
    pub const RETRY: RangeInclusive<u16> = 0..=Probe::MAX_RETRY;

    /// Reads a credential's details. Absent, null and empty mean the default; unknown keys are not ours.
    ///
    /// # Errors
    /// Names the first setting that is no number or lies outside its range, and says what would be right.
    pub fn read(details: &Details) -> Result<Self, SettingsError> {
        let default = Self::default();
        Ok(Self {
            packets: whole(details, "n_packets", &Self::PACKETS)?.unwrap_or(default.packets),
            gap: seconds(details, "sleep_packets", &Self::GAP_S)?.unwrap_or(default.gap),
            timeout: seconds(details, "timeout", &Self::TIMEOUT_S)?.unwrap_or(default.timeout),
            retry: whole(details, "retry", &Self::RETRY)?.unwrap_or(default.retry),
        })
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

fn whole(
    details: &Details,
    key: &'static str,
    range: &RangeInclusive<u16>,
) -> Result<Option<u16>, SettingsError> {
    let Some(value) = given(details, key) else { return Ok(None) };
    let number = number(value).filter(|number| number.fract() == 0.0);
    let fitting = number.and_then(|number| range.clone().find(|fitting| f64::from(*fitting) == number));
    fitting.map(Some).ok_or_else(|| SettingsError {
        key,
        value: value.clone(),
        expected: format!("a whole number, {} to {}", range.start(), range.end()),
    })
}

fn seconds(
    details: &Details,
    key: &'static str,
    range: &RangeInclusive<f64>,
) -> Result<Option<Duration>, SettingsError> {
    let Some(value) = given(details, key) else { return Ok(None) };
    let fitting = number(value).filter(|number| range.contains(number));
    fitting.and_then(|number| Duration::try_from_secs_f64(number).ok()).map(Some).ok_or_else(|| {
        SettingsError {
            key,
            value: value.clone(),
            expected: format!("a number of seconds, {} to {}", range.start(), range.end()),
        }
    })
}

fn given<'a>(details: &'a Details, key: &str) -> Option<&'a Value> {
    details.get(key).filter(|value| match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
    })
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(details: Value) -> Result<Settings, SettingsError> {
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
        for (details, said) in [
            (
                json!({"n_packets": "0"}),
                r#"the credential's n_packets is "0": it has to be a whole number, 1 to 100"#,
            ),
            (
                json!({"n_packets": 2.5}),
                "the credential's n_packets is 2.5: it has to be a whole number, 1 to 100",
            ),
            (json!({"retry": -1}), "the credential's retry is -1: it has to be a whole number, 0 to 10"),
            (
                json!({"timeout": "0"}),
                r#"the credential's timeout is "0": it has to be a number of seconds, 0.001 to 60"#,
            ),
            (
                json!({"timeout": "NaN"}),
                r#"the credential's timeout is "NaN": it has to be a number of seconds"#,
            ),
            (
                json!({"sleep_packets": [1]}),
                "the credential's sleep_packets is [1]: it has to be a number of seconds",
            ),
            (json!({"sleep_packets": "1e99"}), r#"the credential's sleep_packets is "1e99": it has to be"#),
        ] {
            let error = read(details).unwrap_err().to_string();
            assert!(error.starts_with(said), "{error}");
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
