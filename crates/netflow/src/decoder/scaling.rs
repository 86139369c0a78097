//! Which sampling holds for a flow.

use std::{net::SocketAddr, sync::Arc};

use grafolean_time::Timestamp;

use super::{Decoder, lock};
use crate::{
    decode::ScopeKeys,
    record::{Factor, Flow, Protocol, Stream},
    sampling::{DomainSampling, Scaling, SessionDomain},
    template::{Scope, Succession},
};

/// What is known of the sampling of one stream, for the flows of one data set.
pub(super) struct Scaler {
    by_hand: Option<Factor>,
    /// What its domain told, and domain 0 for the whole exporter.
    told: [Option<Arc<DomainSampling>>; 2],
    /// Whether another session told a sampling that may hold for this one, which cannot be seen yet.
    is_pending: bool,
}

impl Decoder {
    /// Looks up what a stream's exporter told of its sampling: in this session, else in one of the same address that fell
    /// silent before this one began.
    pub(super) fn scaler(&self, stream: &Stream, now: Timestamp) -> Scaler {
        let own = SessionDomain { exporter: stream.exporter, domain: stream.domain };
        // in IPFIX domain 0 speaks for the whole exporter (RFC 7011, section 3.1)
        let whole = (stream.protocol == Protocol::Ipfix && stream.domain != 0)
            .then_some(SessionDomain { domain: 0, ..own });
        let (by_hand, mut told, candidates) = {
            let samplings = self.samplings();
            let told = [samplings.domain(own), whole.and_then(|whole| samplings.domain(whole))];
            let ports: Vec<(SessionDomain, u16)> = if told.iter().all(Option::is_none) {
                let of =
                    |domain: SessionDomain| samplings.other_ports(domain).map(move |port| (domain, port));
                of(own).chain(whole.into_iter().flat_map(of)).collect()
            } else {
                Vec::new()
            };
            (samplings.set_by_hand(stream.exporter.ip()), told, ports)
        };
        let mut is_pending = false;
        for (domain, port) in candidates {
            let scope = Scope { exporter: stream.exporter, protocol: stream.protocol, domain: stream.domain };
            let succession = lock(&self.memory.templates).succession(&scope, port, now);
            is_pending |= succession == Succession::Possible;
            if succession == Succession::Sure {
                let exporter = SocketAddr::new(domain.exporter.ip(), port);
                told = [self.samplings().domain(SessionDomain { exporter, ..domain }), None];
                break;
            }
        }
        Scaler { by_hand, told, is_pending }
    }
}

impl Scaler {
    /// Returns when the exporter started, if its options data told.
    pub(super) fn system_init(&self) -> Option<Timestamp> {
        self.told.iter().flatten().find_map(|told| told.system_init())
    }

    /// Sets the factor that holds for a flow: an operator's word, else the record's own, else what options data said. Whether
    /// it is known; a flow of an unknown factor stays as it was exported.
    pub(super) fn scale(&self, flow: &mut Flow, keys: &ScopeKeys) -> bool {
        let mut is_known = true;
        flow.factor = self.by_hand.or(flow.sampling).unwrap_or_else(|| {
            let (factor, known) = self.told_of(flow, keys);
            is_known = known;
            factor
        });
        is_known
    }

    fn told_of(&self, flow: &Flow, keys: &ScopeKeys) -> (Factor, bool) {
        let mut is_known = !self.is_pending;
        for told in self.told.iter().flatten() {
            match told.scaling(flow, keys) {
                Scaling::Factor(factor) => return (factor, true),
                Scaling::Unknown => is_known = false,
                Scaling::NotSampled => {}
            }
        }
        let names_sampler = flow.sampler.is_some_and(|sampler| sampler != 0) || keys.sequence.is_some();
        (Factor::NONE, is_known && !names_sampler)
    }
}
