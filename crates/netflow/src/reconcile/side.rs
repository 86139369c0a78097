//! One direction of one interface: what flows told, what it counted.

use super::{Flowing, InterfaceMinute};
use crate::aggregate::LinkSums;

/// Flows that differ from counters by no more are right: what is no IP, and how far two clocks are apart, is within it.
pub const TOLERANCE: f64 = 0.05;
/// Octets a minute below which an interface is idle: routing protocols and neighbour discovery are most of it.
const IDLE_BYTES: u64 = 100_000;
/// The share of octets told without a direction from which both directions are compared together.
const EITHER_SHARE: f64 = 0.05;
/// Standard deviations of a sampled count that are taken for chance.
const DEVIATIONS: f64 = 4.0;
/// Sampled packets that a count of nothing should have had, to be believed.
const SAMPLES_MIN: f64 = 40.0;
/// Octets of a usual packet, where nothing is known of them.
const USUAL_PACKET: f64 = 700.0;
/// Octets around a packet that are right for Ethernet: without checksum up to two tags with it.
const USUAL_FRAMING: std::ops::RangeInclusive<f64> = 10.0..=27.0;

/// How flows compare with counters: 1 is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ratios {
    /// Both directions together.
    pub both: f64,
    /// What came in, where the exporter tells directions and enough came.
    pub ingress: Option<f64>,
    /// What went out.
    pub egress: Option<f64>,
}

/// One direction of one interface over some minutes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) interface: u32,
    pub(super) flowing: Flowing,
    pub(super) told: LinkSums,
    pub(super) octets: u64,
    pub(super) is_wide: bool,
    framing: u64,
    pub(super) minutes: usize,
}

impl Ratios {
    /// Compares; `None` where the interface was idle or its counters are not known.
    pub(super) fn of(interface: &InterfaceMinute, minutes: usize) -> Option<Self> {
        let [ingress, egress] = interface.octets?;
        let told = interface.told();
        let both = Side::of(0, Flowing::Either, interface, told, ingress.saturating_add(egress), minutes);
        if both.is_idle() || both.octets == 0 {
            return None;
        }
        let of = |flowing| sides(0, interface, minutes).into_iter().find(|side| side.flowing == flowing);
        let ratio = |side: Side| (side.octets > 0).then(|| side.ratio());
        Some(Self {
            both: both.ratio(),
            ingress: of(Flowing::In).and_then(ratio),
            egress: of(Flowing::Out).and_then(ratio),
        })
    }
}

/// Returns the directions of an interface that are not idle: each by itself, or both together where flows do not tell.
pub(super) fn sides(index: u32, interface: &InterfaceMinute, minutes: usize) -> Vec<Side> {
    let Some([ingress, egress]) = interface.octets else { return Vec::new() };
    let told = interface.told();
    let is_untold = interface.either.told_bytes() as f64 > told.told_bytes() as f64 * EITHER_SHARE;
    let side = |flowing, told, octets| Side::of(index, flowing, interface, told, octets, minutes);
    let mut sides = if is_untold {
        vec![side(Flowing::Either, told, ingress.saturating_add(egress))]
    } else {
        vec![side(Flowing::In, interface.ingress, ingress), side(Flowing::Out, interface.egress, egress)]
    };
    sides.retain(|side| !side.is_idle());
    sides
}

impl Side {
    fn of(
        interface: u32,
        flowing: Flowing,
        its: &InterfaceMinute,
        told: LinkSums,
        octets: u64,
        minutes: usize,
    ) -> Self {
        let (is_wide, framing) = (its.is_wide, its.framing);
        Self { interface, flowing, told, octets, is_wide, framing, minutes }
    }

    fn is_idle(&self) -> bool {
        let least = IDLE_BYTES.saturating_mul(self.minutes.max(1) as u64);
        self.octets.max(self.told.told_bytes()) < least
    }

    /// Octets of frames by flows: what they told of IP packets, with the frame around each.
    pub(super) fn frames(&self) -> f64 {
        let around = self.framing.saturating_mul(self.told.packets);
        (self.told.told_bytes().saturating_add(around)) as f64
    }

    pub(super) fn ratio(&self) -> f64 {
        self.frames() / (self.octets as f64).max(1.0)
    }

    /// Packets of which one was sampled, on average.
    pub(super) fn factor(&self) -> f64 {
        let packets = self.told.packets.saturating_add(self.told.framed_packets);
        if self.told.samples == 0 { 1.0 } else { packets as f64 / self.told.samples as f64 }
    }

    /// By how much chance alone may have the two differ.
    pub(super) fn tolerance(&self) -> f64 {
        if self.factor() < 1.5 {
            return TOLERANCE;
        }
        TOLERANCE.max(DEVIATIONS / (self.told.samples as f64).sqrt().max(1.0))
    }

    /// Octets around each packet that would make both the same.
    pub(super) fn implied_framing(&self) -> f64 {
        let packets = self.told.packets.saturating_add(self.told.framed_packets);
        (self.octets as f64 - self.told.told_bytes() as f64) / (packets as f64).max(1.0)
    }

    pub(super) fn mean_packet(&self) -> f64 {
        let packets = self.told.packets.saturating_add(self.told.framed_packets);
        self.told.told_bytes() as f64 / (packets as f64).max(1.0)
    }

    /// Whether the octets of flows are those of whole frames.
    pub(super) fn is_framed(&self) -> bool {
        self.told.framed_packets > self.told.packets
    }

    pub(super) fn is_right(&self) -> bool {
        let is_framed_as_usual = !self.is_framed()
            && self.framing > 0
            && self.told.packets > 0
            && USUAL_FRAMING.contains(&self.implied_framing());
        (self.ratio() - 1.0).abs() <= self.tolerance() || is_framed_as_usual
    }

    /// Whether flows that should be there are not there at all, by so many sampled packets that it is no chance.
    pub(super) fn is_missing(&self, factor: f64) -> bool {
        let expected = self.octets as f64 / USUAL_PACKET / factor.max(1.0);
        self.ratio() < 0.001 && expected >= SAMPLES_MIN
    }
}
