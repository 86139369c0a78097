//! Numbers for what keys of an open minute have in common: exporter, direction and interface.

use std::{collections::HashMap, net::IpAddr};

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use super::{
    TrafficDirection,
    links::{Link, LinkSums},
};
use crate::record::Flow;

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
    /// By direction and link, the place in `links`.
    #[serde(skip)]
    link_places: HashMap<u128, usize, RandomState>,
    #[serde(skip)]
    links: Vec<InternedLink>,
    #[serde(skip)]
    latest_link: Option<(u128, usize)>,
}

/// A link of an exporter's direction: the interface that it is counted at, and what passed by it.
#[derive(Clone, Debug)]
pub(super) struct InternedLink {
    pub(super) interface_id: InterfaceId,
    pub(super) exporter_direction: ExporterDirection,
    pub(super) link: Link,
    pub(super) sums: LinkSums,
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

    /// Returns the link of a flow.
    pub(super) fn link(
        &mut self,
        exporter_direction: ExporterDirection,
        direction: TrafficDirection,
        flow: &Flow,
    ) -> Option<&mut InternedLink> {
        let link = Link::of(flow);
        let key = u128::from(exporter_direction.0) << 72 | link.number();
        let place = match self.latest_link {
            Some((latest, place)) if latest == key => place,
            _ => match self.link_places.get(&key) {
                Some(place) => *place,
                None => {
                    let interface_id = self.interface_id(exporter_direction, direction.interface(flow));
                    let sums = LinkSums::default();
                    self.links.push(InternedLink { interface_id, exporter_direction, link, sums });
                    self.link_places.insert(key, self.links.len() - 1);
                    self.links.len() - 1
                }
            },
        };
        self.latest_link = Some((key, place));
        self.links.get_mut(place)
    }

    /// Returns all links, with the exporter of each.
    pub(super) fn links(&self) -> impl Iterator<Item = (IpAddr, &InternedLink)> {
        self.links
            .iter()
            .filter_map(|link| Some((self.exporter_direction_of(link.exporter_direction)?.0, link)))
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
        self.interner.len() + self.links.len()
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
