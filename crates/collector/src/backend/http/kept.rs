//! Rows as the backend wrote them, for whoever passes on more of them than this crate reads.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use super::HttpBackend;
use crate::model::{AccountId, CredentialId, EntityId, SensorId, lenient};

type Place = (AccountId, &'static str, i64);

/// The rows of the last inventory, by account, list and id.
#[derive(Debug, Default)]
pub(super) struct KeptRows(Mutex<HashMap<Place, Value>>);

impl KeptRows {
    /// Keeps a whole list in place of the one before; one that could not be read leaves that as it is.
    pub(super) fn replace(&self, account: AccountId, list: &'static str, rows: &[Value]) {
        self.rows().retain(|(of, name, _), _| (*of, *name) != (account, list));
        self.keep(account, list, rows);
    }

    /// Forgets an account that is gone.
    pub(super) fn forget(&self, account: AccountId) {
        self.rows().retain(|(of, _, _), _| *of != account);
    }

    pub(super) fn keep(&self, account: AccountId, list: &'static str, rows: &[Value]) {
        // A row without an id is a broken row, and named as one where it is read.
        let with_id =
            |row: &Value| Some(((account, list, lenient::integer(row.get("id")?).ok()?), row.clone()));
        self.rows().extend(rows.iter().filter_map(with_id));
    }

    fn rows(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBackend {
    /// Keeps the rows of each inventory as they came, until the next one.
    pub fn keeping_rows(self) -> Self {
        Self { kept: Some(KeptRows::default()), ..self }
    }

    /// Returns an entity as the backend wrote it; none if it was not in the last inventory or rows are not kept.
    pub fn entity_as_written(&self, account: AccountId, entity: EntityId) -> Option<Value> {
        self.as_written((account, "entities", entity.number()))
    }

    /// Returns a credential as the backend wrote it.
    pub fn credential_as_written(&self, account: AccountId, credential: CredentialId) -> Option<Value> {
        self.as_written((account, "credentials", credential.number()))
    }

    /// Returns a sensor as the backend wrote it.
    pub fn sensor_as_written(&self, account: AccountId, sensor: SensorId) -> Option<Value> {
        self.as_written((account, "sensors", sensor.number()))
    }

    fn as_written(&self, place: Place) -> Option<Value> {
        self.kept.as_ref()?.rows().get(&place).cloned()
    }
}
