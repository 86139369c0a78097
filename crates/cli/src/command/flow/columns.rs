//! What is shown of a single flow, column by column.

use grafolean_netflow::{
    query::{FlowRow, dscp_name},
    record::Protocol,
};
use serde_json::{Map, Value};

use super::cell::Cell;

/// A column of single flows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    of: fn(&FlowRow, Counts) -> Cell,
    /// Whether JSON has it also where it was not told, as null.
    always: bool,
}

/// How counts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// As the exporter told them.
    Exported,
    /// Scaled by the sampling, as an estimate of what passed.
    Scaled,
}

impl Counts {
    fn of(self, row: &FlowRow, count: Option<u64>) -> Option<u64> {
        count.map(|count| if self == Self::Scaled { row.scaled(count) } else { count })
    }
}

/// What a table shows unless other columns are asked for.
pub(super) const USUAL: [&str; 11] =
    ["first", "duration", "proto", "src", "sport", "dst", "dport", "flags", "bytes", "packets", "bps"];

/// All columns, in the order of a JSON object.
pub(super) const COLUMNS: &[Column] = &[
    always("exporter", |row, _| Cell::address(row.exporter)),
    always("src", |row, _| Cell::address(row.flow.source)),
    always("dst", |row, _| Cell::address(row.flow.destination)),
    always("sport", |row, _| Cell::number(row.flow.source_port)),
    always("dport", |row, _| Cell::number(row.flow.destination_port)),
    always("proto", |row, _| row.flow.protocol.map_or(Cell::Nothing, Cell::Protocol)),
    always("bytes", |row, counts| Cell::count(counts.of(row, row.flow.bytes))),
    always("packets", |row, counts| Cell::count(counts.of(row, row.flow.packets))),
    always("in", |row, _| Cell::number(row.flow.input)),
    always("out", |row, _| Cell::number(row.flow.output)),
    // sFlow does not tell it: it follows from the source of the sample
    always("dir", |row, _| {
        let told = row.flow.direction.filter(|_| row.format != Some(Protocol::Sflow5));
        Cell::number(told.map(|direction| direction.number()))
    }),
    always("sampling", |row, _| Cell::Factor(row.sampling)),
    always("first", |row, _| Cell::time(row.flow.first)),
    always("last", |row, _| Cell::time(row.flow.last)),
    always("counter", |row, _| Cell::Text(row.flow.counter.name().to_owned())),
    always("way", |row, _| Cell::Text(row.flow.biflow.name().to_owned())),
    where_told("received", |row, _| Cell::Time(row.received)),
    where_told("format", |row, _| Cell::text_of(row.format.map(Protocol::name))),
    where_told("domain", |row, _| Cell::Number(u64::from(row.domain))),
    where_told("duration", |row, _| Cell::span(row.duration())),
    where_told("flags", |row, _| row.flow.tcp_flags.map_or(Cell::Nothing, Cell::Flags)),
    where_told("tos", |row, _| Cell::number(row.flow.tos)),
    where_told("dscp", |row, _| Cell::text_of(row.flow.tos.map(|tos| dscp_name(i64::from(tos >> 2))))),
    where_told("srcas", |row, _| Cell::number(row.flow.source_as)),
    where_told("dstas", |row, _| Cell::number(row.flow.destination_as)),
    where_told("bps", |row, counts| {
        let bits = counts.of(row, row.flow.bytes).map(|bytes| bytes.saturating_mul(8));
        Cell::count(bits.and_then(|bits| row.rate(bits)))
    }),
    where_told("pps", |row, counts| {
        Cell::count(counts.of(row, row.flow.packets).and_then(|packets| row.rate(packets)))
    }),
    where_told("bpp", |row, _| {
        let (bytes, packets) = (row.flow.bytes, row.flow.packets.filter(|packets| *packets > 0));
        Cell::count(bytes.zip(packets).map(|(bytes, packets)| bytes / packets))
    }),
    where_told("natsrc", |row, _| Cell::address(row.details.nat_source)),
    where_told("natdst", |row, _| Cell::address(row.details.nat_destination)),
    where_told("natsport", |row, _| Cell::number(row.details.nat_source_port)),
    where_told("natdport", |row, _| Cell::number(row.details.nat_destination_port)),
    where_told("invlan", |row, _| Cell::number(row.details.input_vlan)),
    where_told("outvlan", |row, _| Cell::number(row.details.output_vlan)),
    where_told("srcmac", |row, _| Cell::text_of(row.details.source_mac)),
    where_told("dstmac", |row, _| Cell::text_of(row.details.destination_mac)),
    where_told("nexthop", |row, _| Cell::address(row.details.next_hop)),
    where_told("bgpnexthop", |row, _| Cell::address(row.details.bgp_next_hop)),
    where_told("srcmask", |row, _| Cell::number(row.details.source_mask)),
    where_told("dstmask", |row, _| Cell::number(row.details.destination_mask)),
    where_told("invrf", |row, _| Cell::number(row.details.ingress_vrf)),
    where_told("outvrf", |row, _| Cell::number(row.details.egress_vrf)),
    where_told("mpls", |row, _| Cell::number(row.details.mpls_top_label)),
    where_told("fwstatus", |row, _| Cell::number(row.details.forwarding_status)),
    where_told("fwevent", |row, _| Cell::number(row.details.firewall_event)),
    where_told("natevent", |row, _| Cell::number(row.details.nat_event)),
    where_told("app", |row, _| Cell::text_of(row.details.application)),
    where_told("inname", |row, _| Cell::text_of(row.details.input_name)),
    where_told("outname", |row, _| Cell::text_of(row.details.output_name)),
    where_told("appname", |row, _| Cell::text_of(row.details.application_name)),
    where_told("invrfname", |row, _| Cell::text_of(row.details.ingress_vrf_name)),
];

const fn always(name: &'static str, of: fn(&FlowRow, Counts) -> Cell) -> Column {
    Column { name, of, always: true }
}

const fn where_told(name: &'static str, of: fn(&FlowRow, Counts) -> Cell) -> Column {
    Column { name, of, always: false }
}

impl Column {
    pub(super) fn of(&self, row: &FlowRow, counts: Counts) -> Cell {
        (self.of)(row, counts)
    }
}

/// Returns the columns of these names, in their order.
///
/// # Errors
/// Fails with the first name that is none, and those that are.
pub(super) fn named(names: &[String]) -> anyhow::Result<Vec<Column>> {
    let of = |name: &String| {
        let found = COLUMNS.iter().find(|column| column.name.eq_ignore_ascii_case(name.trim()));
        found.copied().ok_or_else(|| {
            let known: Vec<_> = COLUMNS.iter().map(|column| column.name).collect();
            anyhow::anyhow!("--columns: {name:?} is invalid for single flows: expected {}", known.join(", "))
        })
    };
    names.iter().map(of).collect()
}

/// Returns a flow as JSON: these columns, or of all columns those that it tells.
pub(super) fn object(row: &FlowRow, counts: Counts, columns: &[Column]) -> Value {
    let all = columns.is_empty();
    let of = |column: &Column| {
        let cell = column.of(row, counts);
        (!all || column.always || cell.is_told()).then(|| (column.name.to_owned(), cell.json()))
    };
    let columns = if all { COLUMNS } else { columns };
    Value::Object(columns.iter().filter_map(of).collect::<Map<_, _>>())
}
