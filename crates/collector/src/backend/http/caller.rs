//! The API as people and scripts use it: any request, by a login or by a token.

use std::sync::{Mutex, PoisonError};

use reqwest::{Method, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use thiserror::Error;

use super::{BaseUrl, HttpSettings, HttpSettingsError};

/// The longest piece of a refusal that an error repeats, in characters.
const MAX_EXCERPT_CHARS: usize = 300;

/// By what a caller is known.
pub enum Login {
    /// A person's name and password.
    Person {
        /// The name by which they log in.
        username: String,
        /// Their password.
        password: SecretString,
    },
    /// A bot's token.
    Token(SecretString),
}

/// Calls the API for whoever may set things up.
pub struct Caller {
    url: BaseUrl,
    client: reqwest::Client,
    login: Login,
    /// What stands in `Authorization`, once somebody logged in.
    session: Mutex<Option<String>>,
}

/// Why a call came to nothing. None of it holds a password or a token.
#[derive(Debug, Error)]
pub enum CallError {
    /// The settings cannot be.
    #[error(transparent)]
    Settings(#[from] HttpSettingsError),
    /// No connection, or no answer in time.
    #[error("no answer from {url} to {request}")]
    Unreachable {
        /// Scheme, host and port.
        url: String,
        /// Method and path.
        request: String,
        /// What went wrong below.
        #[source]
        source: reqwest::Error,
    },
    /// The login is not known, or has ended for good.
    #[error("{url} does not accept this login ({status})")]
    Login {
        /// Scheme, host and port.
        url: String,
        /// The status.
        status: u16,
    },
    /// It was refused.
    #[error("{request} was refused with {status}: {answer}")]
    Refused {
        /// Method and path.
        request: String,
        /// The status.
        status: u16,
        /// The start of the answer.
        answer: String,
    },
}

impl Caller {
    /// Prepares the connections; of the settings the token is not used.
    ///
    /// # Errors
    /// Names a setting that cannot be.
    pub fn new(settings: &HttpSettings, login: Login) -> Result<Self, CallError> {
        let url = settings.base_url()?;
        let client = settings.client(&url)?;
        Ok(Self { url, client, login, session: Mutex::new(None) })
    }

    /// Returns the address of the API.
    pub fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Reads.
    ///
    /// # Errors
    /// Fails with why nothing came of it.
    pub async fn get(&self, path: &str) -> Result<Value, CallError> {
        self.call(Method::GET, path, None).await
    }

    /// Reads the rows of a list.
    ///
    /// # Errors
    /// Fails with why nothing came of it.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>, CallError> {
        let mut answer = self.get(path).await?;
        Ok(answer.get_mut("list").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default())
    }

    /// Creates something; returns what was answered.
    ///
    /// # Errors
    /// Fails with why nothing came of it.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Changes something.
    ///
    /// # Errors
    /// Fails with why nothing came of it.
    pub async fn put(&self, path: &str, body: &Value) -> Result<(), CallError> {
        self.call(Method::PUT, path, Some(body)).await.map(drop)
    }

    /// Deletes something.
    ///
    /// # Errors
    /// Fails with why nothing came of it.
    pub async fn delete(&self, path: &str) -> Result<(), CallError> {
        self.call(Method::DELETE, path, None).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        let known = self.known_session();
        let session = match (&self.login, known) {
            (Login::Token(_), _) => None,
            (Login::Person { .. }, Some(session)) => Some(session),
            (Login::Person { username, password }, None) => Some(self.log_in(username, password).await?),
        };
        let (status, answer) = self.attempt(&method, path, body, session.as_deref()).await?;
        let (status, answer) = match (&self.login, status) {
            // A session lasts ten minutes.
            (Login::Person { username, password }, StatusCode::UNAUTHORIZED) => {
                let session = self.log_in(username, password).await?;
                self.attempt(&method, path, body, Some(&session)).await?
            }
            (Login::Token(_), StatusCode::UNAUTHORIZED) => return Err(self.not_accepted(status)),
            _ => (status, answer),
        };
        if !status.is_success() {
            let request = format!("{method} {path}");
            return Err(CallError::Refused { request, status: status.as_u16(), answer: excerpt(&answer) });
        }
        Ok(serde_json::from_str(&answer).unwrap_or_default())
    }

    async fn log_in(&self, username: &str, password: &SecretString) -> Result<String, CallError> {
        let body = json!({"username": username, "password": password.expose_secret()});
        let request = self.client.post(self.url.join("/auth/login")).json(&body);
        let answer = request.send().await.map_err(|source| self.unreachable("POST /auth/login", source))?;
        let session = answer.headers().get("x-jwt-token").and_then(|header| header.to_str().ok());
        match session {
            Some(session) if answer.status().is_success() => {
                *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.to_owned());
                Ok(session.to_owned())
            }
            _ => Err(self.not_accepted(answer.status())),
        }
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        session: Option<&str>,
    ) -> Result<(StatusCode, String), CallError> {
        let mut url = self.url.join(path);
        if let Login::Token(token) = &self.login {
            url.query_pairs_mut().append_pair("b", token.expose_secret());
        }
        let mut request = self.client.request(method.clone(), url);
        if let Some(session) = session {
            request = request.header(header::AUTHORIZATION, session);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |source| self.unreachable(&format!("{method} {path}"), source);
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        Ok((status, answer.text().await.map_err(failed)?))
    }

    fn known_session(&self) -> Option<String> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn unreachable(&self, request: &str, source: reqwest::Error) -> CallError {
        let (url, request) = (self.url.to_string(), request.to_owned());
        CallError::Unreachable { url, request, source: source.without_url() }
    }

    fn not_accepted(&self, status: StatusCode) -> CallError {
        CallError::Login { url: self.url.to_string(), status: status.as_u16() }
    }
}

fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = line.chars().filter(|c| !c.is_control()).take(MAX_EXCERPT_CHARS).collect();
    if shown.is_empty() { "no text".to_owned() } else { shown }
}
