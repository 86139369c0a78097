//! Names whose servers answer, refuse, deny and fall silent: asked through the machine's own resolver.

use std::{
    fs,
    net::UdpSocket,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use grafolean_bots::{
    net::{Resolver, Unresolved},
    ping::{
        PingBot, PingTask, Settings, Target,
        engine::{Options, Pinger, Reason},
    },
};
use grafolean_collector::{
    bot::Run,
    model::{AccountId, EntityId},
    protocol::Protocol,
    report::Report,
    time::Timestamp,
};

use crate::namespace::{Rights, inside_namespace};

const NO_ERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const SILENT: u8 = 255;
const PACKETS: u16 = 2;

/// A name server for all names, on the namespace's loopback: each has the address 127.0.0.1.
fn name_server() -> Arc<AtomicU8> {
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let mode = Arc::new(AtomicU8::new(NO_ERROR));
    let spoken = Arc::clone(&mode);
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut query) {
            let code = spoken.load(Ordering::SeqCst);
            if code != SILENT {
                socket.send_to(&reply(&query[..length], code), asker).unwrap();
            }
        }
    });
    mode
}

/// RFC 1035, section 4: the header and the question come back; to A there is an answer.
fn reply(query: &[u8], code: u8) -> Vec<u8> {
    let name = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let is_a = query[name..name + 2] == [0, 1];
    let answers = u8::from(is_a && code == NO_ERROR);
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(&query[12..name + 4]);
    if answers > 0 {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    reply
}

fn shell(script: &str) {
    assert!(Command::new("sh").args(["-c", script]).status().unwrap().success(), "{script}");
}

async fn success(bot: &PingBot, name: &str) -> Option<f64> {
    let settings = Settings { packets: PACKETS, gap: Duration::from_millis(1), ..Settings::default() };
    let target = Target::Name(name.to_owned(), None);
    let task = PingTask { account: AccountId::new(3), entity: EntityId::new(9), target, settings };
    let due = Timestamp::from_seconds(1_700_000_000);
    let run = Run {
        id: "ping.3.9".into(),
        task: task.into(),
        due,
        intervals: vec![],
        troubles: Default::default(),
    };
    let reports = bot.perform(run).await.unwrap();
    let values = reports.into_iter().flat_map(|report| match report {
        Report::Values(values) => values.values,
        other => panic!("{other:?}"),
    });
    values
        .collect::<Vec<_>>()
        .into_iter()
        .find(|(path, _)| path.ends_with(".success"))
        .map(|(_, value)| value)
}

#[tokio::test]
async fn a_failure_of_name_servers_is_no_loss_and_over_when_they_are_back() {
    let test = "names::a_failure_of_name_servers_is_no_loss_and_over_when_they_are_back";
    if !inside_namespace(test, Rights::Raw) {
        return;
    }
    shell("ip link set lo up");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolv.conf");
    fs::write(&file, "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
    shell(&format!("mount --bind {} /etc/resolv.conf", file.display()));
    let mode = name_server();
    let pinger = Pinger::open(Options::default()).unwrap();
    let bot = PingBot::new(pinger.clone());

    for failure in [SERVFAIL, SILENT, NXDOMAIN] {
        let name = format!("device{failure}.example.org");
        mode.store(failure, Ordering::SeqCst);
        let before = pinger.metrics().requests_sent.get();
        assert_eq!(success(&bot, &name).await, None, "nothing was sent, nothing is stored");
        assert_eq!(pinger.metrics().requests_sent.get(), before);
        mode.store(NO_ERROR, Ordering::SeqCst);
        assert_eq!(success(&bot, &name).await, Some(1.0), "the very next run");
        mode.store(failure, Ordering::SeqCst);
        assert_eq!(success(&bot, &name).await, Some(1.0), "its address is known");
    }
    assert_eq!(pinger.metrics().unanswered(Reason::Name).get(), 3 * u64::from(PACKETS));

    let resolver = Resolver::default();
    let reason = async |code, name: &str| {
        mode.store(code, Ordering::SeqCst);
        resolver.resolve(name, None, Duration::from_secs(30)).await.unwrap_err()
    };
    assert_eq!(reason(NXDOMAIN, "gone.example.org").await, Unresolved::NoSuchName);
    assert_eq!(reason(SERVFAIL, "a.example.org").await, Unresolved::NoAnswer);
    assert_eq!(reason(SILENT, "b.example.org").await, Unresolved::NoAnswer);
}
