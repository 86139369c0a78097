//! Whether a device can be measured, asked before it is set up.

use std::{future::Future, pin::Pin, sync::Arc};

use serde::{Deserialize, Serialize};

use super::OpenError;
use crate::model::Details;

/// What is tested: a device that is about to be set up, and how it is to be measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestSubject {
    /// What would be the entity's details: an address, maybe a port.
    pub device: Details,
    /// What would be the credential's details.
    pub credential: Details,
    /// What would be the sensor's details; empty for what tells most of the device.
    pub sensor: Details,
}

/// What a test found out. None of it holds anything of the credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestResult {
    /// Whether the device can be measured so.
    pub ok: bool,
    /// All of it in a sentence.
    pub summary: String,
    /// What the device told of itself, in the order in which it is shown.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// Why it cannot be measured.
    #[serde(default)]
    pub problem: Option<String>,
    /// What to do about that.
    #[serde(default)]
    pub remedy: Option<String>,
}

/// Something that a device told of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is, e.g. `sysName`.
    pub name: String,
    /// What was told.
    pub value: String,
}

/// A test under way.
pub type Testing<'a> = Pin<Box<dyn Future<Output = TestResult> + Send + 'a>>;

/// Opens what tests devices of a protocol.
pub type OpenTester = fn() -> Result<Arc<dyn DeviceTester>, OpenError>;

/// Tests devices of one protocol. It is made once and asked many times, for some at the same moment.
pub trait DeviceTester: Send + Sync {
    /// Asks the device as its bot would, within about a second where it is silent.
    fn test(&self, subject: TestSubject) -> Testing<'_>;
}

impl TestResult {
    /// Returns that of a device that answered.
    pub fn good(summary: impl Into<String>) -> Self {
        Self { ok: true, summary: summary.into(), ..Self::default() }
    }

    /// Returns that of a device that cannot be measured so.
    pub fn bad(problem: impl Into<String>) -> Self {
        let problem = problem.into();
        Self { summary: problem.clone(), problem: Some(problem), ..Self::default() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Adds what the device told.
    #[must_use]
    pub fn with_fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push(Fact { name: name.into(), value: value.into() });
        self
    }
}
