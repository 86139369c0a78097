//! Whether a device answers pings, asked before it is set up.

use std::{net::SocketAddr, time::Duration};

use grafolean_collector::protocol::{DeviceTester, OpenError, TestResult, TestSubject, Testing};

use super::{
    Target,
    codec::Family,
    engine::{Options, Pinger, Probe},
};
use crate::net::{AddressFamily, Resolver};

/// How long a name is looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// What is sent: three packets that a device has a moment to answer.
const PACKETS: u16 = 3;
const GAP: Duration = Duration::from_millis(100);
const TIMEOUT: Duration = Duration::from_millis(800);

/// Pings.
pub(super) struct PingTester {
    pinger: Pinger,
    resolver: Resolver,
}

impl PingTester {
    pub(super) fn open() -> Result<Self, OpenError> {
        Ok(Self { pinger: Pinger::open(Options::default())?, resolver: Resolver::default() })
    }

    async fn answer(&self, subject: &TestSubject) -> Result<TestResult, TestResult> {
        let target = Target::of(&subject.device).map_err(|error| TestResult::bad(error.to_string()))?;
        let address = self.address(&target).await?;
        let scope = if let SocketAddr::V6(address) = address { address.scope_id() } else { 0 };
        let probe = Probe { scope, packets: PACKETS, gap: GAP, timeout: TIMEOUT, ..Probe::to(address.ip()) };
        let pinged = self.pinger.ping(probe).await;
        let outcome = pinged.map_err(|error| TestResult::bad(format!("{target}: {error}")))?;
        let times: Vec<Duration> = outcome.packets.iter().filter_map(|packet| packet.rtt).collect();
        let (sent, answered) = (outcome.packets.len(), times.len());
        let Some(best) = times.iter().min() else {
            let reason = outcome.packets.iter().find_map(|packet| packet.reason);
            let why = reason.map_or_else(|| "no answer".to_owned(), |reason| reason.to_string());
            return Err(TestResult::bad(format!("{target} does not answer pings: {why}"))
                .with_remedy("the host is gone, or a filter drops ICMP echo requests or their replies"));
        };
        let milliseconds = |span: Duration| format!("{:.2} ms", span.as_secs_f64() * 1e3);
        let mean = times.iter().sum::<Duration>() / u32::try_from(answered).unwrap_or(1).max(1);
        Ok(TestResult::good(format!("{target} answers pings within {}", milliseconds(mean)))
            .with_fact("address", address.ip().to_string())
            .with_fact("answered", format!("{answered} of {sent}"))
            .with_fact(
                "round-trip time",
                format!("{} at best, {} on average", milliseconds(*best), milliseconds(mean)),
            ))
    }

    async fn address(&self, target: &Target) -> Result<SocketAddr, TestResult> {
        let (name, family) = match target {
            Target::Address(address) => return Ok((*address, 0).into()),
            Target::Name(name, family) => (name, family),
        };
        let family = family.map(|family| match family {
            Family::V4 => AddressFamily::V4,
            Family::V6 => AddressFamily::V6,
        });
        let found = self.resolver.resolve(name, family, LOOKUP_TIMEOUT).await;
        found.map(|found| found.address).map_err(|why| {
            TestResult::bad(format!("cannot resolve {name}: {why}"))
                .with_remedy("look at its spelling and at this machine's name servers")
        })
    }
}

impl DeviceTester for PingTester {
    fn test(&self, subject: TestSubject) -> Testing<'_> {
        Box::pin(async move { self.answer(&subject).await.unwrap_or_else(|result| result) })
    }
}
