//! What is kept of a device between runs.

use std::{net::SocketAddr, time::Duration};

use tokio::time::Instant;

use super::{Memory, SnmpTask, profiled::KnownProfile, troubles::Troubles};
use crate::snmp::{
    AskError, Interfaces,
    engine::{Engine, Session},
    settings::{Access, Host, PollPolicy},
};

/// How long a name's address is used.
const ADDRESS_KEPT: Duration = Duration::from_secs(60);

/// How long a name is looked up.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// After so many silent runs in a row a device gets one small request each run, and nothing more unless it answers that.
const SILENT_RUNS: u32 = 2;

/// A device that was not measured for so long is gone, and with it what was kept of it. The longest usual interval is a
/// day; a device that comes back later loses one rate.
const FORGOTTEN: Duration = Duration::from_secs(2 * 86_400);

/// What is kept of a device between runs.
pub(super) struct Device {
    pub(super) memory: Memory,
    /// Its interfaces as of the last sync.
    pub(super) interfaces: Interfaces,
    pub(super) troubles: Troubles,
    /// What it has of profiles, where it is measured so.
    pub(super) profile: Option<KnownProfile>,
    session: Option<(Session, Host, Access, PollPolicy, Instant)>,
    /// Where it was found to be.
    address: Option<SocketAddr>,
    silence: Option<Silence>,
    touched: Instant,
}

/// A device that does not answer: for how many runs in a row, and why as far as is known.
struct Silence {
    runs: u32,
    why: AskError,
}

impl Default for Device {
    fn default() -> Self {
        Self::remembered(Memory::default())
    }
}

impl Device {
    /// Creates a device of which the last process knew something.
    pub(super) fn remembered(memory: Memory) -> Self {
        let touched = Instant::now();
        let (interfaces, troubles) = (Interfaces::default(), Troubles::default());
        Self {
            memory,
            interfaces,
            troubles,
            profile: None,
            session: None,
            address: None,
            silence: None,
            touched,
        }
    }

    /// Notes that it is being measured.
    pub(super) fn touch(&mut self) {
        self.touched = Instant::now();
    }

    /// Whether it was not measured for so long that it is gone.
    pub(super) fn is_forgotten(&self) -> bool {
        self.touched.elapsed() > FORGOTTEN
    }

    /// Returns where it was found to be.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Returns the session with the device, opened anew when what was set up or the name's address changed.
    pub(super) async fn session(&mut self, engine: &Engine, task: &SnmpTask) -> Result<Session, AskError> {
        let SnmpTask { host, access, policy, .. } = task;
        let is_same = |(_, with, by, how, opened): &&(Session, Host, Access, PollPolicy, Instant)| {
            (with, by, how) == (host, access, policy)
                && (host.address().is_some() || opened.elapsed() < ADDRESS_KEPT)
        };
        if let Some((session, ..)) = self.session.as_ref().filter(is_same) {
            return Ok(session.clone());
        }
        let address = resolve(engine, host).await?;
        self.address = Some(address);
        let session = engine.session(address, access, *policy).await?;
        self.session = Some((session.clone(), host.clone(), access.clone(), *policy, Instant::now()));
        Ok(session)
    }

    /// Returns why a device that was silent for some runs was; None of one that answers, or may have lost a packet.
    pub(super) fn silent_since(&self) -> Option<&AskError> {
        self.silence.as_ref().filter(|silence| silence.runs >= SILENT_RUNS).map(|silence| &silence.why)
    }

    /// Notes that the device did not answer, and why.
    pub(super) fn note_silent(&mut self, why: AskError) {
        self.memory.limits.note_silent_run();
        let runs = self.silence.as_ref().map_or(0, |silence| silence.runs);
        self.silence = Some(Silence { runs: runs.saturating_add(1), why });
    }

    /// Notes that it answered.
    pub(super) fn note_answered(&mut self) {
        self.silence = None;
    }
}

async fn resolve(engine: &Engine, host: &Host) -> Result<SocketAddr, AskError> {
    if let Some(address) = host.address() {
        return Ok(address);
    }
    let unknown = |reason| AskError::Unresolved { name: host.name.clone(), reason };
    let mut address = engine.resolve(&host.name, LOOKUP_TIMEOUT).await.map_err(unknown)?;
    address.set_port(host.port);
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_silent_run_may_be_a_loss_and_one_answer_ends_the_silence() {
        let mut device = Device::default();
        device.note_silent(AskError::Timeout);
        assert_eq!(device.silent_since(), None);
        device.note_silent(AskError::Community);
        assert_eq!(device.silent_since(), Some(&AskError::Community));
        device.note_answered();
        device.note_silent(AskError::Timeout);
        assert_eq!(device.silent_since(), None);
    }
}
