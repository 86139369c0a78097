//! Whether a port of a device answers, asked before it is set up.

use std::time::Duration;

use futures_util::future::join_all;
use grafolean_collector::{
    details,
    protocol::{DeviceTester, OpenError, TestResult, TestSubject, Testing},
};

use super::{
    Attempt, Entity, Failure, Sensor, Target, Tls,
    connect::{Connected, Connector},
};
use crate::net::Resolver;

/// The ports that are tried where no sensor names one, and whether TLS is spoken there.
const USUAL: [(u16, bool); 3] = [(22, false), (80, false), (443, true)];

/// How long a connection may take: a person waits.
const TIMEOUT: Duration = Duration::from_millis(1_000);

/// Connects.
pub(super) struct TcpTester {
    connector: Connector,
}

impl TcpTester {
    pub(super) fn open() -> Result<Self, OpenError> {
        Ok(Self { connector: Connector::new(Resolver::default())? })
    }

    async fn answer(&self, subject: &TestSubject) -> Result<TestResult, TestResult> {
        let unreadable = |error: details::DetailsError| TestResult::bad(error.to_string());
        let target = details::read::<Entity>(&subject.device).and_then(Entity::target).map_err(unreadable)?;
        let named = |port, tls, name: Option<details::Host>| Attempt {
            target: target.clone(),
            port,
            tls: if tls { Tls::Named(name.unwrap_or_else(|| target.host.clone())) } else { Tls::Off },
            timeout: TIMEOUT,
        };
        let attempts: Vec<Attempt> = if subject.sensor.is_empty() {
            USUAL.map(|(port, tls)| named(port, tls, None)).into()
        } else {
            let sensor: Sensor = details::read(&subject.sensor).map_err(unreadable)?;
            let port = u16::try_from(sensor.port.get()).unwrap_or(u16::MAX);
            vec![named(port, sensor.tls, sensor.server_name)]
        };
        let came = join_all(attempts.iter().map(|attempt| self.connector.attempt(attempt))).await;
        let tried: Vec<_> = attempts.iter().zip(came).collect();
        summed_up(&target, &tried)
    }
}

impl DeviceTester for TcpTester {
    fn test(&self, subject: TestSubject) -> Testing<'_> {
        Box::pin(async move { self.answer(&subject).await.unwrap_or_else(|result| result) })
    }
}

fn summed_up(
    Target { host, .. }: &Target,
    tried: &[(&Attempt, Connected)],
) -> Result<TestResult, TestResult> {
    let open: Vec<_> = tried.iter().filter(|(_, came)| came.failure.is_none()).collect();
    let ports = |tried: &mut dyn Iterator<Item = u16>| {
        tried.map(|port| port.to_string()).collect::<Vec<_>>().join(", ")
    };
    let facts = |result: TestResult| {
        tried.iter().fold(result, |result, (attempt, came)| {
            let time =
                came.connect.map(|span| format!("open, connected in {:.2} ms", span.as_secs_f64() * 1e3));
            let state = match (came.failure, time) {
                (None, Some(open)) => open,
                (Some(Failure::Tls), Some(open)) => format!("{open}, but TLS fails"),
                (failure, _) => failure.map_or("open", Failure::label).to_owned(),
            };
            result.with_fact(format!("port {}", attempt.port), state)
        })
    };
    if !open.is_empty() {
        let open = ports(&mut open.iter().map(|(attempt, _)| attempt.port));
        return Ok(facts(TestResult::good(format!("{host} answers at TCP port {open}"))));
    }
    let asked = ports(&mut tried.iter().map(|(attempt, _)| attempt.port));
    let first = tried.iter().find_map(|(_, came)| came.failure);
    let (problem, remedy) = match first {
        Some(Failure::Name) => {
            ("its name has no address", "look at its spelling and at this machine's name servers")
        }
        Some(Failure::Refused) => {
            ("nobody listens there", "the host is there: does the service run, and at this port?")
        }
        Some(Failure::Tls) => ("the TLS handshake fails", "does the service speak TLS at this port?"),
        Some(Failure::Unreachable) => {
            ("there is no way to it", "look at the address and at this machine's routes")
        }
        _ => ("no answer", "the host is gone, or a filter drops the packets"),
    };
    Err(facts(TestResult::bad(format!("{host} at TCP port {asked}: {problem}")).with_remedy(remedy)))
}
