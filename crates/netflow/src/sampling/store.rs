//! What all exporters said about their sampling, and what operators set by hand.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::DomainSampling;
use crate::{decode::Statement, record::Factor};

/// Domains whose sampling is remembered. Far more than one machine's exporters; beyond it the eighth that has been silent
/// longest is forgotten, so that forged sources push out each other.
pub const DOMAINS_MAX: usize = 16_384;
/// Ports remembered from which one exporter's domain told its sampling; beyond it the oldest goes.
pub const PORTS_MAX: usize = 64;

/// A transport session's observation domain. Exporters behind one NAT share an address, so that the port belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionDomain {
    /// Address and port of the exporter.
    pub exporter: SocketAddr,
    /// Observation domain.
    pub domain: u32,
}

/// What an operator set for an exporter: it wins over all that the exporter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Override {
    /// Scale by this factor.
    Factor(Factor),
    /// Do not scale: counts are whole already.
    Off,
}

/// The samplings of all exporters, by session and domain.
#[derive(Clone, Debug, Default)]
pub struct SamplingStore {
    domains: HashMap<SessionDomain, Entry>,
    /// Ports from which an exporter's domain told its sampling, the latest last.
    ports: HashMap<(IpAddr, u32), VecDeque<u16>>,
    overrides: HashMap<IpAddr, Override>,
}

#[derive(Clone, Debug)]
struct Entry {
    sampling: Arc<DomainSampling>,
    told: Timestamp,
}

impl SamplingStore {
    /// Replaces what operators set, by the exporter's address.
    pub fn set_overrides(&mut self, overrides: HashMap<IpAddr, Override>) {
        self.overrides = overrides;
    }

    /// Returns what an operator set for an exporter.
    pub fn set_by_hand(&self, address: IpAddr) -> Option<Factor> {
        self.overrides.get(&address).map(|set| match set {
            Override::Factor(factor) => *factor,
            Override::Off => Factor::NONE,
        })
    }

    /// Returns all that operators set.
    pub fn all_set_by_hand(&self) -> impl Iterator<Item = (IpAddr, Factor)> {
        self.overrides.keys().filter_map(|address| Some((*address, self.set_by_hand(*address)?)))
    }

    /// Returns what a domain told of its sampling, if it ever did.
    pub fn domain(&self, domain: SessionDomain) -> Option<Arc<DomainSampling>> {
        self.domains.get(&domain).map(|entry| Arc::clone(&entry.sampling))
    }

    /// Returns the other ports from which the same address told the sampling of a domain of that number, the latest first.
    pub(crate) fn other_ports(&self, domain: SessionDomain) -> impl Iterator<Item = u16> {
        let ports = self.ports.get(&(domain.exporter.ip(), domain.domain));
        ports.into_iter().flatten().rev().copied().filter(move |port| *port != domain.exporter.port())
    }

    /// Records what an options record of a domain said.
    pub(crate) fn note(&mut self, domain: SessionDomain, statement: &Statement, now: Timestamp) {
        let tells_nothing =
            statement.sampling.is_none() && statement.selectors.is_empty() && statement.system_init.is_none();
        if tells_nothing {
            return;
        }
        Arc::make_mut(&mut self.entry(domain, now).sampling).note(statement);
    }

    /// Returns all domains with when each last told something, for a snapshot or a listing.
    pub fn domains(&self) -> impl Iterator<Item = (SessionDomain, &DomainSampling, Timestamp)> {
        self.domains.iter().map(|(domain, entry)| (*domain, entry.sampling.as_ref(), entry.told))
    }

    /// Puts back what was kept over a restart.
    pub fn restore(&mut self, domain: SessionDomain, sampling: DomainSampling, told: Timestamp) {
        self.entry(domain, told).sampling = Arc::new(sampling);
    }

    fn entry(&mut self, domain: SessionDomain, now: Timestamp) -> &mut Entry {
        if !self.domains.contains_key(&domain) {
            if self.domains.len() >= DOMAINS_MAX {
                self.forget_oldest();
            }
            let ports = self.ports.entry((domain.exporter.ip(), domain.domain)).or_default();
            ports.push_back(domain.exporter.port());
            if ports.len() > PORTS_MAX
                && let Some(oldest) = ports.pop_front()
            {
                let exporter = SocketAddr::new(domain.exporter.ip(), oldest);
                self.domains.remove(&SessionDomain { exporter, ..domain });
            }
        }
        let entry =
            self.domains.entry(domain).or_insert_with(|| Entry { sampling: Arc::default(), told: now });
        entry.told = now;
        entry
    }

    fn forget_oldest(&mut self) {
        let mut times: Vec<_> = self.domains.iter().map(|(domain, entry)| (entry.told, *domain)).collect();
        times.sort_unstable();
        for (_, domain) in times.iter().take(DOMAINS_MAX / 8) {
            self.domains.remove(domain);
            let key = (domain.exporter.ip(), domain.domain);
            if let Some(ports) = self.ports.get_mut(&key) {
                ports.retain(|port| *port != domain.exporter.port());
                if ports.is_empty() {
                    self.ports.remove(&key);
                }
            }
        }
    }
}
