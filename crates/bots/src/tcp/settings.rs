//! What people set up: where a device is, which of its ports, how long to wait.

use grafolean_collector::details::{DetailsError, Host, Seconds, Whole};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::AddressFamily;

/// How devices are connected to, as a credential says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Credential {
    /// How long a connection may take, its TLS handshake and the lookup of a name included.
    #[schemars(title = "Time-out")]
    pub timeout: Seconds<100, 60_000>,
}

impl Default for Credential {
    fn default() -> Self {
        Self { timeout: Seconds::of_ms::<5_000>() }
    }
}

/// A port that is measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sensor {
    /// The TCP port.
    #[schemars(title = "Port")]
    pub port: Whole<1, 65_535>,
    /// Whether TLS is spoken over it: then the handshake has to succeed too, and the certificate is read. It is not
    /// judged: one that has expired or that nobody knows is measured like any other.
    #[serde(default)]
    #[schemars(title = "TLS")]
    pub tls: bool,
    /// The name that the server is asked for by TLS, where it is not the device's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "Server name")]
    pub server_name: Option<Host>,
}

/// Where a device is, and of which family an address of its name has to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its address or name.
    pub host: Host,
    /// Which addresses of a name count; `None` is any.
    pub family: Option<AddressFamily>,
}

/// What is read of a device's entity: where it is, the first of these that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Entity {
    /// IPv4 address, or a name of which one is looked up.
    #[schemars(title = "IPv4 address")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Host>,
    /// IPv6 address, or a name of which one is looked up.
    #[schemars(title = "IPv6 address")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Host>,
    /// Host name.
    #[schemars(title = "Host name")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<Host>,
}

impl Entity {
    /// Returns where the device is.
    ///
    /// # Errors
    /// Fails if none of the fields is given.
    pub fn target(self) -> Result<Target, DetailsError> {
        let Self { ipv4, ipv6, hostname } = self;
        let of = |host: Option<Host>, family| host.map(|host| Target { host, family });
        let given = of(ipv4, Some(AddressFamily::V4)).or_else(|| of(ipv6, Some(AddressFamily::V6)));
        let given = given.or_else(|| of(hostname, None));
        given.ok_or_else(|| DetailsError::missing("ipv4, ipv6 or hostname"))
    }
}
