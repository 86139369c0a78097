//! A node at work: drives the [`Membership`] over a store and a socket.
//!
//! ```text
//!  LeaseStore ──watch──▶ events ──▶ Membership ──▶ View ──▶ whoever runs jobs
//!  UDP socket ◀─probes──▶           (pure)     ──▶ commands: renew, list, probe
//! ```

mod prober;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::UdpSocket,
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    lease::{Lease, Load, Name},
    membership::{Command, Event, Membership, RENEW_TIMEOUT},
    slot::SlotSet,
    store::LeaseStore,
};
use prober::Prober;

/// How often a node looks what is to be done. A lease that ran out is told within a quarter of a second; this is as much.
const TICK: Duration = Duration::from_millis(200);

/// Events on their way: as many as a watch tells at its beginning of a large cluster.
const EVENTS: usize = 4096;

/// Wishes on their way.
const WISHES: usize = 16;

/// The longest that leaving takes: others that do not answer keep nobody.
const LONGEST_LEAVING: Duration = Duration::from_secs(20);

/// How long all leases may take to be read.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// What a node is, runs and sees.
#[derive(Clone, Debug)]
pub struct View {
    /// What it says of itself.
    pub me: Lease,
    /// Whether the store answers.
    pub present: bool,
    /// What it runs of each site; `None` is what demands none.
    pub held: Vec<(Option<Name>, SlotSet)>,
    /// The members beside it.
    pub members: Vec<Lease>,
    /// Those of them whose lease ran out.
    pub suspects: Vec<Name>,
}

impl View {
    fn of(membership: &Membership) -> Self {
        Self {
            me: membership.me().clone(),
            present: membership.is_present(),
            held: membership.all_held().map(|(site, slots)| (site.cloned(), slots)).collect(),
            members: membership.peers().cloned().collect(),
            suspects: membership.suspects().cloned().collect(),
        }
    }

    /// Returns all members with this node, by name.
    pub fn everybody(&self) -> Vec<&Lease> {
        let mut all: Vec<_> = self.members.iter().chain([&self.me]).collect();
        all.sort_by(|a, b| a.node.cmp(&b.node));
        all
    }

    /// Whether what this node runs, or who is there, is another than before.
    fn differs(&self, other: &Self) -> bool {
        (&self.held, self.present, &self.suspects) != (&other.held, other.present, &other.suspects)
            || self.members != other.members
            || self.me != other.me
    }
}

/// What may be wished of a node at work.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Weight(u32),
    Load(Load, bool),
}

/// A node at work, for whoever runs jobs.
#[derive(Clone, Debug)]
pub struct MemberHandle {
    view: watch::Receiver<View>,
    wishes: mpsc::Sender<Wish>,
}

impl MemberHandle {
    /// Returns what the node is, runs and sees, each time it changes.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// Gives the node another weight; with 0 it runs nothing.
    pub async fn set_weight(&self, weight: u32) {
        // A node that has ended has no weight.
        let _ = self.wishes.send(Wish::Weight(weight)).await;
    }

    /// Says how the node is doing: for people, and whether it keeps up and may take more.
    pub async fn set_load(&self, load: Load, keeps_up: bool) {
        let _ = self.wishes.send(Wish::Load(load, keeps_up)).await;
    }
}

/// A node about to work.
#[derive(Debug)]
pub struct Member<S> {
    store: Arc<S>,
    prober: Arc<Prober>,
    membership: Membership,
    began: Instant,
    view: watch::Sender<View>,
    wishes: mpsc::Receiver<Wish>,
    stop: CancellationToken,
}

/// Opens the socket on which a node is asked.
///
/// # Errors
/// Fails if the address cannot be used.
pub async fn listen(address: SocketAddr) -> io::Result<UdpSocket> {
    UdpSocket::bind(address).await
}

/// Whether the process answers that wrote a lease.
///
/// # Errors
/// Fails if no socket can be opened.
pub async fn answers(lease: &Lease) -> io::Result<bool> {
    let any: SocketAddr = if lease.address.is_ipv4() { ([0; 4], 0).into() } else { ([0_u16; 8], 0).into() };
    let prober = Arc::new(Prober::new(UdpSocket::bind(any).await?, lease.node.clone(), 0));
    let asking = prober.clone();
    // Answers are told by whoever waits for questions.
    let listening = tokio::spawn(async move {
        loop {
            asking.next().await;
        }
    });
    let answer = prober.ask(lease, false).await;
    listening.abort();
    Ok(answer.is_some_and(|answer| answer.incarnation == lease.incarnation))
}

impl<S: LeaseStore> Member<S> {
    /// Puts a node together: what it says of itself, whom it knew when it was a member before, and the socket that
    /// its lease names. It leaves when it is stopped.
    pub fn new(
        store: Arc<S>,
        socket: UdpSocket,
        me: Lease,
        known: Option<Vec<Lease>>,
        stop: CancellationToken,
    ) -> (Self, MemberHandle) {
        let prober = Arc::new(Prober::new(socket, me.node.clone(), me.probe_key));
        let membership = Membership::new(me, known, Duration::ZERO);
        let (view, receiver) = watch::channel(View::of(&membership));
        let (sender, wishes) = mpsc::channel(WISHES);
        let member = Self { store, prober, membership, began: Instant::now(), view, wishes, stop };
        (member, MemberHandle { view: receiver, wishes: sender })
    }

    /// Works until it is stopped, hands over what it runs, and takes its lease away.
    pub async fn run(mut self) {
        let (events, mut happened) = mpsc::channel(EVENTS);
        let mut tasks = JoinSet::new();
        let (store, told) = (self.store.clone(), events.clone());
        tasks.spawn(async move { store.watch(told).await });
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leaving_since = None;
        let socket = self.prober.clone();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if leaving_since.is_none() => {
                    leaving_since = Some(Instant::now());
                    self.membership.leave(self.now());
                }
                // Before questions: however many there are, time passes.
                _ = ticks.tick() => {}
                Some(event) = happened.recv() => self.membership.handle(event, self.now()),
                asked = socket.next() => {
                    self.membership_asked(asked).await;
                    continue;
                }
                Some(wish) = self.wishes.recv() => self.fulfil(wish),
            }
            while let Ok(event) = happened.try_recv() {
                self.membership.handle(event, self.now());
            }
            let now = self.now();
            for command in self.membership.poll(now) {
                self.obey(command, &events, &mut tasks);
            }
            while tasks.try_join_next().is_some() {}
            self.show();
            let waits = leaving_since.is_some_and(|since: Instant| since.elapsed() >= LONGEST_LEAVING);
            if self.membership.has_left() || waits {
                break;
            }
        }
        tasks.shutdown().await;
        if let Err(error) = self.store.release(&self.membership.me().node).await {
            warn!(%error, "the lease could not be taken away: it runs out by itself");
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    async fn membership_asked(&mut self, asked: prober::Asked) {
        if asked.ask.is_leaving {
            let now = self.now();
            self.membership.handle(Event::Leaving(asked.ask.asker.clone()), now);
        }
        self.prober.answer(&asked, &self.membership.answer()).await;
    }

    fn fulfil(&mut self, wish: Wish) {
        match wish {
            Wish::Weight(weight) => self.membership.set_weight(weight, self.now()),
            Wish::Load(load, keeps_up) => self.membership.set_load(load, keeps_up),
        }
    }

    fn obey(&self, command: Command, events: &mpsc::Sender<Event>, tasks: &mut JoinSet<()>) {
        let (store, prober, events) = (self.store.clone(), self.prober.clone(), events.clone());
        let is_leaving = self.membership.me().leaving;
        tasks.spawn(async move {
            let event = match command {
                Command::Renew(lease) => match timeout(2 * RENEW_TIMEOUT, store.renew(&lease)).await {
                    Ok(Ok(())) => Event::Renewed,
                    Ok(Err(error)) => {
                        tracing::debug!(error = %chain(&error), "the lease was not written");
                        Event::NotRenewed
                    }
                    Err(_) => Event::NotRenewed,
                },
                Command::List => match timeout(LIST_TIMEOUT, store.list()).await {
                    Ok(Ok(leases)) => Event::Listed(leases),
                    Ok(Err(error)) => {
                        tracing::debug!(error = %chain(&error), "the leases were not read");
                        Event::NotListed
                    }
                    Err(_) => Event::NotListed,
                },
                Command::Probe(peer) => match prober.ask(&peer, is_leaving).await {
                    Some(answer) => Event::Answered(peer.node, answer),
                    None => Event::Unanswered(peer.node),
                },
            };
            // The node has ended.
            let _ = events.send(event).await;
        });
    }

    /// Shows what changed, and says what an operator cares about.
    fn show(&self) {
        let view = View::of(&self.membership);
        let before = self.view.borrow().clone();
        if !view.differs(&before) {
            return;
        }
        if view.present != before.present {
            if view.present {
                info!(members = view.members.len() + 1, "the cluster's store answers");
            } else {
                warn!(
                    "the cluster's store is away: this node keeps what it runs, and asks the others directly"
                );
            }
        }
        let names = |view: &View| view.members.iter().map(|lease| lease.node.clone()).collect::<Vec<_>>();
        let (members, known) = (names(&view), names(&before));
        for node in members.iter().filter(|node| !known.contains(node)) {
            info!(%node, "joined the cluster");
        }
        for node in known.iter().filter(|node| !members.contains(node)) {
            info!(%node, "left the cluster");
        }
        let slots = |view: &View| view.held.iter().map(|(_, slots)| slots.len()).sum::<usize>();
        if slots(&view) != slots(&before) {
            info!(slots = slots(&view), before = slots(&before), members = members.len() + 1, "slots");
        }
        self.view.send_replace(view);
    }
}

/// An error with its causes, in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
