//! Flows one by one, those that come first in some order.

use std::{collections::BinaryHeap, num::NonZeroUsize, path::Path};

use super::{
    FlowRow, Listing, Order, Query, QueryError, Sums,
    attribute::{Attribute, NOT_TOLD},
    reader::Chunks,
    scan::{Findings, Progress, Scan, counted, for_each_thread, sums},
};
use crate::archive::End;

/// Flows that are listed at once: about 110 MB for each thread that reads.
pub const LIST_MAX: usize = 250_000;

/// What a flow is made again of.
const ATTRIBUTES: [Attribute; 53] = [
    Attribute::Received,
    Attribute::First,
    Attribute::Last,
    Attribute::Format,
    Attribute::Domain,
    Attribute::SourcePort,
    Attribute::DestinationPort,
    Attribute::Protocol,
    Attribute::TcpFlags,
    Attribute::Tos,
    Attribute::Bytes,
    Attribute::Packets,
    Attribute::Input,
    Attribute::Output,
    Attribute::Direction,
    Attribute::SourceAs,
    Attribute::DestinationAs,
    Attribute::Sampling,
    Attribute::Counter,
    Attribute::TrafficDirection,
    Attribute::NatSourcePort,
    Attribute::NatDestinationPort,
    Attribute::InputVlan,
    Attribute::OutputVlan,
    Attribute::SourceMac,
    Attribute::DestinationMac,
    Attribute::SourceMask,
    Attribute::DestinationMask,
    Attribute::InputVrf,
    Attribute::OutputVrf,
    Attribute::MplsLabel,
    Attribute::ForwardingStatus,
    Attribute::FirewallEvent,
    Attribute::NatEvent,
    Attribute::Application,
    Attribute::InputName,
    Attribute::OutputName,
    Attribute::ApplicationName,
    Attribute::InputVrfName,
    Attribute::High(End::Source),
    Attribute::Low(End::Source),
    Attribute::High(End::Destination),
    Attribute::Low(End::Destination),
    Attribute::High(End::Exporter),
    Attribute::Low(End::Exporter),
    Attribute::High(End::NatSource),
    Attribute::Low(End::NatSource),
    Attribute::High(End::NatDestination),
    Attribute::Low(End::NatDestination),
    Attribute::High(End::NextHop),
    Attribute::Low(End::NextHop),
    Attribute::High(End::BgpNextHop),
    Attribute::Low(End::BgpNextHop),
];

/// Lists the flows that come first, on so many threads; equal ones in an order that is the same each time.
///
/// # Errors
/// Fails where a file is damaged: a list that lacks it would be short in silence.
pub fn list(
    folder: &Path,
    query: &Query,
    threads: NonZeroUsize,
    progress: &Progress,
) -> Result<Listing, QueryError> {
    if query.top > LIST_MAX {
        return Err(QueryError::TooMany(query.top));
    }
    let scan = Scan::new(query, ATTRIBUTES.to_vec(), progress);
    let mut found =
        for_each_thread(threads, || First { query, total: Sums::default(), rows: BinaryHeap::new() });
    let scanned = scan.read(folder, &mut found)?;
    let mut total = Sums::default();
    let mut rows = Vec::new();
    for found in found {
        total.add(&found.total);
        rows.extend(found.rows);
    }
    rows.sort_unstable();
    rows.truncate(query.top);
    let flows = rows.iter().map(|row| {
        let value = |wanted| {
            let place = ATTRIBUTES.iter().position(|attribute| *attribute == wanted);
            place.and_then(|place| row.values.get(place)).copied().unwrap_or(NOT_TOLD)
        };
        FlowRow::of_numbers(&value)
    });
    Ok(Listing { flows: flows.collect(), total, scanned })
}

/// What one thread found: the flows that come first, the last of them on top.
struct First<'a> {
    query: &'a Query,
    total: Sums,
    rows: BinaryHeap<Row>,
}

/// A flow, and where it comes: less comes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    place: i64,
    values: Box<[i64]>,
}

impl Findings for First<'_> {
    fn add(&mut self, chunk: &Chunks, selected: &[bool]) -> Result<(), QueryError> {
        let bytes = counted(chunk, self.query, Attribute::Bytes);
        let packets = counted(chunk, self.query, Attribute::Packets);
        self.total.add(&sums(&bytes, &packets, selected));
        let [first, last, received] =
            [Attribute::First, Attribute::Last, Attribute::Received].map(|time| chunk.of(time));
        let at = |numbers: &[i64], row: usize| numbers.get(row).copied().unwrap_or(NOT_TOLD);
        for (row, _) in selected.iter().enumerate().filter(|(_, selected)| **selected) {
            let (first, last, received) = (at(first, row), at(last, row), at(received, row));
            let rate = |attribute: Attribute, count: i64| attribute.derived([first, last, count]);
            let place = match self.query.order {
                Order::Bytes => descending(at(&bytes, row)),
                Order::Packets => descending(at(&packets, row)),
                Order::BitRate => descending(rate(Attribute::BitRate, at(&bytes, row))),
                Order::PacketRate => descending(rate(Attribute::PacketRate, at(&packets, row))),
                Order::Duration => descending(rate(Attribute::Duration, NOT_TOLD)),
                Order::Last => descending(last),
                Order::First | Order::Flows => {
                    if first == NOT_TOLD {
                        received
                    } else {
                        first
                    }
                }
            };
            self.insert(place, || ATTRIBUTES.iter().map(|of| at(chunk.of(*of), row)).collect());
        }
        Ok(())
    }
}

impl First<'_> {
    fn insert(&mut self, place: i64, values: impl FnOnce() -> Box<[i64]>) {
        let full = self.rows.len() >= self.query.top;
        if full && self.rows.peek().is_none_or(|last| place > last.place) {
            return;
        }
        self.rows.push(Row { place, values: values() });
        if full {
            self.rows.pop();
        }
    }
}

/// The greatest first, and last what is not told.
const fn descending(value: i64) -> i64 {
    if value == NOT_TOLD { i64::MAX } else { -value }
}
