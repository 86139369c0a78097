//! Names by what protocols declare, with the names and addresses of entities.

use std::sync::Arc;

use tokio::sync::watch;

use super::series::{Labelled, Naming, Series};
use crate::{
    backend::Confirmed,
    model::{AccountId, Entity, EntityId},
    protocol::prometheus::{Mappings, Owner},
};

/// What readers want to know of an account and an entity; empty where it is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownOwner {
    /// What people call the account.
    pub account: String,
    /// What people call the entity.
    pub entity: String,
    /// Where the entity is reached.
    pub address: String,
}

impl KnownOwner {
    /// Returns what is known of an entity, or of an account alone.
    pub fn of(account: &str, entity: Option<&Entity>) -> Self {
        let owner = entity.map_or(Owner { account, ..Owner::default() }, |entity| Owner::of(account, entity));
        let Owner { account, entity, address } = owner;
        Self { account: account.to_owned(), entity: entity.to_owned(), address: address.to_owned() }
    }

    fn as_owner(&self) -> Owner<'_> {
        Owner { account: &self.account, entity: &self.entity, address: &self.address }
    }
}

/// Knows accounts and their entities by their numbers.
pub trait Entities: Send + Sync + 'static {
    /// Returns what is known of an account, and of one of its entities.
    fn owner(&self, account: AccountId, entity: Option<EntityId>) -> KnownOwner;

    /// Returns a number that changes when any of it may have changed.
    fn generation(&self) -> u64;
}

/// The entities of the configuration that a refresh read last.
impl Entities for watch::Receiver<Option<Confirmed>> {
    fn owner(&self, account: AccountId, entity: Option<EntityId>) -> KnownOwner {
        let confirmed = self.borrow();
        let mut accounts = confirmed.iter().flat_map(|confirmed| &confirmed.inventory.accounts);
        let Some(known) = accounts.find(|known| known.account.id == account) else {
            return KnownOwner::default();
        };
        let place = entity.and_then(|id| known.entities.binary_search_by_key(&id, |known| known.id).ok());
        let entity = place.and_then(|place| known.entities.get(place));
        KnownOwner::of(&known.account.name, entity.map(|entity| &**entity))
    }

    fn generation(&self) -> u64 {
        let confirmed = self.borrow();
        let place = confirmed.as_ref().map_or(0, |confirmed| Arc::as_ptr(&confirmed.inventory).addr());
        u64::try_from(place).unwrap_or(0)
    }
}

/// Names series by declarations; what nobody declared is named by its path.
pub struct Declared<E> {
    mappings: Mappings,
    entities: E,
    /// Labels that all series have.
    labels: Vec<(String, String)>,
}

impl<E: Entities> Declared<E> {
    /// Creates a naming by mappings; all series have `labels` too, e.g. the name of a site.
    pub fn new(mappings: Mappings, entities: E, labels: Vec<(String, String)>) -> Self {
        Self { mappings, entities, labels }
    }
}

impl<E: Entities> Naming for Declared<E> {
    fn series(&self, account: AccountId, path: &str) -> Labelled {
        let found = self.mappings.get(path);
        let known = self.entities.owner(account, found.entity.map(|(id, _)| id));
        let labels = found.labels(account, known.as_owner());
        let series = Series::new(Arc::clone(found.metric), labels).with(&self.labels);
        Labelled { series, scale: found.scale }
    }

    fn generation(&self) -> u64 {
        self.entities.generation()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Output, prometheus::TEMPLATE};

    /// One entity, number 7.
    struct Office;

    impl Entities for Office {
        fn owner(&self, _: AccountId, entity: Option<EntityId>) -> KnownOwner {
            let mut known = KnownOwner { account: "Net".to_owned(), ..KnownOwner::default() };
            if entity == Some(EntityId::new(7)) {
                known.entity = "core \"1\"".to_owned();
                known.address = "10.0.0.7".to_owned();
            }
            known
        }

        fn generation(&self) -> u64 {
            0
        }
    }

    #[test]
    fn labels_are_names_addresses_and_what_stands_in_the_path() {
        const OUTPUTS: [Output; 2] = [
            Output::new("entity.{entity}.ping.p{n}.rtt", "s", "RTT", "How long"),
            Output::new("flow.{direction}.entity.{entity}.topip.{address}", "By", "Top", "Top"),
        ];
        let mappings = Mappings::of([("ping", &OUTPUTS[..])], TEMPLATE);
        let site = vec![("site".to_owned(), "berlin".to_owned()), ("account".to_owned(), "no".to_owned())];
        let naming = Declared::new(mappings, Office, site);
        let labels = |path: &str| {
            let series = naming.series(AccountId::new(1), path);
            series
                .series
                .labels()
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(
            labels("entity.7.ping.p0.rtt"),
            "__name__=grafolean_ping_rtt_seconds,account=Net,account_id=1,address=10.0.0.7,entity=core \"1\",entity_id=7,n=0,site=berlin"
        );
        assert_eq!(
            labels("entity.8.ping.p0.rtt"),
            "__name__=grafolean_ping_rtt_seconds,account=Net,account_id=1,entity_id=8,n=0,site=berlin"
        );
        assert_eq!(
            labels("flow.in.entity.7.topip.10%2e0%2e0%2e1"),
            "__name__=grafolean_ping_flow_exporter_topip_bytes,account=Net,account_id=1,address=10.0.0.1,direction=in,\
             exporter=core \"1\",exporter_id=7,site=berlin"
        );
        assert_eq!(
            labels("cellar"),
            "__name__=grafolean_value,account=Net,account_id=1,path=cellar,site=berlin"
        );
    }
}
