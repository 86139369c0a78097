//! What an decoder knows of its exporters, kept over a restart.

use std::net::SocketAddr;

use grafolean_time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    decode::{Declaration, Definition},
    decoder::Decoder,
    record::Protocol,
    sampling::{DomainSampling, SessionDomain},
    template::{LIFETIME, Scope},
};

/// Templates and samplings of all exporters, as plain data to be kept in whatever form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    templates: Vec<KeptTemplate>,
    samplings: Vec<KeptSampling>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptTemplate {
    exporter: SocketAddr,
    protocol: Protocol,
    domain: u32,
    used: Timestamp,
    definition: Definition,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptSampling {
    domain: SessionDomain,
    told: Timestamp,
    sampling: DomainSampling,
}

impl Snapshot {
    /// Returns each template with its session, and when it was last declared or used.
    pub fn templates(&self) -> impl Iterator<Item = (Scope, &Definition, Timestamp)> {
        self.templates.iter().map(|kept| {
            let scope = Scope { exporter: kept.exporter, protocol: kept.protocol, domain: kept.domain };
            (scope, &kept.definition, kept.used)
        })
    }

    /// Returns what each domain said about its sampling, and when it last did.
    pub fn samplings(&self) -> impl Iterator<Item = (SessionDomain, &DomainSampling, Timestamp)> {
        self.samplings.iter().map(|kept| (kept.domain, &kept.sampling, kept.told))
    }
}

impl Decoder {
    /// Returns what is to be kept over a restart.
    pub fn snapshot(&self) -> Snapshot {
        let mut templates: Vec<KeptTemplate> = self
            .templates()
            .templates()
            .map(|(scope, template, used)| KeptTemplate {
                exporter: scope.exporter,
                protocol: scope.protocol,
                domain: scope.domain,
                used,
                definition: template.definition.clone(),
            })
            .collect();
        // oldest first, so that the latest session of an exporter is the latest again
        templates.sort_by_key(|kept| (kept.used, kept.exporter, kept.definition.id));
        let mut samplings: Vec<KeptSampling> = self
            .samplings()
            .domains()
            .map(|(domain, sampling, told)| KeptSampling { domain, told, sampling: sampling.clone() })
            .collect();
        samplings.sort_by_key(|kept| kept.domain);
        Snapshot { templates, samplings }
    }

    /// Restores what was kept, under the same limits as what arrives. Templates that are too old by now are left out.
    pub fn restore(&mut self, snapshot: Snapshot, now: Timestamp) {
        let mut templates = self.templates_mut();
        for kept in snapshot.templates {
            if now.since(kept.used) < LIFETIME && kept.definition.shortest() > 0 {
                let scope = Scope { exporter: kept.exporter, protocol: kept.protocol, domain: kept.domain };
                templates.declare(scope, Declaration::Define(kept.definition), kept.used);
            }
        }
        drop(templates);
        let mut samplings = self.samplings_mut();
        for kept in snapshot.samplings {
            samplings.restore(kept.domain, kept.sampling, kept.told);
        }
    }
}
