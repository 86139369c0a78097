//! TLS by two files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use grafolean_hub::{Hub, Options, Tls, TlsError, TlsFiles, serve_tls};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client, StatusCode, redirect::Policy};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Writes a new certificate for this machine, and returns it.
fn renew(folder: &Path) -> Certificate {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    fs::write(folder.join("cert.pem"), cert.pem()).unwrap();
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") }
}

/// A client that trusts this certificate alone.
fn client(trusted: Certificate) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().tls_certs_only([trusted]).no_proxy().redirect(Policy::none()).build().unwrap()
}

async fn served(folder: &Path) -> (SocketAddr, CancellationToken) {
    let hub = Arc::new(Hub::open(&folder.join("hub"), Options::default()).unwrap());
    let tls = Tls::load(files(folder)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(serve_tls(listener, hub, tls, stop.clone()));
    (address, stop)
}

#[tokio::test]
async fn the_api_is_answered_over_tls_and_without_it_sent_there() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(renew(folder.path()));
    let (address, stop) = served(folder.path()).await;
    let url = format!("https://localhost:{}/api/status/info", address.port());
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
    let plain = client.get(url.replace("https", "http")).send().await.unwrap();
    assert_eq!(
        (plain.status(), plain.headers()["location"].to_str().unwrap()),
        (StatusCode::PERMANENT_REDIRECT, &*url)
    );
    assert!(plain.headers().get("strict-transport-security").is_none());
    stop.cancel();
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let old = renew(folder.path());
    let (address, stop) = served(folder.path()).await;
    let url = format!("https://localhost:{}/api/status/info", address.port());
    client(old.clone()).get(&url).send().await.unwrap();
    let new = renew(folder.path());
    client(new.clone()).get(&url).send().await.unwrap();
    assert!(client(old).get(&url).send().await.is_err());
    fs::write(folder.path().join("cert.pem"), "half a certifi").unwrap();
    client(new).get(&url).send().await.unwrap();
    stop.cancel();
}

#[test]
fn what_is_wrong_with_the_files_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Tls::load(files(folder.path())).unwrap_err();
    assert!(matches!(missing, TlsError::File { what: "certificate", .. }), "{missing:?}");
    renew(folder.path());
    fs::write(folder.path().join("cert.pem"), "").unwrap();
    assert!(matches!(Tls::load(files(folder.path())), Err(TlsError::Empty { .. })));
    renew(folder.path());
    let other = tempfile::tempdir().unwrap();
    renew(other.path());
    fs::copy(other.path().join("key.pem"), folder.path().join("key.pem")).unwrap();
    assert!(matches!(Tls::load(files(folder.path())), Err(TlsError::Pair { .. })));
}
