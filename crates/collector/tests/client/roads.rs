//! The roads to a backend: TLS with an own authority, a proxy from the environment.

use std::{env, error::Error, fs, iter};

use grafolean_collector::{
    backend::{
        Backend,
        http::{HttpBackend, HttpSettings, Proxies},
    },
    selection::select,
};
use secrecy::SecretString;
use tokio::process::Command;

use crate::{
    tls::TlsServer,
    world::{Grafolean, TOKEN, World},
};

/// A backend with a certificate of an authority nobody knows, and that authority's certificate.
async fn tls_world() -> (World, String) {
    let TlsServer { listener, host, authority } = TlsServer::named("127.0.0.1").await;
    (World::behind(listener, host, Grafolean::default().with_pinged(1, 3)), authority)
}

#[tokio::test]
async fn an_own_authority_is_trusted_when_its_file_is_named_and_not_before() {
    let (world, authority) = tls_world().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, authority).unwrap();
    let mut settings = HttpSettings::new(format!("https://{}/api", world.host), SecretString::from(TOKEN));
    settings.proxies = Proxies::None;

    let error = HttpBackend::new(settings.clone()).unwrap().inventory().await.unwrap_err();
    let mut causes = iter::successors(error.source(), |&cause| cause.source()).map(ToString::to_string);
    assert!(causes.any(|cause| cause.contains("certificate")), "{error:?}");
    settings.ca_file = Some(file);
    let inventory = HttpBackend::new(settings).unwrap().inventory().await.unwrap();
    assert_eq!(select(&inventory, "ping").devices.len(), 3);
}

/// Runs itself a second time, since a process's environment is set when it starts.
#[tokio::test]
async fn a_proxy_that_the_environment_names_is_used() {
    const SECOND: &str = "GRAFOLEAN_TEST_BEHIND_A_PROXY";
    if env::var_os(SECOND).is_some() {
        // This name is known to the proxy alone.
        let settings = HttpSettings::new("http://backend.invalid/api", SecretString::from(TOKEN));
        HttpBackend::new(settings).unwrap().inventory().await.unwrap();
        return;
    }
    let proxy = World::of(Grafolean::default().with_pinged(1, 3)).await;
    let second = Command::new(env::current_exe().unwrap())
        .args(["--exact", "roads::a_proxy_that_the_environment_names_is_used"])
        .env(SECOND, "yes")
        .env("HTTP_PROXY", format!("http://{}", proxy.host))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("http_proxy")
        .output()
        .await
        .unwrap();
    assert!(second.status.success(), "{second:?}");
    assert_eq!(proxy.asked().len(), 5, "the profile, the accounts and three lists");
}
