//! Names that exporters give to their interfaces, applications and routing tables in options data.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use grafolean_time::Timestamp;

use crate::record::{ApplicationId, Flow, FlowDetails};

/// Domains whose names are remembered; beyond it the eighth that has told none for longest is forgotten.
pub const NAMED_DOMAINS_MAX: usize = 4_096;
/// Names of one kind remembered of one domain: large routers have some thousand interfaces, NBAR knows 1,500 applications.
/// What comes beyond is not taken in.
pub const NAMES_MAX: usize = 4_096;
/// Octets of a name; a longer one is not taken in.
pub const NAME_OCTETS_MAX: usize = 128;
/// Octets of all names together, so that exporters cannot fill the memory: 64 MiB. Beyond it names are not taken in.
pub const NAMES_OCTETS_MAX: usize = 64 << 20;
/// What keeping a name costs beyond its octets.
const OVERHEAD: usize = 48;

/// One name that options data told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// An interface's, by its SNMP index.
    Interface(u32, &'a str),
    /// An application's.
    Application(ApplicationId, &'a str),
    /// A routing table's, by its id.
    Vrf(u32, &'a str),
}

/// The names of one observation domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DomainNames {
    interfaces: BTreeMap<u32, Box<str>>,
    applications: BTreeMap<ApplicationId, Box<str>>,
    vrfs: BTreeMap<u32, Box<str>>,
    octets: usize,
}

/// The names of all exporters, by transport session and observation domain.
#[derive(Debug, Default)]
pub struct NameStore {
    domains: HashMap<(SocketAddr, u32), Entry>,
    octets: usize,
}

#[derive(Debug)]
struct Entry {
    names: Arc<DomainNames>,
    told: Timestamp,
}

impl NameStore {
    /// Adds one name.
    pub fn note(&mut self, exporter: SocketAddr, domain: u32, named: Named<'_>, now: Timestamp) {
        if self.octets >= NAMES_OCTETS_MAX {
            return;
        }
        let key = (exporter, domain);
        if self.domains.len() >= NAMED_DOMAINS_MAX && !self.domains.contains_key(&key) {
            self.forget_oldest();
        }
        let entry = self.domains.entry(key).or_insert_with(|| Entry { names: Arc::default(), told: now });
        entry.told = now;
        if entry.names.knows(named) {
            return;
        }
        let names = Arc::make_mut(&mut entry.names);
        let before = names.octets;
        names.note(named);
        self.octets = self.octets - before + names.octets;
    }

    /// Returns the names of a domain: its own, and what domain 0 told for the whole exporter (RFC 7011, section 3.1).
    pub fn of(&self, exporter: SocketAddr, domain: u32) -> [Option<Arc<DomainNames>>; 2] {
        let of = |domain| self.domains.get(&(exporter, domain)).map(|entry| Arc::clone(&entry.names));
        [of(domain), if domain == 0 { None } else { of(0) }]
    }

    /// Returns what exporters call their interfaces, by address, of those that are wanted.
    pub fn interfaces(&self, is_wanted: impl Fn(&IpAddr) -> bool) -> BTreeMap<IpAddr, BTreeMap<u32, String>> {
        let mut names = BTreeMap::<IpAddr, BTreeMap<u32, String>>::new();
        let mut domains: Vec<_> = self.domains.iter().collect();
        domains.sort_by_key(|(key, entry)| (entry.told, **key));
        for ((exporter, _), entry) in
            domains.into_iter().filter(|((exporter, _), _)| is_wanted(&exporter.ip()))
        {
            let its = entry.names.interfaces.iter().map(|(index, name)| (*index, name.to_string()));
            names.entry(exporter.ip()).or_default().extend(its);
        }
        names
    }

    fn forget_oldest(&mut self) {
        let mut times: Vec<_> = self.domains.iter().map(|(key, entry)| (entry.told, *key)).collect();
        times.sort_unstable();
        for (_, key) in times.iter().take(NAMED_DOMAINS_MAX / 8) {
            if let Some(entry) = self.domains.remove(key) {
                self.octets -= entry.names.octets;
            }
        }
    }
}

impl DomainNames {
    /// Adds what this domain calls a flow's interfaces, application and routing table, where it is not known yet.
    pub fn name<'a>(&'a self, flow: &Flow, details: &mut FlowDetails<'a>) {
        let interface = |index: Option<u32>| self.interfaces.get(&index?).map(AsRef::as_ref);
        details.input_name = details.input_name.or_else(|| interface(flow.input));
        details.output_name = details.output_name.or_else(|| interface(flow.output));
        let application = || self.applications.get(&details.application?).map(AsRef::as_ref);
        details.application_name = details.application_name.or_else(application);
        let vrf = || self.vrfs.get(&details.ingress_vrf?).map(AsRef::as_ref);
        details.ingress_vrf_name = details.ingress_vrf_name.or_else(vrf);
    }

    fn knows(&self, named: Named<'_>) -> bool {
        let (known, name) = match named {
            Named::Interface(index, name) => (self.interfaces.get(&index), name),
            Named::Application(id, name) => (self.applications.get(&id), name),
            Named::Vrf(id, name) => (self.vrfs.get(&id), name),
        };
        known.is_some_and(|known| **known == *name)
    }

    fn note(&mut self, named: Named<'_>) {
        let octets = &mut self.octets;
        match named {
            Named::Interface(index, name) => insert(&mut self.interfaces, octets, index, name),
            Named::Application(id, name) => insert(&mut self.applications, octets, id, name),
            Named::Vrf(id, name) => insert(&mut self.vrfs, octets, id, name),
        }
    }
}

fn insert<K: Ord>(names: &mut BTreeMap<K, Box<str>>, octets: &mut usize, key: K, name: &str) {
    if name.len() > NAME_OCTETS_MAX || (names.len() >= NAMES_MAX && !names.contains_key(&key)) {
        return;
    }
    *octets += name.len() + OVERHEAD;
    if let Some(before) = names.insert(key, name.into()) {
        *octets -= before.len() + OVERHEAD;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn exporter(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 7], port))
    }

    #[test]
    fn a_domain_names_its_own_and_domain_0_names_for_all() {
        let mut store = NameStore::default();
        store.note(exporter(1), 5, Named::Interface(3, "Gi0/3"), NOW);
        store.note(exporter(1), 0, Named::Interface(3, "another"), NOW);
        store.note(exporter(1), 0, Named::Interface(4, "Gi0/4"), NOW);
        store.note(exporter(2), 5, Named::Interface(4, "of another exporter"), NOW);
        let flow = Flow { input: Some(3), output: Some(4), ..Flow::default() };
        let of = store.of(exporter(1), 5);
        let mut details = FlowDetails::default();
        of.iter().flatten().for_each(|names| names.name(&flow, &mut details));
        assert_eq!((details.input_name, details.output_name), (Some("Gi0/3"), Some("Gi0/4")));
    }

    #[test]
    fn a_hostile_exporter_fills_neither_a_domain_nor_the_store() {
        let mut store = NameStore::default();
        for index in 0..20_000 {
            store.note(exporter(1), 5, Named::Interface(index, "x"), NOW);
            store.note(exporter(1), 6, Named::Interface(1, &index.to_string()), NOW);
            store.note(exporter(1), index, Named::Vrf(1, "v"), NOW);
        }
        store.note(exporter(1), 5, Named::Interface(1, &"x".repeat(NAME_OCTETS_MAX + 1)), NOW);
        assert!(store.domains.len() <= NAMED_DOMAINS_MAX);
        let octets: usize = store.domains.values().map(|entry| entry.names.octets).sum();
        assert_eq!(octets, store.octets);
        assert!(store.domains.values().all(|entry| entry.names.interfaces.len() <= NAMES_MAX));
    }
}
