//! Why a value is missing: one closed list of causes, each with the sentence and the remedy that people are told.
//!
//! [`Cause`] is what parts of a bot and of a hub agree on; `table` holds its words, from which the command line, the page
//! and `docs/troubleshooting.md` are made. [`Trouble`] is a cause that a run met, with its evidence.

mod table;
mod trouble;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use table::{Cause, Row};
pub use trouble::{Failure, MOST_TROUBLES, Scope, Trouble, TroubleNotes};

/// A step on the way from what people set up to a stored value, in the order in which it is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Entity, credential, sensors.
    Configuration,
    /// Which bot the entity belongs to, and whether it runs.
    Selection,
    /// What the bot makes of it.
    Plan,
    /// When it is due.
    Schedule,
    /// What the last runs met.
    Runs,
    /// What they measured.
    Values,
    /// What waits on the bot's disk.
    Queue,
    /// What the backend takes.
    Delivery,
    /// What is stored.
    Stored,
}

impl Link {
    /// All of them, in their order.
    pub const ALL: [Self; 9] = [
        Self::Configuration,
        Self::Selection,
        Self::Plan,
        Self::Schedule,
        Self::Runs,
        Self::Values,
        Self::Queue,
        Self::Delivery,
        Self::Stored,
    ];

    /// Returns its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration",
            Self::Selection => "Bot",
            Self::Plan => "Plan",
            Self::Schedule => "Schedule",
            Self::Runs => "Last runs",
            Self::Values => "Values",
            Self::Queue => "Queue",
            Self::Delivery => "Delivery",
            Self::Stored => "Stored",
        }
    }
}

impl Cause {
    /// Returns the short word under which it is sent and counted.
    pub fn kind(self) -> &'static str {
        self.row().kind
    }

    /// Returns the sentence that says what is wrong.
    pub fn sentence(self) -> &'static str {
        self.row().sentence
    }

    /// Returns the sentence that says what to do.
    pub fn remedy(self) -> &'static str {
        self.row().remedy
    }

    /// Returns the step at which it breaks the way.
    pub fn link(self) -> Link {
        self.row().link
    }

    /// Returns the cause of a kind; [`Cause::Unknown`] where this version has none of it.
    pub fn of_kind(kind: &str) -> Self {
        Row::of_kind(kind).map_or(Self::Unknown, |row| row.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.kind())
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.kind())
    }
}

impl<'de> Deserialize<'de> for Cause {
    /// A kind that a newer bot has, and this version has not, is unknown; its evidence still says what it met.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of_kind(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_cause_has_a_kind_of_its_own_that_comes_back() {
        let kinds: BTreeSet<_> = Row::all().map(|row| row.kind).collect();
        let causes: BTreeSet<_> = Row::all().map(|row| row.cause).collect();
        assert_eq!((kinds.len(), causes.len()), (Row::all().count(), Cause::Unknown as usize + 1));
        for Row { cause, .. } in Row::all() {
            let cause = *cause;
            let written = serde_json::to_string(&cause).unwrap();
            assert_eq!(serde_json::from_str::<Cause>(&written).unwrap(), cause);
        }
        assert_eq!(serde_json::from_str::<Cause>("\"of_a_newer_version\"").unwrap(), Cause::Unknown);
    }

    #[test]
    fn the_words_are_one_sentence_each() {
        for cause in Row::all().map(|row| row.cause) {
            for words in [cause.sentence(), cause.remedy()] {
                assert!(words.ends_with('.') && !words.contains(". "), "{}: {words}", cause.kind());
                assert!(words.starts_with(|first: char| first.is_uppercase()), "{}: {words}", cause.kind());
            }
        }
    }
}
