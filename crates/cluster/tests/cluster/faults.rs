//! What each fault costs: how long slots are run by nobody, or by more than one, in virtual time.

use std::time::Duration;

use grafolean_cluster::{SLOTS, lease::Name, simulation::World};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn name(number: usize) -> Name {
    Name::try_from(format!("node-{number}")).unwrap()
}

/// A cluster that has settled, with nothing counted yet.
fn cluster(nodes: usize, seed: u64) -> World {
    let mut world = World::new(seed);
    (0..nodes).for_each(|number| world.start(&name(number)));
    world.run(60 * SECOND);
    world.count_anew();
    world
}

/// Each fault is tried at many moments.
fn seeds() -> impl Iterator<Item = u64> {
    0..40
}

/// The slots of one of three nodes at most: five standard deviations beyond a third.
const SHARE: f64 = 420.0;

#[test]
fn a_cluster_at_rest_runs_each_slot_once() {
    for seed in 0..5 {
        let mut world = cluster(3, seed);
        let count = world.run(3600 * SECOND);
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}");
    }
}

#[test]
fn slots_of_a_node_that_was_killed_are_run_again_within_22_seconds() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.run(SECOND * u32::try_from(seed % 7).unwrap());
        world.kill(&name(1));
        let count = world.run(60 * SECOND);
        assert!(count.longest_gap <= 22 * SECOND, "seed {seed}: {:?}", count.longest_gap);
        assert!(count.longest_gap > Duration::ZERO, "seed {seed}: it was not killed");
        assert_eq!(count.double_slot_seconds, 0.0, "seed {seed}");
    }
}

#[test]
fn a_node_that_starts_again_at_once_gets_its_own_slots_back() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.kill(&name(1));
        world.run(3 * SECOND);
        world.start(&name(1));
        let count = world.run(60 * SECOND);
        assert!(count.longest_gap <= 5 * SECOND, "seed {seed}: {:?}", count.longest_gap);
        assert_eq!(count.double_slot_seconds, 0.0, "seed {seed}");
    }
}

#[test]
fn joining_and_leaving_leave_no_gap_and_double_for_seconds_alone() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.start(&name(3));
        let count = world.run(60 * SECOND).clone();
        assert_eq!(count.gap_slot_seconds, 0.0, "joining, seed {seed}");
        assert!(count.longest_double <= 6 * SECOND, "joining, seed {seed}: {:?}", count.longest_double);
        world.count_anew();
        world.leave(&name(0));
        let count = world.run(60 * SECOND).clone();
        assert!(!world.running().contains(&name(0)), "seed {seed}: it has not left");
        assert_eq!(count.gap_slot_seconds, 0.0, "leaving, seed {seed}");
        assert!(count.longest_double <= 6 * SECOND, "leaving, seed {seed}: {:?}", count.longest_double);
    }
}

#[test]
fn a_weight_that_changes_leaves_no_gap() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        let before = world.node(&name(1)).unwrap().held(None).len();
        world.set_weight(&name(1), 20);
        let count = world.run(60 * SECOND).clone();
        assert_eq!(count.gap_slot_seconds, 0.0, "seed {seed}");
        assert!(count.longest_double <= 6 * SECOND, "seed {seed}: {:?}", count.longest_double);
        assert!(world.node(&name(1)).unwrap().held(None).len() < before / 2);
        world.set_weight(&name(1), 0);
        world.run(60 * SECOND);
        assert!(world.node(&name(1)).unwrap().held(None).is_empty(), "a drained node runs nothing");
    }
}

#[test]
fn all_servers_away_with_all_nodes_alive_costs_nothing() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        for away in [5, 15, 25, 120, 3600] {
            world.store_away(away * SECOND);
            let count = world.run((away + 120) * SECOND);
            let costs = (count.gap_slot_seconds, count.double_slot_seconds);
            assert_eq!(costs, (0.0, 0.0), "seed {seed}, {away} s");
        }
    }
}

#[test]
fn a_node_that_dies_while_all_servers_are_away_is_stood_in_for() {
    for (seed, nodes) in seeds().flat_map(|seed| [2, 3, 5].map(|nodes| (seed, nodes))) {
        let mut world = cluster(nodes, seed);
        world.store_away(600 * SECOND);
        world.run(60 * SECOND);
        world.kill(&name(1));
        let count = world.run(200 * SECOND).clone();
        assert!(count.longest_gap <= 22 * SECOND, "seed {seed}, {nodes}: {:?}", count.longest_gap);
        assert_eq!(count.double_slot_seconds, 0.0, "seed {seed}, {nodes}");
        world.count_anew();
        // It comes back while the store is away, and when the store is there again each slot is run once.
        world.start(&name(1));
        let count = world.run(600 * SECOND).clone();
        assert_eq!(count.gap_slot_seconds, 0.0, "seed {seed}, {nodes}");
        assert!(count.longest_double <= 8 * SECOND, "seed {seed}, {nodes}: {:?}", count.longest_double);
        world.count_anew();
        assert_eq!(world.run(300 * SECOND).double_slot_seconds, 0.0, "seed {seed}, {nodes}");
    }
}

#[test]
fn a_cluster_that_starts_whole_without_the_store_works_if_it_did_before() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.store_away(3600 * SECOND);
        (0..3).for_each(|number| world.kill(&name(number)));
        world.run(30 * SECOND);
        (0..3).for_each(|number| world.start(&name(number)));
        world.run(60 * SECOND);
        world.count_anew();
        let count = world.run(600 * SECOND).clone();
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}");
    }
}

#[test]
fn a_node_cut_from_the_store_alone_costs_nothing() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.cut_from_store(&name(1), true);
        let count = world.run(300 * SECOND).clone();
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}");
        world.cut_from_store(&name(1), false);
        let count = world.run(60 * SECOND);
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}, healed");
    }
}

#[test]
fn nodes_cut_from_each_other_but_not_from_the_store_cost_nothing() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.cut_from_peers(&name(1), true);
        let count = world.run(300 * SECOND);
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}");
    }
}

#[test]
fn a_node_cut_from_all_doubles_its_share_until_two_seconds_after_it_is_back() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.cut_from_store(&name(1), true);
        world.cut_from_peers(&name(1), true);
        let cut = 90.0;
        let count = world.run(90 * SECOND).clone();
        assert_eq!(count.gap_slot_seconds, 0.0, "seed {seed}");
        assert!(
            count.double_slot_seconds <= SHARE * (cut - 16.0),
            "seed {seed}: {}",
            count.double_slot_seconds
        );
        world.cut_from_store(&name(1), false);
        world.cut_from_peers(&name(1), false);
        // Its next try to write its lease may be a time-out and a pause away; then the two seconds.
        world.run(7 * SECOND);
        world.count_anew();
        let count = world.run(120 * SECOND);
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}, healed");
    }
}

#[test]
fn a_pause_shorter_than_a_lease_moves_nothing_and_a_longer_one_is_a_death() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.pause(&name(1), 14 * SECOND);
        let count = world.run(60 * SECOND).clone();
        assert!(count.longest_gap <= 15 * SECOND, "nobody else can run it before: {:?}", count.longest_gap);
        assert_eq!(count.double_slot_seconds, 0.0, "seed {seed}");
        world.count_anew();
        world.pause(&name(1), 60 * SECOND);
        let count = world.run(58 * SECOND).clone();
        assert!(count.longest_gap <= 22 * SECOND, "seed {seed}: {:?}", count.longest_gap);
        world.count_anew();
        let count = world.run(120 * SECOND);
        assert_eq!(count.gap_slot_seconds, 0.0, "seed {seed}");
        assert!(count.longest_double <= 6 * SECOND, "seed {seed}: {:?}", count.longest_double);
    }
}

#[test]
fn a_blind_watch_is_noticed_within_ten_seconds() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        (0..3).for_each(|number| world.blind(&name(number), true));
        world.start(&name(3));
        world.run(30 * SECOND);
        let slots: usize = (0..4).map(|number| world.node(&name(number)).unwrap().held(None).len()).sum();
        assert_eq!(slots, usize::from(SLOTS), "seed {seed}: each slot is run once again");
        world.count_anew();
        world.kill(&name(3));
        let count = world.run(60 * SECOND);
        assert!(count.longest_gap <= 33 * SECOND, "seed {seed}: {:?}", count.longest_gap);
    }
}

#[test]
fn a_bucket_that_is_made_anew_costs_nothing() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        world.remake_bucket();
        let count = world.run(120 * SECOND);
        assert_eq!((count.gap_slot_seconds, count.double_slot_seconds), (0.0, 0.0), "seed {seed}");
    }
}

#[test]
fn a_clock_of_the_store_that_leaps_costs_nothing_while_all_nodes_live() {
    for seed in seeds() {
        let mut world = cluster(3, seed);
        for (span, forward) in [(60 * SECOND, true), (30 * SECOND, false), (3600 * SECOND, true)] {
            world.step_store_clock(span, forward);
            let count = world.run(120 * SECOND);
            let costs = (count.gap_slot_seconds, count.double_slot_seconds);
            assert_eq!(costs, (0.0, 0.0), "seed {seed}, {span:?} {forward}");
        }
    }
}
