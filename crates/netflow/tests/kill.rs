//! Twenty bots are killed in the middle of a replay; each restart has what was received up to its last seconds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "fixture/archive.rs"]
mod archive;
#[path = "fixture/driven.rs"]
mod driven;
#[path = "fixture/local.rs"]
mod local;

use std::{
    collections::VecDeque,
    env, fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use grafolean_collector::time::{Clock, SystemClock};
use grafolean_netflow::{
    archive::Settings,
    bot::{NetflowBot, Options},
    generate::{Exporter, Families, Setup, Traffic},
    query::Query,
    receive::Listen,
    record::Protocol,
};
use local::bytes_of;

const ROUNDS: u32 = 20;
/// The first is killed after so long, each next one by so much later.
const FIRST_KILL: Duration = Duration::from_millis(3_300);
const KILL_STEP: Duration = Duration::from_millis(290);
/// What a crash may cost.
const LOSS_MAX: Duration = Duration::from_secs(5);
/// How often the bot writes its state, at the most.
const WRITING: Duration = Duration::from_secs(3);
const FOLDER: &str = "NETFLOW_KILL_FOLDER";

fn open(folder: &Path) -> NetflowBot {
    let listen = Listen::on([SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let (folder, archive) = (Some(folder.to_owned()), Some(raw_flows(folder)));
    let options = Options { folder, archive, ..Options::on(listen) };
    local::open(&options)
}

/// Where a bot keeps raw flows.
fn raw_flows(folder: &Path) -> Settings {
    Settings::new(folder.join("archive"), Duration::from_secs(86_400), u64::MAX)
}

/// The process that is killed: this very test, as the other one starts it.
#[test]
fn stands_for_a_bot_that_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let bot = open(Path::new(&folder));
    println!("\nlistening {}", bot.addresses()[0]);
    loop {
        thread::park();
    }
}

/// A bot that is fed, and what it was sent.
struct Fed {
    child: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
    exporter: Exporter,
    /// When each datagram was sent, and all bytes sent with it.
    sent: Vec<(Instant, u64)>,
}

impl Drop for Fed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fed {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "stands_for_a_bot_that_is_killed", "--nocapture"]).env(FOLDER, folder.path());
        let mut child = child.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| line.strip_prefix("listening ")?.parse().ok()).unwrap();
        let boot = SystemClock.now() - Duration::from_secs(60);
        let setup = Setup { protocol: Protocol::Netflow9, domain: 1, sampling: 1, boot };
        Self { child, folder, address, exporter: Exporter::new(setup), sent: Vec::new() }
    }

    fn send(&mut self, socket: &UdpSocket, to: SocketAddr, traffic: &mut Traffic) {
        let now = SystemClock.now();
        let mut flows: VecDeque<_> = (0..10).map(|_| traffic.flow(now)).collect();
        let mut datagram = Vec::new();
        self.exporter.export(now, &mut flows, &mut datagram);
        socket.send_to(&datagram, to).unwrap();
        self.sent.push((Instant::now(), self.exporter.totals().bytes));
    }

    /// Returns when the first datagram was sent that is not among these bytes; `None` where they are not a beginning of what
    /// was sent, whole to the datagram.
    fn first_lost(&self, kept: f64) -> Option<Instant> {
        let count = match self.sent.iter().position(|(_, bytes)| *bytes as f64 == kept) {
            Some(latest) => latest + 1,
            None if kept == 0.0 => 0,
            None => return None,
        };
        self.sent.get(count).map(|(when, _)| *when)
    }
}

/// Does what the bot does, to know by how much this machine is late while the test runs.
fn lateness(stop: &AtomicBool, folder: &Path) -> Duration {
    let mut most = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        thread::sleep(WRITING / 10);
        let file = fs::File::create(folder.join("file")).unwrap();
        file.sync_all().unwrap();
        most = most.max(began.elapsed().saturating_sub(WRITING / 10));
    }
    most
}

#[tokio::test]
async fn a_kill_at_any_moment_costs_less_than_the_last_five_seconds() {
    let (stop, folder) = (Arc::new(AtomicBool::new(false)), tempfile::tempdir().unwrap());
    let watch = {
        let (stop, folder) = (Arc::clone(&stop), folder.path().to_owned());
        thread::spawn(move || lateness(&stop, &folder))
    };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut traffic = Traffic::new(3, 500, Families::V4);
    let mut alive: VecDeque<Fed> = (0..ROUNDS).map(|_| Fed::start()).collect();
    let (began, mut killed) = (Instant::now(), Vec::new());
    while let Some(next) = alive.front_mut() {
        if began.elapsed() >= FIRST_KILL + KILL_STEP * u32::try_from(killed.len()).unwrap() {
            next.child.kill().unwrap();
            killed.extend(alive.pop_front().map(|fed| (Instant::now(), fed)));
            continue;
        }
        for fed in &mut alive {
            let to = fed.address;
            fed.send(&socket, to, &mut traffic);
        }
        thread::sleep(Duration::from_millis(20));
    }
    stop.store(true, Ordering::Relaxed);
    let late = watch.join().unwrap();
    for (round, (moment, mut fed)) in killed.into_iter().enumerate() {
        fed.child.wait().unwrap();
        let restarted = open(fed.folder.path());
        let before = fed.exporter.totals().bytes;
        // it goes on in the open bins; of a bot that wrote nothing yet it knows no template
        fed.send(&socket, restarted.addresses()[0], &mut traffic);
        while restarted.metrics().datagrams.get() < 1 {
            thread::yield_now();
        }
        let went_on = restarted.metrics().flows.get() > 0;
        let added = if went_on { fed.exporter.totals().bytes - before } else { 0 };
        let kept = bytes_of(&restarted).await - added as f64;
        let first_lost = fed.first_lost(kept);
        assert_eq!(went_on, kept > 0.0, "round {round}");
        drop(restarted);
        let all = Query { to: SystemClock.now(), ..archive::query("any", &[]) };
        let raw = archive::ask_in(&raw_flows(fed.folder.path()), &all).total.bytes - added;
        for (what, first_lost) in [("bins", first_lost), ("raw flows", fed.first_lost(raw as f64))] {
            let first_lost =
                first_lost.unwrap_or_else(|| panic!("round {round}: no beginning of {before}: {what}"));
            let lost = moment.saturating_duration_since(first_lost);
            assert!(lost < LOSS_MAX + late, "round {round}, {what}: {lost:?}, on a machine late by {late:?}");
        }
    }
}
