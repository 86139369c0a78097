//! Numbers for what keys of an open minute have in common: exporter, way and interface.

use std::{collections::HashMap, net::IpAddr};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use super::Way;

/// One exporter's traffic one way, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Side(u32);

/// One interface of it, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Lane(u32);

/// All numbers given, from 0 on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lanes {
    exporters: Vec<IpAddr>,
    numbers: HashMap<IpAddr, u32, RandomState>,
    lanes: Vec<(Side, u32)>,
    places: HashMap<(Side, u32), Lane, RandomState>,
    /// The exporter of the flow before, which is mostly that of the next.
    latest: Option<(IpAddr, u32)>,
}

impl Lanes {
    /// Gives the number of an exporter's side.
    pub(super) fn side(&mut self, exporter: IpAddr, way: Way) -> Side {
        let number = match self.latest {
            Some((latest, number)) if latest == exporter => number,
            _ => {
                let new = number_of(self.exporters.len());
                let number = *self.numbers.entry(exporter).or_insert(new);
                if number == new {
                    self.exporters.push(exporter);
                }
                self.latest = Some((exporter, number));
                number
            }
        };
        Side(number << 1 | u32::from(way == Way::Egress))
    }

    /// Gives the number of an interface.
    pub(super) fn lane(&mut self, side: Side, interface: u32) -> Lane {
        let new = Lane(number_of(self.lanes.len()));
        let lane = *self.places.entry((side, interface)).or_insert(new);
        if lane == new {
            self.lanes.push((side, interface));
        }
        lane
    }

    /// Gives what a side's number stands for.
    pub(super) fn side_of(&self, side: Side) -> Option<(IpAddr, Way)> {
        let exporter = self.exporters.get(usize::try_from(side.0 >> 1).ok()?)?;
        Some((*exporter, if side.0 & 1 == 1 { Way::Egress } else { Way::Ingress }))
    }

    /// Gives what a lane's number stands for.
    pub(super) fn lane_of(&self, lane: Lane) -> Option<(IpAddr, Way, u32)> {
        let (side, interface) = *self.lanes.get(usize::try_from(lane.0).ok()?)?;
        self.side_of(side).map(|(exporter, way)| (exporter, way, interface))
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Forgets all numbers.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// A minute is added up long before it has so many.
fn number_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
