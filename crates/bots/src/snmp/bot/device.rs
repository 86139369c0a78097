//! What is kept of a device between runs.

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, timeout};

use super::{Memory, SnmpTask};
use crate::snmp::{
    AskError,
    engine::{Engine, Session},
    settings::{Access, Host, Manners},
};

/// How long a name's address is used.
const ADDRESS_KEPT: Duration = Duration::from_secs(60);

/// How long a name is looked up.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);

/// The longest time from one look at a silent device to the next.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A device that was not measured for so long is gone, and with it what was kept of it. The longest usual interval is a
/// day; a device that comes back later loses one rate.
const FORGOTTEN: Duration = Duration::from_secs(2 * 86_400);

/// How often a trouble that stays is told.
const TOLD_AGAIN: Duration = Duration::from_secs(600);

/// What is kept of a device between runs.
pub(super) struct Device {
    pub(super) memory: Memory,
    session: Option<(Session, Host, Access, Manners, Instant)>,
    silence: Option<Silent>,
    told: Option<(String, Instant)>,
    touched: Instant,
}

impl Default for Device {
    fn default() -> Self {
        Self::remembered(Memory::default())
    }
}

struct Silent {
    runs: u32,
    last: Instant,
}

impl Device {
    /// A device of which the last process knew something.
    pub(super) fn remembered(memory: Memory) -> Self {
        let touched = Instant::now();
        Self { memory, session: None, silence: None, told: None, touched }
    }

    /// Notes that it is being measured.
    pub(super) fn touch(&mut self) {
        self.touched = Instant::now();
    }

    /// Tells whether it was not measured for so long that it is gone.
    pub(super) fn is_forgotten(&self) -> bool {
        self.touched.elapsed() > FORGOTTEN
    }

    /// Gives the session with the device, opened anew when what was set up or the name's address changed.
    pub(super) async fn session(&mut self, engine: &Engine, task: &SnmpTask) -> Result<Session, AskError> {
        let SnmpTask { host, access, manners, .. } = task;
        let is_same = |(_, with, by, how, opened): &&(Session, Host, Access, Manners, Instant)| {
            (with, by, how) == (host, access, manners)
                && (host.address().is_some() || opened.elapsed() < ADDRESS_KEPT)
        };
        if let Some((session, ..)) = self.session.as_ref().filter(is_same) {
            return Ok(session.clone());
        }
        let address = resolve(engine, host).await?;
        let session = engine.session(address, access, *manners).await?;
        self.session = Some((session.clone(), host.clone(), access.clone(), *manners, Instant::now()));
        Ok(session)
    }

    /// Tells whether a device that has been silent is to be left alone in this run: after a second silent run in a row
    /// it is asked half as often with each, but at least every five minutes.
    pub(super) fn is_paused(&self, interval: Duration) -> bool {
        self.silence.as_ref().is_some_and(|silence| {
            let pause = interval.saturating_mul(2_u32.saturating_pow(silence.runs.saturating_sub(1).min(16)));
            let since = silence.last.elapsed();
            // Runs that come a little early are not to be taken for the ones in between; and the next one must not be
            // too late.
            silence.runs > 1 && since + interval / 2 < pause && since + interval <= LONGEST_PAUSE
        })
    }

    /// Notes whether the device answered.
    pub(super) fn note_answered(&mut self, heard: Heard) {
        self.silence = match heard {
            Heard::Something => None,
            Heard::Nothing => {
                let runs = self.silence.as_ref().map_or(0, |silence| silence.runs);
                Some(Silent { runs: runs.saturating_add(1), last: Instant::now() })
            }
        };
    }

    /// Tells whether a trouble is news: another one than the last that was told, or told long ago.
    pub(super) fn is_news(&mut self, trouble: &str) -> bool {
        let is_old =
            self.told.as_ref().is_some_and(|(told, at)| told == trouble && at.elapsed() < TOLD_AGAIN);
        if !is_old {
            self.told = Some((trouble.to_owned(), Instant::now()));
        }
        !is_old
    }

    /// Forgets the trouble: the next one is news. Gives whether there was one.
    pub(super) fn is_well_again(&mut self) -> bool {
        self.told.take().is_some()
    }
}

/// Whether a device answered in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Something,
    Nothing,
}

async fn resolve(engine: &Engine, host: &Host) -> Result<SocketAddr, AskError> {
    if let Some(address) = host.address() {
        return Ok(address);
    }
    let (name, port) = (host.name.clone(), host.port);
    let unknown = || AskError::Local(format!("the name {:?} does not resolve", host.name));
    let lookup = async move {
        let found = timeout(LOOKUP_PATIENCE, tokio::net::lookup_host((name.as_str(), port))).await;
        found.ok()?.ok()?.next()
    };
    engine.on_its_thread(lookup).await.ok().flatten().ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which a device that is always silent is asked, if its runs are due each so many seconds.
    async fn asked(interval_s: u64, until_s: u64) -> Vec<u64> {
        let (mut device, begin) = (Device::default(), Instant::now());
        let interval = Duration::from_secs(interval_s);
        let mut asked = Vec::new();
        while begin.elapsed().as_secs() < until_s {
            if !device.is_paused(interval) {
                device.note_answered(Heard::Nothing);
                asked.push(begin.elapsed().as_secs());
            }
            tokio::time::advance(interval).await;
        }
        asked
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_device_is_asked_less_often_but_each_five_minutes() {
        assert_eq!(asked(60, 1_300).await, [0, 60, 180, 420, 720, 1_020]);
        for interval in [1, 7, 60, 100, 200, 299, 300, 3_600] {
            let asked = asked(interval, 20_000).await;
            let longest = interval.max(LONGEST_PAUSE.as_secs());
            assert!(asked.windows(2).all(|pair| pair[1] - pair[0] <= longest), "{interval}: {asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_ends_the_pause() {
        let (mut device, minute) = (Device::default(), Duration::from_secs(60));
        (0..9).for_each(|_| device.note_answered(Heard::Nothing));
        assert!(device.is_paused(minute));
        device.note_answered(Heard::Something);
        assert!(!device.is_paused(minute));
    }
}
