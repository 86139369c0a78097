//! Nodes at work, with their sockets, on a store in memory.

use std::{sync::Arc, time::Duration};

use grafolean_cluster::{
    SLOTS, SlotSet,
    lease::{Lease, Load, USUAL_WEIGHT},
    member::{self, Member, View},
    simulation::MemoryLeases,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::faults::{SECOND, name};

struct Node {
    view: watch::Receiver<View>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Node {
    async fn start(store: &Arc<MemoryLeases>, number: usize) -> Self {
        let socket = member::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let me = Lease {
            node: name(number),
            incarnation: rand::random(),
            address: socket.local_addr().unwrap(),
            probe_key: rand::random(),
            weight: USUAL_WEIGHT,
            sites: Vec::new(),
            leaving: false,
            version: "0.1.0".to_owned(),
            load: Load::default(),
        };
        let stop = CancellationToken::new();
        let (member, handle) = Member::new(store.clone(), socket, me, None, stop.clone());
        Self { view: handle.view(), task: tokio::spawn(async move { member.run().await }), stop }
    }

    fn held(&self) -> SlotSet {
        if self.task.is_finished() { SlotSet::EMPTY } else { self.view.borrow().held[0].1 }
    }
}

fn covered(nodes: &[Node]) -> usize {
    nodes.iter().fold(SlotSet::EMPTY, |all, node| all.union(&node.held())).len()
}

/// Whether each slot is run by one node.
fn once(nodes: &[Node]) -> bool {
    let all = usize::from(SLOTS);
    covered(nodes) == all && nodes.iter().map(|node| node.held().len()).sum::<usize>() == all
}

async fn wait(nodes: &[Node], is_so: impl Fn(&[Node]) -> bool) {
    let deadline = Instant::now() + 60 * SECOND;
    while !is_so(nodes) {
        assert!(Instant::now() < deadline, "it has not come to that");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_at_work_run_each_slot_through_a_store_that_is_away_and_a_node_that_leaves() {
    let store = Arc::new(MemoryLeases::default());
    let mut nodes = Vec::new();
    for number in 0..3 {
        nodes.push(Node::start(&store, number).await);
    }
    wait(&nodes, |nodes| once(nodes) && nodes.iter().all(|node| node.view.borrow().present)).await;

    store.set_away(true);
    wait(&nodes, |nodes| nodes.iter().all(|node| !node.view.borrow().present)).await;
    // Longer than it takes to hold one for dead that does not answer: they ask each other.
    for _ in 0..120 {
        sleep(Duration::from_millis(100)).await;
        assert!(once(&nodes), "{} slots are run", covered(&nodes));
    }
    store.set_away(false);
    wait(&nodes, |nodes| nodes.iter().all(|node| node.view.borrow().present)).await;
    assert!(once(&nodes));

    nodes[1].stop.cancel();
    while !nodes[1].task.is_finished() {
        assert_eq!(covered(&nodes), usize::from(SLOTS), "no slot is left before another runs it");
        sleep(Duration::from_millis(20)).await;
    }
    wait(&nodes, once).await;
    assert!(member::answers(&nodes[0].view.borrow().me.clone()).await.unwrap());
    let gone = nodes[1].view.borrow().me.clone();
    assert!(!member::answers(&gone).await.unwrap());
    nodes.iter().for_each(|node| node.task.abort());
}
