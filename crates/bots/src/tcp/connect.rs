//! One connection: looked up, opened, and where TLS is asked for, shaken hands over.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use grafolean_collector::{cause::Cause, details::Host, time::Timestamp};
use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use super::{
    certificate::{AnyCertificate, expiry},
    settings::Target,
};
use crate::net::Resolver;

/// What is connected to.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// Where it is.
    pub target: Target,
    /// Which TCP port.
    pub port: u16,
    /// Whether and how TLS is spoken.
    pub tls: Tls,
    /// How long all of it may take.
    pub timeout: Duration,
}

/// Whether and how TLS is spoken.
#[derive(Clone, Debug, PartialEq)]
pub enum Tls {
    /// It is not.
    Off,
    /// The server is asked for by this name.
    Named(Host),
}

/// Why a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name has no address.
    Name,
    /// Nobody listens at the port.
    Refused,
    /// It took too long.
    Timeout,
    /// The network or this machine knows no way.
    Unreachable,
    /// The TLS handshake failed.
    Tls,
}

impl Failure {
    /// Returns the cause, as people are told it.
    pub const fn cause(self) -> Cause {
        match self {
            Self::Name => Cause::Dns,
            Self::Refused => Cause::PortClosed,
            Self::Timeout => Cause::NoAnswer,
            Self::Unreachable => Cause::DeviceOff,
            Self::Tls => Cause::CertificateFailed,
        }
    }

    /// Returns the word under which it is counted.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
        }
    }

    fn of(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Self::Refused,
            ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Unreachable,
        }
    }
}

/// What one attempt came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Connected {
    /// How long the TCP connection took, where it came about.
    pub(super) connect: Option<Duration>,
    /// When the server's certificate expires, where it was seen.
    pub(super) expires: Option<Timestamp>,
    /// Why it failed, if it did.
    pub(super) failure: Option<Failure>,
}

/// Opens connections.
pub(super) struct Connector {
    tls: TlsConnector,
    resolver: Resolver,
}

impl Connector {
    pub(super) fn new(resolver: Resolver) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)), resolver })
    }

    /// Connects within the time-out, and closes again.
    pub(super) async fn attempt(&self, attempt: &Attempt) -> Connected {
        let mut connected = Connected::default();
        let until = Instant::now() + attempt.timeout;
        let outcome = timeout_at(until, self.connect(attempt, &mut connected)).await;
        connected.failure = outcome.unwrap_or(Err(Failure::Timeout)).err();
        connected
    }

    async fn connect(&self, attempt: &Attempt, connected: &mut Connected) -> Result<(), Failure> {
        let address = self.address(attempt).await?;
        let began = Instant::now();
        let stream = TcpStream::connect(address).await.map_err(|error| Failure::of(&error))?;
        connected.connect = Some(began.elapsed());
        let Tls::Named(name) = &attempt.tls else { return Ok(()) };
        let name = server_name(name).ok_or(Failure::Tls)?;
        let stream = self.tls.connect(name, stream).await.map_err(|_| Failure::Tls)?;
        let (_, session) = stream.get_ref();
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        connected.expires = leaf.and_then(expiry);
        connected.expires.map(drop).ok_or(Failure::Tls)
    }

    async fn address(&self, attempt: &Attempt) -> Result<SocketAddr, Failure> {
        let Target { host, family } = &attempt.target;
        let mut address = match host {
            Host::Address(address) => SocketAddr::new(*address, attempt.port),
            Host::Name(name) => {
                let found = self.resolver.resolve(name, *family, attempt.timeout).await;
                found.map_err(|_| Failure::Name)?.address
            }
        };
        address.set_port(attempt.port);
        Ok(address)
    }
}

fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Address(address) => Some(ServerName::from(*address)),
        Host::Name(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
    }
}
