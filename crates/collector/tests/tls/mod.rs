//! TLS on loopback with a certificate of an authority that nobody knows.

use std::{net::SocketAddr, sync::Arc};

use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{self, ServerConfig, pki_types::PrivateKeyDer},
    server::TlsStream,
};

/// Connections over TLS.
pub(crate) struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (connection, peer) = self.tcp.accept().await.unwrap();
            // A client that does not trust us hangs up.
            if let Ok(connection) = self.acceptor.accept(connection).await {
                return (connection, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Where a server listens over TLS, and the certificate (PEM) of its authority.
pub(crate) struct TlsServer {
    pub(crate) listener: TlsListener,
    pub(crate) host: String,
    pub(crate) authority: String,
}

impl TlsServer {
    /// Listens at a free port of loopback; the certificate is for `name`.
    pub(crate) async fn named(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let own = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = tcp.local_addr().unwrap().to_string();
        let listener = TlsListener { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) };
        Self { listener, host, authority: authority.pem() }
    }
}
