//! Replies as octets: what real agents sent, judged beside two other decoders; what nobody should send; and whatever the
//! other implementation writes.
#![allow(clippy::print_stderr, reason = "a test that finds no data says so")]

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use async_snmp::{
    DecodeConfig,
    message::CommunityMessage,
    pdu::{Pdu, ResponsePdu},
};
use grafolean_bots::snmp::{
    Exception, Oid, Request, Value, Varbind,
    codec::{Malformed, RequestPdu, Version, decode_reply},
};
use proptest::prelude::*;
use serde_json::Value as Json;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");

fn packets() -> Vec<(Vec<u8>, Json)> {
    let Ok(text) = fs::read_to_string(format!("{DATA}/snmp.packets.jsonl")) else {
        eprintln!("skipped: no packets in {DATA}");
        return Vec::new();
    };
    let packet = |line: &str| {
        let packet: Json = serde_json::from_str(line).unwrap();
        let hex = packet["hex"].as_str().unwrap();
        let octet = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        (hex.as_bytes().chunks(2).map(octet).collect(), packet)
    };
    text.lines().map(packet).collect()
}

/// A value in the words of tshark.
fn in_words(varbind: &Varbind) -> (String, String, String) {
    let hex = |octets: &[u8]| octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":");
    let (kind, value) = match &varbind.value {
        Ok(Value::Integer(number)) => ("int", number.to_string()),
        Ok(Value::Octets(octets)) => ("octets", hex(octets)),
        Ok(Value::Oid(oid)) => ("oid", oid.to_string()),
        Ok(value @ Value::Address(_)) => ("ipv4", value.text().into_owned()),
        Ok(Value::Counter32(number)) => ("counter", number.to_string()),
        Ok(Value::Gauge32(number)) => ("g32", number.to_string()),
        Ok(Value::TimeTicks(number)) => ("timeticks", number.to_string()),
        Ok(Value::Opaque(octets)) => ("opaque", hex(octets)),
        Ok(Value::Counter64(number)) => ("counter", number.to_string()),
        Ok(Value::Unknown | Value::Unreadable(_)) => ("null", String::new()),
        Err(exception) => (
            match exception {
                Exception::NoSuchObject => "noSuchObject",
                Exception::NoSuchInstance => "noSuchInstance",
                Exception::EndOfMibView => "endOfMibView",
            },
            String::new(),
        ),
    };
    (varbind.oid.to_string(), kind.to_owned(), value)
}

#[test]
fn replies_of_real_agents_are_what_tshark_reads() {
    let (mut replies, mut objects) = (0, 0);
    for (octets, packet) in packets() {
        let oracle = &packet["tshark"];
        let is_reply = oracle["pdu"] == "get-response";
        let number = |name: &str| oracle[name].as_str().unwrap().parse::<i64>().unwrap();
        match decode_reply(&octets) {
            Ok((reply, varbinds)) => {
                assert!(is_reply, "{packet}");
                let version = if reply.version == Version::V1 { "0" } else { "1" };
                assert_eq!(oracle["version"], version, "{packet}");
                assert_eq!(
                    oracle["community"],
                    String::from_utf8_lossy(reply.community).as_ref(),
                    "{packet}"
                );
                assert_eq!(i64::from(reply.pdu.request_id), number("request_id"), "{packet}");
                assert_eq!(i64::from(reply.pdu.error_status), number("error_status"), "{packet}");
                assert_eq!(i64::from(reply.pdu.error_index), number("error_index"), "{packet}");
                let text = |varbind: &Json, key: &str| varbind[key].as_str().unwrap_or_default().to_owned();
                let theirs: Vec<_> = oracle["vb"].as_array().into_iter().flatten().collect();
                let theirs: Vec<_> =
                    theirs.iter().map(|vb| (text(vb, "oid"), text(vb, "t"), text(vb, "v"))).collect();
                let ours: Vec<_> = varbinds.iter().map(in_words).collect();
                assert_eq!(ours, theirs, "{packet}");
                (replies, objects) = (replies + 1, objects + ours.len());
            }
            Err(error) => {
                assert!(!is_reply, "{error}: {packet}");
                let is_told =
                    error.is_other_message() || oracle["pdu"].is_null() || packet["malformed"] == true;
                assert!(is_told, "{error}: {packet}");
            }
        }
    }
    if !packets().is_empty() {
        assert!(replies >= 212, "{replies} replies");
        eprintln!("{replies} replies with {objects} objects");
    }
}

/// Octets that are allocated at most for one of a datagram: a name of two arcs in seven octets is the worst.
const MOST_PER_OCTET: u64 = 20;

fn decoded_within_bounds(octets: &[u8]) -> Result<Vec<Varbind>, Malformed> {
    let mut decoded = Ok(Vec::new());
    let allocated = allocation_counter::measure(|| decoded = decode_reply(octets).map(|(_, all)| all));
    let most = MOST_PER_OCTET * octets.len() as u64;
    assert!(allocated.bytes_max <= most, "{} octets for {}", allocated.bytes_max, octets.len());
    decoded
}

#[test]
fn mutated_packets_of_real_agents_never_panic_nor_take_memory() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for (octets, _) in packets() {
        for _ in 0..200 {
            let mut octets = octets.clone();
            for _ in 0..=random(4) {
                let place = random(octets.len());
                match random(4) {
                    0 => octets[place] = u8::try_from(random(256)).unwrap(),
                    1 => octets[place] ^= 1 << random(8),
                    2 if place > 0 => octets.truncate(place),
                    _ => octets.insert(place, [0, 0x7f, 0x80, 0x84, 0xff][random(5)]),
                }
            }
            let _ = decoded_within_bounds(&octets);
        }
    }
}

#[test]
fn what_breaks_other_decoders_of_ber_is_read_or_refused() {
    let archive = format!("{DATA}/hostile/ber-openssl.tar.xz");
    if !Path::new(&archive).exists() {
        return eprintln!("skipped: no {archive}");
    }
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Command::new("tar").args(["-xJf", &archive, "-C"]).arg(folder.path()).status().unwrap();
    assert!(unpacked.success());
    let mut count = 0;
    for entry in fs::read_dir(folder.path().join("ber-openssl")).unwrap() {
        let octets = fs::read(entry.unwrap().path()).unwrap();
        let _ = decoded_within_bounds(&octets);
        // And as the objects of a reply that is ours otherwise.
        let mut reply = vec![0x30, 0x84, 0, 0, 0x20, 0, 2, 1, 1, 4, 1, b'c', 0xa2, 0x84, 0, 0, 0x1f, 0];
        reply.extend([2, 1, 7, 2, 1, 0, 2, 1, 0, 0x30, 0x84, 0, 0, 0x1e, 0]);
        reply.extend(&octets);
        reply.resize(0x2006, 0);
        let _ = decoded_within_bounds(&reply);
        count += 1;
    }
    assert!(count > 500, "{count}");
}

#[test]
fn the_worst_that_a_datagram_can_hold_is_bounded() {
    let object = [0x30, 5, 6, 1, 0x2b, 5, 0];
    let objects = object.repeat(65_400 / object.len());
    let mut reply = Vec::new();
    let length =
        |length: usize| [0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 255).unwrap()];
    let pdu = [&[2, 1, 7, 2, 1, 0, 2, 1, 0, 0x30][..], &length(objects.len()), &objects].concat();
    let message = [&[2, 1, 1, 4, 1, b'c', 0xa2][..], &length(pdu.len()), &pdu].concat();
    reply.push(0x30);
    reply.extend(length(message.len()));
    reply.extend(message);
    assert_eq!(decoded_within_bounds(&reply).unwrap().len(), 65_400 / 7);
}

fn any_oid() -> impl Strategy<Value = Oid> {
    let arc = prop_oneof![0..128_u32, any::<u32>()].boxed();
    let first = prop_oneof![(0..2_u32, 0..40_u32), (Just(2), any::<u32>())];
    (first, prop::collection::vec(arc, 0..126))
        .prop_map(|((first, second), rest)| Oid::new([vec![first, second], rest].concat()).unwrap())
}

fn any_value() -> impl Strategy<Value = Result<Value, Exception>> {
    let octets = || prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        any::<i32>().prop_map(|number| Ok(Value::Integer(number))),
        octets().prop_map(|octets| Ok(Value::Octets(octets.into()))),
        any_oid().prop_map(|oid| Ok(Value::Oid(oid))),
        any::<[u8; 4]>().prop_map(|address| Ok(Value::Address(address))),
        any::<u32>().prop_map(|number| Ok(Value::Counter32(number))),
        any::<u32>().prop_map(|number| Ok(Value::Gauge32(number))),
        any::<u32>().prop_map(|number| Ok(Value::TimeTicks(number))),
        octets().prop_map(|octets| Ok(Value::Opaque(octets.into()))),
        any::<u64>().prop_map(|number| Ok(Value::Counter64(number))),
        Just(Ok(Value::Unknown)),
        Just(Err(Exception::NoSuchObject)),
        Just(Err(Exception::NoSuchInstance)),
        Just(Err(Exception::EndOfMibView)),
    ]
}

fn to_library(varbind: &Varbind) -> async_snmp::VarBind {
    use async_snmp::Value as To;
    let oid = |oid: &Oid| async_snmp::Oid::from_slice(oid.arcs());
    let value = match &varbind.value {
        Ok(Value::Integer(number)) => To::Integer(*number),
        Ok(Value::Octets(octets)) => To::OctetString(octets.to_vec().into()),
        Ok(Value::Oid(named)) => To::ObjectIdentifier(oid(named)),
        Ok(Value::Address(address)) => To::IpAddress(*address),
        Ok(Value::Counter32(number)) => To::Counter32(*number),
        Ok(Value::Gauge32(number)) => To::Gauge32(*number),
        Ok(Value::TimeTicks(number)) => To::TimeTicks(*number),
        Ok(Value::Opaque(octets)) => To::Opaque(octets.to_vec().into()),
        Ok(Value::Counter64(number)) => To::Counter64(*number),
        Ok(Value::Unknown | Value::Unreadable(_)) => To::Null,
        Err(Exception::NoSuchObject) => To::NoSuchObject,
        Err(Exception::NoSuchInstance) => To::NoSuchInstance,
        Err(Exception::EndOfMibView) => To::EndOfMibView,
    };
    async_snmp::VarBind::new(oid(&varbind.oid), value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_the_other_implementation_writes_is_read(
        request_id in any::<i32>(),
        community in prop::collection::vec(any::<u8>(), 0..200),
        varbinds in prop::collection::vec((any_oid(), any_value()), 0..30),
    ) {
        let varbinds: Vec<_> = varbinds.into_iter().map(|(oid, value)| Varbind { oid, value }).collect();
        let theirs = varbinds.iter().map(to_library).collect();
        let pdu = ResponsePdu::success(async_snmp::Version::V2c, request_id, theirs).unwrap();
        let message = CommunityMessage::v2c(community.clone(), pdu.into_raw()).unwrap().encode().unwrap();
        let (reply, ours) = decode_reply(&message).unwrap();
        prop_assert_eq!((reply.version, reply.community, reply.pdu.request_id), (Version::V2c, &*community, request_id));
        prop_assert_eq!((reply.pdu.error_status, reply.pdu.error_index), (0, 0));
        prop_assert_eq!(ours, varbinds);
    }

    #[test]
    fn what_we_write_is_read_by_the_other_implementation(
        request_id in any::<i32>(),
        community in prop::collection::vec(any::<u8>(), 0..200),
        oids in prop::collection::vec(any_oid(), 0..25),
        kind in 0..3_u8,
        repetitions in 0..=2_147_483_647_u32,
        is_v1 in any::<bool>(),
    ) {
        let version = if is_v1 { Version::V1 } else { Version::V2c };
        let theirs: Vec<_> = oids.iter().map(|oid| async_snmp::Oid::from_slice(oid.arcs())).collect();
        let (request, tag) = match kind {
            0 => (Request::Get(oids), 0xa0),
            1 => (Request::Next(oids), 0xa1),
            _ => (Request::Bulk { oids, repetitions }, if is_v1 { 0xa1 } else { 0xa5 }),
        };
        // Into a buffer that holds something already, as it does in use.
        let mut out = vec![7];
        RequestPdu { version, request_id, request: &request }.encode_message(&community, &mut out);
        let message = bytes::Bytes::from(out.split_off(1));
        let message = CommunityMessage::decode(message, DecodeConfig::default()).unwrap().value;
        prop_assert_eq!(message.community().as_bytes(), &*community);
        let pdu: Pdu = message.into_pdu().unwrap();
        prop_assert_eq!((pdu.pdu_type().tag(), pdu.request_id()), (tag, request_id));
        if let Some(fields) = pdu.get_bulk_fields() {
            prop_assert_eq!(fields, (0, repetitions));
        }
        prop_assert!(pdu.varbinds().iter().map(|varbind| &varbind.oid).eq(&theirs));
        prop_assert!(pdu.varbinds().iter().all(|varbind| varbind.value == async_snmp::Value::Null));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..500)) {
        let _ = decoded_within_bounds(&octets);
    }
}

/// Where we read on purpose what the library refuses or reads otherwise, each with its reason.
#[test]
fn where_we_differ_from_the_library_there_is_a_reason() {
    let object = |value: &[u8]| {
        let length = u8::try_from(4 + value.len()).unwrap();
        let list = [&[0x30, length, 6, 2, 0x2b, 6][..], value].concat();
        let pdu = [&[2, 1, 7, 2, 1, 0, 2, 1, 0, 0x30, length + 2][..], &list].concat();
        let mut message = vec![0x30, u8::try_from(pdu.len() + 8).unwrap(), 2, 1, 1, 4, 1, b'c', 0xa2];
        message.push(u8::try_from(pdu.len()).unwrap());
        [message, pdu].concat()
    };
    let differences: BTreeMap<&str, (&[u8], Result<Value, Exception>)> = BTreeMap::from([
        (
            "a number beyond its type is none; the library keeps its low bits",
            (&[0x41, 5, 1, 0, 0, 0, 9][..], Ok(Value::Unreadable("Counter32"))),
        ),
        (
            "one of 32 unsigned bits in an INTEGER is that; the library makes it negative",
            (&[2, 5, 0, 0xff, 0xff, 0xff, 0xff], Ok(Value::Gauge32(u32::MAX))),
        ),
        (
            "an exception may carry octets that say nothing; the library gives up the whole reply",
            (&[0x80, 1, 0], Err(Exception::NoSuchObject)),
        ),
        (
            "an address that is none costs only itself; the library gives up the whole reply",
            (&[0x40, 3, 1, 2, 3], Ok(Value::Unreadable("IpAddress"))),
        ),
        ("so does a number without octets", (&[2, 0], Ok(Value::Unreadable("INTEGER")))),
        ("also a Counter64, which the library takes for 0", (&[0x46, 0], Ok(Value::Unreadable("Counter64")))),
        (
            "and an object identifier as a value that does not end",
            (&[6, 2, 0x2b, 0x86], Ok(Value::Unreadable("OBJECT IDENTIFIER"))),
        ),
        (
            "one without octets is 0.0, as net-snmp takes it; the library's has no arcs",
            (&[6, 0], Ok(Value::Oid("0.0".parse().unwrap()))),
        ),
    ]);
    for (reason, (value, expected)) in differences {
        let message = object(value);
        let ours = decode_reply(&message).unwrap().1;
        assert_eq!(ours[0].value, expected, "{reason}");
        let theirs = CommunityMessage::decode(message.clone().into(), DecodeConfig::default())
            .ok()
            .and_then(|outcome| Some(outcome.value.into_pdu()?.into_varbinds().pop()?.value));
        let same = theirs.is_some_and(|theirs| {
            to_library(&Varbind { oid: "1.3.6".parse().unwrap(), value: expected.clone() }).value == theirs
        });
        assert!(!same, "the library has come to read it as we do: {reason}");
    }
}
