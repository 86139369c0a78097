//! A day of a cluster with a fault every few minutes, in virtual time and from one seed.

use std::time::Duration;

use grafolean_cluster::{SLOTS, lease::Name, simulation::World};

use crate::faults::{SECOND, name};

const FAULTS: [&str; 9] = [
    "kill",
    "leave",
    "join",
    "pause",
    "store away",
    "cut from store",
    "cut from all",
    "blind watch",
    "store's clock",
];

/// Between two faults all is over: what each costs is told apart.
const REST: Duration = Duration::from_secs(120);

#[test]
fn a_day_with_a_fault_every_few_minutes_costs_what_each_may_cost() {
    // `just test-cluster-long` has many days of it, each with its own seed.
    let given = |name: &str, usual| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    for seed in given("CLUSTER_SEED", 20)..given("CLUSTER_SEED", 20) + given("CLUSTER_DAYS", 1) {
        day(seed);
    }
}

fn day(seed: u64) {
    let mut world = World::new(seed);
    (0..4).for_each(|number| world.start(&name(number)));
    world.run(60 * SECOND);
    let (mut past, mut faults) = (Duration::ZERO, 0);
    while past < Duration::from_secs(86_400) {
        past += one_fault(&mut world, seed, past);
        faults += 1;
    }
    assert!(faults > 300, "{faults} faults");
}

/// Lets one fault happen and be over, and holds what it cost to what it may; returns how long that took.
fn one_fault(world: &mut World, seed: u64, past: Duration) -> Duration {
    world.count_anew();
    let running = world.running();
    let victim = world.random().pick(&running).unwrap().clone();
    let mut fault = *world.random().pick(&FAULTS).unwrap();
    let few = running.len() <= 2;
    if few && ["kill", "leave", "cut from all"].contains(&fault) {
        fault = "join";
    }
    let span = Duration::from_secs(5 + world.random().below(100));
    let (longest_gap, longest_double) = happen(world, fault, &victim, span);
    let count = world.run(REST).clone();
    let what = format!("seed {seed} at {past:?}: {fault} of {victim} for {span:?} among {}", running.len());
    assert!(count.longest_gap <= longest_gap, "{what}: gap {:?}, may be {longest_gap:?}", count.longest_gap);
    assert!(
        count.longest_double <= longest_double,
        "{what}: doubled for {:?}, may be {longest_double:?}",
        count.longest_double
    );
    let held: usize = world.running().iter().map(|node| world.node(node).unwrap().held(None).len()).sum();
    assert_eq!(held, usize::from(SLOTS), "{what}: each slot is run once in the end");
    span + REST
}

/// Returns the longest gap and the longest double that the fault may cost.
fn happen(world: &mut World, fault: &str, victim: &Name, span: Duration) -> (Duration, Duration) {
    let handover = 6 * SECOND;
    match fault {
        "kill" => {
            world.kill(victim);
            world.run(span);
            world.start(victim);
            (22 * SECOND, handover)
        }
        "leave" => {
            world.leave(victim);
            world.run(span);
            (Duration::ZERO, handover)
        }
        "join" => {
            let gone = (0..7).map(name).find(|node| !world.running().contains(node));
            if let Some(node) = gone {
                world.start(&node);
            }
            world.run(span);
            (Duration::ZERO, handover)
        }
        "pause" => {
            world.pause(victim, span);
            world.run(span);
            (22 * SECOND, handover)
        }
        "store away" => {
            world.store_away(span);
            world.run(span);
            (Duration::ZERO, Duration::ZERO)
        }
        "cut from store" => {
            world.cut_from_store(victim, true);
            world.run(span);
            world.cut_from_store(victim, false);
            (Duration::ZERO, Duration::ZERO)
        }
        "cut from all" => {
            world.cut_from_store(victim, true);
            world.cut_from_peers(victim, true);
            world.run(span);
            world.cut_from_store(victim, false);
            world.cut_from_peers(victim, false);
            // From the end of its lease at the earliest.
            (Duration::ZERO, span.saturating_sub(15 * SECOND) + handover)
        }
        "blind watch" => {
            world.blind(victim, true);
            world.run(span);
            world.blind(victim, false);
            (Duration::ZERO, Duration::ZERO)
        }
        _ => {
            world.step_store_clock(span, span.as_secs().is_multiple_of(2));
            world.run(span);
            (Duration::ZERO, Duration::ZERO)
        }
    }
}

#[test]
fn faults_at_the_same_time_end_with_each_slot_run_once() {
    for seed in 0..30 {
        let mut world = World::new(seed);
        (0..5).for_each(|number| world.start(&name(number)));
        world.run(60 * SECOND);
        for _ in 0..20 {
            let node = name(usize::try_from(world.random().below(5)).unwrap());
            let span = Duration::from_secs(1 + world.random().below(40));
            match world.random().below(8) {
                0 => world.kill(&node),
                1 | 2 => world.start(&node),
                3 => world.store_away(span),
                4 => world.pause(&node, span),
                5 => world.cut_from_store(&node, span.as_secs() > 20),
                6 => world.cut_from_peers(&node, span.as_secs() > 20),
                _ => world.leave(&node),
            }
            let wait = Duration::from_secs(1 + world.random().below(20));
            world.run(wait);
        }
        for number in 0..5 {
            world.cut_from_store(&name(number), false);
            world.cut_from_peers(&name(number), false);
            if !world.running().contains(&name(number)) {
                world.start(&name(number));
            }
        }
        world.run(200 * SECOND);
        // Those that were leaving have left by now.
        for number in (0..5).filter(|number| !world.running().contains(&name(*number))).collect::<Vec<_>>() {
            world.start(&name(number));
        }
        world.run(200 * SECOND);
        world.count_anew();
        let count = world.run(300 * SECOND);
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}");
    }
}
