//! The one request of the protocol, and what its answer means.

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use reqwest::{
    Response, StatusCode, Url,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::ExposeSecret;
use tracing::info;

use super::{
    encode::Version,
    settings::{Authentication, RemoteWriteError, RemoteWriteSettings, VersionChoice},
};
use crate::backend::http::{Transport, retry_after};

/// How much of a refusal's text is kept, in characters.
const MAX_EXCERPT_CHARS: usize = 300;

/// The most bytes of an answer that are read: refusals are a line.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// How many samples a receiver of version 2.0 says that it stored.
const SAMPLES_WRITTEN: &str = "x-prometheus-remote-write-samples-written";

/// What a receiver made of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All of it is stored.
    Stored,
    /// Some sample will never be taken, perhaps each; some may have been stored.
    Refused {
        /// The status.
        status: u16,
        /// The start of its text.
        text: String,
        /// Whether the rest of the request was stored.
        is_partial: bool,
    },
    /// The request is too large.
    TooLarge,
    /// The same may succeed later; it may have been stored.
    Later {
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// What it said, or why there was no answer.
        text: String,
    },
    /// It does not let us in.
    Unauthorized(String),
    /// Nobody there speaks the protocol.
    NoReceiver(String),
    /// It does not know this version of the protocol.
    OtherVersion,
}

/// Where requests go.
pub trait Receiver: Send + Sync + 'static {
    /// Sends a compressed request with so many samples.
    fn write(&self, version: Version, body: Vec<u8>, samples: usize) -> impl Future<Output = Answer> + Send;

    /// Returns the version to be tried next.
    fn version(&self) -> Version;

    /// Notes that the receiver does not know a version; false if there is no other.
    fn fall_back(&self, from: Version) -> bool;
}

/// A receiver over HTTP.
pub struct HttpReceiver {
    url: Url,
    client: reqwest::Client,
    headers: HeaderMap,
    authentication: Authentication,
    choice: VersionChoice,
    /// Which version is in use: 1 or 2.
    version: AtomicU8,
}

impl HttpReceiver {
    /// Checks the settings and prepares the connections; nothing is sent yet.
    ///
    /// # Errors
    /// Fails if the certificates or what authenticates us cannot be used.
    pub fn new(settings: &RemoteWriteSettings) -> Result<Self, RemoteWriteError> {
        let url = settings.url.clone();
        let transport = Transport {
            ca_file: settings.ca_file.clone(),
            request_timeout: settings.timeout,
            ..Transport::default()
        };
        let client = transport.client(url.scheme() == "http").map_err(RemoteWriteError::Http)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.headers {
            let refused = || RemoteWriteError::Header { name: name.clone() };
            let header = HeaderName::try_from(name.as_str()).map_err(|_| refused())?;
            headers.insert(header, secret(value.expose_secret()).ok_or_else(refused)?);
        }
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        let first = if settings.version == VersionChoice::V1 { 1 } else { 2 };
        let (authentication, choice) = (settings.authentication.clone(), settings.version);
        Ok(Self { url, client, headers, authentication, choice, version: AtomicU8::new(first) })
    }

    async fn attempt(&self, version: Version, body: Vec<u8>) -> Result<Response, reqwest::Error> {
        let (kind, number) = match version {
            Version::V1 => ("application/x-protobuf", "0.1.0"),
            Version::V2 => ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0"),
        };
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let request = match &self.authentication {
            Authentication::None => request,
            Authentication::Bearer(token) => request.bearer_auth(token.expose_secret()),
            Authentication::Basic { username, password } => {
                request.basic_auth(username, Some(password.expose_secret()))
            }
        };
        request.header(CONTENT_TYPE, kind).header("X-Prometheus-Remote-Write-Version", number).send().await
    }
}

impl Receiver for HttpReceiver {
    async fn write(&self, version: Version, body: Vec<u8>, samples: usize) -> Answer {
        let response = match self.attempt(version, body).await {
            Ok(response) => response,
            Err(error) => {
                let text = with_causes(&error.without_url());
                return Answer::Later { retry_after: None, text };
            }
        };
        let (status, pause) = (response.status(), retry_after(response.headers()));
        let written =
            response.headers().get(SAMPLES_WRITTEN).and_then(|value| value.to_str().ok()?.parse().ok());
        let text = excerpt(response).await;
        meaning(version, status, written, samples, pause, text)
    }

    fn version(&self) -> Version {
        if self.version.load(Ordering::Relaxed) == 2 { Version::V2 } else { Version::V1 }
    }

    fn fall_back(&self, from: Version) -> bool {
        let falls = from == Version::V2 && self.choice == VersionChoice::Negotiated;
        if falls && self.version.swap(1, Ordering::Relaxed) == 2 {
            info!(url = %self.url, "the receiver does not speak version 2.0 of remote write: 1.0 is used");
        }
        falls
    }
}

impl fmt::Debug for HttpReceiver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HttpReceiver").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Reads what a status means. A receiver of version 1.0 reads a message of 2.0 as an empty one and answers well: only one
/// that says how many samples it wrote knows 2.0.
fn meaning(
    version: Version,
    status: StatusCode,
    written: Option<usize>,
    samples: usize,
    retry_after: Option<Duration>,
    text: String,
) -> Answer {
    let said = || format!("{}: {text}", status.as_u16());
    match status.as_u16() {
        200..=299 => match (version, written) {
            (Version::V2, None) => Answer::OtherVersion,
            (Version::V2, Some(written)) if written < samples => {
                let text = format!("{written} of {samples} samples were stored: {text}");
                Answer::Refused { status: status.as_u16(), text, is_partial: true }
            }
            _ => Answer::Stored,
        },
        415 if version == Version::V2 => Answer::OtherVersion,
        // A receiver of version 1.0 may stumble over the other's bytes.
        400 if version == Version::V2 && written.is_none() => Answer::OtherVersion,
        413 => Answer::TooLarge,
        401 | 403 => Answer::Unauthorized(said()),
        300..=399 | 404 | 405 | 410 | 415 => Answer::NoReceiver(said()),
        408 | 425 | 429 | 500.. => Answer::Later { retry_after, text: said() },
        status => {
            // Mimir stores what is good and refuses the rest, in both versions.
            let is_partial = written.is_some_and(|written| written > 0) || text.contains("err-mimir");
            Answer::Refused { status, text, is_partial }
        }
    }
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Returns the start of an answer's text on one line.
async fn excerpt(mut response: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = line.chars().filter(|letter| !letter.is_control()).take(MAX_EXCERPT_CHARS).collect();
    if shown.is_empty() { "no text".to_owned() } else { shown }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_never_succeed_is_a_refusal() {
        let of = |version, status: u16, written| {
            meaning(version, StatusCode::from_u16(status).unwrap(), written, 3, None, "no".to_owned())
        };
        let later = |status| Answer::Later { retry_after: None, text: format!("{status}: no") };
        for version in [Version::V1, Version::V2] {
            for status in [408, 425, 429, 500, 502, 503, 504, 599] {
                assert_eq!(of(version, status, None), later(status));
            }
            assert_eq!(of(version, 413, None), Answer::TooLarge);
            assert!(matches!(of(version, 401, None), Answer::Unauthorized(_)));
            assert!(matches!(of(version, 422, Some(0)), Answer::Refused { status: 422, .. }));
            for status in [301, 404, 405] {
                assert!(matches!(of(version, status, None), Answer::NoReceiver(_)));
            }
        }
        assert_eq!(of(Version::V1, 204, None), Answer::Stored);
        assert_eq!(
            (of(Version::V2, 204, None), of(Version::V2, 415, None)),
            (Answer::OtherVersion, Answer::OtherVersion)
        );
        assert_eq!(of(Version::V2, 204, Some(3)), Answer::Stored);
        assert!(matches!(of(Version::V2, 204, Some(2)), Answer::Refused { .. }));
        assert!(matches!(of(Version::V2, 400, Some(0)), Answer::Refused { .. }));
        assert!(matches!(of(Version::V1, 400, None), Answer::Refused { .. }));
    }
}
