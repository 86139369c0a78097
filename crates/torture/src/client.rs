//! Requests to a hub, as a person's script sends them.

use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who asks, and where.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: String,
    session: String,
}

impl Client {
    /// Logs in as a person.
    ///
    /// # Errors
    /// Nobody answers, or the person is not known.
    pub(crate) async fn login(address: &str, name: &str, password: &str) -> Result<Self> {
        let mut client = Self { address: address.to_owned(), session: String::new() };
        let login = json!({"username": name, "password": password});
        let answer = client.exchange(Method::POST, "/auth/login", Some(&login)).await?;
        anyhow::ensure!(answer.status == 200, "the login was answered {}", answer.status);
        client.session = answer.session.context("the login gave no session")?;
        Ok(client)
    }

    /// Sends a request; returns the status and the body.
    ///
    /// # Errors
    /// Nobody answers.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value)> {
        let answer = self.exchange(method, path, body).await?;
        Ok((answer.status, answer.body))
    }

    /// Sends what makes something; returns its id.
    ///
    /// # Errors
    /// Nobody answers, or it is refused.
    pub(crate) async fn make(&self, path: &str, body: &Value) -> Result<i64> {
        let (status, made) = self.send(Method::POST, path, Some(body)).await?;
        anyhow::ensure!(status == 201, "POST {path} was answered {status}: {made}");
        made.get("id").and_then(Value::as_i64).with_context(|| format!("POST {path} gave no id: {made}"))
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("/api{path}"));
        request =
            request.header(header::HOST, &self.address).header(header::CONTENT_TYPE, "application/json");
        if !self.session.is_empty() {
            request = request.header(header::AUTHORIZATION, &self.session);
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body)))?;
        timeout(PATIENCE, answer(&self.address, request)).await?
    }
}

/// Makes the first person of a hub.
///
/// # Errors
/// Nobody answers, or there is a person already.
pub(crate) async fn first_person(address: &str, secret: &str, name: &str, password: &str) -> Result<()> {
    let client = Client { address: address.to_owned(), session: String::new() };
    let person = json!({"username": name, "password": password, "name": name, "email": "torture@example.org",
        "setup_secret": secret});
    client.make("/admin/first", &person).await.map(drop)
}

struct Answer {
    status: u16,
    session: Option<String>,
    body: Value,
}

async fn answer(address: &str, request: Request<Full<Bytes>>) -> Result<Answer> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let carrying = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let session = response.headers().get("x-jwt-token").and_then(|it| it.to_str().ok()).map(str::to_owned);
    let bytes = response.into_body().collect().await?.to_bytes();
    drop(sender);
    carrying.abort();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)));
    Ok(Answer { status, session, body })
}
