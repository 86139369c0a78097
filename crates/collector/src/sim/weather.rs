//! When a simulated backend behaves how.

use std::{ops::Range, time::Duration};

use rand::{Rng, RngExt};

/// How a backend misbehaves for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spell {
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

impl Spell {
    const ALL: [Self; 5] = [Self::Away, Self::Failing, Self::Forbidding, Self::Slow, Self::Flaky];
}

/// The spells of a simulated time; between them the backend is well.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    spells: Vec<(Range<Duration>, Spell)>,
}

impl Weather {
    /// Nothing ever goes wrong.
    pub fn fair() -> Self {
        Self::default()
    }

    /// Spells of 10 s to 2 h with as much between them, none in the first quarter of an hour and none after `span`.
    pub fn of_chance(chance: &mut impl Rng, span: Duration) -> Self {
        const FAIR_AT_FIRST: Duration = Duration::from_mins(15);
        let mut spells = Vec::new();
        let mut begin = FAIR_AT_FIRST;
        loop {
            let end = begin + any_length(chance);
            if end > span {
                return Self { spells };
            }
            let kind =
                Spell::ALL.get(chance.random_range(0..Spell::ALL.len())).copied().unwrap_or(Spell::Away);
            spells.push((begin..end, kind));
            begin = end + any_length(chance);
        }
    }

    /// Adds one spell.
    pub fn with(mut self, when: Range<Duration>, spell: Spell) -> Self {
        self.spells.push((when, spell));
        self
    }

    /// Tells what is wrong at a moment of the simulation.
    pub fn at(&self, elapsed: Duration) -> Option<Spell> {
        self.spells.iter().find(|(when, _)| when.contains(&elapsed)).map(|(_, spell)| *spell)
    }
}

/// Between 10 s and 2 h, short ones as likely as long ones on a logarithmic scale.
fn any_length(chance: &mut impl Rng) -> Duration {
    let exponent = chance.random_range(10_f64.ln()..7_200_f64.ln());
    Duration::from_secs_f64(exponent.exp())
}
