//! Many nodes, as assignment alone.

use grafolean_cluster::{SLOTS, rendezvous::owner};

fn owners(nodes: &[(&str, u32)]) -> Vec<String> {
    (0..SLOTS).map(|slot| owner("", slot, nodes).unwrap().0.to_owned()).collect()
}

#[test]
fn of_a_thousand_nodes_one_that_goes_moves_its_own_slots_alone() {
    let names: Vec<_> = (0..1000).map(|number| format!("node-{number}")).collect();
    let mut nodes: Vec<_> = names.iter().map(|name| (name.as_str(), 100)).collect();
    let before = owners(&nodes);
    let (gone, _) = nodes.remove(500);
    let after = owners(&nodes);
    assert!(before.iter().zip(&after).all(|(before, after)| before == after || before == gone));
}

#[test]
fn a_hundred_nodes_are_loaded_alike_within_what_chance_gives() {
    for number in [2_usize, 3, 5, 10, 30, 100] {
        let names: Vec<_> = (0..number).map(|number| format!("node-{number}")).collect();
        let nodes: Vec<_> = names.iter().map(|name| (name.as_str(), 100)).collect();
        let owners = owners(&nodes);
        let of = |name: &str| owners.iter().filter(|owner| *owner == name).count();
        let most = names.iter().map(|name| of(name)).max().unwrap();
        let mean = f64::from(SLOTS) / number as f64;
        let five_deviations = 5.0 * mean.sqrt();
        assert!(most as f64 <= mean + five_deviations, "{number} nodes: {most} slots, {mean} on average");
    }
}
