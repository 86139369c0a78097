//! Who asks.

use std::sync::Arc;

use grafolean_collector::model::{AccountId, UserId};

use super::Verb;
use crate::store::permission::Permission;

/// Who asks, with what they may do. Handlers get it as an extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) kind: CallerKind,
    pub(crate) permissions: Arc<[Permission]>,
}

/// What kind of user asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallerKind {
    Person,
    Bot,
}

/// What any user may read, whatever their rights.
const OPEN_TO_USERS: [&str; 4] = ["profile", "profile/permissions", "accounts", "bots"];

impl Caller {
    /// Tells whether they may do this.
    pub(crate) fn may(&self, verb: Verb, resource: &str) -> bool {
        (verb == Verb::Get && OPEN_TO_USERS.contains(&resource))
            || self.permissions.iter().any(|permission| permission.grant.covers(resource, verb))
    }

    /// Tells whether an account is anything to them.
    pub(crate) fn sees(&self, account: AccountId) -> bool {
        let resource = format!("accounts/{account}");
        self.permissions.iter().any(|permission| permission.grant.touches(&resource))
    }
}
