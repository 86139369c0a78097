//! A router in virtual time: packets pass, its interfaces count them, its exporter tells of them.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use grafolean_netflow::{
    Timestamp,
    aggregate::Minutes,
    decoder::Decoder,
    generate::{Exporter, Setup},
    reconcile::{ExporterMinute, Finding, Profile, Ratios, Window, diagnose},
    record::{Datagram, Direction, Flow, Origin, Protocol},
};

pub(crate) const START: i64 = 1_700_000_040;
const EXPORTER: [u8; 4] = [192, 0, 2, 1];
/// Octets around a packet of Ethernet, with the checksum.
const FRAME: u64 = 18;

/// Traffic of one conversation, as it passed in a minute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    pub(crate) input: u32,
    pub(crate) output: u32,
    pub(crate) bytes: u64,
    pub(crate) packets: u64,
    pub(crate) port: u16,
    /// When its packets passed, in seconds of the minute.
    pub(crate) from: i64,
    pub(crate) to: i64,
}

pub(crate) type Export = Box<dyn FnMut(i64, &[Talk]) -> Vec<Flow>>;
pub(crate) type Network = Box<dyn FnMut(usize, &mut Vec<u8>) -> bool>;

/// How a router and its exporter work; the default is sound.
pub(crate) struct World {
    pub(crate) protocol: Protocol,
    /// What is told of the sampling.
    pub(crate) told: u32,
    /// Octets around each packet at the interface, and of them those that flows tell too.
    pub(crate) frame: u64,
    pub(crate) kind: u32,
    pub(crate) narrow_counters: bool,
    pub(crate) minutes: i64,
    /// What passes in a minute.
    pub(crate) traffic: fn(i64) -> Vec<Talk>,
    /// What the exporter makes of it, when the minute ends.
    pub(crate) export: Export,
    /// What becomes of a datagram; `false` loses it.
    pub(crate) network: Network,
    /// What the counters show in a minute of what passed.
    pub(crate) recount: Recount,
    /// Interfaces within others.
    pub(crate) parents: BTreeMap<u32, u32>,
}

/// Octets in and out, where they can be compared, and ifType, by interface.
pub(crate) type Counters = BTreeMap<u32, (Option<[u64; 2]>, u32)>;
pub(crate) type Recount = Box<dyn FnMut(i64, &mut Counters)>;

impl Default for World {
    fn default() -> Self {
        Self {
            protocol: Protocol::Netflow9,
            told: 1,
            frame: FRAME,
            kind: 6,
            narrow_counters: false,
            minutes: 8,
            traffic: usual,
            export: Box::new(|end, talks| talks.iter().map(|talk| flow(end, talk, None)).collect()),
            network: Box::new(|_, _| true),
            recount: Box::new(|_, _| {}),
            parents: BTreeMap::new(),
        }
    }
}

/// Four interfaces, of which each talks to each, by packets large and small, more in one minute than in the next.
pub(crate) fn usual(minute: i64) -> Vec<Talk> {
    let mut talks = Vec::new();
    for input in 1..=4_u32 {
        for output in (1..=4).filter(|output| *output != input) {
            for number in 0..60_u16 {
                let packets =
                    40 + u64::from(number) * 3 + u64::from(input) * 7 + minute.unsigned_abs() % 3 * 40;
                let size = if number % 2 == 0 { 1_400 } else { 90 + u64::from(number) };
                let port = number + 100 * u16::try_from(input * 10 + output).unwrap();
                talks.push(Talk { input, output, bytes: packets * size, packets, port, from: 1, to: 50 });
            }
        }
    }
    talks
}

/// Returns the flow of a conversation, as it is told when the minute ends.
pub(crate) fn flow(end: i64, talk: &Talk, direction: Option<Direction>) -> Flow {
    let host = |interface: u32| IpAddr::from(Ipv4Addr::from_bits(0x0A00_0000 + (interface << 8) + 5));
    Flow {
        source: Some(host(talk.input)),
        destination: Some(host(talk.output)),
        source_port: Some(talk.port),
        destination_port: Some(443),
        protocol: Some(6),
        bytes: Some(talk.bytes),
        packets: Some(talk.packets),
        input: Some(talk.input),
        output: Some(talk.output),
        direction,
        first: Some(Timestamp::from_seconds(end - 60 + talk.from)),
        last: Some(Timestamp::from_seconds(end - 60 + talk.to)),
        ..Flow::default()
    }
}

/// Returns the flows of which one packet in so many was sampled.
pub(crate) fn sampled(end: i64, talks: &[Talk], one_in: u64) -> Vec<Flow> {
    let mut phase = 0;
    let mut flows = Vec::new();
    for talk in talks {
        phase += talk.packets;
        let packets = phase / one_in;
        phase %= one_in;
        if packets > 0 {
            let bytes = talk.bytes / talk.packets * packets;
            flows.push(flow(end, &Talk { bytes, packets, ..*talk }, None));
        }
    }
    flows
}

/// What was found at the end.
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    pub(crate) ratios: BTreeMap<u32, Ratios>,
    pub(crate) window: Window,
    pub(crate) profile: Profile,
}

impl Outcome {
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.findings.iter().map(|finding| finding.cause.kind()).collect()
    }
}

impl World {
    /// Lets some minutes pass.
    pub(crate) fn run(mut self) -> Outcome {
        let address = SocketAddr::from((EXPORTER, 4_000));
        let boot = Timestamp::from_seconds(START - 100_000);
        let setup = Setup { protocol: self.protocol, domain: 1, sampling: self.told, boot };
        let mut exporter = Exporter::new(setup);
        let (mut decoder, mut minutes, mut window) =
            (Decoder::default(), Minutes::default(), Window::default());
        let mut number = 0;
        let mut latest = 0;
        for minute in 0..self.minutes {
            let end = START + (minute + 1) * 60;
            let talks = (self.traffic)(minute);
            // a second before the minute ends, as it is counted where it passed
            let received = Timestamp::from_seconds(end) - Duration::from_secs(1);
            let mut flows = VecDeque::from((self.export)(end, &talks));
            let mut datagram = Vec::new();
            while !flows.is_empty() {
                exporter.export(received, &mut flows, &mut datagram);
                let arrives = (self.network)(number, &mut datagram);
                number += 1;
                if arrives {
                    let datagram = Datagram { exporter: address, received, payload: &datagram };
                    let _ = decoder
                        .take(&datagram, &mut |origin: &Origin, flow: &Flow| minutes.add(origin, flow));
                }
            }
            let mut told = ExporterMinute::default();
            for (_, mut closed) in minutes.close(end) {
                told = ExporterMinute::of_links(&closed.take_links(), &[address.ip()]);
            }
            let coverage = decoder.ledger_mut().close_window();
            let mut coverage = coverage.into_iter().filter(|(of, _)| *of == address.ip());
            told.coverage = coverage.next().map(|(_, coverage)| coverage).unwrap_or_default();
            let counted = self.counted(&talks).into_iter();
            let mut counters =
                counted.map(|(interface, octets)| (interface, (Some(octets), self.kind))).collect();
            (self.recount)(minute, &mut counters);
            for (interface, (octets, kind)) in counters {
                told.count(interface, octets, !self.narrow_counters, Some(kind));
            }
            told.leave_out_relatives(&self.parents);
            window.put(end, told);
            latest = end;
        }
        let ledger = decoder.ledger();
        let templates = decoder.templates();
        let templates =
            templates.templates().map(|(scope, template, _)| (scope.exporter.ip(), &template.definition));
        let profile = Profile::all(ledger.accounts(), templates).remove(&address.ip()).unwrap_or_default();
        Outcome { findings: diagnose(&window, &profile), ratios: window.ratios(latest), window, profile }
    }

    /// Octets that each interface counted.
    fn counted(&self, talks: &[Talk]) -> BTreeMap<u32, [u64; 2]> {
        let mut octets: BTreeMap<u32, [u64; 2]> = (1..=4).map(|interface| (interface, [0; 2])).collect();
        for talk in talks {
            let frames = talk.bytes + talk.packets * self.frame;
            octets.entry(talk.input).or_default()[0] += frames;
            octets.entry(talk.output).or_default()[1] += frames;
        }
        if self.narrow_counters {
            octets.values_mut().flatten().for_each(|octets| *octets %= 1 << 32);
        }
        octets
    }
}
