//! The decoder: datagrams in, flows out, and all that must be remembered between them.

mod fixed;
mod scaling;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use grafolean_time::Timestamp;

use crate::{
    decode::declare::{SetKind, declarations},
    decode::message::{Message, Set},
    decode::options::read_options,
    decode::record::{Records, Wanted, read_flows},
    decode::{Declaration, DecodeError, Definition, Exported, SamplingStatement, ScopeKeys},
    ledger::{Ledger, Numbering, Tally},
    names::NameStore,
    record::{Datagram, FlowSink, Origin, Protocol, Stream},
    sampling::{Override, SamplingStore, SessionDomain},
    template::{PendingSet, PendingSets, Scope, Store, Template},
    totals::RunningTotals,
};

/// Decodes datagrams of all exporters and keeps their templates, samplings and accounts.
///
/// Pure but for its memory: times come with the datagrams. One decoder serves one thread. Further threads have one
/// [beside](Self::beside) it: what an exporter said to one of them, all know, so that its data may come to another.
#[derive(Debug, Default)]
pub struct Decoder {
    memory: Arc<Memory>,
}

/// What all threads share. Each lock is held for one look, never while flows are decoded, and no two at once.
#[derive(Debug, Default)]
struct Memory {
    templates: Mutex<Store>,
    samplings: Mutex<SamplingStore>,
    totals: Mutex<RunningTotals>,
    pending: Mutex<PendingSets>,
    ledger: Mutex<Ledger>,
    names: Mutex<NameStore>,
}

/// A message under way: what its sets have in common.
struct Context {
    scope: Scope,
    origin: Origin,
    exported: Exported,
    sequence: u32,
    tally: Tally,
    fault: Option<DecodeError>,
    /// What is to be said though nothing is lost by it.
    remark: Option<DecodeError>,
    /// Templates that are known since this message.
    news: Vec<u16>,
}

impl Decoder {
    /// Returns an decoder for a further thread.
    pub fn beside(&self) -> Self {
        Self { memory: Arc::clone(&self.memory) }
    }

    /// Decodes one datagram and hands its flows on, and those that waited for a template that it brought.
    ///
    /// # Errors
    /// Fails with the first thing that could not be read. What could be read was handed on, and the fault is counted.
    pub fn take(&mut self, datagram: &Datagram<'_>, sink: &mut impl FlowSink) -> Result<(), DecodeError> {
        let taken = match *datagram.payload {
            [0, 1, ..] => self.take_fixed(Protocol::Netflow1, datagram, sink),
            [0, 5, ..] => self.take_fixed(Protocol::Netflow5, datagram, sink),
            [0, 7, ..] => self.take_fixed(Protocol::Netflow7, datagram, sink),
            [0, 9, ..] => {
                Message::netflow9(datagram.payload).map(|message| self.take_message(datagram, &message, sink))
            }
            [0, 10, ..] => {
                Message::ipfix(datagram.payload).map(|message| self.take_message(datagram, &message, sink))
            }
            [0, 0, 0, 5, ..] => self.take_sflow(datagram, sink),
            [high, low, ..] => Err(DecodeError::Version {
                version: u16::from_be_bytes([high, low]),
                length: datagram.payload.len(),
            }),
            _ => Err(DecodeError::Truncated { what: "a datagram's version", length: datagram.payload.len() }),
        };
        if taken.is_err() {
            self.ledger_mut().foreign();
        }
        taken?
    }

    /// Forgets what is too old: data that waits for a template, and templates. To be called every few seconds.
    pub fn expire(&mut self, now: Timestamp) {
        let expired = lock(&self.memory.pending).expire(now);
        for deferred in expired {
            self.ledger_mut().expire(&deferred.origin.stream);
        }
        lock(&self.memory.templates).expire(now);
        lock(&self.memory.totals).expire(now);
    }

    /// Replaces what operators set about sampling, by the exporter's address.
    pub fn set_sampling(&mut self, overrides: HashMap<IpAddr, Override>) {
        lock(&self.memory.samplings).set_overrides(overrides);
    }

    /// Returns the ledger. No thread decodes while it is held.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.memory.ledger)
    }

    /// Returns the ledger, to close its window or to count what the kernel dropped.
    pub fn ledger_mut(&mut self) -> MutexGuard<'_, Ledger> {
        lock(&self.memory.ledger)
    }

    /// Returns the templates. No thread decodes while they are held.
    pub fn templates(&self) -> MutexGuard<'_, Store> {
        lock(&self.memory.templates)
    }

    /// Returns the samplings that exporters told. No thread decodes while they are held.
    pub fn samplings(&self) -> MutexGuard<'_, SamplingStore> {
        lock(&self.memory.samplings)
    }

    /// Returns what exporters call their interfaces in options data, by address, of those that are wanted.
    pub fn interface_names(
        &self,
        is_wanted: impl Fn(&IpAddr) -> bool,
    ) -> BTreeMap<IpAddr, BTreeMap<u32, String>> {
        lock(&self.memory.names).interfaces(is_wanted)
    }

    /// Returns the octets of data that waits for its template, with what keeping it costs.
    pub fn pending_bytes(&self) -> usize {
        lock(&self.memory.pending).weight()
    }

    /// Reads the sets of a message. Data that has been waiting is decoded last, when the message has been accounted for.
    fn take_message(
        &mut self,
        datagram: &Datagram<'_>,
        message: &Message<'_>,
        sink: &mut impl FlowSink,
    ) -> Result<(), DecodeError> {
        let stream = stream(datagram, message.protocol, message.domain, None);
        self.ledger_mut().receive(&stream, datagram.payload.len(), datagram.received);
        let mut context = Context {
            scope: Scope { exporter: stream.exporter, protocol: stream.protocol, domain: stream.domain },
            origin: Origin { stream, received: datagram.received, exported: Some(message.exported.at) },
            exported: message.exported,
            sequence: message.sequence,
            tally: Tally::default(),
            fault: message
                .truncated
                .then_some(DecodeError::Truncated { what: "the sets of IPFIX", length: message.sets.len() }),
            remark: None,
            news: Vec::new(),
        };
        for set in message.sets() {
            match set {
                Ok(set) => self.take_set(&mut context, set, sink),
                Err(error) => context.note(error),
            }
        }
        context.tally.undecodable = context.fault.is_some();
        let numbering =
            Numbering { number: Some(message.sequence), uptime_ms: message.exported.uptime_ms, announced: 0 };
        self.ledger_mut().enter(&stream, numbering, &context.tally);
        for template in std::mem::take(&mut context.news) {
            self.take_pending(&context, template, sink);
        }
        context.fault.or(context.remark).map_or(Ok(()), Err)
    }

    fn take_set(&mut self, context: &mut Context, set: Set<'_>, sink: &mut impl FlowSink) {
        let kind = SetKind::of(context.scope.protocol, set.id);
        let received = context.origin.received;
        match kind {
            SetKind::Templates | SetKind::Options9 | SetKind::OptionsIpfix => {
                for declaration in declarations(context.scope.protocol, kind, set.body) {
                    match declaration {
                        Ok(declaration) => self.declare(context, declaration),
                        Err(error) => context.note(error),
                    }
                }
            }
            SetKind::Data => match self.find(&context.scope, set.id, received) {
                Some((template, inherited)) => {
                    if inherited && !context.news.contains(&set.id) {
                        context.news.push(set.id);
                    }
                    let found = self.take_data(&template, &context.origin, context.exported, set.body, sink);
                    context.tally.add(&found);
                    let remark = found.disbelieved.map(|algorithm| DecodeError::Sampling { algorithm });
                    context.remark = context.remark.or(remark);
                    if found.undecodable {
                        context.note(DecodeError::Truncated { what: "a record", length: set.body.len() });
                    }
                }
                None => self.set_aside(context, set),
            },
            SetKind::Reserved => {}
        }
    }

    fn declare(&mut self, context: &mut Context, declaration: Declaration) {
        context.tally.templates += u32::from(matches!(declaration, Declaration::Define(_)));
        let id = match &declaration {
            Declaration::Define(definition) => Some(definition.id),
            _ => None,
        };
        let news = lock(&self.memory.templates).declare(context.scope, declaration, context.origin.received);
        if news && let Some(id) = id {
            context.news.push(id);
        }
    }

    /// Returns the templates, to put back what was kept.
    pub(crate) fn templates_mut(&mut self) -> MutexGuard<'_, Store> {
        lock(&self.memory.templates)
    }

    /// Returns the samplings, to put back what was kept.
    pub(crate) fn samplings_mut(&mut self) -> MutexGuard<'_, SamplingStore> {
        lock(&self.memory.samplings)
    }

    /// Finds a template, and whether it is another session's of the same exporter, which this one goes on with.
    fn find(&self, scope: &Scope, id: u16, now: Timestamp) -> Option<(Arc<Template>, bool)> {
        if let Some(template) = lock(&self.memory.templates).find(scope, id, now) {
            return Some((template, false));
        }
        let began = lock(&self.memory.pending).oldest(scope, id).unwrap_or(now);
        let inherited = lock(&self.memory.templates).find_inherited(scope, id, began, now);
        inherited.map(|template| (template, true))
    }

    fn take_data(
        &mut self,
        template: &Template,
        origin: &Origin,
        mut exported: Exported,
        body: &[u8],
        sink: &mut impl FlowSink,
    ) -> Tally {
        let Some(plan) = &template.plan else {
            return self.take_options(&template.definition, origin, body);
        };
        let scaler = self.scaler(&origin.stream, origin.received);
        if let Some(init) = scaler.system_init() {
            exported.started_unless_known(init);
        }
        let wanted = wanted(sink);
        let names = match wanted {
            Wanted::Flows => [None, None],
            Wanted::WithDetails => lock(&self.memory.names).of(origin.stream.exporter, origin.stream.domain),
        };
        let mut tally = Tally::default();
        let records = read_flows(plan, body, exported, wanted, |flow, keys, details| {
            if plan.running.any()
                && !lock(&self.memory.totals).take_difference(
                    &origin.stream,
                    flow,
                    plan.running,
                    origin.received,
                )
            {
                return;
            }
            let keys = ScopeKeys { template: template.definition.id, ..*keys };
            let scaled = scaler.scale(flow, &keys);
            tally.unscaled += u32::from(!scaled);
            tally.disbelieved = tally.disbelieved.or(keys.disbelieved);
            tally.factor = Some(flow.factor);
            match details {
                None => sink.flow(origin, flow),
                Some(details) => {
                    let mut details = *details;
                    names.iter().flatten().for_each(|names| names.name(flow, &mut details));
                    sink.detailed(origin, flow, &details);
                }
            }
            tally.flows += 1;
        });
        Tally { records: records.count, undecodable: records.cut, ..tally }
    }

    /// Records what an exporter says of itself: its sampling, and names.
    fn take_options(&mut self, definition: &Definition, origin: &Origin, body: &[u8]) -> Tally {
        let stream = &origin.stream;
        let mut disbelieved = None;
        let records = read_options(definition, body, |statement, names| {
            let domain = statement.domain.unwrap_or(stream.domain);
            let domain = SessionDomain { exporter: stream.exporter, domain };
            self.samplings().note(domain, statement, origin.received);
            if let Some(SamplingStatement::Disbelieved { algorithm, .. }) = statement.sampling {
                disbelieved = Some(algorithm);
            }
            for named in names {
                lock(&self.memory.names).note(stream.exporter, stream.domain, *named, origin.received);
            }
        });
        Tally { options: records.count, disbelieved, ..records.into() }
    }

    fn set_aside(&mut self, context: &mut Context, set: Set<'_>) {
        let deferred = PendingSet {
            scope: context.scope,
            template: set.id,
            origin: context.origin,
            exported: context.exported,
            position: context.sequence.wrapping_add(context.tally.records),
            first_of_datagram: context.tally.deferred == 0,
            body: set.body.into(),
        };
        context.tally.deferred += 1;
        let gone = lock(&self.memory.pending).add(deferred);
        for gone in gone {
            self.ledger_mut().expire(&gone.origin.stream);
        }
    }

    /// Decodes what waited for a template that has come.
    fn take_pending(&mut self, context: &Context, template: u16, sink: &mut impl FlowSink) {
        let Some((found, _)) = self.find(&context.scope, template, context.origin.received) else { return };
        let waiting = lock(&self.memory.pending).take(&context.scope, template);
        for deferred in waiting {
            let tally = self.take_data(&found, &deferred.origin, deferred.exported, &deferred.body, sink);
            self.ledger_mut().resume(
                &deferred.origin.stream,
                deferred.position,
                &tally,
                deferred.first_of_datagram,
            );
        }
    }
}

impl From<Records> for Tally {
    fn from(records: Records) -> Self {
        Self { records: records.count, undecodable: records.cut, ..Self::default() }
    }
}

impl Context {
    fn note(&mut self, fault: DecodeError) {
        self.fault = self.fault.or(Some(fault));
    }
}

/// A thread that panicked while it held a lock has told so; each look leaves what it changed whole.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wanted(sink: &impl FlowSink) -> Wanted {
    if sink.wants_details() { Wanted::WithDetails } else { Wanted::Flows }
}

fn stream(datagram: &Datagram<'_>, protocol: Protocol, domain: u32, agent: Option<IpAddr>) -> Stream {
    Stream { exporter: datagram.exporter, protocol, domain, agent }
}
