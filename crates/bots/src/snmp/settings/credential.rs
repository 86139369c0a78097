//! The fields of a credential, as people fill them in.

use grafolean_collector::details::{Host, Seconds, Secret, Whole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PollPolicy;

/// How to get into a device, and how it is to be treated. What is read is checked by [`Access`](super::Access) and
/// [`PollPolicy`](super::PollPolicy), with these bounds and defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("required" = ["version"]))]
pub struct Credential {
    /// Version of SNMP.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Version")]
    pub version: Option<Version>,
    /// Community of versions 1 and 2c, which need it.
    #[serde(skip_serializing)]
    #[schemars(title = "Community")]
    pub snmpv12_community: Option<Secret>,
    /// User of version 3, which needs it: 1 to 32 octets (RFC 3414).
    #[serde(rename = "snmpv3_securityName", skip_serializing_if = "Option::is_none")]
    #[schemars(title = "User", length(max = 32))]
    pub security_name: Option<String>,
    /// How messages of version 3 are secured, which needs it.
    #[serde(rename = "snmpv3_securityLevel", skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Security level")]
    pub security_level: Option<SecurityLevel>,
    /// How messages are authenticated. Needed by authNoPriv and authPriv.
    #[serde(rename = "snmpv3_authProtocol", skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Authentication", extend("enum" = ["MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"]))]
    pub auth_protocol: Option<String>,
    /// Password of the authentication, 8 characters or more. Needed by authNoPriv and authPriv.
    #[serde(rename = "snmpv3_authKey", skip_serializing)]
    #[schemars(title = "Authentication password", length(min = 8))]
    pub auth_key: Option<Secret>,
    /// How messages are encrypted. Needed by authPriv.
    #[serde(rename = "snmpv3_privProtocol", skip_serializing_if = "Option::is_none")]
    #[schemars(
        title = "Encryption",
        extend("enum" = ["DES", "AES", "AES192", "AES256", "AES192-Cisco", "AES256-Cisco"])
    )]
    pub priv_protocol: Option<String>,
    /// Password of the encryption, 8 characters or more. Needed by authPriv.
    #[serde(rename = "snmpv3_privKey", skip_serializing)]
    #[schemars(title = "Encryption password", length(min = 8))]
    pub priv_key: Option<Secret>,
    /// Context of version 3, mostly the empty one.
    #[serde(rename = "snmpv3_contextName", skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Context")]
    pub context_name: Option<String>,
    /// How long a reply is waited for.
    #[schemars(title = "Time-out")]
    pub snmp_timeout: Seconds<10, 60_000>,
    /// How often an unanswered request is sent again. More attempts only hide that a device is gone.
    #[schemars(title = "Retries")]
    pub snmp_retries: Whole<0, 10>,
    /// The least time from a reply to the next request to the device.
    #[schemars(title = "Gap between requests")]
    pub snmp_gap: Seconds<0, 10_000>,
    /// The most objects that one GET asks for, whatever the device could take.
    #[schemars(title = "Objects a GET")]
    pub snmp_max_oids: Whole<1, { PollPolicy::MOST_OIDS }>,
    /// The most objects that one GETBULK asks for: its reply has to fit into 64 KiB.
    #[schemars(title = "Objects a GETBULK")]
    pub snmp_max_varbinds: Whole<1, { PollPolicy::MOST_VARBINDS }>,
    /// The most rows of one walk; with more it is cut, and reported as cut.
    #[schemars(title = "Rows a walk")]
    pub snmp_max_rows: Whole<1, { PollPolicy::MOST_ROWS }>,
    /// The most memory that the values of one run may take; with more the run ends, and says so.
    #[schemars(title = "Bytes a run", extend("x-unit" = "By"))]
    pub snmp_max_bytes: Whole<1_000, 1_000_000_000>,
    /// After so many time-outs in one run of a device that does answer, the rest of the run is given up.
    #[schemars(title = "Time-outs a run")]
    pub snmp_max_timeouts: Whole<0, 1_000>,
    /// The longest that a run asks, where that is less than its interval allows.
    #[schemars(title = "Longest run")]
    pub snmp_max_time: Seconds<100, 3_600_000>,
    /// Whether a reply counts also if it comes from another address or port than was asked.
    #[schemars(title = "Replies from anywhere")]
    pub snmp_any_source: bool,
    /// Whether a walk goes on over rows that are not in ascending order; by default an agent whose are not is learnt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Walks in any order")]
    pub snmp_unordered_walk: Option<bool>,
}

impl Default for Credential {
    /// 24 objects fit into 1,472 octets with room for text; an agent that can answer more shows it by filling its
    /// replies.
    fn default() -> Self {
        Self {
            version: None,
            snmpv12_community: None,
            security_name: None,
            security_level: None,
            auth_protocol: None,
            auth_key: None,
            priv_protocol: None,
            priv_key: None,
            context_name: None,
            snmp_timeout: Seconds::of_ms::<2_000>(),
            snmp_retries: Whole::of::<2>(),
            snmp_gap: Seconds::of_ms::<0>(),
            snmp_max_oids: Whole::of::<24>(),
            snmp_max_varbinds: Whole::of::<200>(),
            snmp_max_rows: Whole::of::<100_000>(),
            snmp_max_bytes: Whole::of::<67_108_864>(),
            snmp_max_timeouts: Whole::of::<6>(),
            snmp_max_time: Seconds::of_ms::<300_000>(),
            snmp_any_source: false,
            snmp_unordered_walk: None,
        }
    }
}

/// A version of SNMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum Version {
    SnmpV1,
    SnmpV2c,
    SnmpV3,
}

/// How messages of SNMPv3 are secured (RFC 3411, section 3.4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum SecurityLevel {
    NoAuthNoPriv,
    AuthNoPriv,
    AuthPriv,
}

/// What is read of a device's entity: where it is (the first that is given), and the port of its agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Entity {
    /// IPv4 address, or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "IPv4 address")]
    pub ipv4: Option<Host>,
    /// IPv6 address, or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "IPv6 address")]
    pub ipv6: Option<Host>,
    /// Host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Host name")]
    pub hostname: Option<Host>,
    /// UDP port of its agent.
    #[schemars(title = "SNMP port")]
    pub snmp_port: Whole<1, 65_535>,
    /// What is measured beside its sensors: `auto` for all that the device answers of all profiles, or a profile's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Profile")]
    pub snmp_profile: Option<String>,
}

impl Default for Entity {
    fn default() -> Self {
        Self { ipv4: None, ipv6: None, hostname: None, snmp_port: Whole::of::<161>(), snmp_profile: None }
    }
}

#[cfg(test)]
mod tests {
    use grafolean_collector::model::Details;
    use serde_json::{Value, json};

    use super::*;
    use crate::snmp::settings::{Access, Host as Device};

    fn properties<T: JsonSchema>() -> Vec<(String, Value)> {
        let schema = schemars::schema_for!(T).to_value();
        schema["properties"].as_object().unwrap().clone().into_iter().collect()
    }

    fn details(fields: Value) -> Details {
        fields.as_object().unwrap().clone()
    }

    /// Bounds and defaults are declared once and read by others: what is declared is what is read.
    #[test]
    fn a_number_is_read_within_its_declared_bounds_and_absent_means_its_declared_default() {
        let read = |key: &str, number: f64| PollPolicy::read(&details(json!({key: number})));
        let mut numbers = 0;
        for (key, field) in properties::<Credential>() {
            let (Some(min), Some(max)) = (field["minimum"].as_f64(), field["maximum"].as_f64()) else {
                continue;
            };
            numbers += 1;
            let default = field["default"].as_f64().unwrap();
            assert_eq!(read(&key, default), Ok(PollPolicy::default()), "{key}");
            for (number, is_taken) in [(min, true), (max, true), (min - 1.0, false), (max + 1.0, false)] {
                assert_eq!(read(&key, number).is_ok(), is_taken, "{key} is {number}");
            }
        }
        assert_eq!(
            numbers, 9,
            "timeout, retries, gap, max_oids, max_varbinds, max_rows, max_bytes, max_timeouts, max_time"
        );
        let port = |port: u32| Device::read(&details(json!({"ipv4": "192.0.2.1", "snmp_port": port})));
        let absent = Device::read(&details(json!({"ipv4": "192.0.2.1"})));
        assert_eq!(absent, port(Entity::default().snmp_port.get()));
        assert!(port(65_535).is_ok() && port(65_536).is_err() && port(0).is_err());
    }

    #[test]
    fn each_name_that_is_declared_is_read() {
        let names = |key: &str| {
            let (_, field) = properties::<Credential>().into_iter().find(|(name, _)| name == key).unwrap();
            let choices = field.get("enum").or_else(|| field["anyOf"][0].get("enum")).unwrap().clone();
            choices.as_array().unwrap().iter().filter(|name| !name.is_null()).cloned().collect::<Vec<_>>()
        };
        let complete = details(json!({
            "version": "snmpv3", "snmpv12_community": "public", "snmpv3_securityName": "u",
            "snmpv3_securityLevel": "authPriv", "snmpv3_authProtocol": "SHA", "snmpv3_authKey": "12345678",
            "snmpv3_privProtocol": "AES", "snmpv3_privKey": "12345678",
        }));
        for key in ["version", "snmpv3_securityLevel", "snmpv3_authProtocol", "snmpv3_privProtocol"] {
            for name in names(key) {
                let mut fields = complete.clone();
                fields.insert(key.to_owned(), name.clone());
                assert!(Access::read(&fields).is_ok(), "{key} is {name}");
            }
        }
    }
}
