//! NetFlow v9 and IPFIX, written: two templates of 20 fields, and one of options that tells the sampling.

use std::{collections::VecDeque, net::IpAddr};

use grafolean_time::Timestamp;

use super::exporter::{DATAGRAM_BYTES, Exporter, Totals, seconds};
use crate::record::{Flow, Protocol};

const TEMPLATE_V4: u16 = 256;
const TEMPLATE_V6: u16 = 257;
const TEMPLATE_OPTIONS: u16 = 258;
/// The sampler that flows name when there is sampling.
const SAMPLER: u8 = 1;
/// Element and width; the first two are the addresses, whose elements and widths are those of their family.
const FIELDS: [(u16, u16); 18] = [
    (7, 2),
    (11, 2),
    (4, 1),
    (1, 8),
    (2, 8),
    (10, 4),
    (14, 4),
    (61, 1),
    (22, 4),
    (21, 4),
    (48, 1),
    (5, 1),
    (6, 1),
    (9, 1),
    (13, 1),
    (15, 4),
    (16, 4),
    (17, 4),
];
/// In IPFIX times are absolute, in milliseconds.
const TIMES_IPFIX: [((u16, u16), (u16, u16)); 2] = [((22, 4), (152, 8)), ((21, 4), (153, 8))];

pub(super) fn write(
    exporter: &mut Exporter,
    now: Timestamp,
    flows: &mut VecDeque<Flow>,
    with_templates: bool,
    out: &mut Vec<u8>,
) -> Totals {
    let mut sent = Totals::default();
    let ipfix = exporter.setup.protocol == Protocol::Ipfix;
    header(exporter, now, out);
    let mut records = 0_u16;
    if with_templates {
        records += templates(exporter, out);
    }
    while let Some(v6) = flows.front().map(is_v6)
        && out.len() + 4 + record_bytes(ipfix, v6) <= DATAGRAM_BYTES
    {
        let mut set = Vec::new();
        while out.len() + 4 + set.len() + record_bytes(ipfix, v6) <= DATAGRAM_BYTES
            && let Some(flow) = flows.pop_front_if(|flow| is_v6(flow) == v6)
        {
            record(exporter, &flow, &mut set);
            sent.add(flow.bytes.unwrap_or(0), flow.packets.unwrap_or(0));
            records += 1;
        }
        put_set(if v6 { TEMPLATE_V6 } else { TEMPLATE_V4 }, &set, out);
    }
    let length = if ipfix { u16::try_from(out.len()).unwrap_or(u16::MAX) } else { records };
    if let Some(place) = out.get_mut(2..4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    let data_records =
        u32::try_from(sent.flows).unwrap_or(0) + u32::from(with_templates && exporter.setup.sampling > 1);
    exporter.sequence = exporter.sequence.wrapping_add(if ipfix { data_records } else { 1 });
    sent
}

fn header(exporter: &Exporter, now: Timestamp, out: &mut Vec<u8>) {
    let ipfix = exporter.setup.protocol == Protocol::Ipfix;
    out.extend(if ipfix { 10_u16 } else { 9 }.to_be_bytes());
    out.extend([0; 2]);
    if !ipfix {
        out.extend(exporter.uptime_ms(now).to_be_bytes());
    }
    out.extend(seconds(now).0.to_be_bytes());
    out.extend(exporter.sequence.to_be_bytes());
    out.extend(exporter.setup.domain.to_be_bytes());
}

/// Writes the templates, and the sampling as options data. Returns the records that NetFlow v9's header counts.
fn templates(exporter: &Exporter, out: &mut Vec<u8>) -> u16 {
    let ipfix = exporter.setup.protocol == Protocol::Ipfix;
    let mut set = Vec::new();
    for (id, v6) in [(TEMPLATE_V4, false), (TEMPLATE_V6, true)] {
        let fields = fields(ipfix, v6);
        put_pair(id, u16::try_from(fields.len()).unwrap_or(0), &mut set);
        fields.iter().for_each(|&(element, width)| put_pair(element, width, &mut set));
    }
    put_set(if ipfix { 2 } else { 0 }, &set, out);
    if exporter.setup.sampling <= 1 {
        return 2;
    }
    set.clear();
    if ipfix {
        // one scope, the sampler; then packets taken and passed over
        [(TEMPLATE_OPTIONS, 3), (1, 302), (1, 305), (4, 306)]
            .iter()
            .for_each(|&(a, b)| put_pair(a, b, &mut set));
        set.extend(4_u16.to_be_bytes());
    } else {
        // one scope, the system; then sampler, mode "random", interval
        put_pair(TEMPLATE_OPTIONS, 4, &mut set);
        set.extend(12_u16.to_be_bytes());
        [(1, 4), (48, 1), (49, 1), (50, 4)].iter().for_each(|&(a, b)| put_pair(a, b, &mut set));
    }
    put_set(if ipfix { 3 } else { 1 }, &set, out);
    set.clear();
    if ipfix {
        set.extend([SAMPLER]);
        set.extend(1_u32.to_be_bytes());
        set.extend((exporter.setup.sampling - 1).to_be_bytes());
    } else {
        set.extend([0, 0, 0, 0, SAMPLER, 2]);
        set.extend(exporter.setup.sampling.to_be_bytes());
    }
    put_set(TEMPLATE_OPTIONS, &set, out);
    4
}

fn fields(ipfix: bool, v6: bool) -> Vec<(u16, u16)> {
    let ends = if v6 { [(27, 16), (28, 16)] } else { [(8, 4), (12, 4)] };
    let ipfix_time = |field: (u16, u16)| {
        TIMES_IPFIX.iter().find(|(nine, _)| *nine == field).map_or(field, |(_, ten)| *ten)
    };
    let rest = FIELDS.iter().map(|&field| if ipfix { ipfix_time(field) } else { field });
    ends.into_iter().chain(rest).collect()
}

fn record_bytes(ipfix: bool, v6: bool) -> usize {
    let rest: usize = FIELDS.iter().map(|(_, width)| usize::from(*width)).sum();
    rest + if v6 { 32 } else { 8 } + if ipfix { 8 } else { 0 }
}

fn record(exporter: &Exporter, flow: &Flow, out: &mut Vec<u8>) {
    for end in [flow.source, flow.destination] {
        match end {
            Some(IpAddr::V6(address)) => out.extend(address.octets()),
            Some(IpAddr::V4(address)) => out.extend(address.octets()),
            None => out.extend([0; 4]),
        }
    }
    out.extend(flow.source_port.unwrap_or(0).to_be_bytes());
    out.extend(flow.destination_port.unwrap_or(0).to_be_bytes());
    out.extend([flow.protocol.unwrap_or(0)]);
    out.extend(flow.bytes.unwrap_or(0).to_be_bytes());
    out.extend(flow.packets.unwrap_or(0).to_be_bytes());
    out.extend(flow.input.unwrap_or(0).to_be_bytes());
    out.extend(flow.output.unwrap_or(0).to_be_bytes());
    out.extend([flow.direction.map_or(0, |direction| direction.number())]);
    for moment in [flow.first, flow.last] {
        let moment = moment.unwrap_or(exporter.setup.boot);
        if exporter.setup.protocol == Protocol::Ipfix {
            out.extend((moment.micros() / 1_000).to_be_bytes());
        } else {
            out.extend(exporter.uptime_ms(moment).to_be_bytes());
        }
    }
    out.extend([if exporter.setup.sampling > 1 { SAMPLER } else { 0 }]);
    // class of service, TCP flags, masks, next hop, autonomous systems
    let flags = u8::try_from(flow.tcp_flags.unwrap_or(0) & 0xFF).unwrap_or(0);
    out.extend([flow.tos.unwrap_or(0), flags, 24, 24, 192, 0, 2, 1]);
    out.extend(flow.source_as.unwrap_or(0).to_be_bytes());
    out.extend(flow.destination_as.unwrap_or(0).to_be_bytes());
}

fn is_v6(flow: &Flow) -> bool {
    matches!(flow.source, Some(IpAddr::V6(_)))
}

fn put_pair(first: u16, second: u16, out: &mut Vec<u8>) {
    out.extend(first.to_be_bytes());
    out.extend(second.to_be_bytes());
}

fn put_set(id: u16, body: &[u8], out: &mut Vec<u8>) {
    put_pair(id, u16::try_from(body.len() + 4).unwrap_or(u16::MAX), out);
    out.extend(body);
}
