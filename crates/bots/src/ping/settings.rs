//! What a ping credential says: how many packets, how far apart, how long to wait.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use grafolean_collector::{
    details::{self, DetailsError, Seconds, Whole},
    model::Details,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::{Header, Probe, Reason, Source};

/// How devices are pinged, as a credential says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// Bytes of payload in each packet.
    #[schemars(title = "Payload size")]
    pub payload_size: Whole<16, 65_507>,
    /// Address of the bot's machine, or name of one of its interfaces, by which packets leave; else as it routes.
    #[schemars(title = "Source address or interface")]
    pub source: Option<SourceName>,
    /// Class of service (RFC 2474).
    #[schemars(title = "DSCP")]
    pub dscp: Option<Whole<0, { Probe::MAX_DSCP as u32 }>>,
    /// How many hops packets may take.
    #[schemars(title = "Time to live")]
    pub ttl: Option<Whole<1, 255>>,
    /// Whether packets must not be cut into fragments; else the bot's machine decides by what it knows of the path.
    #[schemars(title = "Do not fragment")]
    pub df: Option<bool>,
}

/// A source as people write it: interfaces keep their names for longer than their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum SourceName {
    /// An address of this machine.
    Address(IpAddr),
    /// An interface of this machine.
    Interface(Box<str>),
}

impl TryFrom<String> for SourceName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for SourceName {
    type Err = String;

    /// An interface's name is what `ip link` shows: at most 15 characters without a slash or white space.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        let is_name = (1..=15).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':');
        let wrong = || format!("found {text:?}, expected an IP address or the name of an interface");
        is_name.then(|| Self::Interface(text.into())).ok_or_else(wrong)
    }
}

impl From<SourceName> for String {
    fn from(source: SourceName) -> Self {
        match source {
            SourceName::Address(address) => address.to_string(),
            SourceName::Interface(name) => name.into(),
        }
    }
}

impl Default for Credential {
    fn default() -> Self {
        Self {
            n_packets: Whole::of::<3>(),
            sleep_packets: Seconds::of_ms::<1_000>(),
            timeout: Seconds::of_ms::<2_000>(),
            retry: Whole::of::<0>(),
            payload_size: Whole::of::<56>(),
            source: None,
            dscp: None,
            ttl: None,
            df: None,
        }
    }
}

/// A credential's settings, as the engine takes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Packets a run.
    pub packets: u16,
    /// From one packet to the next.
    pub gap: Duration,
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// How often an unanswered packet is sent again.
    pub retry: u16,
    /// Bytes of payload.
    pub payload_bytes: u16,
    /// By which address or interface of this machine packets leave.
    pub source: Option<SourceName>,
    /// Their class of service.
    pub dscp: Option<u8>,
    /// How many hops they may take.
    pub ttl: Option<u8>,
    /// Whether they must not be cut into fragments.
    pub dont_fragment: Option<bool>,
}

impl From<Credential> for Settings {
    fn from(credential: Credential) -> Self {
        let Credential { n_packets, sleep_packets, timeout, retry, payload_size, source, dscp, ttl, df } =
            credential;
        // They are bounded by what 16 and 8 bits hold.
        let small = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
        let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        Self {
            packets: small(n_packets.get()),
            gap: sleep_packets.duration(),
            timeout: timeout.duration(),
            retry: small(retry.get()),
            payload_bytes: small(payload_size.get()),
            source,
            dscp: dscp.map(|dscp| byte(dscp.get())),
            ttl: ttl.map(|ttl| byte(ttl.get())),
            dont_fragment: df,
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

    /// Returns by which way packets leave.
    ///
    /// # Errors
    /// [`Reason::NoSource`] if this machine has no such interface at present.
    pub fn source(&self) -> Result<Option<Source>, Reason> {
        match &self.source {
            None => Ok(None),
            Some(SourceName::Address(address)) => Ok(Some(Source::Address(*address))),
            Some(SourceName::Interface(name)) => Source::interface(name).map(Some).ok_or(Reason::NoSource),
        }
    }

    /// Returns the probe of a run to an address, whose port does not matter, by a way that [`Self::source`] gave.
    pub fn probe(&self, address: SocketAddr, source: Option<Source>) -> Probe {
        let Self { packets, gap, timeout, retry, payload_bytes, dscp, ttl, dont_fragment, .. } = *self;
        let scope = match address {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(address) => address.scope_id(),
        };
        let (header, payload_bytes) = (Header { source, dscp, ttl, dont_fragment }, payload_bytes.into());
        Probe { scope, packets, gap, timeout, retry, payload_bytes, header, ..Probe::to(address.ip()) }
    }

    /// Returns how long a run's packets and their time-outs take at most.
    pub fn longest_run(&self) -> Duration {
        self.probe(([0, 0, 0, 0], 0).into(), None).longest()
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
            ..Settings::default()
        };
        for details in [
            json!({"n_packets": "5", "sleep_packets": "0.25", "timeout": "1.0", "retry": "2"}),
            json!({"n_packets": 5, "sleep_packets": 0.25, "timeout": 1, "retry": 2.0}),
            json!({"n_packets": " 5 ", "sleep_packets": ".25", "timeout": "1", "retry": "2.0", "colour": "blue"}),
        ] {
            assert_eq!(read(details), Ok(expected.clone()));
        }
    }

    #[test]
    fn how_packets_look_on_the_way_may_be_said() {
        let details = json!({
            "payload_size": "65507", "source": " eth0 ", "dscp": "46", "ttl": 12, "df": "on", "n_packets": 1
        });
        let settings = read(details).unwrap();
        assert_eq!(settings.source, Some(SourceName::Interface("eth0".into())));
        let loopback = Source::Address([127, 0, 0, 1].into());
        let probe = settings.probe(([127, 0, 0, 2], 0).into(), Some(loopback));
        let header =
            Header { source: Some(loopback), dscp: Some(46), ttl: Some(12), dont_fragment: Some(true) };
        assert_eq!((probe.payload_bytes, probe.header), (65_507, header));
        assert_eq!(probe.checked(), Ok(probe));
        let by_address = read(json!({"source": "2001:db8::1", "df": false, "ttl": ""})).unwrap();
        assert_eq!(by_address.source(), Ok(Some(Source::Address("2001:db8::1".parse().unwrap()))));
        assert_eq!((by_address.dont_fragment, by_address.ttl), (Some(false), None));
        let absent = read(json!({"source": "no-such-if"})).unwrap();
        assert_eq!(absent.source(), Err(Reason::NoSource));
        for wrong in [
            json!({"payload_size": 15}),
            json!({"payload_size": 65_508}),
            json!({"dscp": 64}),
            json!({"ttl": "0"}),
            json!({"ttl": 256}),
            json!({"df": "perhaps"}),
            json!({"source": "a/b"}),
            json!({"source": "two words"}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
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
            let probe = read(details).unwrap().probe("127.0.0.1:0".parse().unwrap(), None);
            prop_assert_eq!(probe.checked(), Ok(probe));
        }
    }
}
