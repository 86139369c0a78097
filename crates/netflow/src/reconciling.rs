//! Minutes that ended, held against readings of interface counters as they come.
//!
//! A reading is taken at a full minute and comes within seconds; of a device that is slow it may come after the minute's
//! values were reported. Then the minute is compared in the run of a later one.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use grafolean_collector::{
    interfaces::{DeviceKey, InterfaceBoard, InterfaceReading, InterfaceState, ReadingFolder},
    model::{AccountId, Entity, EntityId, Shared},
    time::Timestamp,
};

use super::{
    aggregate::{CLOSED_KEPT, Exporters, Links, Span},
    flow_state::Bin,
    ledger::Coverage,
    reconcile::{ExporterMinute, Profile, Ratios, Verdict, Window},
};

const MINUTE: i64 = Span::Minute.seconds();
/// How far a reading may be from the full minute that it is of.
const READING_SECONDS: i64 = 25;
/// Exporters whose verdicts are kept; one that no plan names any more makes room.
const EXPORTERS_MAX: usize = 4_096;

/// ifType of softwareLoopback: what passes it comes from this device and goes nowhere, and no exporter tells of it.
const LOOPBACK: u32 = 24;

/// What is known of the completeness of minutes, by their ends.
pub(super) type CoverageOfMinutes = BTreeMap<i64, HashMap<IpAddr, Coverage>>;

/// Minutes that ended, and the exporters whose interfaces are compared.
#[derive(Default)]
pub(super) struct Reconciling {
    /// What the SNMP bot of this process reads.
    pub(super) board: InterfaceBoard,
    /// What that of another process on this machine reads.
    pub(super) folder: Option<ReadingFolder>,
    /// The second from which all flows were received.
    pub(super) whole_from: i64,
    /// By the ends of minutes.
    links: BTreeMap<i64, Links>,
    profiles: BTreeMap<IpAddr, Profile>,
    /// What exporters call their interfaces in options data.
    names: BTreeMap<IpAddr, BTreeMap<u32, String>>,
    /// What the backend's entities call them, as an SNMP bot on whichever machine keeps them there.
    kept: BTreeMap<DeviceKey, BTreeMap<u32, String>>,
    exporters: BTreeMap<DeviceKey, Compared>,
}

#[derive(Default)]
struct Compared {
    window: Window,
    since: BTreeMap<&'static str, i64>,
    /// Minutes whose ratios are reported for good.
    told: BTreeSet<i64>,
    /// The minute in which it was first named: its flows did not count from the start of it.
    first: i64,
    verdict: Verdict,
}

impl Reconciling {
    /// Takes in minutes that ended, by their starts.
    pub(super) fn settle(&mut self, links: BTreeMap<i64, Links>, profiles: BTreeMap<IpAddr, Profile>) {
        for (start, mut links) in links {
            links.is_partial |= start < self.whole_from;
            self.links.entry(start + MINUTE).or_default().merge(links);
        }
        while self.links.len() > CLOSED_KEPT {
            self.links.pop_first();
        }
        self.profiles = profiles;
        if let Some(folder) = &self.folder {
            folder.read_into(&self.board);
        }
    }

    /// Takes in what exporters call their interfaces.
    pub(super) fn name(&mut self, names: BTreeMap<IpAddr, BTreeMap<u32, String>>) {
        self.names = names;
    }

    /// Takes in the interfaces of an account, as its entities name them.
    pub(super) fn name_by_entities(&mut self, account: AccountId, entities: &[Shared<Entity>]) {
        self.kept.retain(|(of, _), _| *of != account);
        for entity in entities {
            let (Some(parent), Some((index, title))) = (entity.parent, title_of(entity)) else { continue };
            self.kept.entry((account, parent)).or_default().insert(index, title);
        }
    }

    /// Compares what can be compared of an account's exporters in minutes that ended by `end`. Returns values of each minute
    /// that were not reported for good.
    pub(super) fn compare(
        &mut self,
        account: AccountId,
        exporters: &Exporters,
        end: i64,
        coverage: &CoverageOfMinutes,
    ) -> Vec<Bin> {
        let mut bins = BTreeMap::<i64, Vec<(String, f64)>>::new();
        self.exporters.retain(|(of, entity), _| *of != account || exporters.contains_key(entity));
        for (entity, addresses) in exporters {
            for (end, values) in self.compare_exporter((account, *entity), addresses, end, coverage) {
                bins.entry(end).or_default().extend(values);
            }
        }
        bins.into_iter().map(|(end, values)| (Timestamp::from_seconds(end), values)).collect()
    }

    /// Notes that the values of these minutes are reported for good.
    pub(super) fn accepted(&mut self, account: AccountId, ends: &[i64]) {
        for (_, compared) in self.exporters.iter_mut().filter(|((of, _), _)| *of == account) {
            compared.told.extend(ends);
            while compared.told.len() > 2 * CLOSED_KEPT {
                compared.told.pop_first();
            }
        }
    }

    /// Returns what is to be said of each exporter.
    pub(super) fn verdicts(&self) -> Vec<&Verdict> {
        let verdicts = self.exporters.values().map(|compared| &compared.verdict);
        verdicts.filter(|verdict| verdict.at > 0).collect()
    }

    /// Returns what an exporter's interfaces are called: by the SNMP bot of this machine, else as the backend has it, else by
    /// its own options data.
    pub(super) fn interface_names(&self, device: DeviceKey, addresses: &[IpAddr]) -> BTreeMap<u32, String> {
        let told = addresses.iter().filter_map(|address| self.names.get(address)).flatten();
        let mut names: BTreeMap<u32, String> = told.map(|(index, name)| (*index, name.clone())).collect();
        names
            .extend(self.kept.get(&device).into_iter().flatten().map(|(index, name)| (*index, name.clone())));
        if let Some(reading) = self.board.readings(device, addresses).last() {
            let titles = reading.interfaces.iter().filter_map(|(index, its)| Some((*index, its.title()?)));
            names.extend(titles);
        }
        names
    }

    fn compare_exporter(
        &mut self,
        device: DeviceKey,
        addresses: &[IpAddr],
        end: i64,
        coverage: &CoverageOfMinutes,
    ) -> Vec<(i64, Vec<(String, f64)>)> {
        if self.exporters.len() >= EXPORTERS_MAX && !self.exporters.contains_key(&device) {
            return Vec::new();
        }
        let names = self.interface_names(device, addresses);
        let readings = self.board.readings(device, addresses);
        let profile = self.profile(addresses);
        let compared =
            self.exporters.entry(device).or_insert_with(|| Compared { first: end, ..Compared::default() });
        let mut values = Vec::<(i64, Vec<(String, f64)>)>::new();
        for (of, links) in
            self.links.range(..=end).filter(|(of, links)| **of > compared.first && !links.is_partial)
        {
            let mut minute = ExporterMinute::of_links(links, addresses);
            minute.coverage = coverage_of(coverage, *of, addresses);
            if let Some([before, after]) = readings_of(&readings, *of) {
                count(&mut minute, before, after);
            }
            compared.window.put(*of, minute);
            if !compared.told.contains(of) {
                let ratios = compared.window.ratios(*of);
                values.push((
                    *of,
                    ratios.iter().flat_map(|(index, its)| paths(device.1, *index, its)).collect(),
                ));
            }
        }
        if compared.window.latest().is_some() {
            compared.verdict = Verdict {
                account: device.0.number(),
                entity: device.1.number(),
                addresses: addresses.iter().map(ToString::to_string).collect(),
                ..Verdict::of(&compared.window, &profile, &names, &mut compared.since)
            };
        }
        values.retain(|(_, values)| !values.is_empty());
        values
    }

    fn profile(&self, addresses: &[IpAddr]) -> Profile {
        let mut sum = Profile::default();
        for profile in addresses.iter().filter_map(|address| self.profiles.get(address)) {
            sum.add(profile);
            sum.is_set_by_hand |= profile.is_set_by_hand;
        }
        sum
    }
}

/// Returns the SNMP index of an entity that is an interface, and what people call it.
fn title_of(entity: &Entity) -> Option<(u32, String)> {
    let text = |key: &str| {
        let text = entity.details.get(key)?;
        text.as_str().map(str::to_owned).or_else(|| text.as_u64().map(|number| number.to_string()))
    };
    let index = text("snmp_index")?.parse().ok()?;
    let name = text("snmp_name").filter(|name| !name.is_empty()).unwrap_or_else(|| entity.name.clone());
    let alias = text("snmp_alias").filter(|alias| !alias.is_empty());
    let state = InterfaceState { name: Some(name), alias, ..InterfaceState::default() };
    Some((index, state.title()?))
}

/// Returns the readings at both ends of the minute that ended then.
fn readings_of(readings: &[std::sync::Arc<InterfaceReading>], end: i64) -> Option<[&InterfaceReading; 2]> {
    let near = |second: i64| {
        let apart = |reading: &&std::sync::Arc<InterfaceReading>| {
            reading.at.micros().abs_diff(second.saturating_mul(1_000_000))
        };
        let nearest = readings.iter().min_by_key(apart)?;
        (nearest.at.seconds().abs_diff(second) <= READING_SECONDS.unsigned_abs()).then_some(&**nearest)
    };
    Some([near(end - MINUTE)?, near(end)?]).filter(|[before, after]| after.at > before.at)
}

/// Puts in what each interface carried, for a whole minute.
fn count(minute: &mut ExporterMinute, before: &InterfaceReading, after: &InterfaceReading) {
    let seconds = after.at.since(before.at).as_secs_f64();
    for (index, state) in &after.interfaces {
        let carried = after.carried_since(before, *index).filter(|_| state.kind != Some(LOOPBACK));
        let octets = carried.map(|octets| octets.map(|octets| of_a_minute(octets, seconds)));
        minute.count(*index, octets, state.octets.is_some_and(|octets| octets.is_wide), state.kind);
    }
    minute.leave_out_relatives(&parents(after));
}

/// Returns which interfaces are within others, by their names: `ge-0/0/0.100` is within `ge-0/0/0`.
fn parents(reading: &InterfaceReading) -> BTreeMap<u32, u32> {
    let named = reading.interfaces.iter().filter_map(|(index, state)| Some((state.name.as_deref()?, *index)));
    let by_name: HashMap<&str, u32> = named.collect();
    let parent = |name: &str| by_name.get(name.rsplit_once(['.', ':'])?.0).copied();
    by_name.iter().filter_map(|(name, index)| Some((*index, parent(name)?))).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float's `as` saturates, which is meant"
)]
fn of_a_minute(octets: u64, seconds: f64) -> u64 {
    (octets as f64 * MINUTE as f64 / seconds.max(1.0)).round() as u64
}

fn coverage_of(coverage: &CoverageOfMinutes, end: i64, addresses: &[IpAddr]) -> Coverage {
    let mut sum = Coverage::default();
    let of_minute = coverage.get(&end);
    let its = addresses.iter().filter_map(|address| of_minute?.get(address));
    its.for_each(|coverage| sum.add(*coverage));
    sum
}

fn paths(entity: EntityId, interface: u32, ratios: &Ratios) -> Vec<(String, f64)> {
    let path = format!("netflow.reconciled.entity.{entity}.if.{interface}");
    let ways = [("ingress", ratios.ingress), ("egress", ratios.egress)];
    let mut values: Vec<_> =
        ways.into_iter().filter_map(|(way, ratio)| Some((format!("{path}.{way}"), ratio?))).collect();
    values.push((path, ratios.both));
    values
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROUTER: DeviceKey = (AccountId::new(1), EntityId::new(7));

    fn kept(interfaces: &[(u32, &str, &str)]) -> Vec<Shared<Entity>> {
        let entity = |(index, name, alias): &(u32, &str, &str)| {
            let details = json!({"snmp_index": index.to_string(), "speed_bps": "0", "snmp_name": name, "snmp_alias": alias});
            let id = 100 + i64::from(*index);
            let entity = json!({"id": id, "name": "ifDescr", "entity_type": "interface", "parent": 7, "details": details});
            serde_json::from_value(entity).unwrap()
        };
        interfaces.iter().map(entity).collect()
    }

    fn reading(second: i64, interfaces: &[(u32, &str)]) -> InterfaceReading {
        let state = |name: &str| InterfaceState { name: Some(name.to_owned()), ..InterfaceState::default() };
        let interfaces = interfaces.iter().map(|(index, name)| (*index, state(name))).collect();
        InterfaceReading { at: Timestamp::from_seconds(second), interfaces, ..InterfaceReading::default() }
    }

    #[test]
    fn interfaces_are_named_by_snmp_else_by_the_backend_else_by_options_data_and_names_follow_a_renumbering()
    {
        let address = IpAddr::from([192, 0, 2, 1]);
        let mut reconciling = Reconciling::default();
        let names = |reconciling: &Reconciling| -> Vec<(u32, String)> {
            reconciling.interface_names(ROUTER, &[address]).into_iter().collect()
        };
        let expected = |names: &[(u32, &str)]| -> Vec<(u32, String)> {
            names.iter().map(|(index, name)| (*index, (*name).to_owned())).collect()
        };
        let told = |names: &[(u32, &str)]| BTreeMap::from([(address, expected(names).into_iter().collect())]);
        reconciling.name(told(&[(1, "Et1"), (2, "Et2"), (9, "Et9")]));
        assert_eq!(names(&reconciling), expected(&[(1, "Et1"), (2, "Et2"), (9, "Et9")]));
        // an SNMP bot of another machine keeps entities in the backend
        reconciling.name_by_entities(ROUTER.0, &kept(&[(1, "Ethernet1", "uplink"), (2, "Ethernet2", "")]));
        let by_backend = [(1, "Ethernet1 (uplink)"), (2, "Ethernet2"), (9, "Et9")];
        assert_eq!(names(&reconciling), expected(&by_backend));
        // another account's are not ours
        reconciling.name_by_entities(AccountId::new(2), &kept(&[(1, "theirs", "")]));
        assert_eq!(names(&reconciling), expected(&by_backend));
        reconciling.board.put(ROUTER, reading(60, &[(1, "eth1"), (2, "eth2")]));
        assert_eq!(names(&reconciling), expected(&[(1, "eth1"), (2, "eth2"), (9, "Et9")]));
        // after a restart the device has other indexes
        reconciling.board.put(ROUTER, reading(120, &[(1, "eth2"), (11, "eth1")]));
        reconciling.name_by_entities(ROUTER.0, &kept(&[(1, "Ethernet2", ""), (11, "Ethernet1", "uplink")]));
        reconciling.name(told(&[(1, "Et2"), (11, "Et1")]));
        assert_eq!(names(&reconciling), expected(&[(1, "eth2"), (11, "eth1")]));
        // and without the SNMP bot
        reconciling.board = InterfaceBoard::default();
        assert_eq!(names(&reconciling), expected(&[(1, "Ethernet2"), (11, "Ethernet1 (uplink)")]));
        reconciling.name_by_entities(ROUTER.0, &[]);
        assert_eq!(names(&reconciling), expected(&[(1, "Et2"), (11, "Et1")]));
    }

    #[test]
    fn sub_interfaces_are_within_what_their_names_begin_with() {
        let reading = reading(
            60,
            &[(1, "ge-0/0/0"), (2, "ge-0/0/0.100"), (3, "ge-0/0/1.0"), (4, "eth0"), (5, "eth0:1")],
        );
        assert_eq!(parents(&reading), BTreeMap::from([(2, 1), (5, 4)]));
    }
}
