//! The templates of all exporters.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use grafolean_time::Timestamp;

use crate::{
    decode::{Declaration, Definition, plan::Plan},
    record::Protocol,
};

/// Sessions remembered in all. Beyond it the eighth that was silent longest is forgotten, so that forged sources push out
/// each other and not an exporter that speaks.
pub const SESSIONS_MAX: usize = 32_768;
/// Sessions remembered of one exporter's domain: a restart begins a new one from another port. Beyond it the oldest goes.
pub const SESSIONS_PER_EXPORTER_MAX: usize = 64;
/// Templates of one session. Large routers declare some dozens; beyond it the one unused longest goes.
pub const TEMPLATES_PER_SESSION_MAX: usize = 1_024;
/// Fields of all templates together, which bounds memory whatever their sizes (about 30 octets each, all told). Beyond it
/// the eighth of the sessions that was silent longest is forgotten.
pub const FIELDS_MAX: usize = 1_000_000;
/// A session has fallen silent when it was not heard for this many times the longest pause that it made before,
const PAUSES: u32 = 4;
/// and for no less than this, as exporters send in bursts,
pub const SILENCE_MIN: Duration = Duration::from_secs(10);
/// nor for more than this.
pub const SILENCE_MAX: Duration = Duration::from_secs(5 * 60);
/// What is taken for the longest pause of a session that was heard only once.
const PAUSE_UNKNOWN: Duration = Duration::from_secs(15);
/// How long a template holds that was neither declared again nor used: exporters declare them anew every few minutes to
/// half an hour, and some only once after a restart.
pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose templates these are: a transport session, and an observation domain in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    /// Address and port of the exporter.
    pub exporter: SocketAddr,
    /// NetFlow v9 or IPFIX.
    pub protocol: Protocol,
    /// Source id or observation domain.
    pub domain: u32,
}

/// A template, compiled.
#[derive(Debug)]
pub struct Template {
    /// As declared.
    pub definition: Definition,
    /// How flows are read by it; options are read by the definition.
    pub(crate) plan: Option<Plan>,
}

impl Template {
    fn new(definition: Definition) -> Self {
        let plan = definition.scopes.is_none().then(|| Plan::new(&definition));
        Self { definition, plan }
    }
}

/// All templates, by scope and id.
#[derive(Debug, Default)]
pub struct Store {
    sessions: HashMap<Scope, Session>,
    /// Ports from which an exporter's domain declared templates, the latest last.
    ports: HashMap<(IpAddr, Protocol, u32), VecDeque<u16>>,
    fields: usize,
    templates: usize,
}

/// Whether a session took another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Succession {
    /// Both speak at the same time: two exporters share an address.
    Beside,
    /// The other was not heard since, which may be a pause.
    Possible,
    /// The other fell silent, or is not known.
    Sure,
}

#[derive(Debug)]
struct Session {
    /// In order of their ids.
    templates: Vec<Entry>,
    /// When it was first heard.
    began: Timestamp,
    /// When it was last heard.
    spoke: Timestamp,
    longest_pause: Duration,
}

#[derive(Debug)]
struct Entry {
    template: Arc<Template>,
    used: Timestamp,
}

impl Store {
    /// Records what a template set declared. Returns whether a template is now known that was not, or was another.
    pub fn declare(&mut self, scope: Scope, declaration: Declaration, now: Timestamp) -> bool {
        match declaration {
            Declaration::Define(definition) => return self.define(scope, definition, now),
            Declaration::Withdraw(id) => self.remove(&scope, |template| template.definition.id == id),
            Declaration::WithdrawFlows => {
                self.remove(&scope, |template| template.definition.scopes.is_none());
            }
            Declaration::WithdrawOptions => {
                self.remove(&scope, |template| template.definition.scopes.is_some());
            }
        }
        false
    }

    /// Finds a template of exactly this session.
    pub fn find(&mut self, scope: &Scope, id: u16, now: Timestamp) -> Option<Arc<Template>> {
        self.sessions.get_mut(scope).and_then(|session| session.find(id, now))
    }

    /// Finds a template that this session, which was first heard at `began`, has not told: the latest of a session of the same
    /// address and domain that fell silent before it began, as one does whose exporter starts anew from another port. Two
    /// exporters behind one NAT speak at the same time, and neither is ever read by the other's templates (RFC 7011, section 8).
    pub fn find_inherited(
        &mut self,
        scope: &Scope,
        id: u16,
        began: Timestamp,
        now: Timestamp,
    ) -> Option<Arc<Template>> {
        let began = self.sessions.get(scope).map_or(began, |session| session.began.min(began));
        let ports = self.ports.get(&(scope.exporter.ip(), scope.protocol, scope.domain))?;
        ports.iter().rev().filter(|port| **port != scope.exporter.port()).find_map(|&port| {
            let exporter = SocketAddr::new(scope.exporter.ip(), port);
            let session = self.sessions.get_mut(&Scope { exporter, ..*scope })?;
            if session.spoke > began || !session.is_silent(now) {
                return None;
            }
            session.keep(id, now)
        })
    }

    /// Returns whether a session may be the successor of another of the same address and domain: whether that one was not
    /// heard since this one began.
    pub(crate) fn succession(&self, scope: &Scope, port: u16, now: Timestamp) -> Succession {
        let other = Scope { exporter: SocketAddr::new(scope.exporter.ip(), port), ..*scope };
        let began = self.sessions.get(scope).map_or(now, |session| session.began);
        match self.sessions.get(&other) {
            Some(other) if other.spoke > began => Succession::Beside,
            Some(other) if !other.is_silent(now) => Succession::Possible,
            _ => Succession::Sure,
        }
    }

    /// Forgets templates that were neither declared nor used for [`LIFETIME`]. Returns how many.
    pub fn expire(&mut self, now: Timestamp) -> usize {
        let before = self.templates;
        for scope in self.sessions.keys().copied().collect::<Vec<_>>() {
            self.retain(&scope, |entry| now.since(entry.used) < LIFETIME);
        }
        before - self.templates
    }

    /// Returns all templates with their scope and when each was last declared or used.
    pub fn templates(&self) -> impl Iterator<Item = (Scope, &Template, Timestamp)> {
        self.sessions.iter().flat_map(|(scope, session)| {
            session.templates.iter().map(|entry| (*scope, entry.template.as_ref(), entry.used))
        })
    }

    /// Returns the number of templates.
    pub fn len(&self) -> usize {
        self.templates
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.templates == 0
    }

    fn define(&mut self, scope: Scope, definition: Definition, now: Timestamp) -> bool {
        self.make_room(&scope, &definition);
        let session = self.sessions.entry(scope).or_insert_with(|| Session::begin(now));
        session.hear(now);
        let (fields, id) = (definition.fields.len(), definition.id);
        let changed = match session.position(id) {
            Ok(at) => {
                let Some(entry) = session.templates.get_mut(at) else { return false };
                entry.used = now;
                if entry.template.definition == definition {
                    false
                } else {
                    self.fields -= entry.template.definition.fields.len();
                    self.fields += fields;
                    entry.template = Arc::new(Template::new(definition));
                    true
                }
            }
            Err(at) => {
                session
                    .templates
                    .insert(at, Entry { template: Arc::new(Template::new(definition)), used: now });
                self.fields += fields;
                self.templates += 1;
                true
            }
        };
        self.note_port(&scope);
        changed
    }

    fn remove(&mut self, scope: &Scope, goes: impl Fn(&Template) -> bool) {
        self.retain(scope, |entry| !goes(&entry.template));
    }

    fn retain(&mut self, scope: &Scope, stays: impl Fn(&Entry) -> bool) {
        let Some(session) = self.sessions.get_mut(scope) else { return };
        session.templates.retain(|entry| {
            let stays = stays(entry);
            if !stays {
                self.fields -= entry.template.definition.fields.len();
                self.templates -= 1;
            }
            stays
        });
        if session.templates.is_empty() {
            self.forget(scope);
        }
    }

    fn forget(&mut self, scope: &Scope) {
        let Some(session) = self.sessions.remove(scope) else { return };
        self.templates -= session.templates.len();
        self.fields -= session.fields();
        let key = (scope.exporter.ip(), scope.protocol, scope.domain);
        if let Some(ports) = self.ports.get_mut(&key) {
            ports.retain(|port| *port != scope.exporter.port());
            if ports.is_empty() {
                self.ports.remove(&key);
            }
        }
    }

    /// Marks the scope's port as the latest of its exporter.
    fn note_port(&mut self, scope: &Scope) {
        let ports = self.ports.entry((scope.exporter.ip(), scope.protocol, scope.domain)).or_default();
        let port = scope.exporter.port();
        if ports.back() != Some(&port) {
            ports.retain(|known| *known != port);
            ports.push_back(port);
        }
        if ports.len() > SESSIONS_PER_EXPORTER_MAX
            && let Some(oldest) = ports.pop_front()
        {
            self.forget(&Scope { exporter: SocketAddr::new(scope.exporter.ip(), oldest), ..*scope });
        }
    }

    fn make_room(&mut self, scope: &Scope, definition: &Definition) {
        let fields = definition.fields.len();
        if let Some(session) = self.sessions.get(scope)
            && session.templates.len() >= TEMPLATES_PER_SESSION_MAX
            && session.position(definition.id).is_err()
            && let Some(oldest) = session.templates.iter().map(|entry| entry.used).min()
        {
            self.retain(scope, |entry| entry.used > oldest);
        }
        while self.fields + fields > FIELDS_MAX
            || (!self.sessions.contains_key(scope) && self.sessions.len() >= SESSIONS_MAX)
        {
            if self.sessions.is_empty() {
                break;
            }
            self.forget_silent_eighth();
        }
    }

    fn forget_silent_eighth(&mut self) {
        let mut sessions: Vec<(Timestamp, Scope)> =
            self.sessions.iter().map(|(scope, session)| (session.spoke, *scope)).collect();
        let share = (sessions.len() / 8).max(1);
        sessions.sort_unstable();
        for (_, scope) in sessions.iter().take(share) {
            self.forget(scope);
        }
    }
}

impl Session {
    fn begin(now: Timestamp) -> Self {
        Self { templates: Vec::new(), began: now, spoke: now, longest_pause: Duration::ZERO }
    }

    fn hear(&mut self, now: Timestamp) {
        self.longest_pause = self.longest_pause.max(now.since(self.spoke));
        self.spoke = self.spoke.max(now);
    }

    fn is_silent(&self, now: Timestamp) -> bool {
        let pause = if self.longest_pause.is_zero() { PAUSE_UNKNOWN } else { self.longest_pause };
        now.since(self.spoke) >= (pause * PAUSES).clamp(SILENCE_MIN, SILENCE_MAX)
    }

    /// Finds a template that another session goes on with, which keeps it.
    fn keep(&mut self, id: u16, now: Timestamp) -> Option<Arc<Template>> {
        let at = self.position(id).ok()?;
        let entry = self.templates.get_mut(at)?;
        entry.used = now;
        Some(Arc::clone(&entry.template))
    }

    fn position(&self, id: u16) -> Result<usize, usize> {
        self.templates.binary_search_by_key(&id, |entry| entry.template.definition.id)
    }

    fn find(&mut self, id: u16, now: Timestamp) -> Option<Arc<Template>> {
        let at = self.position(id).ok()?;
        let entry = self.templates.get_mut(at)?;
        entry.used = now;
        let template = Arc::clone(&entry.template);
        self.hear(now);
        Some(template)
    }

    fn fields(&self) -> usize {
        self.templates.iter().map(|entry| entry.template.definition.fields.len()).sum()
    }
}
