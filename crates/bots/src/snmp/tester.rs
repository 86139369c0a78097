//! Whether a device can be polled, asked before it is set up.

use std::{net::SocketAddr, time::Duration};

use grafolean_collector::{
    details::DetailsError,
    protocol::{DeviceTester, OpenError, TestResult, TestSubject, Testing},
};
use tokio::time::sleep;

use super::{
    AskError, Exception, Oid, Request, Status, Value, Varbind, diagnosis,
    engine::{Engine, Session, SnmpMetrics},
    settings::{Access, Community, Host, PollPolicy},
    vendor,
};

/// How long an answer is waited for, and how often it is asked for again: a person waits.
const TIMEOUT: Duration = Duration::from_millis(500);
const RETRIES: u32 = 1;

/// How long a name is looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// After so much silence it is tried whether the agent speaks the older version alone.
const OLDER_AFTER: Duration = Duration::from_millis(300);

/// sysDescr, sysObjectID, sysUpTime, sysName, sysLocation.
const SYSTEM: [(&str, u32); 5] =
    [("sysDescr", 1), ("sysObjectID", 2), ("sysUpTime", 3), ("sysName", 5), ("sysLocation", 6)];

/// Tests devices by their system group (RFC 3418).
pub(super) struct SnmpTester {
    engine: Engine,
}

impl SnmpTester {
    pub(super) fn open() -> Result<Self, OpenError> {
        Ok(Self { engine: Engine::start(SnmpMetrics::default())? })
    }

    async fn answer(&self, subject: &TestSubject) -> Result<TestResult, TestResult> {
        let unreadable = |error: DetailsError| TestResult::bad(error.to_string());
        let host = Host::read(&subject.device).map_err(unreadable)?;
        let access = Access::read(&subject.credential).map_err(unreadable)?;
        let policy = PollPolicy::read(&subject.credential).map_err(unreadable)?;
        let policy = PollPolicy { timeout: TIMEOUT, retries: RETRIES, ..policy };
        let address = self.resolve(&host).await?;
        let failed = |why: AskError| refused(&host, &why);
        let session = self.engine.session(address, &access, policy).await.map_err(failed)?;
        let oids = SYSTEM.map(|(_, number)| Oid::new([1, 3, 6, 1, 2, 1, 1, number, 0]));
        let request = Request::Get(oids.into_iter().filter_map(Result::ok).collect());
        let older = async {
            sleep(OLDER_AFTER).await;
            self.speaks_older(address, &access, policy).await
        };
        let (asked, older) = {
            let asking = session.ask(&request);
            tokio::pin!(asking, older);
            tokio::select! {
                biased;
                asked = &mut asking => (asked, None),
                older = &mut older => (asking.await, Some(older)),
            }
        };
        match asked {
            Ok((varbinds, _)) => Ok(told(&host, &varbinds)),
            Err(why) if diagnosis::may_be_silence(&why) && older == Some(true) => {
                let problem = format!("{host} does not answer SNMPv2c");
                Err(TestResult::bad(problem).with_remedy(diagnosis::OLDER_VERSION))
            }
            Err(AskError::Timeout) => Err(failed(session.explain_silence().await)),
            Err(AskError::Status { status: status @ (Status::Authorization | Status::NoAccess), .. }) => {
                Err(TestResult::bad(format!("{host}: {status}")).with_remedy(diagnosis::DENIED))
            }
            Err(AskError::Status { status, .. }) => Err(TestResult::bad(format!("{host}: {status}"))),
            Err(why) => Err(failed(why)),
        }
    }

    async fn resolve(&self, host: &Host) -> Result<SocketAddr, TestResult> {
        if let Some(address) = host.address() {
            return Ok(address);
        }
        let mut address = self.engine.resolve(&host.name, LOOKUP_TIMEOUT).await.map_err(|reason| {
            TestResult::bad(format!("the name {:?} has no address: {reason}", host.name))
                .with_remedy("look at its spelling and at this machine's name servers")
        })?;
        address.set_port(host.port);
        Ok(address)
    }

    /// Whether an agent that is asked by version 2c answers version 1.
    async fn speaks_older(&self, address: SocketAddr, access: &Access, policy: PollPolicy) -> bool {
        let Access::Community(Community::V2c(community)) = access else {
            return std::future::pending().await;
        };
        let older = Access::Community(Community::V1(community.clone()));
        let policy = PollPolicy { retries: 0, ..policy };
        let session: Result<Session, _> = self.engine.session(address, &older, policy).await;
        let (Ok(session), Ok(uptime)) = (session, Oid::new([1, 3, 6, 1, 2, 1, 1, 3, 0])) else {
            return false;
        };
        matches!(session.ask(&Request::Get(vec![uptime])).await, Ok(_) | Err(AskError::Status { .. }))
    }
}

impl DeviceTester for SnmpTester {
    fn test(&self, subject: TestSubject) -> Testing<'_> {
        Box::pin(async move { self.answer(&subject).await.unwrap_or_else(|result| result) })
    }
}

fn refused(host: &Host, why: &AskError) -> TestResult {
    let result = TestResult::bad(format!("{host}: {why}"));
    match diagnosis::remedy(why) {
        Some(remedy) => result.with_remedy(remedy),
        None => result,
    }
}

/// Returns what an agent told of its device; nothing at all is no good.
fn told(host: &Host, varbinds: &[Varbind]) -> TestResult {
    let (mut name, mut maker) = (None, None);
    let mut result = TestResult::good("");
    for varbind in varbinds {
        let [1, 3, 6, 1, 2, 1, 1, number, 0] = *varbind.oid.arcs() else { continue };
        let Some((label, _)) = SYSTEM.into_iter().find(|(_, known)| *known == number) else { continue };
        match &varbind.value {
            Ok(Value::Oid(object)) => {
                maker = vendor(object);
                result = result.with_fact(label, object.to_string());
            }
            Ok(Value::TimeTicks(ticks)) => {
                result = result.with_fact(label, span(Duration::from_secs(u64::from(ticks / 100))));
            }
            Ok(value) => {
                let text = value.text().trim().to_owned();
                if number == 5 && !text.is_empty() {
                    name = Some(text.clone());
                }
                if !text.is_empty() {
                    result = result.with_fact(label, text);
                }
            }
            Err(Exception::NoSuchObject | Exception::NoSuchInstance | Exception::EndOfMibView) => {}
        }
    }
    if result.facts.is_empty() {
        let problem = format!("{host} answers, but tells nothing of itself");
        return TestResult::bad(problem).with_remedy(diagnosis::NO_VIEW);
    }
    if let Some(maker) = maker {
        result = result.with_fact("vendor", maker);
    }
    let name = name.unwrap_or_else(|| host.to_string());
    result.summary = match maker {
        Some(maker) => format!("{name} answers, a device of {maker}"),
        None => format!("{name} answers"),
    };
    result
}

/// Writes a span of time in its two largest units.
fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}
