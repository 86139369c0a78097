//! One request and what its answer means.

use std::{fmt, time::Duration};

use reqwest::{
    Method, Response, StatusCode, Url,
    header::{self, HeaderMap},
};
use secrecy::ExposeSecret;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::{Backend, BackendError, HttpBackend};
use crate::time::{Clock, SystemClock, Timestamp};

/// The longest answer that is read: 100,000 entities with their protocols are about 40 MB. A longer one is given
/// up as nonsense, so that no answer can take all memory.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// How much of a refusal's text an error repeats, in characters: enough for Grafolean's reasons, which are a line.
const MAX_EXCERPT_CHARS: usize = 300;

/// The longest that `Retry-After` is followed: a backend that is back before that is noticed in a bearable time, and
/// one that wants a day is asked once an hour.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// How long an answer may be read that has no end: longer than any process lives.
const FOR_EVER: Duration = Duration::from_hours(24 * 365 * 10);

/// One request; printed as its method and path, which never hold the token.
pub(super) struct Request {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
    access: Access,
}

#[derive(PartialEq)]
enum Access {
    Token,
    Anonymous,
}

struct Answer {
    status: StatusCode,
    location: Option<String>,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

enum Failure {
    Transport(reqwest::Error),
    TooLong,
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: None, access: Access::Token }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Leaves the token out.
    pub(super) fn anonymous(self) -> Self {
        Self { access: Access::Anonymous, ..self }
    }

    pub(super) fn json(self, body: &impl Serialize) -> Result<Self, BackendError> {
        match serde_json::to_vec(body) {
            Ok(body) => Ok(Self { body: Some(body), ..self }),
            Err(error) => Err(self.nonsense(format!("the body can't be written as JSON: {error}"))),
        }
    }

    /// Adds what stands behind the path.
    pub(super) fn query(self, query: Vec<(&'static str, String)>) -> Self {
        Self { query, ..self }
    }

    /// Brings a body that is written already.
    pub(super) fn written(self, body: Vec<u8>) -> Self {
        Self { body: Some(body), ..self }
    }

    fn nonsense(&self, reason: impl Into<String>) -> BackendError {
        BackendError::Nonsense { request: self.to_string(), reason: reason.into() }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.method, self.path)
    }
}

impl HttpBackend {
    /// Asks for something and reads it.
    pub(super) async fn read<T: DeserializeOwned>(&self, request: &Request) -> Result<T, BackendError> {
        self.parsed(request, &self.accepted(request).await?)
    }

    /// Reads the answer to a request.
    pub(super) fn parsed<T: DeserializeOwned>(
        &self,
        request: &Request,
        body: &[u8],
    ) -> Result<T, BackendError> {
        // Only what fails is read again with its path in mind, which is slower.
        serde_json::from_slice(body).or_else(|_| {
            let mut reader = serde_json::Deserializer::from_slice(body);
            serde_path_to_error::deserialize(&mut reader).map_err(|error| {
                let hint = if body.trim_ascii_start().starts_with(b"<") {
                    " (it looks like a web page: is this the API's address? It usually ends in /api)"
                } else {
                    ""
                };
                request.nonsense(self.without_token(&format!("{error}{hint}")))
            })
        })
    }

    /// Asks for something to be done, to which there is nothing to say.
    pub(super) async fn done(&self, request: &Request) -> Result<(), BackendError> {
        match self.accepted(request).await?.as_slice() {
            [] => Ok(()),
            // A web server that greets every request with its page has stored nothing.
            text => Err(request.nonsense(format!("expected none, got `{}`", self.excerpt(text)))),
        }
    }

    pub(super) async fn accepted(&self, request: &Request) -> Result<Vec<u8>, BackendError> {
        let mut answer = self.exchange(request).await?;
        let is_refused = answer.status == StatusCode::UNAUTHORIZED && request.access == Access::Token;
        if is_refused && self.renew_token().await {
            answer = self.exchange(request).await?;
        }
        let Answer { status, location, retry_after, body } = answer;
        let name = request.to_string();
        Err(match status.as_u16() {
            200..=299 => return Ok(body),
            // Whatever says when it may be asked again means "later": 413 and redirects may (RFC 9110, sections 10.2.3 and
            // 15.5.14), and rate limits come as 403, too.
            status if status != 401 && retry_after.is_some() => {
                BackendError::Failed { request: name, status, answer: self.excerpt(&body), retry_after }
            }
            300..=399 => {
                let target = location.unwrap_or_else(|| "nowhere".to_owned());
                request.nonsense(format!("{status}, a redirect to {target}: is that the address of the API?"))
            }
            401 => BackendError::Unauthorized { request: name },
            403 => {
                let resource = request.path.trim_matches('/');
                BackendError::Forbidden { request: name, needs: format!("{} on {resource}", request.method) }
            }
            // 408 and 425 come from proxies on the way and mean "later", too.
            status @ (408 | 425 | 429 | 500..) => {
                BackendError::Failed { request: name, status, answer: self.excerpt(&body), retry_after }
            }
            status => BackendError::Refused { request: name, status, answer: self.excerpt(&body) },
        })
    }

    /// Sends a request. One that may be repeated is, once and at once, if its connection broke: a backend closes
    /// idle connections, and may do so just as one is used again.
    async fn exchange(&self, request: &Request) -> Result<Answer, BackendError> {
        let outcome = match self.attempt(request).await {
            Err(Failure::Transport(error)) if request.method.is_idempotent() && broke_off(&error) => {
                tracing::debug!(%request, "the connection broke, asking again");
                self.attempt(request).await
            }
            outcome => outcome,
        };
        outcome.map_err(|failure| match failure {
            Failure::Transport(error) => BackendError::Unreachable {
                url: self.url.to_string(),
                request: request.to_string(),
                source: error.without_url().into(),
            },
            Failure::TooLong => request.nonsense(format!("it is longer than {} MiB", MAX_ANSWER_BYTES >> 20)),
        })
    }

    /// Prepares a request, with the token where it belongs.
    fn prepared(&self, request: &Request) -> reqwest::RequestBuilder {
        let mut url = self.url.join(&request.path);
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        let url = if request.access == Access::Token { self.with_token(url) } else { url };
        let builder = self.client.request(request.method.clone(), url);
        match &request.body {
            Some(body) => builder.header(header::CONTENT_TYPE, "application/json").body(body.clone()),
            None => builder,
        }
    }

    /// Asks for an answer that goes on for as long as it is read; its begin has the time of any answer.
    pub(super) async fn begun(&self, request: &Request) -> Option<Response> {
        let sending = self.prepared(request).timeout(FOR_EVER).send();
        timeout(self.request_timeout, sending).await.ok()?.ok()
    }

    async fn attempt(&self, request: &Request) -> Result<Answer, Failure> {
        let mut response = self.prepared(request).send().await.map_err(Failure::Transport)?;
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        // Where it redirects to usually repeats the query, and that holds the token.
        let location = location.and_then(|value| value.split('?').next()).map(|it| self.without_token(it));
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Failure::Transport)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Failure::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: response.status(), location, retry_after, body })
    }

    /// The start of an answer's text on one line; a proxy's error page may repeat the address it was asked for.
    fn excerpt(&self, body: &[u8]) -> String {
        let start = body.get(..MAX_EXCERPT_CHARS * 16).unwrap_or(body);
        let text = self.without_token(&String::from_utf8_lossy(start));
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = line.chars().filter(|c| !c.is_control()).take(MAX_EXCERPT_CHARS).collect();
        if shown.is_empty() { "no text".to_owned() } else { shown }
    }

    fn without_token(&self, text: &str) -> String {
        let encoded = self.with_token(self.url.join("/"));
        let encoded = encoded.query().and_then(|query| query.strip_prefix("b=")).unwrap_or_default();
        let token = self.token.current();
        let text = text.replace(token.expose_secret(), "[token]");
        // Most tokens stand in an address as they are.
        if encoded == token.expose_secret() { text } else { text.replace(encoded, "[token]") }
    }

    fn with_token(&self, mut url: Url) -> Url {
        url.query_pairs_mut().append_pair("b", self.token.current().expose_secret());
        url
    }
}

/// Whether a connection that had been made was lost, as against one that could not be made or was too slow.
fn broke_off(error: &reqwest::Error) -> bool {
    !error.is_timeout() && !error.is_connect() && !error.is_builder()
}

/// Reads `Retry-After`, seconds or a date (RFC 9110, section 10.2.3), at most [`MAX_RETRY_AFTER`]. A date is taken by
/// the backend's own clock where it says what that shows, since ours may be wrong.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let date = |text: &str| {
        let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(Timestamp::default() + since_epoch)
    };
    let asked = text(header::RETRY_AFTER)?;
    let pause = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more than is followed.
        asked.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs)
    } else {
        let now = text(header::DATE).and_then(date).unwrap_or_else(|| SystemClock.now());
        date(asked)?.since(now)
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        for (retry_after_text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(30)),
            ("Sun Nov  6 08:50:07 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("86400", Some(3_600)),
            ("99999999999999999999999", Some(3_600)),
            ("Thu, 31 Dec 2099 23:59:59 GMT", Some(3_600)),
            ("-5", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            let pairs = [date, ("retry-after", retry_after_text)];
            let headers: HeaderMap = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(retry_after(&headers), seconds.map(Duration::from_secs), "{retry_after_text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
        let hour_ago = "Sun, 06 Nov 1994 08:50:07 GMT";
        let without_date = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(hour_ago))]);
        assert_eq!(retry_after(&without_date), Some(Duration::ZERO));
    }
}
