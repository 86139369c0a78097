//! Exporters of flows that nothing comes of.

use std::{
    net::UdpSocket,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::sys::signal::Signal;

use crate::{
    network::drop_port,
    scene::{Device, Scene, causes, in_own_network},
    world::until,
};

/// An exporter that says what a test wants.
struct Exporter {
    socket: UdpSocket,
    to: &'static str,
    sequence: u32,
    behind_seconds: u32,
}

impl Exporter {
    fn at(address: &str, to: &'static str) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        Self { socket, to, sequence: 1, behind_seconds: 0 }
    }

    fn send(&self, datagram: &[u8]) {
        // A port on which nothing listens is told to the sender, too.
        let _ = self.socket.send_to(datagram, self.to);
    }

    fn now(&self) -> u32 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        u32::try_from(now).unwrap() - self.behind_seconds
    }

    /// A datagram of NetFlow v5 with one flow; `skipped` flows are numbered and not sent.
    fn netflow5(&mut self, skipped: u32) {
        let mut datagram = Vec::new();
        datagram.extend(5_u16.to_be_bytes());
        datagram.extend(1_u16.to_be_bytes());
        for field in [3_600_000, self.now(), 0, self.sequence + skipped, 0] {
            datagram.extend(field.to_be_bytes());
        }
        self.sequence += skipped + 1;
        datagram.extend([192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 0, 0, 1, 0, 2]);
        for field in [10_u32, 15_000, 3_590_000, 3_599_000] {
            datagram.extend(field.to_be_bytes());
        }
        datagram.extend([0x9C, 0x40, 0x01, 0xBB, 0, 0, 6, 0, 0, 0, 0, 0, 24, 24, 0, 0]);
        self.send(&datagram);
    }

    /// A datagram of NetFlow v9 with these sets.
    fn netflow9(&mut self, sets: &[(u16, Vec<u8>)]) {
        let mut datagram = Vec::new();
        datagram.extend(9_u16.to_be_bytes());
        datagram.extend(u16::try_from(sets.len()).unwrap().to_be_bytes());
        for field in [3_600_000, self.now(), self.sequence, 7] {
            datagram.extend(field.to_be_bytes());
        }
        self.sequence += 1;
        for (id, body) in sets {
            datagram.extend(id.to_be_bytes());
            datagram.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
            datagram.extend(body);
        }
        self.send(&datagram);
    }
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

async fn exporter(test: &str, tools: &[&str]) -> Option<Scene> {
    if !in_own_network(test, tools) {
        return None;
    }
    let scene = Scene::of(Device::exporter("127.0.0.1")).await;
    // The bot listens once it is observed.
    until(|| std::net::TcpStream::connect("127.0.0.1:9300").is_ok());
    Some(scene)
}

const BOT: &str = "127.0.0.1:2055";

#[tokio::test]
async fn an_exporter_at_another_address() {
    let Some(scene) = exporter("exporters::an_exporter_at_another_address", &[]).await else { return };
    let mut other = Exporter::at("127.0.0.2", BOT);
    (0..10).for_each(|_| other.netflow5(0));
    scene.named("exporter", "other_exporter");
    let evidence = scene.api("exporter", "")[0]["findings"][0]["evidence"].as_str().unwrap().to_owned();
    assert!(evidence.contains("127.0.0.2"), "{evidence}");
}

#[tokio::test]
async fn an_exporter_that_sends_to_another_port() {
    let Some(scene) = exporter("exporters::an_exporter_that_sends_to_another_port", &[]).await else {
        return;
    };
    let mut exporter = Exporter::at("127.0.0.1", "127.0.0.1:9995");
    (0..10).for_each(|_| exporter.netflow5(0));
    scene.named("exporter", "other_port");
}

#[tokio::test]
async fn a_firewall_of_the_host() {
    let Some(scene) = exporter("exporters::a_firewall_of_the_host", &["nft"]).await else { return };
    drop_port(2055);
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    (0..10).for_each(|_| exporter.netflow5(0));
    scene.named("exporter", "host_firewall");
}

#[tokio::test]
async fn something_that_is_no_flow() {
    let Some(scene) = exporter("exporters::something_that_is_no_flow", &[]).await else { return };
    let exporter = Exporter::at("127.0.0.1", BOT);
    (0..10).for_each(|_| exporter.send(b"<134>a line for syslog"));
    scene.named("exporter", "not_flows");
}

#[tokio::test]
async fn data_before_its_template() {
    let Some(scene) = exporter("exporters::data_before_its_template", &[]).await else { return };
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    (0..5).for_each(|_| exporter.netflow9(&[(256, vec![0; 64])]));
    scene.named("exporter", "template_awaited");
}

#[tokio::test]
async fn a_template_that_never_comes() {
    let Some(scene) = exporter("exporters::a_template_that_never_comes", &[]).await else { return };
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    // More than is kept of one exporter's data while its template is awaited.
    for _ in 0..3_600 {
        exporter.netflow9(&[(256, vec![0; 1_400])]);
    }
    scene.named("exporter", "template_missing");
}

#[tokio::test]
async fn options_and_no_flow() {
    let Some(scene) = exporter("exporters::options_and_no_flow", &[]).await else { return };
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    // Of the whole system: the sampling interval and its algorithm.
    let template = words(&[257, 4, 8, 1, 4, 34, 4, 35, 1, 0]);
    exporter.netflow9(&[(1, template)]);
    (0..5).for_each(|_| exporter.netflow9(&[(257, vec![0, 0, 0, 1, 0, 0, 0, 100, 1, 0, 0, 0])]));
    scene.named("exporter", "options_only");
}

#[tokio::test]
async fn counters_of_sflow_and_no_flow() {
    let Some(scene) = exporter("exporters::counters_of_sflow_and_no_flow", &[]).await else { return };
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    for _ in 0..5 {
        let mut datagram = Vec::new();
        for field in [5, 1, 0x7F00_0001, 0, exporter.sequence, 3_600_000, 1, 2, 12, exporter.sequence, 1, 0] {
            datagram.extend(u32::to_be_bytes(field));
        }
        exporter.sequence += 1;
        exporter.send(&datagram);
    }
    scene.named("exporter", "counters_only");
}

#[tokio::test]
async fn a_sampler_that_is_not_told() {
    let Some(scene) = exporter("exporters::a_sampler_that_is_not_told", &[]).await else { return };
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    // Addresses, bytes, packets, and the number of a sampler of which nothing is ever told.
    exporter.netflow9(&[(0, words(&[258, 5, 8, 4, 12, 4, 1, 4, 2, 4, 48, 1]))]);
    let flow = [[192, 0, 2, 1], [192, 0, 2, 2], 1_500_u32.to_be_bytes(), 1_u32.to_be_bytes()].concat();
    let flow = [flow, vec![9, 0, 0, 0]].concat();
    (0..10).for_each(|_| exporter.netflow9(&[(258, flow.clone())]));
    scene.named("exporter", "sampler_unknown");
}

#[tokio::test]
async fn gaps_in_the_numbers_of_an_exporter() {
    let Some(scene) = exporter("exporters::gaps_in_the_numbers_of_an_exporter", &[]).await else { return };
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    for round in 0..20 {
        exporter.netflow5(round % 3);
    }
    scene.named("exporter", "sequence_gaps");
}

#[tokio::test]
async fn a_clock_of_an_exporter_that_is_wrong() {
    let Some(scene) = exporter("exporters::a_clock_of_an_exporter_that_is_wrong", &[]).await else { return };
    let mut exporter = Exporter { behind_seconds: 7_200, ..Exporter::at("127.0.0.1", BOT) };
    // The bot counts an exporter only once it knows that an entity has its address.
    until(|| {
        exporter.netflow5(0);
        causes(&scene.api("exporter", "")) == ["exporter_clock"]
    });
    scene.named("exporter", "exporter_clock");
}

#[tokio::test]
async fn datagrams_that_the_kernel_drops() {
    let Some(scene) = exporter("exporters::datagrams_that_the_kernel_drops", &[]).await else { return };
    let mut exporter = Exporter::at("127.0.0.1", BOT);
    exporter.netflow5(0);
    let bot = scene.bot.as_ref().unwrap();
    // While the bot stands still its buffer fills.
    bot.signal(Signal::SIGSTOP);
    for _ in 0..260_000 {
        exporter.netflow5(0);
    }
    bot.signal(Signal::SIGCONT);
    until(|| {
        // What was dropped shows with the next datagram.
        exporter.netflow5(0);
        let answers = scene.api("exporter", "");
        let causes =
            answers[0]["findings"].as_array().unwrap().iter().map(|finding| finding["cause"].clone());
        causes.into_iter().any(|cause| cause == "kernel_drops")
    });
    let (_, answers) = scene.command_line("exporter", &[]);
    assert!(answers.to_string().contains("kernel_drops"), "{answers:#}");
}
