//! Files, by Landlock (Linux 5.13).

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, path_beneath_rules,
};
use tracing::warn;

use super::{Files, Held};

/// The newest rights that are asked for; a kernel that knows fewer holds those.
const RIGHTS: ABI = ABI::V5;

/// What programs read of a system: libraries that are loaded late, how names are resolved, certificates, time zones, what
/// the kernel tells. Nothing of users or of other services stands there that is not for everybody.
const OF_THE_SYSTEM: [&str; 12] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/run",
    "/var/run",
    "/var/lib/ca-certificates",
    "/nix/store",
    "/proc",
    "/sys",
    "/dev/urandom",
    "/dev/random",
];

/// What is written to without harm.
const NOWHERE: &str = "/dev/null";

/// Restricts this thread, and those that it starts, to what is needed. Nothing may be executed.
pub(super) fn restrict(needed: &Files) -> Held {
    match ruleset(needed) {
        Ok(RulesetStatus::FullyEnforced) => Held::Fully,
        Ok(RulesetStatus::PartiallyEnforced) => Held::Partly,
        Ok(RulesetStatus::NotEnforced) => Held::Not,
        Err(error) => {
            warn!(%error, "the files of this process could not be restricted");
            Held::Not
        }
    }
}

fn ruleset(needed: &Files) -> Result<RulesetStatus, RulesetError> {
    let all = AccessFs::from_all(RIGHTS);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // What is missing on this machine is left out by `path_beneath_rules`.
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .create()?
        .add_rules(path_beneath_rules(OF_THE_SYSTEM, read))?
        .add_rules(path_beneath_rules(&needed.read, read))?
        .add_rules(path_beneath_rules(&needed.written, all & !AccessFs::Execute))?
        .add_rules(path_beneath_rules([NOWHERE], read | AccessFs::WriteFile))?
        .restrict_self()?;
    Ok(status.ruleset)
}
