//! How to get into a device.

use std::{fmt, hash};

use grafolean_collector::model::Details;
use secrecy::{ExposeSecret, SecretString};

use super::{SettingsError, field::Fields};

/// A community or a password: compared, never printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Returns it, for the wire alone.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl hash::Hash for Secret {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

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
    /// Names the key that is absent or wrong, and says what would be right.
    pub fn read(details: &Details) -> Result<Self, SettingsError> {
        const VERSIONS: &str = "snmpv1, snmpv2c or snmpv3";
        let fields = Fields { details, whose: "the credential's" };
        let community = || {
            let community = fields.text("snmpv12_community", "the device's community, as public")?;
            Ok(Secret::from(community))
        };
        match fields.text("version", VERSIONS)?.trim() {
            "snmpv1" => Ok(Self::Community(Community::V1(community()?))),
            "snmpv2c" => Ok(Self::Community(Community::V2c(community()?))),
            "snmpv3" => Ok(Self::User(Box::new(user(fields)?))),
            _ => Err(fields.error("version", "is invalid", VERSIONS)),
        }
    }
}

fn user(fields: Fields<'_>) -> Result<User, SettingsError> {
    const LEVELS: &str = "noAuthNoPriv, authNoPriv or authPriv";
    let name = fields.text("snmpv3_securityName", "the user's name, 1 to 32 octets")?;
    if name.len() > 32 {
        return Err(fields.error("snmpv3_securityName", "is too long", "1 to 32 octets"));
    }
    let context =
        fields.optional_text("snmpv3_contextName", "a context's name, or empty")?.unwrap_or_default();
    let level = match fields.text("snmpv3_securityLevel", LEVELS)?.trim() {
        "noAuthNoPriv" => Level::Open,
        "authNoPriv" => Level::Authentic(auth_protocol(fields)?, key(fields, "snmpv3_authKey")?),
        "authPriv" => Level::Private(
            auth_protocol(fields)?,
            key(fields, "snmpv3_authKey")?,
            priv_protocol(fields)?,
            key(fields, "snmpv3_privKey")?,
        ),
        _ => return Err(fields.error("snmpv3_securityLevel", "is invalid", LEVELS)),
    };
    Ok(User { name: name.to_owned(), level, context: context.to_owned() })
}

/// `SHA-256`, `sha256` and `SHA256` are the same.
fn normal(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}

fn auth_protocol(fields: Fields<'_>) -> Result<AuthProtocol, SettingsError> {
    const EXPECTED: &str = "MD5, SHA, SHA224, SHA256, SHA384 or SHA512";
    Ok(match normal(fields.text("snmpv3_authProtocol", EXPECTED)?).as_str() {
        "MD5" => AuthProtocol::Md5,
        "SHA" | "SHA1" => AuthProtocol::Sha1,
        "SHA224" => AuthProtocol::Sha224,
        "SHA256" => AuthProtocol::Sha256,
        "SHA384" => AuthProtocol::Sha384,
        "SHA512" => AuthProtocol::Sha512,
        _ => return Err(fields.error("snmpv3_authProtocol", "is invalid", EXPECTED)),
    })
}

fn priv_protocol(fields: Fields<'_>) -> Result<PrivProtocol, SettingsError> {
    const EXPECTED: &str = "DES, AES, AES192, AES256, AES192-Cisco or AES256-Cisco";
    Ok(match normal(fields.text("snmpv3_privProtocol", EXPECTED)?).as_str() {
        "DES" => PrivProtocol::Des,
        "AES" | "AES128" => PrivProtocol::Aes128,
        "AES192" | "AES192BLUMENTHAL" => PrivProtocol::Aes192,
        "AES256" | "AES256BLUMENTHAL" => PrivProtocol::Aes256,
        "AES192CISCO" | "AES192C" | "AES192REEDER" => PrivProtocol::Aes192Cisco,
        "AES256CISCO" | "AES256C" | "AES256REEDER" => PrivProtocol::Aes256Cisco,
        _ => return Err(fields.error("snmpv3_privProtocol", "is invalid", EXPECTED)),
    })
}

fn key(fields: Fields<'_>, name: &'static str) -> Result<Secret, SettingsError> {
    const EXPECTED: &str = "a password of at least 8 characters";
    let key = fields.text(name, EXPECTED)?;
    if key.len() < SHORTEST_KEY {
        return Err(fields.error(name, "is too short", EXPECTED));
    }
    Ok(Secret::from(key))
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
            (json!({}), "the credential's `version` is missing: expected snmpv1, snmpv2c or snmpv3"),
            (json!({"version": "v2"}), "`version` is invalid"),
            (json!({"version": 2}), "`version` is not text"),
            (json!({"version": "snmpv2c"}), "`snmpv12_community` is missing"),
            (json!({"version": "snmpv3"}), "`snmpv3_securityName` is missing"),
            (v3("high", "MD5", "12345678"), "`snmpv3_securityLevel` is invalid"),
            (v3("authNoPriv", "ROT13", "12345678"), "MD5, SHA, SHA224"),
            (v3("authNoPriv", "MD5", "hunter2"), "`snmpv3_authKey` is too short"),
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
