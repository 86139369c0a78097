//! Before jobs stop: a device that seems to have vanished is read again, alone and a moment later.
//!
//! A real backend changes an entity in several steps, and one list in six that is read meanwhile shows it without
//! its protocols or without some of its sensors. And a right that was taken away, or a proxy that stands in for a
//! backend, removes nothing: only a 404 for the entity, while the lists of its account answer, is a removal.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time;

use crate::{
    backend::{AccountInventory, Backend, BackendError, BrokenRow, Inventory},
    model::{AccountId, Credential, Device, Entity, EntityId, Sensor, Shared},
    selection::select,
};

/// How long a backend is given to finish what it is writing, which takes it milliseconds.
const PAUSE: Duration = Duration::from_secs(2);

/// How many devices are read again at a time. If a whole account is emptied, that takes a while, but the backend
/// keeps answering people.
const IN_FLIGHT: usize = 8;

type Place = (AccountId, EntityId);

/// Reads the inventory, and alone a second time what of `known` seems to have vanished from it: for whoever makes jobs
/// otherwise than by a [`super::Refresh`]. Accounts that can't be read stay as they are known.
///
/// # Errors
/// Fails if something can't be read for a reason that may pass: then nothing is to be taken as vanished.
pub async fn confirmed_inventory<B: Backend>(
    backend: &B,
    protocol: &str,
    known: &[Device],
) -> Result<Inventory, BackendError> {
    let mut inventory = backend.inventory().await?;
    for account in inventory.accounts.iter_mut().filter(|account| account.is_unread()) {
        fill_from_devices(account, known);
    }
    let suspects = suspects(known, &select(&inventory, protocol).devices);
    recheck(backend, &mut inventory, suspects).await?;
    Ok(inventory)
}

/// Returns the accounts that could not be read the lists that they had.
pub(super) fn keep_unread(inventory: &mut Inventory, known: &Inventory) {
    let unread = inventory.accounts.iter_mut().filter(|account| account.is_unread());
    for account in unread {
        if let Some(known) = known.accounts.iter().find(|known| known.account.id == account.account.id) {
            account.entities.clone_from(&known.entities);
            account.credentials.clone_from(&known.credentials);
            account.sensors.clone_from(&known.sensors);
        }
    }
}

fn fill_from_devices(account: &mut AccountInventory, known: &[Device]) {
    let mut credentials: HashMap<_, &Shared<Credential>> = HashMap::new();
    let mut sensors: HashMap<_, &Shared<Sensor>> = HashMap::new();
    for device in known.iter().filter(|device| device.account == account.account.id) {
        account.entities.push(device.entity.clone());
        credentials.insert(device.credential.id, &device.credential);
        sensors.extend(device.sensors.iter().map(|used| (used.sensor.id, &used.sensor)));
    }
    account.credentials = credentials.into_values().cloned().collect();
    account.sensors = sensors.into_values().cloned().collect();
}

/// Finds the devices that are gone or have lost a sensor.
pub(super) fn suspects(known: &[Device], seen: &[Device]) -> Vec<Device> {
    let seen: HashMap<Place, &Device> = seen.iter().map(|device| (place(device), device)).collect();
    let is_whole = |device: &&Device| {
        seen.get(&place(device)).is_some_and(|seen| {
            let sensors: HashSet<_> = seen.sensors.iter().map(|it| it.sensor.id).collect();
            device.sensors.iter().all(|it| sensors.contains(&it.sensor.id))
        })
    };
    known.iter().filter(|device| !is_whole(device)).cloned().collect()
}

/// Reads the suspects again and puts into the inventory what is seen then. Fails if one of them can't be read for
/// a reason that may pass: then nothing is to be taken as vanished.
pub(super) async fn recheck<B: Backend>(
    backend: &B,
    inventory: &mut Inventory,
    suspects: Vec<Device>,
) -> Result<(), BackendError> {
    // An account that is gone as a whole was not caught half-written.
    let listed: HashSet<_> = inventory.accounts.iter().map(|it| it.account.id).collect();
    let suspects: Vec<_> = suspects.into_iter().filter(|device| listed.contains(&device.account)).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    time::sleep(PAUSE).await;
    let mut reads: HashMap<Place, Reading> = stream::iter(suspects)
        .map(|device| async move { Ok((place(&device), read(backend, &device).await?)) })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    for list in &mut inventory.accounts {
        let account = list.account.id;
        list.entities.retain(|entity| !reads.contains_key(&(account, entity.id)));
        for (_, Reading { entity, broken }) in reads.extract_if(|place, _| place.0 == account) {
            list.entities.extend(entity);
            list.broken.extend(broken);
        }
        list.entities.sort_by_key(|entity| entity.id);
    }
    Ok(())
}

/// What an entity is, read alone.
struct Reading {
    /// None if it is gone.
    entity: Option<Shared<Entity>>,
    /// Why it is taken as it was known.
    broken: Option<BrokenRow>,
}

async fn read<B: Backend>(backend: &B, device: &Device) -> Result<Reading, BackendError> {
    let (account, known) = (device.account, &device.entity);
    match backend.entity(account, known.id).await {
        Ok(entity) => Ok(Reading { entity: entity.map(Shared::from), broken: None }),
        // It is there but makes no sense: that does not pass by itself.
        Err(BackendError::Nonsense { .. }) => Ok(Reading { entity: None, broken: None }),
        Err(error @ (BackendError::Forbidden { .. } | BackendError::Refused { .. })) => {
            let reason =
                format!("{} ({}) can't be read, it is measured as before: {error}", known.id, known.name);
            let broken = BrokenRow { list: "entities", row: known.id.number().into(), reason };
            Ok(Reading { entity: Some(known.clone()), broken: Some(broken) })
        }
        Err(error) => Err(error),
    }
}

fn place(device: &Device) -> Place {
    (device.account, device.entity.id)
}
