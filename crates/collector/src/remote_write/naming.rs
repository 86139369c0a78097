//! Names by what protocols declare, with the names and addresses of entities.

use std::sync::Arc;

use tokio::sync::watch;

use super::series::{ByPath, Naming, Series};
use crate::{
    backend::Confirmed,
    model::{AccountId, Entity, EntityId},
    protocol::prometheus::Mappings,
};

/// The details of an entity that may hold its address, the first one that is there counts.
const ADDRESSES: [&str; 3] = ["ipv4", "ipv6", "hostname"];

/// What readers want to know of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownEntity {
    /// What people call it.
    pub name: String,
    /// Where it is reached; empty if that is not known.
    pub address: String,
}

impl KnownEntity {
    /// Returns what is known of an entity.
    pub fn of(entity: &Entity) -> Self {
        let address = ADDRESSES.iter().find_map(|field| entity.details.get(*field)?.as_str());
        Self { name: entity.name.clone(), address: address.unwrap_or_default().to_owned() }
    }
}

/// Knows entities by their numbers.
pub trait Entities: Send + Sync + 'static {
    /// Returns what is known of an entity.
    fn entity(&self, account: AccountId, entity: EntityId) -> Option<KnownEntity>;

    /// Returns a number that changes when an entity may have changed.
    fn generation(&self) -> u64;
}

/// The entities of the configuration that a refresh read last.
impl Entities for watch::Receiver<Option<Confirmed>> {
    fn entity(&self, account: AccountId, entity: EntityId) -> Option<KnownEntity> {
        let confirmed = self.borrow();
        let accounts = &confirmed.as_ref()?.inventory.accounts;
        let entities = &accounts.iter().find(|known| known.account.id == account)?.entities;
        let place = entities.binary_search_by_key(&entity, |known| known.id).ok()?;
        entities.get(place).map(|known| KnownEntity::of(known))
    }

    fn generation(&self) -> u64 {
        let confirmed = self.borrow();
        let place = confirmed.as_ref().map_or(0, |confirmed| Arc::as_ptr(&confirmed.inventory).addr());
        u64::try_from(place).unwrap_or(0)
    }
}

/// Names series by declarations; what nobody declared is named by its path, see [`ByPath`].
pub struct Declared<E> {
    mappings: Mappings,
    entities: E,
    /// Labels that all series have.
    labels: Vec<(String, String)>,
    others: ByPath,
}

impl<E: Entities> Declared<E> {
    /// Creates a naming by mappings; all series have `labels` too, e.g. the name of a site.
    pub fn new(mappings: Mappings, entities: E, labels: Vec<(String, String)>) -> Self {
        Self { mappings, entities, labels, others: ByPath::default() }
    }
}

impl<E: Entities> Naming for Declared<E> {
    fn series(&self, account: AccountId, path: &str) -> Series {
        let Some(found) = self.mappings.get(path) else {
            return self.others.series(account, path).with(&self.labels);
        };
        let mut labels = vec![("account".to_owned(), account.to_string())];
        labels.extend(found.labels.iter().map(|(name, value)| ((*name).to_owned(), unescaped(value))));
        if let Some((id, label)) = found.entity {
            let KnownEntity { name, address } = self.entities.entity(account, id).unwrap_or_default();
            labels.extend([(label.to_owned(), name), (format!("{label}_id"), id.to_string())]);
            if found.labels.iter().all(|(name, _)| *name != "address") {
                labels.push(("address".to_owned(), address));
            }
        }
        Series::new(Arc::clone(found.metric), labels).with(&self.labels)
    }

    fn generation(&self) -> u64 {
        self.entities.generation()
    }
}

/// Returns what a segment of a path stands for: dots and colons are escaped there.
fn unescaped(segment: &str) -> String {
    if segment.contains('%') { segment.replace("%2e", ".").replace("%3a", ":") } else { segment.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Output, prometheus::TEMPLATE};

    /// One entity, number 7.
    struct Office;

    impl Entities for Office {
        fn entity(&self, _: AccountId, entity: EntityId) -> Option<KnownEntity> {
            let known = KnownEntity { name: "core \"1\"".to_owned(), address: "10.0.0.7".to_owned() };
            (entity == EntityId::new(7)).then_some(known)
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
                .labels()
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(
            labels("entity.7.ping.p0.rtt"),
            "__name__=grafolean_ping_rtt_seconds,account=1,address=10.0.0.7,entity=core \"1\",entity_id=7,n=0,site=berlin"
        );
        assert_eq!(
            labels("entity.8.ping.p0.rtt"),
            "__name__=grafolean_ping_rtt_seconds,account=1,entity_id=8,n=0,site=berlin"
        );
        assert_eq!(
            labels("flow.in.entity.7.topip.10%2e0%2e0%2e1"),
            "__name__=grafolean_ping_flow_exporter_topip_bytes,account=1,address=10.0.0.1,direction=in,\
             exporter=core \"1\",exporter_id=7,site=berlin"
        );
        assert_eq!(labels("cellar"), "__name__=grafolean_value,account=1,path=cellar,site=berlin");
    }
}
