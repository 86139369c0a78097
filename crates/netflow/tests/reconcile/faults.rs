//! Faults, injected one by one.

use grafolean_netflow::{
    reconcile::{Cause, Verdict},
    record::{Direction, Protocol},
};

use crate::world::{Outcome, START, Talk, World, flow, sampled, usual};

/// A fault is named by its kind, and nothing else is said.
fn named(kind: &str, world: World) -> Outcome {
    let outcome = world.run();
    assert_eq!(outcome.kinds(), [kind], "{:#?}\n{:#?}", outcome.findings, outcome.ratios);
    let mut since = std::collections::BTreeMap::new();
    let names = std::collections::BTreeMap::from([(1, "ge-0/0/1 (uplink)".to_owned())]);
    let verdict = Verdict::of(&outcome.window, &outcome.profile, &names, &mut since);
    assert!(verdict.sentence.contains(&outcome.findings[0].cause.sentence()), "{}", verdict.sentence);
    assert_eq!(verdict.change, [outcome.findings[0].cause.advice()]);
    outcome
}

fn fits(outcome: &Outcome) -> u32 {
    match outcome.findings[0].cause {
        Cause::SamplingWrong { fits, .. } | Cause::SamplingUnknown { fits: Some(fits) } => fits,
        ref other => panic!("{other:?}"),
    }
}

fn sampling(one_in: u64, told: u32) -> World {
    World { told, export: Box::new(move |end, talks| sampled(end, talks, one_in)), ..World::default() }
}

#[test]
fn a_sampling_that_is_not_told() {
    assert_eq!(fits(&named("sampling-wrong", sampling(100, 1))), 100);
    assert_eq!(fits(&named("sampling-wrong", World { protocol: Protocol::Netflow5, ..sampling(10, 1) })), 10);
}

#[test]
fn a_sampling_that_is_told_too_large() {
    assert_eq!(fits(&named("sampling-wrong", sampling(10, 100))), 10);
    assert_eq!(fits(&named("sampling-wrong", sampling(64, 256))), 64);
}

#[test]
fn a_sampling_that_is_told_too_small() {
    assert_eq!(fits(&named("sampling-wrong", sampling(100, 10))), 100);
}

#[test]
fn counts_that_are_scaled_already() {
    let scaled = |end: i64, talks: &[Talk]| talks.iter().map(|talk| flow(end, talk, None)).collect();
    named("scaled-twice", World { told: 100, export: Box::new(scaled), ..World::default() });
}

#[test]
fn a_sampler_of_which_nothing_is_told() {
    // templates come from before the sampling was set up, and its options data never
    let network = |number: usize, datagram: &mut Vec<u8>| {
        if number == 0 {
            // the set of options data and its template, at the end of the first sets
            datagram.truncate(20);
            datagram[2..4].copy_from_slice(&[0, 0]);
            datagram.extend(templates());
            datagram[2..4].copy_from_slice(&2_u16.to_be_bytes());
        }
        true
    };
    assert_eq!(
        fits(&named("sampling-unknown", World { network: Box::new(network), ..sampling(50, 50) })),
        50
    );
}

/// The first set of an exporter that does not sample.
fn templates() -> Vec<u8> {
    use grafolean_netflow::{
        Timestamp,
        generate::{Exporter, Setup},
    };
    let boot = Timestamp::from_seconds(START - 100_000);
    let mut other = Exporter::new(Setup { protocol: Protocol::Netflow9, domain: 1, sampling: 1, boot });
    let mut datagram = Vec::new();
    other.export(Timestamp::from_seconds(START), &mut [].into(), &mut datagram);
    datagram.split_off(20)
}

#[test]
fn packets_that_are_told_as_they_come_and_as_they_go() {
    let twice =
        |end: i64, talks: &[Talk]| talks.iter().chain(talks).map(|talk| flow(end, talk, None)).collect();
    named(
        "counted-twice",
        World { protocol: Protocol::Netflow5, export: Box::new(twice), ..World::default() },
    );
}

fn only(is_told: fn(&Talk) -> bool) -> World {
    let export = move |end: i64, talks: &[Talk]| {
        talks
            .iter()
            .filter(|talk| is_told(talk))
            .map(|talk| flow(end, talk, Some(Direction::Ingress)))
            .collect()
    };
    World { export: Box::new(export), ..World::default() }
}

#[test]
fn an_interface_that_is_not_monitored() {
    let outcome = named("not-exported", only(|talk| talk.input != 3));
    assert_eq!(outcome.findings[0].interfaces, [3].into());
    let outcome = named("not-exported", only(|talk| talk.input != 3 && talk.input != 4));
    assert_eq!(outcome.findings[0].interfaces, [3, 4].into());
}

#[test]
fn an_interface_without_its_probe() {
    let probes = |end: i64, talks: &[Talk]| {
        let seen = talks.iter().flat_map(|talk| {
            [talk.input, talk.output].map(|interface| Talk { input: interface, output: interface, ..*talk })
        });
        seen.filter(|talk| talk.input != 2).map(|talk| flow(end, &talk, None)).collect()
    };
    let world = World { protocol: Protocol::Netflow5, export: Box::new(probes), ..World::default() };
    let outcome = named("not-exported", world);
    assert_eq!(outcome.findings[0].interfaces, [2].into());
}

#[test]
fn only_one_interface_that_is_monitored() {
    let outcome = named("not-exported", only(|talk| talk.input == 1));
    assert_eq!(outcome.findings[0].interfaces, [2, 3, 4].into());
}

/// Conversations that go on all the time, told every so many minutes.
fn active_timeout(every: i64) -> World {
    let export = move |end: i64, talks: &[Talk]| {
        let minute = (end - START) / 60;
        let phase = |talk: &Talk| i64::from(talk.port % u16::try_from(every).unwrap());
        let due = talks.iter().filter(|talk| minute % every == phase(talk));
        let long = |talk: &Talk| {
            let since = minute.min(every);
            let count = u64::try_from(since).unwrap();
            Talk { bytes: talk.bytes * count, packets: talk.packets * count, from: 60 - 60 * since, ..*talk }
        };
        due.map(|talk| flow(end, &long(talk), None)).collect()
    };
    let traffic = |minute: i64| {
        let few = usual(0).into_iter().filter(|talk| talk.port % 20 == 7);
        few.map(|talk| Talk { bytes: talk.bytes * (1 + minute.unsigned_abs() % 3), ..talk }).collect()
    };
    World { export: Box::new(export), traffic, minutes: 18, ..World::default() }
}

#[test]
fn an_active_timeout_that_is_longer_than_the_interval() {
    named("spread", active_timeout(5));
    named("spread", active_timeout(10));
}

fn heavy(_: i64) -> Vec<Talk> {
    let talk =
        Talk { input: 1, output: 2, bytes: 6_000_000_000, packets: 5_000_000, port: 9, from: 0, to: 59 };
    let back = Talk { input: 2, output: 1, bytes: 7_500_000_000, port: 8, ..talk };
    vec![talk, back]
}

#[test]
fn octets_of_a_flow_that_wrap() {
    for protocol in [Protocol::Netflow5, Protocol::Netflow7] {
        let wrapped = |end: i64, talks: &[Talk]| {
            let wrap = |talk: &Talk| Talk { bytes: talk.bytes % (1 << 32), ..*talk };
            talks.iter().map(|talk| flow(end, &wrap(talk), None)).collect()
        };
        named(
            "flows-wrapped",
            World { protocol, traffic: heavy, export: Box::new(wrapped), ..World::default() },
        );
    }
}

#[test]
fn counters_that_wrap() {
    named("counters-wrapped", World { narrow_counters: true, traffic: heavy, ..World::default() });
}

fn small(minute: i64) -> Vec<Talk> {
    usual(minute)
        .into_iter()
        .map(|talk| Talk { bytes: talk.packets * (60 + u64::from(talk.input) * 30), ..talk })
        .collect()
}

#[test]
fn flows_that_count_whole_frames() {
    let frames = |end: i64, talks: &[Talk]| {
        let whole = |talk: &Talk| Talk { bytes: talk.bytes + talk.packets * 18, ..*talk };
        talks.iter().map(|talk| flow(end, &whole(talk), None)).collect()
    };
    named("framing", World { traffic: small, export: Box::new(frames), ..World::default() });
}

#[test]
fn packets_that_are_encapsulated_at_the_interface() {
    named("framing", World { traffic: small, frame: 18 + 50, ..World::default() });
}

#[test]
fn datagrams_that_are_lost_on_the_way() {
    named("lost-on-the-way", World { network: Box::new(|number, _| number % 5 != 2), ..World::default() });
}

#[test]
fn samples_that_an_agent_drops() {
    let one_packet = |end: i64, talks: &[Talk]| {
        let samples = sampled(end, talks, 10).into_iter().flat_map(|flow| {
            let packets = flow.packets.unwrap();
            let bytes = flow.bytes.map(|bytes| bytes / packets + 18);
            (0..packets).map(move |_| grafolean_netflow::record::Flow { bytes, packets: Some(1), ..flow })
        });
        // a third is dropped, and the agent says so
        samples.enumerate().filter(|(number, _)| number % 3 != 0).map(|(_, flow)| flow).collect()
    };
    let mut dropped = std::collections::HashMap::<Vec<u8>, u32>::new();
    let tell_drops = move |_: usize, datagram: &mut Vec<u8>| {
        let mut at = 28;
        while at + 28 <= datagram.len() {
            let length = u32::from_be_bytes(datagram[at + 4..at + 8].try_into().unwrap());
            let source = datagram[at + 12..at + 16].to_vec();
            let drops = dropped.entry(source).or_default();
            *drops += 1;
            datagram[at + 24..at + 28].copy_from_slice(&(*drops / 2).to_be_bytes());
            at += 8 + usize::try_from(length).unwrap();
        }
        true
    };
    named(
        "dropped-by-agent",
        World {
            protocol: Protocol::Sflow5,
            told: 10,
            export: Box::new(one_packet),
            network: Box::new(tell_drops),
            ..World::default()
        },
    );
}

#[test]
fn flows_that_are_lost_inside_of_the_exporter() {
    let full = |end: i64, talks: &[Talk]| {
        talks.iter().filter(|talk| talk.port % 10 < 7).map(|talk| flow(end, talk, None)).collect()
    };
    named("lost-inside", World { export: Box::new(full), ..World::default() });
}

#[test]
fn interfaces_that_were_renumbered() {
    let renumbered = |end: i64, talks: &[Talk]| {
        let other = |talk: &Talk| Talk { input: talk.input + 10, output: talk.output + 10, ..*talk };
        talks.iter().map(|talk| flow(end, &other(talk), None)).collect()
    };
    named("renumbered", World { export: Box::new(renumbered), ..World::default() });
}

#[test]
fn flows_that_do_not_tell_their_interfaces() {
    let untold = |end: i64, talks: &[Talk]| {
        let nowhere = |talk: &Talk| Talk { input: 0, output: 0, ..*talk };
        talks.iter().map(|talk| flow(end, &nowhere(talk), None)).collect()
    };
    named("interfaces-untold", World { export: Box::new(untold), ..World::default() });
}

#[test]
fn templates_that_never_come() {
    let outcome = named(
        "nothing-decoded",
        World { network: Box::new(|number, _| number % 500 != 0), ..World::default() },
    );
    assert!(matches!(outcome.findings[0].cause, Cause::NothingDecoded { waiting: 1.. }));
}

#[test]
fn an_exporter_that_is_silent() {
    let outcome = named("nothing-decoded", World { export: Box::new(|_, _| Vec::new()), ..World::default() });
    assert_eq!(outcome.findings[0].cause, Cause::NothingDecoded { waiting: 0 });
}
