//! The bot, fed over loopback.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use grafolean_collector::{
    bot::Run,
    model::{AccountId, Device},
    protocol::Protocol,
    time::{Clock, SystemClock, Timestamp},
};
use grafolean_netflow::{
    aggregate::Span,
    archive::Settings,
    bot::{NetflowBot, Options},
    receive::Listen,
};
use serde_json::json;

use crate::{
    line,
    processor::{peak_mb, time_of},
    replay::{Replay, Sent},
};

const RATE: u64 = 2_000_000;
const SPAN: Duration = Duration::from_secs(10);
/// The thread that keeps raw flows, as the kernel cuts its name.
const WRITER: &str = "netflow-archive";

/// What a run was.
struct Fed {
    sent: Sent,
    lost: u64,
    /// Raw flows for which the disk was too slow.
    dropped: u64,
    on_processor: Duration,
    /// What the thread that keeps raw flows took.
    writing: Duration,
}

/// What becomes of raw flows.
#[derive(Clone, Copy, PartialEq)]
enum Raw {
    Kept,
    Forgotten,
}

/// Two million flows a second.
pub(crate) fn aggregate(replay: &Replay) {
    let fed = feed(replay, RATE, SPAN, Raw::Forgotten);
    let received = fed.sent.flows - fed.lost * fed.sent.flows / fed.sent.datagrams;
    line("flow_aggregate", received as f64 / fed.on_processor.as_secs_f64() / 1e6, "Mflows/s");
    line("flow_aggregate_sent", fed.sent.flows as f64 / SPAN.as_secs_f64() / 1e6, "Mflows/s");
    line("flow_aggregate_lost", fed.lost as f64, "datagrams");
}

/// One million flows a second, each of which is kept on disk too.
pub(crate) fn archived(replay: &Replay) {
    let fed = feed(replay, RATE / 2, SPAN, Raw::Kept);
    line("flow_archived_sent", fed.sent.flows as f64 / SPAN.as_secs_f64() / 1e6, "Mflows/s");
    line("flow_archived_lost", fed.lost as f64, "datagrams");
    line("flow_archived_dropped", fed.dropped as f64, "flows");
    line("flow_archived_receiving", per_flow(fed.on_processor, fed.sent), "ns/flow");
    line("flow_archived_writing", per_flow(fed.writing, fed.sent), "ns/flow");
}

fn per_flow(time: Duration, sent: Sent) -> f64 {
    time.as_nanos() as f64 / sent.flows as f64
}

/// One million flows a second of one million pairs: the memory of all of it.
pub(crate) fn million() {
    // what the sender holds is none of the bot's
    let replay = Replay::new(1_000_000, 2_000_000);
    let sender_mb: f64 = replay.datagrams.iter().map(|(datagram, _)| datagram.capacity() as f64 / 1e6).sum();
    let fed = feed(&replay, RATE / 2, SPAN, Raw::Forgotten);
    line("flow_memory_of_the_bot", peak_mb() - sender_mb, "MB");
    line("flow_memory_of_the_bot_lost", fed.lost as f64, "datagrams");
}

fn feed(replay: &Replay, rate: u64, span: Duration, raw: Raw) -> Fed {
    let folder = tempfile::tempdir().unwrap();
    let listen = Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let archive = Settings::new(folder.path().join("archive"), Duration::MAX, u64::MAX);
    let archive = (raw == Raw::Kept).then_some(archive);
    let options = Options { folder: Some(folder.path().to_owned()), archive, ..Options::on(listen) };
    let bot = Arc::new(NetflowBot::open(&options, &SystemClock).unwrap());
    let device = device();
    bot.in_force(&bot.plan(&[device.account], std::slice::from_ref(&device)));
    let [began, writing] = ["netflow-0", WRITER].map(|thread| time_of("self", thread));
    let telling = {
        let bot = Arc::clone(&bot);
        thread::spawn(move || {
            thread::sleep(span / 2);
            tell_a_minute(&bot, &device);
        })
    };
    let sent = replay.send(bot.addresses()[0], rate, span);
    telling.join().unwrap();
    let metrics = bot.metrics();
    let mut before = 0;
    while metrics.datagrams.get() != before {
        before = metrics.datagrams.get();
        thread::sleep(Duration::from_millis(300));
    }
    let on_processor = time_of("self", "netflow-0") - began;
    let writing = time_of("self", WRITER) - writing;
    let dropped = metrics.archive.dropped.get() + metrics.archive.unwritten.get();
    Fed { sent, lost: sent.datagrams - metrics.datagrams.get(), dropped, on_processor, writing }
}

/// Adds up the minutes that are open, as at their end.
fn tell_a_minute(bot: &NetflowBot, device: &Device) {
    let plan = bot.plan(&[device.account], std::slice::from_ref(device));
    let job = plan.jobs.into_iter().find(|job| job.id.as_str().ends_with("1min")).unwrap();
    let due = Timestamp::from_seconds(Span::Minute.bin_of(SystemClock.now().seconds()) + 65);
    let intervals = job.intervals.as_slice().to_vec();
    let run = Run { id: job.id, task: Arc::new(job.task), due, intervals, troubles: Default::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(bot.perform(run)).unwrap();
}

fn device() -> Device {
    let row = json!({"id": 7, "name": "router", "entity_type": "device", "details": {"ipv4": "127.0.0.1"}});
    let credential = json!({"id": 1, "protocol": "netflow"});
    Device {
        account: AccountId::new(1),
        entity: serde_json::from_value(row).unwrap(),
        credential: serde_json::from_value(credential).unwrap(),
        sensors: Vec::new(),
    }
}
