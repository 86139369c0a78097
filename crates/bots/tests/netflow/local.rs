//! A bot that this machine alone exports to.

use grafolean_bots::netflow::{
    aggregate::Span,
    bot::{NetflowBot, Options},
};
use grafolean_collector::{
    bot::Bot,
    model::Device,
    time::{Clock, SystemClock},
};
use serde_json::json;

use crate::driven::{device, told, total};

/// A bot that listens, and counts what comes from this machine.
pub(crate) fn open(options: &Options) -> NetflowBot {
    let bot = NetflowBot::open(options, &SystemClock).unwrap();
    bot.jobs(&devices());
    bot
}

/// All bytes that it has.
pub(crate) async fn bytes_of(bot: &NetflowBot) -> f64 {
    let bins = told(bot, &devices(), Span::Day, SystemClock.now().seconds()).await;
    total(&bins, "netflow.24h.ingress") + total(&bins, "netflow.24h.egress")
}

fn devices() -> [Device; 1] {
    [device(7, json!({"ipv4": "127.0.0.1"}))]
}
