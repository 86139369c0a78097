//! Sends values, and isolates those that the backend does not take.
//!
//! ```text
//!          stored
//!   put ───────────▶ next part
//!    │ refused, or failed while the backend is healthy
//!    ├─ nothing was stored for a while ─▶ control sample ── not stored ──▶ Stop::Untrusted
//!    ├─ several values: halved
//!    └─ one value: a suspect ─▶ four more rounds, a control sample after each, in the end many ─▶ rejected
//! ```
//! **A value is rejected only beside one that is taken.** It has to fail [`REJECTION_ROUNDS`] times, and a *control
//! sample* has to be stored after each of them: a value of the account that the backend took before, else one that
//! waits. So a backend, or a proxy before it, that refuses everything makes no dead letters: everything is kept. Nor
//! does one that takes at one moment what it refuses at the next, as a proxy does before two backends of which one is
//! broken: in the end the control sample is sent [`STEADY_CONTROLS`] times in a row, and has to be stored each time.
//!
//! What is posted twice would be stored twice. So by POST nothing is sent again that was stored: the control sample is
//! an empty request, and some value has to have been stored in the same run.

use std::ops::Range;

use tokio::time::Instant;

use super::{
    account::AccountState,
    load::Rejected,
    metrics::{DeliveryMetrics, Outcome},
    settings::{
        MAX_CONTROLS, MAX_DOUBTFUL_CONTROLS, MAX_FAILURES_IN_A_ROW, MAX_SUSPECTS, MAX_UNPROVEN,
        REJECTION_ROUNDS, STEADY_CONTROLS,
    },
};
use crate::{
    backend::{Backend, BackendError, Stamp},
    cause::Cause,
    model::{AccountId, Sample},
    spool::{ReasonKind, RejectedEntry},
};

/// The values of one account on their way to the backend.
pub(super) struct BisectingSender<'a, K> {
    pub(super) backend: &'a K,
    pub(super) metrics: &'a DeliveryMetrics,
    pub(super) account: AccountId,
    pub(super) stamp: Stamp,
    pub(super) state: &'a mut AccountState,
    /// A value of another account that was stored.
    pub(super) foreign_control: Option<(AccountId, Sample)>,
    pub(super) progress: Progress,
}

/// How far a sender has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) rejected: Vec<Rejected>,
    /// Values that failed alone, ascending by their place.
    suspects: Vec<Suspect>,
    /// What stands before this place is stored, a suspect, or rejected.
    done: usize,
    failures_in_a_row: usize,
    has_stored: bool,
}

#[derive(Debug)]
struct Suspect {
    place: usize,
    error: BackendError,
}

impl Progress {
    /// Returns how many samples, counted from the first, are stored or rejected.
    pub(super) fn dealt_with(&self) -> usize {
        self.suspects.first().map_or(self.done, |suspect| suspect.place)
    }

    /// Whether any value was stored.
    pub(super) fn has_stored(&self) -> bool {
        self.has_stored
    }
}

/// Why sending ended before all values were dealt with.
#[derive(Debug)]
pub(super) enum Stop {
    /// The backend gives no sign of life.
    Away(BackendError),
    /// It asks to be left alone for a while.
    Busy(BackendError),
    /// It fails, and would fail on anything.
    Ill(BackendError),
    /// It is healthy but fails on this request; not yet often enough to look for the value at fault.
    Suspect(BackendError),
    /// It takes nothing at all of this account, as this says, so the values are not to blame.
    Untrusted(String),
    /// 401.
    Unauthorized(BackendError),
    /// 403.
    Forbidden(BackendError),
}

impl Stop {
    /// Returns the cause, as people are told it, and what was found.
    pub(super) fn cause(&self) -> (Cause, String) {
        match self {
            Self::Untrusted(reason) => (Cause::BackendRefuses, reason.clone()),
            Self::Away(error)
            | Self::Busy(error)
            | Self::Ill(error)
            | Self::Suspect(error)
            | Self::Unauthorized(error)
            | Self::Forbidden(error) => (error.cause(), error.with_causes()),
        }
    }
}

/// What an error says about the values that were sent.
enum Verdict {
    /// One of them breaks a rule: it will never be taken.
    Refused,
    /// They are too many at once.
    TooLarge,
    /// Perhaps one of them is the cause, perhaps none.
    Unclear,
    /// It is not about them.
    Stop(fn(BackendError) -> Stop),
}

impl Verdict {
    fn of(error: &BackendError) -> Self {
        match error {
            BackendError::Refused { status: 413, .. } => Self::TooLarge,
            BackendError::Refused { .. } => Self::Refused,
            BackendError::Unauthorized { .. } => Self::Stop(Stop::Unauthorized),
            BackendError::Forbidden { .. } => Self::Stop(Stop::Forbidden),
            BackendError::Failed { retry_after: Some(_), .. } => Self::Stop(Stop::Busy),
            BackendError::Failed { status: 429, .. } => Self::Stop(Stop::Ill),
            BackendError::Unreachable { .. }
            | BackendError::Failed { .. }
            | BackendError::Nonsense { .. } => Self::Unclear,
        }
    }
}

impl<K: Backend> BisectingSender<'_, K> {
    /// Sends the samples in a range; those that the backend does not take are rejected, all others are stored.
    pub(super) async fn send(&mut self, samples: &[Sample], range: Range<usize>) -> Result<(), Stop> {
        self.progress.done = range.start;
        if self.state.is_doubted() && !self.progress.has_stored && self.stamp == Stamp::Due {
            self.prove_backend(samples).await?;
        }
        let mut parts = vec![range];
        while let Some(part) = parts.pop() {
            let Some(sent) = samples.get(part.clone()).filter(|sent| !sent.is_empty()) else { continue };
            if sent.len() > self.state.max_request() {
                halve(&mut parts, part);
                continue;
            }
            if let Err(error) = self.put(sent).await {
                let error = self.examine(samples, error, sent.len()).await?;
                if sent.len() > 1 {
                    self.metrics.splits.inc();
                    halve(&mut parts, part);
                    continue;
                }
                self.progress.suspects.push(Suspect { place: part.start, error });
                if self.progress.suspects.len() >= MAX_SUSPECTS {
                    self.judge(samples).await?;
                }
            }
            self.progress.done = part.end;
        }
        self.judge(samples).await
    }

    /// Returns the error if it may be about the values.
    async fn examine(
        &mut self,
        samples: &[Sample],
        error: BackendError,
        sent: usize,
    ) -> Result<BackendError, Stop> {
        let nothing_stored = !self.progress.has_stored && self.state.control().is_some();
        let failures = self.progress.failures_in_a_row;
        let (error, wants_proof) = match Verdict::of(&error) {
            Verdict::Stop(stop) => return Err(stop(error)),
            Verdict::TooLarge if sent > 1 => {
                self.state.shrink_requests(sent);
                (error, false)
            }
            Verdict::TooLarge | Verdict::Refused => (error, nothing_stored),
            Verdict::Unclear => {
                let error = self.probe(error).await?;
                if !self.state.is_suspect() {
                    return Err(Stop::Suspect(error));
                }
                (error, false)
            }
        };
        if wants_proof || failures >= MAX_FAILURES_IN_A_ROW {
            self.prove_backend(samples).await?;
        }
        Ok(error)
    }

    /// Returns the error if the backend is healthy right after it.
    async fn probe(&mut self, error: BackendError) -> Result<BackendError, Stop> {
        let control = self.state.control().filter(|_| self.stamp == Stamp::Due).cloned();
        match self.request(control.as_slice()).await {
            Ok(()) => Ok(error),
            Err(probe) => Err(match (Verdict::of(&probe), probe) {
                (_, BackendError::Unreachable { .. }) => Stop::Away(error),
                (Verdict::Stop(stop), probe) => stop(probe),
                _ => Stop::Ill(error),
            }),
        }
    }

    /// Tries the suspects again and again; those that fail each time, while the backend takes a control sample, are
    /// rejected. If it takes none, they stay.
    async fn judge(&mut self, samples: &[Sample]) -> Result<(), Stop> {
        for _ in 1..REJECTION_ROUNDS {
            if self.progress.suspects.is_empty() {
                return Ok(());
            }
            self.prove_backend(samples).await?;
            self.try_suspects_again(samples).await?;
        }
        if self.progress.suspects.is_empty() {
            return Ok(());
        }
        self.prove_steady(samples).await?;
        for suspect in std::mem::take(&mut self.progress.suspects) {
            self.reject(samples, suspect);
        }
        Ok(())
    }

    async fn try_suspects_again(&mut self, samples: &[Sample]) -> Result<(), Stop> {
        let mut next = 0;
        while let Some(place) = self.progress.suspects.get(next).map(|suspect| suspect.place) {
            let Some(alone) = samples.get(place..=place) else { return Ok(()) };
            match self.put(alone).await {
                Ok(()) => _ = self.progress.suspects.remove(next),
                Err(error) => {
                    if let Verdict::Stop(stop) = Verdict::of(&error) {
                        return Err(stop(error));
                    }
                    if let Some(suspect) = self.progress.suspects.get_mut(next) {
                        suspect.error = error;
                    }
                    next += 1;
                }
            }
        }
        Ok(())
    }

    /// Returns once the backend has stored a value after the last one that failed: so it is the values that are to
    /// blame.
    async fn prove_backend(&mut self, samples: &[Sample]) -> Result<(), Stop> {
        if self.progress.has_stored && self.progress.failures_in_a_row == 0 {
            return Ok(());
        }
        match self.stamp {
            Stamp::Due => self.store_control(samples).await,
            Stamp::Arrival => match self.request(&[]).await {
                Ok(()) if self.progress.has_stored => Ok(()),
                Ok(()) => Err(Stop::Untrusted("none of the values that were posted was taken".to_owned())),
                Err(error) => Err(Stop::Untrusted(passing(error)?.to_string())),
            },
        }
    }

    /// Returns once the backend has taken a control sample many times in a row.
    async fn prove_steady(&mut self, samples: &[Sample]) -> Result<(), Stop> {
        self.prove_backend(samples).await?;
        for _ in 1..STEADY_CONTROLS {
            let control = self.state.control().filter(|_| self.stamp == Stamp::Due).cloned();
            if let Err(error) = self.request(control.as_slice()).await {
                let error = passing(error)?;
                return Err(Stop::Untrusted(format!(
                    "it takes a value at one moment and not at the next: {error}"
                )));
            }
        }
        Ok(())
    }

    /// Sends a value that was stored before, else some of those that wait, here and there, elsewhere each time.
    async fn store_control(&mut self, samples: &[Sample]) -> Result<(), Stop> {
        let known = self.state.control().cloned();
        let mut refusal = None;
        if let Some(control) = &known {
            match self.request(std::slice::from_ref(control)).await {
                Ok(()) => return Ok(()),
                Err(error) => refusal = Some(passing(error)?),
            }
        }
        let few = known.is_some() || self.state.is_doubted();
        let tries = if few { MAX_DOUBTFUL_CONTROLS } else { MAX_CONTROLS };
        let step = samples.len().div_ceil(tries).max(1);
        let offset = self.state.next_search() % step;
        for place in (0..samples.len()).rev().skip(offset).step_by(step) {
            if self.progress.suspects.iter().any(|suspect| suspect.place == place) {
                continue;
            }
            let Some(candidate) = samples.get(place..=place) else { continue };
            match self.request(candidate).await {
                Ok(()) => return Ok(()),
                Err(error) => refusal = Some(passing(error)?),
            }
        }
        if known.is_none() && self.takes_others(samples.len()).await? {
            return Ok(());
        }
        let suspect = self.progress.suspects.last().map(|suspect| suspect.error.to_string());
        Err(Stop::Untrusted(refusal.map(|error| error.to_string()).or(suspect).unwrap_or_default()))
    }

    /// Whether the backend takes another account's values and an empty request for this one. That has to do where it
    /// never took a value of this account, of which only a few wait.
    async fn takes_others(&mut self, samples: usize) -> Result<bool, Stop> {
        let Some((account, control)) = self.foreign_control.clone() else { return Ok(false) };
        let unproven = self.state.unproven.saturating_add(self.progress.suspects.len());
        if samples > MAX_UNPROVEN || unproven > MAX_UNPROVEN {
            return Ok(false);
        }
        let foreign = self.backend.put_values(account, &[control], Stamp::Due).await;
        Ok(foreign.is_ok() && self.request(&[]).await.is_ok())
    }

    fn reject(&mut self, samples: &[Sample], Suspect { place, error }: Suspect) {
        let Some(sample) = samples.get(place) else { return };
        if !self.progress.has_stored {
            self.state.unproven += 1;
        }
        let kind = match error {
            BackendError::Refused { .. } => ReasonKind::Refused,
            _ => ReasonKind::Failed,
        };
        let value = (sample.path.as_str().to_owned(), sample.value);
        let entry = RejectedEntry::of_value(self.account, sample.time, value, kind, error);
        self.progress.rejected.push(Rejected { place, entry });
    }

    /// Sends values for good.
    async fn put(&mut self, samples: &[Sample]) -> Result<(), BackendError> {
        self.request(samples).await?;
        self.metrics.stored(samples.len());
        Ok(())
    }

    /// Sends values, also such as were or will be sent another time.
    async fn request(&mut self, samples: &[Sample]) -> Result<(), BackendError> {
        let began = Instant::now();
        let result = self.backend.put_values(self.account, samples, self.stamp).await;
        self.metrics.requested(Outcome::of(result.as_ref().err()), began.elapsed());
        let Some(last) = samples.last() else { return result };
        if result.is_ok() {
            self.state.stored(samples.len(), (self.stamp == Stamp::Due).then_some(last));
            self.progress.has_stored = true;
            self.progress.failures_in_a_row = 0;
        } else {
            self.progress.failures_in_a_row += 1;
        }
        result
    }
}

fn halve(parts: &mut Vec<Range<usize>>, part: Range<usize>) {
    let middle = part.start.midpoint(part.end);
    parts.extend([middle..part.end, part.start..middle]);
}

/// Returns an error that says that a control sample is not taken; one that is about neither it nor the values is a
/// [`Stop`] of its own.
fn passing(error: BackendError) -> Result<BackendError, Stop> {
    match Verdict::of(&error) {
        Verdict::Stop(stop) => Err(stop(error)),
        _ if matches!(error, BackendError::Unreachable { .. }) => Err(Stop::Away(error)),
        _ => Ok(error),
    }
}
