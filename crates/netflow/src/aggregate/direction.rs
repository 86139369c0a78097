//! Which direction traffic went, and by which interface.

use serde::{Deserialize, Serialize};

use crate::record::{Direction, Flow};

/// The two ways that values tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TrafficDirection {
    /// Into the exporter.
    Ingress,
    /// Out of it.
    Egress,
}

impl TrafficDirection {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// Returns the direction of a flow: ingress unless it says egress, as NetFlow v5 and many exporters say nothing.
    pub fn of(flow: &Flow) -> Self {
        if flow.direction == Some(Direction::Egress) { Self::Egress } else { Self::Ingress }
    }

    /// Returns the interface that counts: where the flow came in, or where it went out; 0 when the exporter did not say.
    pub fn interface(self, flow: &Flow) -> u32 {
        match self {
            Self::Ingress => flow.input,
            Self::Egress => flow.output,
        }
        .unwrap_or(0)
    }

    /// Returns the word in paths.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }

    /// Returns its place in a pair.
    pub(super) const fn of_pair<T>(self, pair: &[T; 2]) -> &T {
        let [ingress, egress] = pair;
        match self {
            Self::Ingress => ingress,
            Self::Egress => egress,
        }
    }

    /// Returns its place in a pair, to be changed.
    pub(super) const fn of_pair_mut<T>(self, pair: &mut [T; 2]) -> &mut T {
        let [ingress, egress] = pair;
        match self {
            Self::Ingress => ingress,
            Self::Egress => egress,
        }
    }
}
