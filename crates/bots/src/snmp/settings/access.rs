//! How to get into a device.

use grafolean_collector::{
    details::{self, DetailsError},
    model::Details,
};

use super::credential::{Credential, SecurityLevel, Version};

pub use grafolean_collector::details::Secret;

/// How to get into a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// SNMPv1 or v2c.
    Community(Community),
    /// SNMPv3.
    User(Box<User>),
}

/// A community, which is all that v1 and v2c have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Community {
    /// SNMPv1: no GETBULK, no 64-bit counters, and one unknown object spoils a whole GET.
    V1(Secret),
    /// SNMPv2c.
    V2c(Secret),
}

/// A user of SNMPv3 (RFC 3414).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    /// Its name.
    pub name: String,
    /// How its messages are secured.
    pub level: Level,
    /// The context that is asked, mostly the empty one.
    pub context: String,
}

/// How messages are secured.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// noAuthNoPriv.
    Open,
    /// authNoPriv.
    Authentic(AuthProtocol, Secret),
    /// authPriv.
    Private(AuthProtocol, Secret, PrivProtocol, Secret),
}

/// How messages are authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of RFC 3414 and RFC 7860")]
pub enum AuthProtocol {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// How messages are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of RFC 3414 and RFC 3826")]
pub enum PrivProtocol {
    Des,
    Aes128,
    /// Keys extended as in draft-blumenthal-aes-usm-04, as net-snmp does.
    Aes192,
    /// The same.
    Aes256,
    /// Keys extended as in draft-reeder-snmpv3-usm-3desede-00, as Cisco does.
    Aes192Cisco,
    /// The same.
    Aes256Cisco,
}

/// The longest name of a user (RFC 3414, section 5).
const LONGEST_NAME: usize = 32;

/// The shortest password of RFC 3414, section 11.2.
const SHORTEST_KEY: usize = 8;

impl Access {
    /// Returns the version's name.
    pub fn version(&self) -> &'static str {
        match self {
            Self::Community(Community::V1(_)) => "SNMPv1",
            Self::Community(Community::V2c(_)) => "SNMPv2c",
            Self::User(_) => "SNMPv3",
        }
    }

    /// Reads a credential's details.
    ///
    /// # Errors
    /// Names the field that is missing or invalid, and what is expected.
    pub fn read(details: &Details) -> Result<Self, DetailsError> {
        Self::of(&details::read(details)?)
    }

    /// Checks a credential's fields: which of them are needed depends on the version.
    ///
    /// # Errors
    /// Names the field that is missing or invalid, and what is expected.
    pub fn of(credential: &Credential) -> Result<Self, DetailsError> {
        let community = || needed(credential.snmpv12_community.as_ref(), "snmpv12_community").cloned();
        Ok(match needed(credential.version.as_ref(), "version")? {
            Version::SnmpV1 => Self::Community(Community::V1(community()?)),
            Version::SnmpV2c => Self::Community(Community::V2c(community()?)),
            Version::SnmpV3 => Self::User(Box::new(user(credential)?)),
        })
    }
}

fn needed<'a, T>(field: Option<&'a T>, name: &str) -> Result<&'a T, DetailsError> {
    field.ok_or_else(|| DetailsError::missing(name))
}

fn user(credential: &Credential) -> Result<User, DetailsError> {
    let name = needed(credential.security_name.as_ref(), "snmpv3_securityName")?.clone();
    if name.len() > LONGEST_NAME {
        return Err(DetailsError::invalid("snmpv3_securityName", "1 to 32 octets"));
    }
    let level = needed(credential.security_level.as_ref(), "snmpv3_securityLevel")?;
    let auth = || Ok((auth_protocol(credential)?, key(credential.auth_key.as_ref(), "snmpv3_authKey")?));
    let level = match level {
        SecurityLevel::NoAuthNoPriv => Level::Open,
        SecurityLevel::AuthNoPriv => auth().map(|(protocol, key)| Level::Authentic(protocol, key))?,
        SecurityLevel::AuthPriv => {
            let (protocol, auth_key) = auth()?;
            let priv_protocol = priv_protocol(credential)?;
            let priv_key = key(credential.priv_key.as_ref(), "snmpv3_privKey")?;
            Level::Private(protocol, auth_key, priv_protocol, priv_key)
        }
    };
    Ok(User { name, level, context: credential.context_name.clone().unwrap_or_default() })
}

/// `SHA-256`, `sha256` and `SHA256` are the same.
fn normal(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn auth_protocol(credential: &Credential) -> Result<AuthProtocol, DetailsError> {
    const NAME: &str = "snmpv3_authProtocol";
    Ok(match normal(needed(credential.auth_protocol.as_ref(), NAME)?).as_str() {
        "MD5" => AuthProtocol::Md5,
        "SHA" | "SHA1" => AuthProtocol::Sha1,
        "SHA224" => AuthProtocol::Sha224,
        "SHA256" => AuthProtocol::Sha256,
        "SHA384" => AuthProtocol::Sha384,
        "SHA512" => AuthProtocol::Sha512,
        _ => return Err(DetailsError::invalid(NAME, "MD5, SHA, SHA224, SHA256, SHA384 or SHA512")),
    })
}

fn priv_protocol(credential: &Credential) -> Result<PrivProtocol, DetailsError> {
    const NAME: &str = "snmpv3_privProtocol";
    const EXPECTED: &str = "DES, AES, AES192, AES256, AES192-Cisco or AES256-Cisco";
    Ok(match normal(needed(credential.priv_protocol.as_ref(), NAME)?).as_str() {
        "DES" => PrivProtocol::Des,
        "AES" | "AES128" => PrivProtocol::Aes128,
        "AES192" | "AES192BLUMENTHAL" => PrivProtocol::Aes192,
        "AES256" | "AES256BLUMENTHAL" => PrivProtocol::Aes256,
        "AES192CISCO" | "AES192C" | "AES192REEDER" => PrivProtocol::Aes192Cisco,
        "AES256CISCO" | "AES256C" | "AES256REEDER" => PrivProtocol::Aes256Cisco,
        _ => return Err(DetailsError::invalid(NAME, EXPECTED)),
    })
}

fn key(key: Option<&Secret>, name: &str) -> Result<Secret, DetailsError> {
    let key = needed(key, name)?;
    if key.expose().len() < SHORTEST_KEY {
        return Err(DetailsError::invalid(name, "a password of at least 8 characters"));
    }
    Ok(key.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(details: Value) -> Result<Access, String> {
        let Value::Object(details) = details else { panic!("{details} is no object") };
        Access::read(&details).map_err(|error| error.to_string())
    }

    #[test]
    fn each_version_is_read() {
        let community = json!({"version": "snmpv1", "snmpv12_community": "public"});
        assert_eq!(read(community), Ok(Access::Community(Community::V1("public".into()))));
        let user = read(json!({
            "version": "snmpv3", "snmpv3_securityName": "u", "snmpv3_securityLevel": "authPriv",
            "snmpv3_authProtocol": "SHA-256", "snmpv3_authKey": "authpass12",
            "snmpv3_privProtocol": "aes256-cisco", "snmpv3_privKey": "privpass12",
        }));
        let level = Level::Private(
            AuthProtocol::Sha256,
            "authpass12".into(),
            PrivProtocol::Aes256Cisco,
            "privpass12".into(),
        );
        assert_eq!(
            user,
            Ok(Access::User(Box::new(User { name: "u".into(), level, context: String::new() })))
        );
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is_repeated() {
        let v3 = |level: &str, protocol: &str, key: &str| {
            json!({"version": "snmpv3", "snmpv3_securityName": "u", "snmpv3_securityLevel": level,
                   "snmpv3_authProtocol": protocol, "snmpv3_authKey": key})
        };
        for (details, said) in [
            (json!({}), "`version` is missing"),
            (
                json!({"version": "v2"}),
                "`version` is invalid: found \"v2\", expected `snmpv1`, `snmpv2c` or `snmpv3`",
            ),
            (json!({"version": 2}), "`version` is invalid"),
            (json!({"version": "snmpv2c"}), "`snmpv12_community` is missing"),
            (json!({"version": "snmpv3"}), "`snmpv3_securityName` is missing"),
            (v3("high", "MD5", "12345678"), "`snmpv3_securityLevel` is invalid"),
            (v3("authNoPriv", "ROT13", "12345678"), "MD5, SHA, SHA224"),
            (
                v3("authNoPriv", "MD5", "hunter2"),
                "`snmpv3_authKey` is invalid: expected a password of at least 8",
            ),
            (v3("authPriv", "MD5", "12345678"), "`snmpv3_privProtocol` is missing"),
        ] {
            let error = read(details).unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        let access = read(json!({"version": "snmpv2c", "snmpv12_community": "hunter2"}));
        assert!(!format!("{access:?}").contains("hunter2"));
    }
}
