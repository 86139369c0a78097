//! Sends a batch, and finds out which of its values the backend does not take.

use std::{ops::Range, sync::Arc};

use tokio::time::Instant;

use super::{
    load::Conviction,
    metrics::{DeliveryMetrics, Outcome},
    settings::{MAX_CONVICTIONS_IN_A_ROW, MAX_WITNESSES, SUSPECT_ATTEMPTS},
    standing::Standing,
};
use crate::{
    backend::{Backend, BackendError, Stamp},
    model::{AccountId, Sample},
    spool::{RejectedEntry, ReasonKind},
};

/// The values of one account on their way to the backend.
pub(super) struct Trial<'a, K> {
    pub(super) backend: &'a Arc<K>,
    pub(super) metrics: &'a DeliveryMetrics,
    pub(super) account: AccountId,
    pub(super) stamp: Stamp,
    pub(super) standing: &'a mut Standing,
    pub(super) convicted: Vec<Conviction>,
    /// Whether any value was stored in this trial: only then is the backend beyond doubt.
    is_trusted: bool,
    /// Values that fail, to be convicted once the backend is trusted.
    suspects: Vec<(usize, BackendError)>,
}

/// Why a trial ended before all values were dealt with.
#[derive(Debug)]
pub(super) enum Stop {
    /// The backend gives no sign of life.
    Away(BackendError),
    /// It fails, and would fail on anything.
    Ill(BackendError),
    /// It is healthy but fails on this batch; not yet often enough to look for a culprit.
    Suspect(BackendError),
    /// So many values were given up in a row that the values are not to blame.
    Doubtful(BackendError),
    /// 401.
    Unauthorized(BackendError),
    /// 403.
    Forbidden(BackendError),
}

/// What a refusal says about the values that were sent.
enum Verdict {
    /// One of them breaks a rule: it will never be taken.
    Guilty,
    /// They are too many at once.
    TooMany,
    /// Perhaps one of them, perhaps none.
    Unclear,
    /// It is not about them.
    Stop(fn(BackendError) -> Stop),
}

impl Verdict {
    fn of(error: &BackendError) -> Self {
        match error {
            BackendError::Refused { status: 400 | 422, .. } => Self::Guilty,
            BackendError::Refused { status: 413, .. } => Self::TooMany,
            BackendError::Unauthorized { .. } => Self::Stop(Stop::Unauthorized),
            BackendError::Forbidden { .. } => Self::Stop(Stop::Forbidden),
            BackendError::Failed { status: 429, .. } => Self::Stop(Stop::Ill),
            BackendError::Unreachable { .. }
            | BackendError::Refused { .. }
            | BackendError::Failed { .. }
            | BackendError::Nonsense { .. } => Self::Unclear,
        }
    }
}

impl<'a, K: Backend> Trial<'a, K> {
    pub(super) fn new(
        backend: &'a Arc<K>,
        metrics: &'a DeliveryMetrics,
        account: AccountId,
        stamp: Stamp,
        standing: &'a mut Standing,
    ) -> Self {
        let (convicted, suspects) = (Vec::new(), Vec::new());
        Self { backend, metrics, account, stamp, standing, convicted, is_trusted: false, suspects }
    }

    /// Sends the samples in a range; whoever is guilty among them is convicted, all others are stored.
    pub(super) async fn send(&mut self, samples: &[Sample], batch: Range<usize>) -> Result<(), Stop> {
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            let Some(sent) = samples.get(part.clone()).filter(|sent| !sent.is_empty()) else { continue };
            let Err(error) = self.put(sent).await else { continue };
            let is_alone = sent.len() == 1;
            match Verdict::of(&error) {
                Verdict::Stop(stop) => return Err(stop(error)),
                Verdict::Guilty | Verdict::TooMany if is_alone => self.convict(samples, part.start, &error),
                Verdict::Guilty | Verdict::TooMany => self.split(&mut parts, part),
                Verdict::Unclear => {
                    let error = self.probed(error).await?;
                    if !self.standing.is_suspect() {
                        return Err(Stop::Suspect(error));
                    } else if is_alone {
                        self.try_alone(samples, part.start, error).await?;
                    } else {
                        self.split(&mut parts, part);
                    }
                }
            }
        }
        self.judge(samples)
    }

    fn split(&self, parts: &mut Vec<Range<usize>>, part: Range<usize>) {
        self.metrics.splits.inc();
        let middle = part.start.midpoint(part.end);
        parts.extend([middle..part.end, part.start..middle]);
    }

    /// A value that failed alone gets as many tries as a batch. Each failure counts only if the backend is healthy
    /// right after it.
    async fn try_alone(&mut self, samples: &[Sample], place: usize, first: BackendError) -> Result<(), Stop> {
        let mut error = first;
        let Some(alone) = samples.get(place..=place) else { return Ok(()) };
        for _ in 1..SUSPECT_ATTEMPTS {
            match self.put(alone).await {
                Ok(()) => return Ok(()),
                Err(failure) => match Verdict::of(&failure) {
                    Verdict::Stop(stop) => return Err(stop(failure)),
                    Verdict::Guilty | Verdict::TooMany => error = failure,
                    Verdict::Unclear => error = self.probed(failure).await?,
                },
            }
        }
        self.suspects.push((place, error));
        if self.suspects.len() >= MAX_CONVICTIONS_IN_A_ROW {
            self.find_witness(samples).await?;
            self.judge(samples)?;
        }
        Ok(())
    }

    /// Convicts the suspects, unless the backend may be to blame.
    fn judge(&mut self, samples: &[Sample]) -> Result<(), Stop> {
        let in_a_row = self.standing.convicted_in_a_row + self.suspects.len();
        if !self.is_trusted && in_a_row > MAX_CONVICTIONS_IN_A_ROW {
            return self.suspects.pop().map_or(Ok(()), |(_, error)| Err(Stop::Doubtful(error)));
        }
        self.standing.convicted_in_a_row = if self.is_trusted { 0 } else { in_a_row };
        for (place, error) in std::mem::take(&mut self.suspects) {
            self.convict(samples, place, &error);
        }
        Ok(())
    }

    /// Looks for one value that is stored, here and there among all of them, elsewhere each time.
    async fn find_witness(&mut self, samples: &[Sample]) -> Result<(), Stop> {
        let step = samples.len().div_ceil(MAX_WITNESSES).max(1);
        let offset = self.standing.next_witness() % step;
        for witness in samples.iter().rev().skip(offset).step_by(step) {
            if self.is_trusted {
                break;
            }
            if let Err(error) = self.put(std::slice::from_ref(witness)).await
                && let Verdict::Stop(stop) = Verdict::of(&error)
            {
                return Err(stop(error));
            }
        }
        Ok(())
    }

    /// Gives the error back if the backend is healthy, so that it may be about the values.
    async fn probed(&mut self, error: BackendError) -> Result<BackendError, Stop> {
        match self.put(&[]).await {
            Ok(()) => Ok(error),
            Err(probe) => Err(match (Verdict::of(&probe), probe) {
                (_, BackendError::Unreachable { .. }) => Stop::Away(error),
                (Verdict::Stop(stop), probe) => stop(probe),
                _ => Stop::Ill(error),
            }),
        }
    }

    fn convict(&mut self, samples: &[Sample], place: usize, error: &BackendError) {
        let Some(sample) = samples.get(place) else { return };
        let kind = match error {
            BackendError::Refused { .. } => ReasonKind::Refused,
            _ => ReasonKind::Failed,
        };
        let value = (sample.path.as_str().to_owned(), sample.value);
        let rejected_entry = RejectedEntry::of_value(self.account, sample.time, value, kind, error);
        self.convicted.push(Conviction { place, rejected_entry });
    }

    async fn put(&mut self, samples: &[Sample]) -> Result<(), BackendError> {
        let began = Instant::now();
        let result = self.backend.put_values(self.account, samples, self.stamp).await;
        self.metrics.requested(Outcome::of(result.as_ref().err()), began.elapsed());
        if result.is_ok() && !samples.is_empty() {
            self.metrics.stored(samples.len());
            self.standing.stored();
            self.is_trusted = true;
        }
        result
    }
}
