//! Profiles: what to poll on a kind of device.
//!
//! A [`Profile`] is a TOML file of ours or of a user's ([`Library`]): which devices it is for, and its [`Metric`]s, each
//! with the objects it reads, what is made of them, and where the result belongs. Those of standards are for every device.
//! What a device has of all of them is found by a [`Probe`], pure arithmetic over a few GETNEXTs, which ends in an
//! [`Application`]: the metrics that the device answers, as ordinary sensors. [`series`] is the vocabulary of paths, with
//! the unit and the meaning of each.

mod application;
mod criteria;
mod file;
mod library;
mod metric;
mod probe;
pub mod series;

pub use self::{
    application::{Application, Applied, Matched, Why},
    criteria::Criteria,
    file::ProfileError,
    library::{BadProfile, Library, Profile},
    metric::{Metric, Unit},
    probe::{Probe, System},
};

use tokio::time::sleep;

use super::{AskError, Oid, engine::Session, settings::PollPolicy};

/// Returns the profile that is built in for a device with this sysObjectID and sysDescr: its maker and kind. What the device
/// is to be asked for is found by a [`Probe`].
pub fn matching(sys_object_id: Option<&Oid>, sys_descr: &str) -> Option<&'static Profile> {
    Library::builtin().matching(sys_object_id, sys_descr)
}

/// Asks a device what it has of all profiles, as its policy has it.
///
/// # Errors
/// Why it does not say who it is.
pub async fn apply(
    session: &Session,
    library: &Library,
    chosen: Option<&str>,
    policy: &PollPolicy,
) -> Result<Application, AskError> {
    let mut probe = Probe::new(library, chosen).with_objects_at_once(policy.max_oids);
    while let Some(request) = probe.next_request() {
        let answer = session.ask(&request).await;
        probe.take(answer.map(|(varbinds, _)| varbinds))?;
        if !policy.gap.is_zero() {
            sleep(policy.gap).await;
        }
    }
    Ok(probe.into_application())
}
