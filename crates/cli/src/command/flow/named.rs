//! Names for what flows tell by number or address: services, interfaces, autonomous systems, one's own networks, and hosts by
//! DNS where that is asked for.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    path::Path,
};

use grafolean_netflow::{places::Places, query::service_name, settings, state::StoredState};
use serde_json::{Map, Value, json};
use tracing::warn;

use super::resolve::{self, Resolved};
use crate::config::Config;

/// What is known by name. A number that could mean two things is not named.
#[derive(Debug, Default)]
pub(super) struct Names {
    places: Places,
    /// By the exporter's address and the SNMP index, as the flow bot learned them.
    interfaces: BTreeMap<(IpAddr, u32), String>,
    /// Whose autonomous systems are, of those that are shown.
    organizations: BTreeMap<u32, String>,
    /// Names by DNS, of addresses that are shown.
    hosts: BTreeMap<IpAddr, String>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Address,
    Port,
    System,
    Interface,
}

impl Kind {
    fn of(column: &str) -> Option<Self> {
        Some(match column {
            "src" | "dst" | "ip" | "natsrc" | "natdst" | "nexthop" | "bgpnexthop" | "exporter" => {
                Self::Address
            }
            "sport" | "dport" | "port" | "natsport" | "natdport" => Self::Port,
            "srcas" | "dstas" | "as" => Self::System,
            "in" | "out" | "if" => Self::Interface,
            _ => return None,
        })
    }
}

impl Names {
    /// Reads what files and the flow bot say.
    ///
    /// # Errors
    /// Fails with the file that cannot be read, and why.
    pub(super) fn open(config: &Config, bot_folder: Option<&Path>) -> anyhow::Result<Self> {
        let files = settings::named_places(&config.settings)?;
        let places = grafolean_netflow::places::WatchedPlaces::open(files)?.places().clone();
        let mut interfaces = BTreeMap::new();
        // A bot that has kept nothing yet, or not here, names none.
        let known = bot_folder.and_then(|folder| StoredState::read(folder).ok()).unwrap_or_default();
        for verdict in &known.verdicts {
            let addresses: Vec<IpAddr> = verdict.addresses.iter().filter_map(|it| it.parse().ok()).collect();
            for its in &verdict.interfaces {
                let named = its.name.iter().flat_map(|name| addresses.iter().map(move |at| (at, name)));
                interfaces.extend(named.map(|(at, name)| ((*at, its.index), name.clone())));
            }
        }
        Ok(Self { places, interfaces, ..Self::default() })
    }

    /// Looks up what takes longer, of what is shown: each column with what stands in it. Hosts are asked for by DNS only
    /// where `by_dns` says so.
    ///
    /// # Errors
    /// Fails where no thread can be started.
    pub(super) fn look_up<'a>(
        &mut self,
        shown: impl Iterator<Item = (&'a str, String)>,
        by_dns: ByDns,
    ) -> io::Result<()> {
        let (mut addresses, mut systems) = (BTreeSet::new(), BTreeSet::new());
        for (column, value) in shown {
            match Kind::of(column) {
                Some(Kind::Address) => addresses.extend(value.parse::<IpAddr>().ok()),
                Some(Kind::System) => systems.extend(value.parse::<u32>().ok()),
                _ => {}
            }
        }
        if let (Some(database), false) = (&self.places.systems, systems.is_empty()) {
            self.organizations = database.organizations(&systems);
        }
        if by_dns == ByDns::Ask {
            let Resolved { names, unanswered } = resolve::hosts(&addresses)?;
            if unanswered > 0 {
                warn!(
                    addresses = unanswered,
                    "addresses are shown without names: DNS did not answer in time"
                );
            }
            self.hosts = names;
        }
        Ok(())
    }

    /// Returns the name of what stands in a column; `exporter` is whose interfaces are meant.
    pub(super) fn of(&self, column: &str, value: &str, exporter: Option<IpAddr>) -> Option<String> {
        match Kind::of(column)? {
            Kind::Port => service_name(value.parse().ok()?).map(str::to_owned),
            Kind::System => self.organizations.get(&value.parse().ok()?).cloned(),
            Kind::Interface => self.interface(value.parse().ok()?, exporter),
            Kind::Address => {
                let address = value.parse().ok()?;
                let network = self.places.networks.name(address).map(|name| name.as_str().to_owned());
                match (self.hosts.get(&address), network) {
                    (Some(host), Some(network)) => Some(format!("{host}, {network}")),
                    (host, network) => host.cloned().or(network),
                }
            }
        }
    }

    /// Without its exporter an interface is named where all that have one of this index call it the same.
    fn interface(&self, index: u32, exporter: Option<IpAddr>) -> Option<String> {
        if let Some(exporter) = exporter {
            return self.interfaces.get(&(exporter, index)).cloned();
        }
        let mut names = self.interfaces.iter().filter(|((_, of), _)| *of == index).map(|(_, name)| name);
        let first = names.next()?;
        names.all(|other| other == first).then(|| first.clone())
    }

    /// Returns whose autonomous system an address is in, unless the exporter tells another one than the database has.
    pub(super) fn organization(&self, address: Option<IpAddr>, told: Option<u32>) -> Option<String> {
        let system = self.places.system(address?)?;
        let is_same = told.is_none_or(|told| told == 0 || told == system.number);
        system.organization.filter(|_| is_same)
    }

    /// Writes a value for people, its name behind it.
    pub(super) fn for_people(&self, column: &str, value: String, exporter: Option<IpAddr>) -> String {
        match self.of(column, &value, exporter) {
            Some(name) => format!("{value} ({name})"),
            None => value,
        }
    }

    /// Returns the names of a row by column, as JSON has them: not those of services, which follow from the port.
    pub(super) fn object<'a>(
        &self,
        row: impl Iterator<Item = (&'a str, String)>,
        exporter: Option<IpAddr>,
    ) -> Option<Value> {
        let named = row.filter(|(column, _)| Kind::of(column) != Some(Kind::Port));
        let names = named.filter_map(|(column, value)| {
            Some((column.to_owned(), json!(self.of(column, &value, exporter)?)))
        });
        let names: Map<String, Value> = names.collect();
        (!names.is_empty()).then_some(Value::Object(names))
    }
}

/// Whether hosts are asked for by DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByDns {
    /// They are.
    Ask,
    /// They are not: what is asked tells others whom one looks at.
    Leave,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_could_mean_two_things_is_not_named() {
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        let interfaces = [((one, 3), "Gi0/3"), ((other, 3), "xe-0/0/3"), ((one, 4), "Gi0/4")];
        let interfaces = interfaces.into_iter().map(|(key, name)| (key, name.to_owned())).collect();
        let names = Names { interfaces, ..Names::default() };
        assert_eq!(names.of("in", "3", Some(other)).as_deref(), Some("xe-0/0/3"));
        assert_eq!((names.of("in", "3", None), names.of("if", "4", None).as_deref()), (None, Some("Gi0/4")));
        assert_eq!(names.for_people("dport", "443".to_owned(), None), "443 (https)");
        assert_eq!(names.for_people("bytes", "443".to_owned(), None), "443");
        assert_eq!(names.for_people("src", "10.0.0.0/8".to_owned(), None), "10.0.0.0/8");
    }
}
