//! Recorded datagrams of many vendors against what other decoders made of them. Skipped where the recordings are not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

#[path = "fixture/captures.rs"]
mod captures;
#[path = "fixture/verdicts.rs"]
mod verdicts;

use std::collections::BTreeMap;

use captures::{Capture, Normal, captures, hostile_files};
use grafolean_netflow::{
    decoder::Decoder,
    reconcile::{Profile, Verdict as ReconcileVerdict, Window},
    record::{BiflowDirection, Factor, Flow, Origin},
};
use verdicts::{NOT_AS_NFDUMP, SAMPLED, VERDICTS, Verdict};

/// How the flows of a capture compare with one oracle's.
fn missing_and_surplus(ours: &[Normal], theirs: &[Normal]) -> (Vec<Normal>, Vec<Normal>) {
    let mut count: BTreeMap<&Normal, i64> = BTreeMap::new();
    theirs.iter().for_each(|flow| *count.entry(flow).or_default() += 1);
    ours.iter().for_each(|flow| *count.entry(flow).or_default() -= 1);
    let times = |n: i64, flow: &Normal| std::iter::repeat_n(flow.clone(), usize::try_from(n).unwrap_or(0));
    let missing = count.iter().flat_map(|(flow, n)| times(*n, flow)).collect();
    let surplus = count.iter().flat_map(|(flow, n)| times(-*n, flow)).collect();
    (missing, surplus)
}

/// Returns how a capture's flows differ from each oracle's; an oracle that agrees is left out.
fn differences(capture: &Capture) -> Vec<String> {
    let ours = capture.decode();
    let mut found = Vec::new();
    for oracle in capture.oracles() {
        let (mut missing, mut surplus) = missing_and_surplus(&ours.normal, &oracle.flows);
        if oracle.partial {
            surplus.clear();
        }
        if oracle.sums_only && sums(&ours.normal) == sums(&oracle.flows) {
            continue;
        }
        if !missing.is_empty() || !surplus.is_empty() {
            let (lacks, more) = (missing.len(), surplus.len());
            missing.truncate(2);
            surplus.truncate(2);
            found.push(format!("{}: {lacks} missing {missing:?}, {more} more {surplus:?}", oracle.name));
        }
    }
    found
}

fn sums(flows: &[Normal]) -> (u64, u64) {
    let sum = |part: fn(&Normal) -> Option<u64>| flows.iter().filter_map(part).sum();
    (sum(|flow| flow.bytes), sum(|flow| flow.packets))
}

#[test]
fn every_capture_gives_the_flows_that_other_decoders_see_or_says_why_not() {
    let Some(captures) = captures() else { return };
    let mut unexplained = Vec::new();
    for capture in &captures {
        let differences = differences(capture);
        let verdict = VERDICTS.iter().find(|(id, ..)| *id == capture.id);
        match (differences.as_slice(), verdict) {
            ([], None) => {}
            ([], Some(_)) => unexplained.push(format!("{}: explained, but all oracles agree", capture.id)),
            (_, None) => unexplained.push(format!("{}:\n  {}", capture.id, differences.join("\n  "))),
            (_, Some((_, verdict, _))) => check(capture, *verdict, &differences, &mut unexplained),
        }
    }
    assert!(unexplained.is_empty(), "{} captures:\n{}", unexplained.len(), unexplained.join("\n"));
}

/// Holds an explained difference to what was said of it.
fn check(capture: &Capture, verdict: Verdict, differences: &[String], unexplained: &mut Vec<String>) {
    let ours = capture.decode();
    let total = |flows: &[Flow], part: fn(&Flow) -> u64| flows.iter().map(part).sum::<u64>();
    let mut hold = |held: bool, what: String| {
        if !held {
            unexplained.push(format!("{}: {what}, but {differences:?}", capture.id));
        }
    };
    match verdict {
        Verdict::Agrees(name) => {
            let against = differences.iter().any(|difference| difference.starts_with(name));
            let exists = capture.oracles().iter().any(|oracle| oracle.name == name);
            hold(exists && !against, format!("should agree with {name}"));
        }
        Verdict::Scaled(name) => {
            let oracle = capture.oracles().into_iter().find(|oracle| oracle.name == name).unwrap();
            let scaled = (total(&ours.flows, Flow::scaled_bytes), total(&ours.flows, Flow::scaled_packets));
            hold(
                scaled == sums(&oracle.flows),
                format!("should agree with {name} when scaled, is {scaled:?}"),
            );
        }
        Verdict::Is { flows, bytes } => {
            let found = (ours.flows.len(), total(&ours.flows, |flow| flow.bytes.unwrap_or(0)));
            hold(found == (flows, bytes), format!("should be {flows} flows of {bytes} bytes, is {found:?}"));
        }
    }
}

#[test]
fn scaled_bytes_are_what_nfdump_scales_them_to() {
    let Some(captures) = captures() else { return };
    let mut compared = 0;
    let mut differ = Vec::new();
    for capture in captures.iter().filter(|capture| capture.nfdump_scales()) {
        let scaled: u64 = capture.decode().flows.iter().map(Flow::scaled_bytes).sum();
        let explained = NOT_AS_NFDUMP.iter().any(|(id, _)| *id == capture.id);
        if (Some(scaled) == capture.nfdump_bytes) == explained {
            differ.push(format!("{}: {scaled}, nfdump {:?}", capture.id, capture.nfdump_bytes));
        }
        compared += 1;
    }
    assert!(differ.is_empty(), "of {compared}: {differ:#?}");
    assert!(compared >= 5, "{compared}");
}

#[test]
fn hostile_datagrams_are_survived_and_the_next_good_one_is_decoded() {
    let (Some(captures), Some(hostile)) = (captures(), hostile_files()) else { return };
    let good = captures.iter().find(|capture| capture.id == "beats-netflow-9-valid-01").unwrap();
    let mut decoder = Decoder::default();
    let mut flows = 0;
    for payload in hostile.iter().chain(captures.iter().flat_map(|capture| capture.payloads())) {
        for length in 0..payload.len() {
            let _ = decoder.take(&captures::datagram(9, &payload[..length]), &mut |_: &Origin, _: &Flow| {});
        }
        let _ = decoder.take(&captures::datagram(9, payload), &mut |_: &Origin, _: &Flow| {});
    }
    for payload in good.payloads() {
        decoder.take(&captures::datagram(0, payload), &mut |_: &Origin, _: &Flow| flows += 1).unwrap();
    }
    assert_eq!(flows, 7);
}

#[test]
fn samplings_told_in_options_data_hold_for_the_flows_they_are_about() {
    let Some(captures) = captures() else { return };
    for (id, interval) in SAMPLED {
        let capture = captures.iter().find(|capture| capture.id == *id).unwrap();
        let flows = capture.decode().flows;
        assert!(flows.iter().all(|flow| flow.factor == Factor::one_in(*interval)), "{id}: {flows:?}");
    }
}

#[test]
fn autonomous_systems_of_samples_are_those_the_router_told() {
    let Some(captures) = captures() else { return };
    let mut told = Vec::new();
    for id in ["akvorado-testdecode-data-1140-pcap", "akvorado-testdecode-data-sflow-expanded-sample-pcap"] {
        let capture = captures.iter().find(|capture| capture.id == id).unwrap();
        let flows = capture.decode().flows.into_iter().filter(|flow| flow.source_as.is_some());
        told.extend(flows.map(|flow| (flow.source_as.unwrap(), flow.destination_as.unwrap())));
    }
    // nfdump tells the same but for the router's own system, 39421, which it calls 0
    assert_eq!(told, [(13_335, 39_421), (39_421, 26_615), (203_476, 203_361)]);
}

/// What a verdict says of an exporter of which only a recording is known: what it sends, and what that leaves out.
#[test]
fn every_recorded_exporter_is_told_in_a_sentence_that_agrees_with_its_flows() {
    let Some(captures) = captures() else { return };
    let mut told = 0;
    for capture in &captures {
        let mut decoder = Decoder::default();
        let mut flows = BTreeMap::<_, Vec<(Origin, Flow)>>::new();
        for (exporter, payload) in capture.datagrams() {
            let _ =
                decoder.take(&captures::datagram(*exporter, payload), &mut |origin: &Origin, flow: &Flow| {
                    flows.entry(origin.stream.exporter.ip()).or_default().push((*origin, *flow));
                });
        }
        let profiles = {
            let (ledger, templates) = (decoder.ledger(), decoder.templates());
            let templates =
                templates.templates().map(|(scope, template, _)| (scope.exporter.ip(), &template.definition));
            Profile::all(ledger.accounts(), templates)
        };
        for (exporter, flows) in flows {
            let profile = &profiles[&exporter];
            let said = |what: &str| -> bool {
                let verdict =
                    ReconcileVerdict::of(&Window::default(), profile, &BTreeMap::new(), &mut BTreeMap::new());
                assert!(
                    !verdict.sends.starts_with("nothing") && verdict.sentence.starts_with(&verdict.sends)
                );
                assert!(
                    verdict.change.is_empty() && verdict.sentence.contains("not held against"),
                    "{verdict:?}"
                );
                verdict.missing.iter().any(|missing| missing.contains(what))
            };
            // the reverse of a biflow has what the record says of the forward direction
            let forward = || flows.iter().filter(|(_, flow)| flow.biflow == BiflowDirection::Forward);
            let tells = |is_told: fn(&Flow) -> bool| forward().any(|(_, flow)| is_told(flow));
            // what some flow tells is not said to be left out
            for (what, is_told) in [
                ("interface of arrival", (|flow: &Flow| flow.input.is_some()) as fn(&Flow) -> bool),
                ("interface of departure", |flow| flow.output.is_some()),
                ("flows began", |flow| flow.first.is_some()),
            ] {
                assert!(!(tells(is_told) && said(what)), "{}: {what}, {profile:?}", capture.id);
            }
            told += 1;
        }
    }
    println!("{told} exporters of {} recordings", captures.len());
    assert!(told > 50, "{told}");
}
