//! Faults and sound set-ups of which no rule was made: each is named rightly, or said to be unknown, and nothing is said of
//! what is sound.

use grafolean_netflow::{
    reconcile::Cause,
    record::{Direction, Flow, Protocol},
};

use crate::world::{Counters, Outcome, Talk, World, flow, sampled, usual};

fn kinds(world: World) -> Outcome {
    let outcome = world.run();
    assert!(!outcome.ratios.is_empty());
    outcome
}

fn is_sound(world: World) {
    let outcome = kinds(world);
    assert_eq!(outcome.kinds(), [""; 0], "{:#?}\n{:#?}", outcome.findings, outcome.ratios);
    for (interface, ratios) in &outcome.ratios {
        assert!((ratios.both - 1.0).abs() < 0.05, "{interface}: {ratios:?}");
    }
}

#[test]
fn samplings_that_nobody_would_set_up() {
    for (one_in, told) in [(7, 1), (300, 1), (700, 1), (30, 1), (30, 300), (1_500, 500)] {
        let export = move |end: i64, talks: &[Talk]| sampled(end, talks, one_in);
        let traffic = |minute: i64| {
            let many = |talk: Talk| Talk { bytes: talk.bytes * 40, packets: talk.packets * 40, ..talk };
            usual(minute).into_iter().map(many).collect::<Vec<_>>()
        };
        let outcome = kinds(World { told, traffic, export: Box::new(export), ..World::default() });
        assert_eq!(outcome.kinds(), ["sampling-wrong"], "one in {one_in}: {:#?}", outcome.findings);
        let Cause::SamplingWrong { fits, .. } = outcome.findings[0].cause else { unreachable!() };
        let apart = (f64::from(fits) / f64::from(u32::try_from(one_in).unwrap())).ln().abs();
        assert!(apart < 0.15, "one in {one_in} is said to be one in {fits}");
    }
}

#[test]
fn a_part_of_the_flows_goes_to_other_collectors() {
    for collectors in [2, 3, 4] {
        let part = move |end: i64, talks: &[Talk]| {
            let own = talks.iter().filter(|talk| talk.port.is_multiple_of(collectors));
            own.map(|talk| flow(end, talk, None)).collect()
        };
        // flows alike, so that a part of them is that part of the octets
        let alike = |_| {
            let all = usual(0).into_iter();
            all.map(|talk| Talk { bytes: 140_000, packets: 100, ..talk }).collect::<Vec<_>>()
        };
        let outcome = kinds(World { traffic: alike, export: Box::new(part), ..World::default() });
        assert_eq!(outcome.kinds(), ["told-in-part"], "{collectors}: {:#?}", outcome.findings);
        let Cause::ToldInPart { fits, .. } = outcome.findings[0].cause else { unreachable!() };
        assert_eq!(fits, u32::from(collectors));
    }
}

#[test]
fn one_direction_alone_that_is_sampled_without_saying_so() {
    let export = |end: i64, talks: &[Talk]| {
        let ingress = talks.iter().map(|talk| flow(end, talk, Some(Direction::Ingress)));
        let egress = sampled(end, talks, 20).into_iter();
        ingress.chain(egress.map(|flow| Flow { direction: Some(Direction::Egress), ..flow })).collect()
    };
    // what goes out is told by what came in, too: the larger of both is believed, and nothing is wrong
    is_sound(World { export: Box::new(export), frame: 14, ..World::default() });
}

#[test]
fn one_interface_whose_incoming_flows_are_halved() {
    let export = |end: i64, talks: &[Talk]| {
        let is_told = |talk: &&Talk| talk.input != 2 || talk.port.is_multiple_of(2);
        talks.iter().filter(is_told).map(|talk| flow(end, talk, Some(Direction::Ingress))).collect()
    };
    let traffic = |_| {
        usual(0).into_iter().map(|talk| Talk { bytes: 140_000, packets: 100, ..talk }).collect::<Vec<_>>()
    };
    let outcome = kinds(World { traffic, export: Box::new(export), ..World::default() });
    assert_eq!(outcome.kinds(), ["unknown"], "{:#?}", outcome.findings);
    assert!(outcome.findings[0].interfaces.contains(&2));
}

#[test]
fn counters_of_one_interface_that_wrap() {
    let heavy = |minute: i64| {
        let whole =
            Talk { input: 1, output: 2, bytes: 9_000_000_000, packets: 7_000_000, port: 9, from: 0, to: 59 };
        usual(minute).into_iter().chain([whole]).collect::<Vec<_>>()
    };
    let outcome = kinds(World { narrow_counters: true, traffic: heavy, ..World::default() });
    assert_eq!(outcome.kinds(), ["counters-wrapped"], "{:#?}", outcome.findings);
    assert_eq!(outcome.findings[0].interfaces, [1, 2].into());
}

#[test]
fn counters_that_began_anew_are_not_compared() {
    let anew = |minute: i64, counters: &mut Counters| {
        if minute % 3 == 1 {
            counters.values_mut().for_each(|(octets, _)| *octets = None);
        }
    };
    is_sound(World { recount: Box::new(anew), minutes: 12, ..World::default() });
    // one interface that never can be compared is there all the same: it was not renumbered
    let never = |_: i64, counters: &mut Counters| {
        counters.entry(4).and_modify(|(octets, _)| *octets = None);
    };
    let export = |end: i64, talks: &[Talk]| {
        let told = talks.iter().filter(|talk| talk.input != 3);
        told.map(|talk| flow(end, talk, Some(Direction::Ingress))).collect()
    };
    let outcome = kinds(World { recount: Box::new(never), export: Box::new(export), ..World::default() });
    assert_eq!(outcome.kinds(), ["not-exported"], "{:#?}", outcome.findings);
}

#[test]
fn octets_of_whole_frames_of_large_packets_are_within_the_tolerance() {
    let frames = |end: i64, talks: &[Talk]| {
        let whole = |talk: &Talk| Talk { bytes: talk.bytes + talk.packets * 18, ..*talk };
        talks.iter().map(|talk| flow(end, &whole(talk), None)).collect()
    };
    is_sound(World { export: Box::new(frames), ..World::default() });
}

/// What an interface carries that is made of others, of which each is told or not.
fn sum(counters: &Counters, of: &[u32]) -> [u64; 2] {
    let its = of.iter().filter_map(|index| counters.get(index)?.0);
    its.fold([0; 2], |[ingress, egress], [more_in, more_out]| [ingress + more_in, egress + more_out])
}

#[test]
fn sub_interfaces_that_are_counted_with_what_they_are_within() {
    // flows tell 1 and 2, which are within 10
    let parent = |_: i64, counters: &mut Counters| {
        let [ingress, egress] = sum(counters, &[1, 2]);
        counters.insert(10, (Some([ingress + ingress / 50, egress + egress / 50]), 6));
    };
    let parents = [(1, 10), (2, 10)].into();
    is_sound(World { recount: Box::new(parent), parents, ..World::default() });
    // flows tell 1, within which 11 and 12 are
    let within = |_: i64, counters: &mut Counters| {
        let [ingress, egress] = sum(counters, &[1]);
        counters.insert(11, (Some([ingress / 3, egress / 3]), 135));
        counters.insert(12, (Some([ingress / 2, egress / 2]), 135));
    };
    let parents = [(11, 1), (12, 1)].into();
    is_sound(World { recount: Box::new(within), parents, ..World::default() });
}

#[test]
fn a_parent_that_carries_far_more_than_its_sub_interfaces_is_not_exported() {
    let parent = |_: i64, counters: &mut Counters| {
        let [ingress, egress] = sum(counters, &[1, 2]);
        counters.insert(10, (Some([ingress * 3, egress * 3]), 6));
    };
    let parents = [(1, 10), (2, 10)].into();
    let outcome = kinds(World { recount: Box::new(parent), parents, ..World::default() });
    assert_eq!(outcome.kinds(), ["not-exported"], "{:#?}", outcome.findings);
    assert_eq!(outcome.findings[0].interfaces, [10].into());
}

#[test]
fn aggregates_and_their_members() {
    // flows tell the members 1 and 2 of the aggregate 20
    let aggregate = |_: i64, counters: &mut Counters| {
        let carried = sum(counters, &[1, 2]);
        counters.insert(20, (Some(carried), 161));
    };
    is_sound(World { recount: Box::new(aggregate), ..World::default() });
    // flows tell the aggregate 1, whose members are 21 to 23
    let members = |minute: i64, counters: &mut Counters| {
        let [ingress, egress] = sum(counters, &[1]);
        let third = |number: u64| (ingress / 3 + number, egress / 3 + number * minute.unsigned_abs());
        for (index, number) in [(21, 0), (22, 1_000), (23, 2_000)] {
            let (its_in, its_out) = third(number);
            counters.insert(index, (Some([its_in, its_out]), 6));
        }
        counters.insert(1, (Some([ingress, egress]), 161));
    };
    is_sound(World { recount: Box::new(members), ..World::default() });
}

#[test]
fn an_interface_beside_an_aggregate_that_is_not_exported_is_said() {
    let recount = |_: i64, counters: &mut Counters| {
        let carried = sum(counters, &[1, 2]);
        counters.insert(20, (Some(carried), 161));
        counters.insert(30, (Some([7_000_000, 9_000_000]), 6));
    };
    let outcome = kinds(World { recount: Box::new(recount), ..World::default() });
    assert_eq!(outcome.kinds(), ["not-exported"], "{:#?}", outcome.findings);
    assert_eq!(outcome.findings[0].interfaces, [30].into());
}

/// What a probe tells that sees both directions of an interface, without saying which is which.
fn probe(end: i64, talk: &Talk, interface: u32) -> Flow {
    let host = |number: u16| Some(std::net::IpAddr::from([10, 1, u8::try_from(number % 250).unwrap(), 1]));
    let (source, destination) = (host(talk.port / 1_000), host(talk.port / 100 % 10));
    Flow { source, destination, ..flow(end, &Talk { input: interface, output: interface, ..*talk }, None) }
}

#[test]
fn a_probe_of_all_interfaces_that_sees_the_loopback_too() {
    for protocol in [Protocol::Netflow5, Protocol::Netflow9, Protocol::Ipfix] {
        // the loopback, 9, is not compared, and what it carries is told once for both directions
        let probes = |end: i64, talks: &[Talk]| {
            let seen = talks.iter().flat_map(|talk| [talk.input, talk.output].map(|at| probe(end, talk, at)));
            let local = talks.iter().map(|talk| Talk { port: talk.port + 5_000, ..*talk });
            seen.chain(local.map(|talk| probe(end, &talk, 9))).collect()
        };
        let loopback = |_: i64, counters: &mut Counters| counters.extend([(9, (None, 24))]);
        let world = World { protocol, frame: 14, export: Box::new(probes), ..World::default() };
        is_sound(World { recount: Box::new(loopback), ..world });
    }
}

#[test]
fn a_loopback_that_a_probe_tells_is_no_renumbered_interface() {
    // a probe is missing at interface 2, and another one tells the loopback
    let probes = |end: i64, talks: &[Talk]| {
        let ends = talks.iter().flat_map(|talk| [(talk, talk.input), (talk, talk.output)]);
        let seen = ends.filter(|(_, at)| *at != 2).map(|(talk, at)| probe(end, talk, at));
        seen.chain(talks.iter().map(|talk| probe(end, talk, 9))).collect()
    };
    let loopback = |_: i64, counters: &mut Counters| counters.extend([(9, (None, 24))]);
    let world = World { protocol: Protocol::Netflow5, export: Box::new(probes), ..World::default() };
    let outcome = kinds(World { recount: Box::new(loopback), ..world });
    assert_eq!(outcome.kinds(), ["not-exported"], "{:#?}", outcome.findings);
    assert_eq!(outcome.findings[0].interfaces, [2].into());
}

#[test]
fn a_direction_that_is_not_told_of_flows_with_both_interfaces() {
    // NetFlow v5 of a router that monitors what comes in, everywhere: it goes out by the other interface
    is_sound(World { protocol: Protocol::Netflow5, frame: 14, ..World::default() });
    // some interfaces monitored by what comes in, others by what goes out, and none says which
    let mixed = |end: i64, talks: &[Talk]| {
        let seen = talks.iter().filter(|talk| talk.input <= 2 || talk.output >= 1);
        seen.map(|talk| flow(end, talk, None)).collect()
    };
    is_sound(World { protocol: Protocol::Ipfix, frame: 14, export: Box::new(mixed), ..World::default() });
}

#[test]
fn flows_of_interfaces_that_count_next_to_nothing_are_not_said_in_percent() {
    // an exporter on another device, or with other indexes: the interfaces of this one are idle
    let idle = |_: i64, counters: &mut Counters| {
        counters.values_mut().for_each(|(octets, _)| *octets = Some([1, 0]));
    };
    let outcome = World { recount: Box::new(idle), ..World::default() }.run();
    assert_eq!(outcome.kinds(), ["unknown"], "{:#?}", outcome.findings);
    let cause = outcome.findings[0].cause;
    assert!(
        cause.sentence().contains("another device") && !cause.sentence().contains('%'),
        "{}",
        cause.sentence()
    );
    assert!(cause.advice().contains("one device"), "{}", cause.advice());
}
