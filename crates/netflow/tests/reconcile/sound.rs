//! Sound exporters: nothing is said, and flows are what counters say.

use grafolean_netflow::record::{Direction, Flow, Protocol};

use crate::world::{START, Talk, World, flow, sampled, usual};

/// Nothing is found, and each interface is right by so much.
fn is_sound(within: f64, world: World) {
    let outcome = world.run();
    assert_eq!(outcome.kinds(), [""; 0], "{:#?}\n{:#?}", outcome.findings, outcome.ratios);
    assert!(!outcome.ratios.is_empty());
    for (interface, ratios) in outcome.ratios {
        assert!((ratios.both - 1.0).abs() <= within, "{interface}: {ratios:?}");
    }
}

#[test]
fn all_formats_that_tell_every_packet() {
    for protocol in
        [Protocol::Netflow1, Protocol::Netflow5, Protocol::Netflow7, Protocol::Netflow9, Protocol::Ipfix]
    {
        // 14 octets around each packet are what a kernel counts
        is_sound(0.0001, World { protocol, frame: 14, ..World::default() });
        is_sound(0.03, World { protocol, ..World::default() });
    }
}

#[test]
fn small_packets_with_checksums_and_tags() {
    let small = |minute: i64| {
        usual(minute).into_iter().map(|talk| Talk { bytes: talk.packets * 60, ..talk }).collect()
    };
    for frame in [14, 18, 22, 26] {
        is_sound(0.2, World { traffic: small, frame, ..World::default() });
    }
}

#[test]
fn tunnels_count_what_flows_count() {
    is_sound(0.0001, World { frame: 0, kind: 131, ..World::default() });
}

#[test]
fn samplings_that_are_told() {
    for (protocol, one_in) in [
        (Protocol::Netflow5, 10),
        (Protocol::Netflow9, 10),
        (Protocol::Netflow9, 100),
        (Protocol::Ipfix, 50),
        (Protocol::Ipfix, 64),
    ] {
        let export = move |end: i64, talks: &[Talk]| sampled(end, talks, u64::from(one_in));
        is_sound(
            0.25,
            World { protocol, told: one_in, frame: 14, export: Box::new(export), ..World::default() },
        );
    }
}

#[test]
fn samples_of_sflow_count_whole_frames() {
    let samples = |end: i64, talks: &[Talk]| {
        let of = |flow: Flow| {
            let packets = flow.packets.unwrap();
            let bytes = flow.bytes.map(|bytes| bytes / packets + 18);
            (0..packets).map(move |_| Flow { bytes, packets: Some(1), ..flow })
        };
        sampled(end, talks, 10).into_iter().flat_map(of).collect()
    };
    is_sound(
        0.1,
        World { protocol: Protocol::Sflow5, told: 10, export: Box::new(samples), ..World::default() },
    );
}

#[test]
fn both_directions_where_they_are_told() {
    let both = |end: i64, talks: &[Talk]| {
        let ways = [Direction::Ingress, Direction::Egress];
        talks.iter().flat_map(|talk| ways.map(|way| flow(end, talk, Some(way)))).collect()
    };
    is_sound(0.0001, World { frame: 14, export: Box::new(both), ..World::default() });
}

#[test]
fn output_alone_where_it_is_told() {
    let egress = |end: i64, talks: &[Talk]| {
        talks.iter().map(|talk| flow(end, talk, Some(Direction::Egress))).collect()
    };
    is_sound(0.0001, World { frame: 14, export: Box::new(egress), ..World::default() });
}

#[test]
fn one_interface_in_both_directions_of_which_both_are_told() {
    let traffic = |minute: i64| {
        usual(minute).into_iter().filter(|talk| talk.input < 3 && talk.output < 3).collect::<Vec<_>>()
    };
    let export = |end: i64, talks: &[Talk]| {
        let way = |talk: &Talk| if talk.input == 1 { Direction::Ingress } else { Direction::Egress };
        talks.iter().map(|talk| flow(end, talk, Some(way(talk)))).collect()
    };
    is_sound(0.0001, World { traffic, frame: 14, export: Box::new(export), ..World::default() });
}

#[test]
fn probes_that_name_their_one_interface_twice() {
    // each interface has a probe that sees what comes and what goes
    let probes = |end: i64, talks: &[Talk]| {
        let seen = talks.iter().flat_map(|talk| {
            [talk.input, talk.output].map(|interface| Talk { input: interface, output: interface, ..*talk })
        });
        seen.map(|talk| Flow { ..ends_of(&talk, flow(end, &talk, None)) }).collect()
    };
    is_sound(0.0001, World { frame: 14, export: Box::new(probes), ..World::default() });
}

#[test]
fn probes_that_call_a_direction_what_is_none() {
    // softflowd tells by the addresses which of two ends is the first
    let probes = |end: i64, talks: &[Talk]| {
        let seen = talks.iter().flat_map(|talk| {
            let way = if talk.input < talk.output { Direction::Ingress } else { Direction::Egress };
            let at = |interface: u32| Talk { input: interface, output: interface, ..*talk };
            [(at(talk.input), way), (at(talk.output), way)]
        });
        seen.map(|(talk, way)| ends_of(&talk, flow(end, &talk, Some(way)))).collect()
    };
    is_sound(0.0001, World { frame: 14, export: Box::new(probes), ..World::default() });
}

#[test]
fn packets_that_leave_a_router_by_the_interface_they_came_by() {
    let traffic = |minute: i64| {
        let hairpin = usual(minute).into_iter().filter(|talk| talk.input == 1);
        let hairpin = hairpin.map(|talk| Talk { output: 1, port: talk.port + 5_000, ..talk });
        usual(minute).into_iter().chain(hairpin).collect::<Vec<_>>()
    };
    is_sound(0.0001, World { traffic, frame: 14, ..World::default() });
}

/// The ends stay those of the conversation, which its port tells.
fn ends_of(talk: &Talk, flow: Flow) -> Flow {
    let host = |number: u16| Some(std::net::IpAddr::from([10, 1, u8::try_from(number % 250).unwrap(), 1]));
    Flow { source: host(talk.port / 1_000), destination: host(talk.port / 100 % 10), ..flow }
}

#[test]
fn active_timeouts_of_a_minute() {
    let whole = |minute: i64| {
        usual(minute).into_iter().map(|talk| Talk { from: 0, to: 60, ..talk }).collect::<Vec<_>>()
    };
    is_sound(0.0001, World { traffic: whole, frame: 14, ..World::default() });
}

#[test]
fn idle_interfaces_and_what_is_no_ip() {
    // hellos of routing and neighbour discovery are counted and told by nobody
    let quiet = |minute: i64| {
        usual(minute).into_iter().filter(|talk| talk.input < 3 && talk.output < 3).collect::<Vec<_>>()
    };
    is_sound(0.0001, World { traffic: quiet, frame: 14, ..World::default() });
}

#[test]
fn nothing_is_said_of_minutes_that_are_too_few_or_quiet() {
    let outcome = World { minutes: 2, export: Box::new(|_, _| Vec::new()), ..World::default() }.run();
    assert_eq!(outcome.kinds(), [""; 0]);
    let silent = |_: i64| Vec::new();
    let outcome = World { traffic: silent, ..World::default() }.run();
    assert_eq!((outcome.kinds(), outcome.ratios.len()), (vec![], 0));
}

#[test]
fn a_fault_that_was_mended_is_no_longer_told() {
    let export = move |end: i64, talks: &[Talk]| {
        let is_mended = end > START + 6 * 60;
        let told = talks.iter().filter(|talk| is_mended || talk.input != 3);
        told.map(|talk| flow(end, talk, Some(Direction::Ingress))).collect()
    };
    is_sound(0.0001, World { frame: 14, export: Box::new(export), minutes: 11, ..World::default() });
}
