//! TLS by two files, read again when they change: whoever renews certificates need not restart the hub.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use thiserror::Error;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
    },
};
use tracing::{info, warn};

/// A client of TLS begins with a record of this type (RFC 8446, section 5.1): no method of HTTP does.
pub(super) const HANDSHAKE: u8 = 22;

/// Protocols that are offered, the better one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
pub(super) const HTTP2: &[u8] = b"h2";

/// Where certificate and key stand, as PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The hub's certificate and those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why TLS cannot be spoken.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read, or does not hold what it should.
    #[error("could not read the {what} in {}", path.display())]
    File {
        /// `certificate` or `private key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// They are no good, or do not belong together.
    #[error("the certificate {} and the key {} cannot be used together", certificate.display(), key.display())]
    Pair {
        /// Which certificate.
        certificate: PathBuf,
        /// Which key.
        key: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
}

/// Certificate and key as they are.
pub struct Tls {
    files: TlsFiles,
    current: Mutex<Current>,
}

struct Current {
    version: Version,
    acceptor: TlsAcceptor,
}

/// Changes whenever a file does: its length and the time of its last change.
type Version = [Option<(u64, SystemTime)>; 2];

impl Tls {
    /// Reads both files.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let version = files.version();
        let acceptor = files.acceptor()?;
        Ok(Self { files, current: Mutex::new(Current { version, acceptor }) })
    }

    /// Returns what accepts connections, with the files as they are at this moment. If they are no good, those before
    /// are used.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let version = self.files.version();
        if version != current.version {
            current.version = version;
            match self.files.acceptor() {
                Ok(acceptor) => {
                    info!(certificate = %self.files.certificate.display(), "the certificate was read again");
                    current.acceptor = acceptor;
                }
                Err(error) => {
                    let error = grafolean_collector::error_chain(&error);
                    warn!(error, "the certificate was changed and is no good: the one before is used");
                }
            }
        }
        current.acceptor.clone()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl TlsFiles {
    fn version(&self) -> Version {
        let of = |path: &Path| {
            let read = || -> io::Result<_> {
                let metadata = fs::metadata(path)?;
                Ok((metadata.len(), metadata.modified()?))
            };
            read().ok()
        };
        [of(&self.certificate), of(&self.key)]
    }

    fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let Self { certificate, key } = self;
        let broken = |what, path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::File { what, path, source }
        };
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<_, _>>)
            .map_err(broken("certificate", certificate))?;
        if chain.is_empty() {
            return Err(TlsError::Empty { path: certificate.clone() });
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(broken("private key", key))?;
        let unusable = |source| TlsError::Pair { certificate: certificate.clone(), key: key.clone(), source };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(unusable)?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
