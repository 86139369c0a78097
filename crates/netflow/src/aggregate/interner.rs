//! Numbers for what keys of an open minute have in common: exporter, direction and interface.

use std::{collections::HashMap, net::IpAddr};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use super::TrafficDirection;

/// One exporter's traffic one direction, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ExporterDirection(u32);

/// One interface of it, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct InterfaceId(u32);

/// All numbers given, from 0 on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Interner {
    exporters: Vec<IpAddr>,
    numbers: HashMap<IpAddr, u32, RandomState>,
    interner: Vec<(ExporterDirection, u32)>,
    places: HashMap<(ExporterDirection, u32), InterfaceId, RandomState>,
    /// The exporter of the flow before, which is mostly that of the next.
    latest: Option<(IpAddr, u32)>,
}

impl Interner {
    /// Returns the number of an exporter's exporter_direction.
    pub(super) fn exporter_direction(
        &mut self,
        exporter: IpAddr,
        direction: TrafficDirection,
    ) -> ExporterDirection {
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
        ExporterDirection(number << 1 | u32::from(direction == TrafficDirection::Egress))
    }

    /// Returns the number of an interface.
    pub(super) fn interface_id(
        &mut self,
        exporter_direction: ExporterDirection,
        interface: u32,
    ) -> InterfaceId {
        let new = InterfaceId(number_of(self.interner.len()));
        let interface_id = *self.places.entry((exporter_direction, interface)).or_insert(new);
        if interface_id == new {
            self.interner.push((exporter_direction, interface));
        }
        interface_id
    }

    /// Returns what a exporter_direction's number stands for.
    pub(super) fn exporter_direction_of(
        &self,
        exporter_direction: ExporterDirection,
    ) -> Option<(IpAddr, TrafficDirection)> {
        let exporter = self.exporters.get(usize::try_from(exporter_direction.0 >> 1).ok()?)?;
        Some((
            *exporter,
            if exporter_direction.0 & 1 == 1 { TrafficDirection::Egress } else { TrafficDirection::Ingress },
        ))
    }

    /// Returns what a interface_id's number stands for.
    pub(super) fn interface_of(&self, interface_id: InterfaceId) -> Option<(IpAddr, TrafficDirection, u32)> {
        let (exporter_direction, interface) = *self.interner.get(usize::try_from(interface_id.0).ok()?)?;
        self.exporter_direction_of(exporter_direction)
            .map(|(exporter, direction)| (exporter, direction, interface))
    }

    pub(super) fn len(&self) -> usize {
        self.interner.len()
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
