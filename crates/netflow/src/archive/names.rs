//! Names of interfaces, applications and routing tables: each is in memory once, whoever tells it how often.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

use tracing::warn;

use crate::record::FlowDetails;

/// Names that a process remembers, for as long as it runs: with 60 octets each 16 MB. A name beyond that is not kept, which
/// the log tells once: its flows are, by their numbers.
const NAMES_MAX: usize = 262_144;

#[derive(Default)]
struct Names {
    places: HashMap<&'static str, u32, foldhash::fast::RandomState>,
    names: Vec<&'static str>,
    is_full_told: bool,
}

static NAMES: LazyLock<RwLock<Names>> = LazyLock::new(RwLock::default);

/// Returns the number of a name, and the name for as long as the process runs; `None` where there are too many.
pub fn intern(name: &str) -> Option<(u32, &'static str)> {
    let known = |names: &Names| names.places.get_key_value(name).map(|(name, place)| (*place, *name));
    if let Some(known) = known(&NAMES.read().unwrap_or_else(PoisonError::into_inner)) {
        return Some(known);
    }
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known(&names) {
        return Some(known);
    }
    if names.names.len() >= NAMES_MAX {
        if !std::mem::replace(&mut names.is_full_told, true) {
            warn!(names = NAMES_MAX, "exporters tell too many names: further ones are not kept");
        }
        return None;
    }
    let kept: &'static str = Box::leak(name.into());
    let place = u32::try_from(names.names.len()).ok()?;
    names.places.insert(kept, place);
    names.names.push(kept);
    Some((place, kept))
}

/// Returns the name of a number.
pub fn name_of(number: i64) -> Option<&'static str> {
    let place = usize::try_from(number).ok()?;
    NAMES.read().unwrap_or_else(PoisonError::into_inner).names.get(place).copied()
}

/// Returns details that outlive the datagram that told them.
pub fn kept(details: &FlowDetails<'_>) -> FlowDetails<'static> {
    let name = |name: Option<&str>| name.and_then(intern).map(|(_, name)| name);
    FlowDetails {
        nat_source: details.nat_source,
        nat_destination: details.nat_destination,
        nat_source_port: details.nat_source_port,
        nat_destination_port: details.nat_destination_port,
        input_vlan: details.input_vlan,
        output_vlan: details.output_vlan,
        source_mac: details.source_mac,
        destination_mac: details.destination_mac,
        next_hop: details.next_hop,
        bgp_next_hop: details.bgp_next_hop,
        source_mask: details.source_mask,
        destination_mask: details.destination_mask,
        ingress_vrf: details.ingress_vrf,
        egress_vrf: details.egress_vrf,
        mpls_top_label: details.mpls_top_label,
        forwarding_status: details.forwarding_status,
        firewall_event: details.firewall_event,
        nat_event: details.nat_event,
        application: details.application,
        input_name: name(details.input_name),
        output_name: name(details.output_name),
        application_name: name(details.application_name),
        ingress_vrf_name: name(details.ingress_vrf_name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_found_by_its_number() {
        let (number, name) = intern("GigabitEthernet0/1").unwrap();
        let (same, again) = intern(&String::from("GigabitEthernet0/1")).unwrap();
        assert_eq!((same, again.as_ptr()), (number, name.as_ptr()));
        assert_eq!((name_of(i64::from(number)), name_of(-1)), (Some("GigabitEthernet0/1"), None));
    }
}
