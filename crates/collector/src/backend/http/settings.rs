//! What a person says about a backend, checked once.

use std::{
    fmt, fs,
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    time::Duration,
};

use reqwest::{Certificate, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// How long a connection may take to be made. A backend farther away than this is not reachable in any useful sense.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long one request may take, answer included. The lists of 10,000 entities take a real backend about 3 s; what
/// takes longer than this is given up and counts as no answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an unused connection is kept. A real backend closes its side after 5 s: leaving first means that
/// requests seldom meet a dead connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// How a backend is reached.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address of the API, e.g. `https://example.org/api`.
    pub url: String,
    /// The bot's token; white space around it is dropped.
    pub token: SecretString,
    /// The file that the token was read from, if it was: it is read again at every refresh and when the backend
    /// refuses the token.
    pub token_file: Option<PathBuf>,
    /// A file of PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether a proxy stands between.
    pub proxies: Proxies,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long one request may take, answer included.
    pub request_timeout: Duration,
    /// Whether a hub is asked to tell of changes, so that the configuration is read at once.
    pub is_told_of_changes: bool,
}

/// Which proxies are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxies {
    /// Those that `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name.
    FromEnvironment,
    /// None: for a backend in the same process.
    None,
}

/// What is wrong with the settings, and what would be right.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpSettingsError {
    /// The address is none.
    #[error(
        "`{typed}` is invalid as the address of an API: {reason}; expected one like https://example.org/api"
    )]
    Url {
        /// What was typed, without what may be secret in it.
        typed: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing in the token.
    #[error("the bot's token is empty: copy it from the bot's settings in Grafolean")]
    EmptyToken,
    /// The file of certificates can't be read.
    #[error("could not read the CA file {}", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds no certificates.
    #[error("the CA file {} holds no certificate in PEM form", path.display())]
    NoCertificate {
        /// Which file.
        path: PathBuf,
        /// What was found wrong, if it looked like one.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// TLS can't be set up, e.g. since the machine has no CA certificates.
    #[error("could not set up TLS: does this machine have CA certificates (Debian: `ca-certificates`)?")]
    Client(#[source] reqwest::Error),
}

impl HttpSettings {
    /// Creates settings of an address and a token, with the usual timeouts.
    pub fn new(url: impl Into<String>, token: SecretString) -> Self {
        Self {
            url: url.into(),
            token,
            token_file: None,
            ca_file: None,
            proxies: Proxies::FromEnvironment,
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            is_told_of_changes: true,
        }
    }

    pub(super) fn base_url(&self) -> Result<BaseUrl, HttpSettingsError> {
        BaseUrl::parse(&self.url)
    }

    /// A token that comes from a file ends in a newline, which a real backend answers with 500.
    pub(super) fn trimmed_token(&self) -> Result<SecretString, HttpSettingsError> {
        match self.token.expose_secret().trim() {
            "" => Err(HttpSettingsError::EmptyToken),
            token => Ok(SecretString::from(token)),
        }
    }

    pub(super) fn client(&self, url: &BaseUrl) -> Result<reqwest::Client, HttpSettingsError> {
        let Self { ca_file, proxies, connect_timeout, request_timeout, .. } = self.clone();
        Transport { ca_file, proxies, connect_timeout, request_timeout }.client(url.is_plain())
    }
}

/// Chooses ring for the TLS of this process, unless it has chosen already: to be called before any connection is prepared.
pub fn choose_cryptography() {
    // Fails only if there is a choice: then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// How connections are made, whatever goes over them.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    /// A file of PEM certificates that are trusted besides the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// Whether a proxy stands between.
    pub(crate) proxies: Proxies,
    /// How long a connection may take to be made.
    pub(crate) connect_timeout: Duration,
    /// How long one request may take, answer included.
    pub(crate) request_timeout: Duration,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            ca_file: None,
            proxies: Proxies::FromEnvironment,
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
        }
    }
}

impl Transport {
    /// Prepares connections; `is_plain` says that none will be encrypted.
    pub(crate) fn client(&self, is_plain: bool) -> Result<reqwest::Client, HttpSettingsError> {
        choose_cryptography();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("grafolean-collector/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.connect_timeout)
            .timeout(self.request_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // RFC 6761, section 6.3. Where no file says so, a server would be asked.
            .resolve_to_addrs(
                "localhost",
                &[(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()],
            )
            // A redirect would carry the token wherever an answer says.
            .redirect(redirect::Policy::none());
        let own = self.own_certificates()?;
        let builder = if is_plain && own.is_empty() {
            // Reading the system's certificates takes a while and fails where there are none.
            builder.tls_certs_only([])
        } else {
            builder.tls_certs_merge(own)
        };
        let builder = match self.proxies {
            Proxies::FromEnvironment => builder,
            Proxies::None => builder.no_proxy(),
        };
        builder.build().map_err(HttpSettingsError::Client)
    }

    fn own_certificates(&self) -> Result<Vec<Certificate>, HttpSettingsError> {
        let Some(path) = self.ca_file.clone() else { return Ok(Vec::new()) };
        let pem = match fs::read(&path) {
            Ok(pem) => pem,
            Err(source) => return Err(HttpSettingsError::CaFile { path, source }),
        };
        match Certificate::from_pem_bundle(&pem) {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) => Err(HttpSettingsError::NoCertificate { path, source: None }),
            Err(source) => Err(HttpSettingsError::NoCertificate { path, source: Some(source) }),
        }
    }
}

/// The address of an API: `http(s)://host[:port][/prefix]`, without a slash at its end.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// Reads what a person typed; white space around it and slashes at its end are dropped.
    pub fn parse(typed: &str) -> Result<Self, HttpSettingsError> {
        let typed = typed.trim();
        let refused =
            |reason: &str| HttpSettingsError::Url { typed: presentable(typed), reason: reason.to_owned() };
        if !typed.starts_with("http://") && !typed.starts_with("https://") {
            return Err(refused("it does not begin with http:// or https://"));
        }
        let url = Url::parse(typed).map_err(|error| refused(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("it holds a user name, but a bot shows nothing but its token"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it goes on after a `?` or `#`"));
        }
        let mut base = url.clone();
        base.set_path(url.path().trim_end_matches('/'));
        Ok(Self(base))
    }

    /// Returns the address of `path`, which begins with a slash.
    pub(super) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path().trim_end_matches('/')));
        url
    }

    fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

/// What was typed, without a password before an `@` or a token after a `?`.
fn presentable(typed: &str) -> String {
    let address = typed.split(['?', '#']).next().unwrap_or_default();
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => address.to_owned(),
    }
}
