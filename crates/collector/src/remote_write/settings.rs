//! What a person decides about a receiver of remote write.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use reqwest::Url;
use secrecy::SecretString;
use thiserror::Error;

use crate::{backend::http::HttpSettingsError, protocol::prometheus::TEMPLATE, spool::SinkSettings};

/// The most samples in a request, as Prometheus' own default is.
pub const REQUEST_SAMPLES: usize = 2_000;

/// Requests that are under way side by side: series are spread over them, each always in the same one.
pub const SHARDS: usize = 4;

/// How long one request may take, answer included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A receiver and how it is served.
#[derive(Clone, Debug)]
pub struct RemoteWriteSettings {
    /// Name, limits and start in the spool.
    pub sink: SinkSettings,
    /// Where requests go, e.g. `http://127.0.0.1:9090/api/v1/write`.
    pub url: Url,
    /// Who we are.
    pub authentication: Authentication,
    /// More headers, e.g. `X-Scope-OrgID`; their values are never shown.
    pub headers: Vec<(String, SecretString)>,
    /// A file of PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Which version of the protocol is spoken.
    pub version: VersionChoice,
    /// Requests that are under way side by side.
    pub shards: NonZeroUsize,
    /// The most samples in a request.
    pub request_samples: NonZeroUsize,
    /// How long one request may take.
    pub timeout: Duration,
    /// Labels that all series have beside their own.
    pub labels: Vec<(String, String)>,
    /// How metrics are named: see [`crate::protocol::prometheus`].
    pub template: String,
}

/// How a sender shows who it is.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// It does not.
    None,
    /// `Authorization: Bearer` (RFC 6750).
    Bearer(SecretString),
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: SecretString,
    },
}

/// Which version of the protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionChoice {
    /// 2.0 where the receiver knows it, else 1.0.
    Negotiated,
    /// 1.0.
    V1,
    /// 2.0.
    V2,
}

/// What is wrong with the settings of a receiver.
#[derive(Debug, Error)]
pub enum RemoteWriteError {
    /// A header cannot be sent.
    #[error("the header {name} has a name or value that HTTP does not allow")]
    Header {
        /// Its name.
        name: String,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Http(HttpSettingsError),
}

impl RemoteWriteSettings {
    /// Creates the usual settings of a receiver.
    pub fn new(name: impl Into<String>, url: Url) -> Self {
        Self {
            sink: SinkSettings::new(name),
            url,
            authentication: Authentication::None,
            headers: Vec::new(),
            ca_file: None,
            version: VersionChoice::Negotiated,
            shards: NonZeroUsize::new(SHARDS).unwrap_or(NonZeroUsize::MIN),
            request_samples: NonZeroUsize::new(REQUEST_SAMPLES).unwrap_or(NonZeroUsize::MIN),
            timeout: TIMEOUT,
            labels: Vec::new(),
            template: TEMPLATE.to_owned(),
        }
    }
}
