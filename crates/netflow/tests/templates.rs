//! The life of templates, and of data that comes before them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "fixture/wire.rs"]
mod wire;

use std::time::Duration;

use grafolean_netflow::{
    decoder::Decoder,
    snapshot::Snapshot,
    template::{LIFETIME, PARKED_AGE_MAX, PENDING_BYTES_MAX, SILENCE_MAX},
};
use wire::{NOW, SMALL, bytes, ipfix, set, small, take, take_at, template, v9, words};

fn templates(sequence: u32, domain: u32) -> Vec<u8> {
    v9(sequence, domain, &[set(0, &template(256, SMALL))])
}

#[test]
fn a_template_holds_for_its_domain_and_protocol_alone() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &templates(0, 5));
    let data = [set(256, &small(70))];
    assert_eq!(bytes(&take(&mut decoder, 1, &v9(1, 5, &data))), [70]);
    assert_eq!(bytes(&take(&mut decoder, 1, &v9(1, 6, &data))), [0; 0]);
    assert_eq!(bytes(&take(&mut decoder, 1, &ipfix(1, 5, &data))), [0; 0]);
}

#[test]
fn an_exporter_that_speaks_from_another_port_keeps_its_templates_but_its_own_come_first() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &templates(0, 5));
    let data = v9(1, 5, &[set(256, &small(70))]);
    // that the first session fell silent shows only later: until then its data waits
    assert_eq!(bytes(&take(&mut decoder, 2, &data)), [0; 0]);
    let silent = NOW + SILENCE_MAX;
    assert_eq!(bytes(&take_at(&mut decoder, 2, &data, silent)), [70, 70]);
    // the second session declares another order
    let order = v9(2, 5, &[set(0, &template(256, &[(1, 4), (8, 4), (12, 4)]))]);
    take_at(&mut decoder, 2, &order, silent);
    assert_eq!(
        bytes(&take_at(&mut decoder, 2, &data, silent)),
        [u64::from(u32::from_be_bytes([10, 0, 0, 1]))]
    );
    assert_eq!(bytes(&take_at(&mut decoder, 1, &data, silent)), [70]);
}

#[test]
fn two_exporters_behind_one_nat_are_never_read_by_each_others_templates() {
    let mut decoder = Decoder::default();
    let second = |n: u64| NOW + Duration::from_secs(n);
    take(&mut decoder, 1, &templates(0, 5));
    let other_order = template(256, &[(1, 4), (8, 4), (12, 4)]);
    let of_first = v9(1, 5, &[set(256, &small(70))]);
    let of_second = v9(1, 5, &[set(256, &[[0, 0, 0, 90], [10, 0, 0, 3], [10, 0, 0, 4]].concat())]);
    // the second one's data comes before its template, while the first one speaks, and when it is gone
    for n in 0..4 {
        assert_eq!(bytes(&take_at(&mut decoder, 1, &of_first, second(n))), [70]);
        assert_eq!(bytes(&take_at(&mut decoder, 2, &of_second, second(n))), [0; 0]);
    }
    assert_eq!(bytes(&take_at(&mut decoder, 2, &of_second, second(3_000))), [0; 0]);
    let found = take_at(&mut decoder, 2, &v9(2, 5, &[set(0, &other_order)]), second(3_001));
    assert_eq!(bytes(&found).last(), Some(&90), "each in its own order");
    assert!(found.iter().all(|(_, flow)| flow.bytes == Some(90)));
    // nor is what waits for the second one read by a template that the first one declares
    take_at(&mut decoder, 3, &v9(0, 5, &[set(300, &small(70))]), second(3_001));
    let declared = take_at(&mut decoder, 1, &v9(2, 5, &[set(0, &template(300, SMALL))]), second(3_002));
    assert!(declared.is_empty());
}

#[test]
fn samplings_are_those_of_the_session_and_of_one_that_it_took_the_place_of() {
    let sampling = [words(&[257, 4, 4, 1, 4, 34, 4]), vec![0; 2]].concat();
    let told =
        v9(0, 5, &[set(0, &template(256, SMALL)), set(1, &sampling), set(257, &[0, 0, 0, 0, 0, 0, 0, 100])]);
    let unsampled = v9(0, 5, &[set(0, &template(256, SMALL))]);
    let data = v9(1, 5, &[set(256, &small(70))]);
    let scaled =
        |flows: Vec<(grafolean_netflow::record::Origin, grafolean_netflow::record::Flow)>| -> Vec<u64> {
            flows.iter().map(|(_, flow)| flow.scaled_bytes()).collect()
        };
    let mut decoder = Decoder::default();
    let second = |n: u64| NOW + Duration::from_secs(n);
    take(&mut decoder, 1, &told);
    take(&mut decoder, 2, &unsampled);
    for n in 1..5 {
        assert_eq!(scaled(take_at(&mut decoder, 1, &data, second(n))), [7_000]);
        assert_eq!(scaled(take_at(&mut decoder, 2, &data, second(n))), [70], "another exporter");
    }
    // a restart from a third port, after the first one went silent
    let later = second(10) + SILENCE_MAX;
    take_at(&mut decoder, 3, &unsampled, later);
    assert_eq!(scaled(take_at(&mut decoder, 3, &data, later)), [7_000]);
}

#[test]
fn a_changed_template_replaces_the_old_one_and_the_same_one_again_does_not() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &templates(0, 5));
    take(&mut decoder, 1, &templates(1, 5));
    assert_eq!(decoder.templates().len(), 1);
    let wider = [(8, 4), (12, 4), (1, 8)];
    take(&mut decoder, 1, &v9(2, 5, &[set(0, &template(256, &wider))]));
    let record = [small(0).as_slice(), &70_u32.to_be_bytes()].concat();
    assert_eq!(bytes(&take(&mut decoder, 1, &v9(3, 5, &[set(256, &record)]))), [70]);
    assert_eq!(decoder.templates().len(), 1);
}

#[test]
fn a_withdrawn_template_decodes_nothing_more() {
    for withdrawal in [set(2, &words(&[256, 0])), set(2, &words(&[2, 0]))] {
        let mut decoder = Decoder::default();
        take(&mut decoder, 1, &ipfix(0, 5, &[set(2, &template(256, SMALL))]));
        let data = set(256, &small(70));
        assert_eq!(bytes(&take(&mut decoder, 1, &ipfix(0, 5, &[data.clone(), withdrawal, data]))), [70]);
    }
}

#[test]
fn a_template_that_is_neither_declared_nor_used_for_a_day_is_forgotten() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &templates(0, 5));
    let data = v9(1, 5, &[set(256, &small(70))]);
    let almost = NOW + (LIFETIME - Duration::from_secs(1));
    decoder.expire(almost);
    assert_eq!(bytes(&take_at(&mut decoder, 1, &data, almost)), [70], "use keeps it");
    decoder.expire(NOW + LIFETIME);
    assert_eq!(decoder.templates().len(), 1);
    decoder.expire(almost + LIFETIME);
    assert_eq!(decoder.templates().len(), 0);
}

#[test]
fn templates_and_samplings_survive_a_restart_as_json() {
    let mut decoder = Decoder::default();
    let sampling = [words(&[257, 4, 8, 1, 4, 48, 1, 50, 4]), vec![0; 2]].concat();
    take(
        &mut decoder,
        1,
        &v9(0, 5, &[set(0, &template(256, &[(8, 4), (1, 4), (48, 1)])), set(1, &sampling)]),
    );
    take(&mut decoder, 1, &v9(1, 5, &[set(257, &[0, 0, 0, 0, 3, 0, 0, 0, 100])]));
    let kept = serde_json::to_string(&decoder.snapshot()).unwrap();

    let mut restarted = Decoder::default();
    restarted.restore(serde_json::from_str::<Snapshot>(&kept).unwrap(), NOW);
    assert_eq!(restarted.snapshot(), decoder.snapshot());
    let data = v9(2, 5, &[set(256, &[10, 0, 0, 1, 0, 0, 0, 70, 3])]);
    let flows = take_at(&mut restarted, 2, &data, NOW + SILENCE_MAX);
    assert_eq!(flows[0].1.scaled_bytes(), 7_000);

    let mut too_late = Decoder::default();
    too_late.restore(serde_json::from_str::<Snapshot>(&kept).unwrap(), NOW + LIFETIME);
    assert!(too_late.templates().is_empty());
}

#[test]
fn data_that_comes_before_its_template_is_decoded_with_its_own_time_when_that_comes() {
    let mut decoder = Decoder::default();
    let later = NOW + Duration::from_secs(60);
    assert!(take(&mut decoder, 1, &v9(0, 5, &[set(256, &small(70))])).is_empty());
    assert!(take(&mut decoder, 2, &v9(0, 5, &[set(256, &small(71))])).is_empty());
    assert!(take(&mut decoder, 1, &v9(0, 6, &[set(256, &small(72))])).is_empty());
    let flows = take_at(&mut decoder, 2, &templates(1, 5), later);
    assert_eq!(bytes(&flows), [71], "of its own session alone");
    assert!(flows.iter().all(|(origin, _)| origin.received == NOW));
    assert!(take_at(&mut decoder, 2, &templates(2, 5), later).is_empty(), "only once");
    assert_eq!(bytes(&take_at(&mut decoder, 1, &templates(1, 5), later)), [70]);
}

#[test]
fn data_waits_half_an_hour_and_no_longer() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &v9(0, 5, &[set(256, &small(70))]));
    decoder.expire(NOW + (PARKED_AGE_MAX - Duration::from_secs(1)));
    assert!(decoder.pending_bytes() > 0);
    decoder.expire(NOW + PARKED_AGE_MAX);
    assert_eq!(decoder.pending_bytes(), 0);
    assert!(take(&mut decoder, 1, &templates(1, 5)).is_empty());
    let expired: u64 = decoder.ledger().accounts().map(|(_, account)| account.expired).sum();
    assert_eq!(expired, 1);
}

#[test]
fn one_exporter_that_floods_with_unknown_data_does_not_push_out_anothers() {
    let mut decoder = Decoder::default();
    take(&mut decoder, 1, &v9(0, 5, &[set(256, &small(70))]));
    let flood = v9(0, 5, &[set(300, &[1; 1_400])]);
    for address in 0..40_u8 {
        for _ in 0..2_000 {
            let exporter = std::net::SocketAddr::from(([198, 51, 100, address], 9));
            let datagram = grafolean_netflow::record::Datagram { exporter, received: NOW, payload: &flood };
            let _ = decoder.take(&datagram, &mut |_: &_, _: &_| {});
            assert!(decoder.pending_bytes() <= PENDING_BYTES_MAX);
        }
    }
    assert_eq!(bytes(&take(&mut decoder, 1, &templates(1, 5))), [70]);
}
