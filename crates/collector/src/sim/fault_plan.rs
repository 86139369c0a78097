//! When a simulated backend behaves how.

use std::{ops::Range, time::Duration};

use rand::{Rng, RngExt};

/// How a backend misbehaves for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It does not answer at all.
    Away,
    /// It answers 500, as with its database down.
    Failing,
    /// It answers 403 to whatever would be stored.
    Forbidding,
    /// It answers late.
    Slow,
    /// Of four requests one gets no answer, one is done but its answer is lost.
    Flaky,
}

impl Fault {
    const ALL: [Self; 5] = [Self::Away, Self::Failing, Self::Forbidding, Self::Slow, Self::Flaky];
}

/// The faults of a simulated time; between them the backend is well.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    faults: Vec<(Range<Duration>, Fault)>,
}

impl FaultPlan {
    /// Nothing ever goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// Faults of 10 s to 2 h with as much between them, none in the first quarter of an hour and none after `span`.
    pub fn random(chance: &mut impl Rng, span: Duration) -> Self {
        const WELL_AT_FIRST: Duration = Duration::from_mins(15);
        let mut faults = Vec::new();
        let mut begin = WELL_AT_FIRST;
        loop {
            let end = begin + any_length(chance);
            if end > span {
                return Self { faults };
            }
            let kind =
                Fault::ALL.get(chance.random_range(0..Fault::ALL.len())).copied().unwrap_or(Fault::Away);
            faults.push((begin..end, kind));
            begin = end + any_length(chance);
        }
    }

    /// Adds one fault.
    pub fn with(mut self, when: Range<Duration>, fault: Fault) -> Self {
        self.faults.push((when, fault));
        self
    }

    /// Returns what is wrong at a moment of the simulation.
    pub fn at(&self, elapsed: Duration) -> Option<Fault> {
        self.faults.iter().find(|(when, _)| when.contains(&elapsed)).map(|(_, fault)| *fault)
    }
}

/// Between 10 s and 2 h, short ones as likely as long ones on a logarithmic scale.
fn any_length(chance: &mut impl Rng) -> Duration {
    let exponent = chance.random_range(10_f64.ln()..7_200_f64.ln());
    Duration::from_secs_f64(exponent.exp())
}
