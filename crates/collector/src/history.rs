//! Reads what a store of Prometheus' kind has kept: raw samples over its HTTP API, which Prometheus, VictoriaMetrics,
//! Thanos and Mimir share (<https://prometheus.io/docs/prometheus/latest/querying/api/>).

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reqwest::StatusCode;
pub use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use thiserror::Error;

use crate::{
    backend::http::{HttpSettingsError, Transport},
    time::Timestamp,
};

/// How long one answer may take: an hour of many series is tens of megabytes.
const TIMEOUT: Duration = Duration::from_mins(2);

/// How much of a refusal's text an error repeats, in characters.
const MAX_EXCERPT_CHARS: usize = 300;

/// A store and how it is reached.
#[derive(Clone, Debug)]
pub struct HistorySettings {
    /// Its address, e.g. `http://127.0.0.1:9090`; what follows `/api/v1` is added.
    pub url: Url,
    /// A bearer token, if it wants one.
    pub token: Option<SecretString>,
    /// A file of PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// A store of Prometheus' kind.
#[derive(Debug)]
pub struct History {
    settings: HistorySettings,
    client: reqwest::Client,
}

/// A series with its samples of a time.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptSeries {
    /// Its labels, `__name__` among them.
    pub labels: BTreeMap<String, String>,
    /// Times and values, the oldest first; values may be no numbers.
    pub samples: Vec<(Timestamp, f64)>,
}

/// Why samples could not be read.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// TLS can't be set up.
    #[error(transparent)]
    Http(HttpSettingsError),
    /// No answer, or a broken one: the same may succeed later.
    #[error("no answer from {url}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It fails for now.
    #[error("{url} failed with {status}: {answer}")]
    Failed {
        /// Where.
        url: String,
        /// The status.
        status: u16,
        /// The start of its text.
        answer: String,
    },
    /// It refuses the question: a selector that is none, or too much at once.
    #[error("{url} refused with {status}: {answer}")]
    Refused {
        /// Where.
        url: String,
        /// The status.
        status: u16,
        /// The start of its text.
        answer: String,
    },
    /// The answer is not what the API promises.
    #[error("the answer of {url} makes no sense: {reason}")]
    Nonsense {
        /// Where.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

impl HistoryError {
    /// Whether less at once might be answered.
    pub fn may_be_too_much(&self) -> bool {
        matches!(self, Self::Refused { status: 422 | 413, .. } | Self::Unreachable { .. })
    }

    /// Whether the same might succeed later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(default)]
    result: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl History {
    /// Prepares the connections; nothing is asked yet.
    ///
    /// # Errors
    /// Fails if TLS cannot be set up.
    pub fn new(settings: HistorySettings) -> Result<Self, HistoryError> {
        let transport =
            Transport { ca_file: settings.ca_file.clone(), request_timeout: TIMEOUT, ..Transport::default() };
        let client = transport.client(settings.url.scheme() == "http").map_err(HistoryError::Http)?;
        Ok(Self { settings, client })
    }

    /// Returns the raw samples of what a selector selects, from a moment on and before another one.
    ///
    /// # Errors
    /// See [`HistoryError::may_pass`] and [`HistoryError::may_be_too_much`].
    pub async fn read(
        &self,
        selector: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<KeptSeries>, HistoryError> {
        // A range ends where it is asked for, both ends included until version 2 of Prometheus: a millisecond less is
        // asked for, and what stands at the start is asked for too.
        let millis = |moment: Timestamp| moment.micros().div_euclid(1_000);
        let (first, last) = (millis(from), millis(to) - 1);
        let window = last.saturating_sub(first).saturating_add(1);
        let mut url = self.settings.url.clone();
        url.set_path(&format!("{}/api/v1/query", url.path().trim_end_matches('/')));
        let query = format!("{selector}[{window}ms]");
        let time = format!("{}.{:03}", last.div_euclid(1_000), last.rem_euclid(1_000));
        url.query_pairs_mut().append_pair("query", &query).append_pair("time", &time);
        let shown = self.settings.url.as_str().trim_end_matches('/').to_owned();
        let mut request = self.client.get(url);
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let unreachable = |error: reqwest::Error| HistoryError::Unreachable {
            url: shown.clone(),
            source: error.without_url(),
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            return Err(refusal(shown, status, &body));
        }
        let nonsense = |reason: String| HistoryError::Nonsense { url: shown.clone(), reason };
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| nonsense(error.to_string()))?;
        if answer.data.kind != "matrix" {
            return Err(nonsense(format!("expected a matrix, found a {}", answer.data.kind)));
        }
        let mut series = Vec::with_capacity(answer.data.result.len());
        for Row { metric, values } in answer.data.result {
            let mut samples = Vec::with_capacity(values.len());
            for (seconds, text) in values {
                let value = text.parse().map_err(|_| nonsense(format!("{text:?} is no number")))?;
                let millis = millis_of(seconds);
                if (first..=last).contains(&millis) {
                    samples.push((Timestamp::from_micros(millis.saturating_mul(1_000)), value));
                }
            }
            series.push(KeptSeries { labels: metric, samples });
        }
        Ok(series)
    }
}

/// Seconds as JSON has them, to the millisecond that they were before.
#[expect(clippy::cast_possible_truncation, reason = "a moment in milliseconds is far below 2^53")]
fn millis_of(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

fn refusal(url: String, status: StatusCode, body: &[u8]) -> HistoryError {
    let text = String::from_utf8_lossy(body);
    let answer: String =
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_EXCERPT_CHARS).collect();
    match status.as_u16() {
        status @ (408 | 425 | 429 | 500..) => HistoryError::Failed { url, status, answer },
        status => HistoryError::Refused { url, status, answer },
    }
}
