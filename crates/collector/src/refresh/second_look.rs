//! Before jobs stop: a device that seems to have vanished is read again, alone and a moment later.
//!
//! A real backend changes an entity in several steps, and one list in six that is read meanwhile shows it without
//! its protocols or without some of its sensors.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time;

use crate::{
    backend::{Backend, BackendError, Inventory},
    model::{AccountId, Device, Entity, EntityId},
    selection::select,
};

/// How long a backend is given to finish what it is writing, which takes it milliseconds.
const PAUSE: Duration = Duration::from_secs(2);

/// How many devices are read again at a time. If a whole account is emptied, that takes a while, but the backend
/// keeps answering people.
const IN_FLIGHT: usize = 8;

type Place = (AccountId, EntityId);

/// Reads the inventory, and alone a second time what of `known` seems to have vanished from it: for whoever makes jobs
/// otherwise than by a [`super::Refresh`].
pub async fn steady_inventory<B: Backend>(
    backend: &B,
    protocol: &str,
    known: &[Device],
) -> Result<Inventory, BackendError> {
    let mut inventory = backend.inventory().await?;
    let suspects = suspects(known, &select(&inventory, protocol).devices);
    if !suspects.is_empty() {
        look_again(backend, &mut inventory, suspects).await?;
    }
    Ok(inventory)
}

/// Finds the devices that are gone or have lost a sensor.
pub(super) fn suspects(known: &[Device], seen: &[Device]) -> Vec<Place> {
    let seen: HashMap<Place, &Device> = seen.iter().map(|device| (place(device), device)).collect();
    let is_whole = |device: &&Device| {
        seen.get(&place(device)).is_some_and(|seen| {
            let sensors: HashSet<_> = seen.sensors.iter().map(|it| it.sensor.id).collect();
            device.sensors.iter().all(|it| sensors.contains(&it.sensor.id))
        })
    };
    known.iter().filter(|device| !is_whole(device)).map(place).collect()
}

/// Reads the suspects again and puts into the inventory what is seen then. Fails if one of them can't be read for
/// a reason that may pass: then nothing is to be taken as vanished.
pub(super) async fn look_again<B: Backend>(
    backend: &B,
    inventory: &mut Inventory,
    suspects: Vec<Place>,
) -> Result<(), BackendError> {
    // An account that is gone as a whole was not caught half-written.
    let listed: HashSet<_> = inventory.accounts.iter().map(|it| it.account.id).collect();
    let suspects: Vec<_> = suspects.into_iter().filter(|(account, _)| listed.contains(account)).collect();
    if suspects.is_empty() {
        return Ok(());
    }
    time::sleep(PAUSE).await;
    let mut reads: HashMap<Place, Option<Entity>> = stream::iter(suspects)
        .map(|place| async move { Ok((place, read(backend, place).await?)) })
        .buffer_unordered(IN_FLIGHT)
        .try_collect()
        .await?;
    for list in &mut inventory.accounts {
        let account = list.account.id;
        list.entities.retain_mut(|entity| match reads.remove(&(account, entity.id)) {
            None => true,
            Some(None) => false,
            Some(Some(whole)) => {
                *entity = whole;
                true
            }
        });
        list.entities
            .extend(reads.extract_if(|place, _| place.0 == account).filter_map(|(_, entity)| entity));
        list.entities.sort_by_key(|entity| entity.id);
    }
    Ok(())
}

async fn read<B: Backend>(backend: &B, (account, entity): Place) -> Result<Option<Entity>, BackendError> {
    match backend.entity(account, entity).await {
        // It is there but may not be read, or makes no sense: that does not pass by itself.
        Err(BackendError::Forbidden { .. } | BackendError::Nonsense { .. }) => Ok(None),
        outcome => outcome,
    }
}

fn place(device: &Device) -> Place {
    (device.account, device.entity.id)
}
