//! A small SNMP agent on loopback that tells of this machine: its name, its uptime and load, and the true counters of
//! its interfaces. So the demo has a device to poll on any machine.

mod machine;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context;
use async_snmp::{
    Oid, Value, VarBind,
    agent::Agent as Server,
    handler::{BoxFuture, GetNextResult, GetResult, HandlerResult, MibHandler, OidTable, RequestContext},
    oid,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use machine::Machine;

/// The community that the credential of a new account has.
pub(super) const COMMUNITY: &str = "public";

/// A look at the machine serves all of one request: counters that are older would make wrong rates.
const LOOK_GOOD_FOR: Duration = Duration::from_millis(50);

/// An agent at work until it is dropped or stopped.
pub(super) struct Agent {
    /// Where it listens.
    pub(super) address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl Agent {
    /// Opens a free port of loopback and answers there.
    pub(super) async fn start(stop: CancellationToken) -> anyhow::Result<Self> {
        let objects = Objects { machine: Machine::new(Instant::now()), look: Mutex::default() };
        let server = Server::builder()
            .bind("127.0.0.1:0")
            .community(COMMUNITY.as_bytes())
            .handler(oid!(1, 3, 6, 1), Arc::new(objects))
            .without_builtin_handlers()
            .allow_all_access()
            .cancellation_token(stop);
        let server = server.build().await.context("cannot start the demo's SNMP agent")?;
        let address = server.local_addr();
        let serving = tokio::spawn(async move {
            if let Err(error) = server.run().await {
                tracing::warn!(%error, "the demo's SNMP agent ended");
            }
        });
        Ok(Self { address, _serving: AbortOnDropHandle::new(serving) })
    }
}

/// What the agent can be asked for.
struct Objects {
    machine: Machine,
    look: Mutex<Option<(Instant, Arc<OidTable<Value>>)>>,
}

impl Objects {
    fn now(&self) -> Arc<OidTable<Value>> {
        let now = Instant::now();
        let mut look = self.look.lock().unwrap_or_else(PoisonError::into_inner);
        match &*look {
            Some((since, table)) if now.duration_since(*since) < LOOK_GOOD_FOR => Arc::clone(table),
            _ => {
                let table = Arc::new(self.machine.objects(now));
                *look = Some((now, Arc::clone(&table)));
                table
            }
        }
    }
}

impl MibHandler for Objects {
    fn get<'a>(&'a self, _: &'a RequestContext, oid: &'a Oid) -> BoxFuture<'a, HandlerResult<GetResult>> {
        let found = self.now().get(oid).cloned();
        Box::pin(async move { Ok(found.map_or(GetResult::NoSuchInstance, GetResult::Value)) })
    }

    fn get_next<'a>(
        &'a self,
        _: &'a RequestContext,
        oid: &'a Oid,
    ) -> BoxFuture<'a, HandlerResult<GetNextResult>> {
        let next = self.now().get_next(oid).map(|(oid, value)| VarBind::new(oid.clone(), value.clone()));
        Box::pin(async move { Ok(next.map_or(GetNextResult::EndOfMibView, GetNextResult::Value)) })
    }
}
