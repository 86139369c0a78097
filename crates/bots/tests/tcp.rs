//! The TCP bot against real listeners on loopback: plain ones, ones that speak TLS, and ones that do neither.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Duration};

use grafolean_bots::tcp::{Failure, TcpBot, TcpMetrics};
use grafolean_collector::{
    bot::{Plan, Run},
    model::{AccountId, Device, DeviceSensor, Interval},
    protocol::Protocol,
    report::Report,
    time::{Clock, SystemClock},
};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const DAY_S: f64 = 86_400.0;

fn device(details: Value, credential: Value, sensors: &[Value]) -> Device {
    let sensor = |(number, details): (usize, &Value)| DeviceSensor {
        sensor: serde_json::from_value(
            json!({"id": number, "name": "S", "protocol": "tcp", "details": details}),
        )
        .unwrap(),
        interval: Some(Interval::MINUTE),
    };
    let entity = json!({"id": 7, "name": "server", "entity_type": "device", "details": details});
    Device {
        account: AccountId::new(1),
        entity: serde_json::from_value(entity).unwrap(),
        credential: serde_json::from_value(json!({"id": 3, "protocol": "tcp", "details": credential}))
            .unwrap(),
        sensors: sensors.iter().enumerate().map(sensor).collect(),
    }
}

fn plan(bot: &TcpBot, device: Device) -> Plan<<TcpBot as Protocol>::Task> {
    bot.plan(&[device.account], &[device])
}

/// Measures a port of loopback once.
async fn measured(sensor: Value) -> (BTreeMap<String, f64>, TcpMetrics) {
    let metrics = TcpMetrics::default();
    let bot = TcpBot::new(metrics.clone()).unwrap();
    let device = device(json!({"ipv4": "127.0.0.1"}), json!({"timeout": "0.5"}), &[sensor]);
    let job = plan(&bot, device).jobs.remove(0);
    let due = SystemClock.now();
    let intervals = job.intervals.as_slice().to_vec();
    let reports = bot
        .perform(Run { id: job.id, task: Arc::new(job.task), due, intervals, troubles: Default::default() })
        .await
        .unwrap();
    let [Report::Values(values)] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((values.account, values.time), (AccountId::new(1), due));
    for (path, _) in &values.values {
        assert!(TcpBot::OUTPUTS.iter().any(|output| output.matches(path)), "{path} is not declared");
    }
    (values.values.iter().cloned().collect(), metrics)
}

async fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Speaks TLS with a certificate that expires in so many days.
async fn tls_server(expires_in_days: i64) -> u16 {
    let (listener, port) = listener().await;
    let mut params = CertificateParams::new(vec!["server.example.org".to_owned()]).unwrap();
    let day = |days: i64| {
        let seconds = SystemClock.now().seconds() + days * 86_400;
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(seconds).unwrap())
    };
    (params.not_before, params.not_after) = (day(-400), day(expires_in_days));
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    port
}

#[tokio::test]
async fn a_port_that_answers_is_measured_and_one_that_nobody_holds_is_not_reachable() {
    let (listener, port) = listener().await;
    let (values, _) = measured(json!({"port": port.to_string()})).await;
    let [ok, connect] = ["ok", "connect"].map(|name| values.get(&format!("entity.7.tcp.{port}.{name}")));
    assert_eq!((ok, values.len()), (Some(&1.0), 2));
    assert!(*connect.unwrap() > 0.0);
    drop(listener);
    let (values, metrics) = measured(json!({"port": port})).await;
    assert_eq!(values, BTreeMap::from([(format!("entity.7.tcp.{port}.ok"), 0.0)]), "nothing is invented");
    assert_eq!(metrics.failed(Failure::Refused), 1);
}

#[tokio::test]
async fn the_days_until_a_certificate_expires_are_measured_also_when_it_has() {
    for days in [30, -2] {
        let port = tls_server(days).await;
        let (values, _) =
            measured(json!({"port": port, "tls": "true", "server_name": "server.example.org"})).await;
        assert_eq!(values[&format!("entity.7.tcp.{port}.ok")], 1.0);
        let expires = values[&format!("entity.7.tcp.{port}.tls.expires")];
        assert!((expires - days as f64).abs() < 60.0 / DAY_S, "{expires} is not {days}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_a_failure_with_its_connect_time() {
    let (_silent, port) = listener().await;
    let (values, metrics) = measured(json!({"port": port, "tls": true})).await;
    assert_eq!(values[&format!("entity.7.tcp.{port}.ok")], 0.0);
    assert!(values.contains_key(&format!("entity.7.tcp.{port}.connect")));
    assert!(!values.contains_key(&format!("entity.7.tcp.{port}.tls.expires")), "none was seen");
    assert_eq!(metrics.failed(Failure::Timeout), 1);
}

#[tokio::test]
async fn a_port_is_one_job_and_what_is_wrong_is_named() {
    let bot = TcpBot::new(TcpMetrics::default()).unwrap();
    let address = || json!({"ipv4": "192.0.2.1"});
    let sensors = [
        json!({"port": 22}),
        json!({"port": "22"}),
        json!({"port": 22, "tls": true}),
        json!({"port": 0}),
        json!({}),
    ];
    let Plan { jobs, refused } = plan(&bot, device(address(), json!({}), &sensors));
    assert_eq!(jobs.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["tcp.1.7.22"]);
    assert_eq!(jobs[0].deadline, Some(Duration::from_secs(10)));
    let said: Vec<_> = refused.iter().map(|refusal| refusal.reason.as_str()).collect();
    assert_eq!(
        said,
        [
            "sensor 2 (S): another sensor of the device measures port 22 otherwise",
            "sensor 3 (S): `port` is invalid: found 0, expected a whole number from 1 to 65535",
            "sensor 4 (S): `port` is missing",
        ]
    );
    for (details, credential, reason) in [
        (json!({}), json!({}), "`ipv4, ipv6 or hostname` is missing"),
        (
            json!({"ipv4": "10.0.0.300"}),
            json!({}),
            "`ipv4` is invalid: found \"10.0.0.300\", expected the address of one host or a host name",
        ),
        (
            address(),
            json!({"timeout": "soon"}),
            "credential 3 (): `timeout` is invalid: found \"soon\", expected a number of seconds from 0.1 to 60",
        ),
    ] {
        let refused = plan(&bot, device(details, credential, &[json!({"port": 22})])).refused;
        assert_eq!(refused.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>(), [reason]);
    }
}
