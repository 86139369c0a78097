//! Who asks.

use std::sync::Arc;

use grafolean_collector::model::{AccountId, UserId};

use crate::{
    rights::Verb,
    store::{permission::Permission, session::SessionId},
};

/// Who asks, with what they may do. Handlers get it as an extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) user: UserId,
    pub(crate) kind: CallerKind,
    /// By which a person asks.
    pub(crate) session: Option<SessionId>,
    pub(crate) permissions: Arc<[Permission]>,
}

/// What kind of user asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallerKind {
    Person,
    Bot,
}

/// What any user may read, whatever their rights.
const OPEN_TO_USERS: [&str; 9] = [
    "profile",
    "profile/permissions",
    "accounts",
    "bots",
    "plugins/widgets",
    "hub/events",
    "hub/retention",
    "hub/why",
    "hub/findings",
];

impl Caller {
    /// Whether they may do this; tests of devices are held to the rights of their account by their handler.
    pub(crate) fn may(&self, verb: Verb, resource: &str) -> bool {
        (verb == Verb::Get && (OPEN_TO_USERS.contains(&resource) || is_protocol(resource)))
            || (verb == Verb::Put && self.kind == CallerKind::Bot && is_protocol(resource))
            || (verb == Verb::Post && matches!(resource, "auth/logout" | "hub/session"))
            || (verb == Verb::Post && resource.starts_with("hub/test/"))
            || self.is_own_password(verb, resource)
            || self.may_of_account(verb, resource)
            || self.holds(verb, resource)
    }

    /// Whether a right that they were given covers this.
    pub(crate) fn holds(&self, verb: Verb, resource: &str) -> bool {
        let covers = |resource: &str| {
            self.permissions.iter().any(|permission| permission.grant.covers(resource, verb))
        };
        covers(resource) || of_account(resource).is_some_and(covers)
    }

    /// Whoever knows their old password may choose a new one.
    fn is_own_password(&self, verb: Verb, resource: &str) -> bool {
        verb == Verb::Post
            && self.kind == CallerKind::Person
            && resource == format!("persons/{}/password", self.user)
    }

    /// What the hub knows of an account's measuring is read by whoever may read its entities; a bot says what it knows
    /// itself, and whoever may change bots may tell it what to do.
    fn may_of_account(&self, verb: Verb, resource: &str) -> bool {
        let Some((account, what)) = resource.strip_prefix("hub/accounts/").and_then(|it| it.split_once('/'))
        else {
            return false;
        };
        match (verb, what.split('/').collect::<Vec<_>>().as_slice()) {
            (Verb::Get, ["status" | "why" | "findings" | "device-events" | "discovery"]) => {
                self.holds(Verb::Get, &format!("accounts/{account}/entities"))
            }
            (Verb::Put, ["bots", bot, "status"]) => {
                self.kind == CallerKind::Bot && *bot == self.user.to_string()
            }
            // Who may store values of devices may store what they told.
            (Verb::Put, ["device-events"]) => [Verb::Put, Verb::Post]
                .iter()
                .any(|verb| self.holds(*verb, &format!("accounts/{account}/values"))),
            // What more they need their handlers ask for.
            (Verb::Post | Verb::Delete, ["discovery"]) | (Verb::Put, ["discovery", "schedule"]) => {
                self.holds(Verb::Post, &format!("accounts/{account}/entities"))
            }
            (Verb::Post, ["bots", _, "dead-letters"]) => {
                self.holds(Verb::Post, &format!("accounts/{account}/bots"))
            }
            _ => false,
        }
    }

    /// Whether an account is anything to them.
    pub(crate) fn sees(&self, account: AccountId) -> bool {
        let resource = format!("accounts/{account}");
        self.permissions.iter().any(|permission| permission.grant.touches(&resource))
    }
}

/// What only this hub has of an account stands under the same rights as Grafolean's: `hub/accounts/7/series` under those on
/// `accounts/7/series`.
fn of_account(resource: &str) -> Option<&str> {
    resource.strip_prefix("hub/").filter(|rest| rest.starts_with("accounts/"))
}

/// Declarations of protocols: any user reads them, and a bot declares its own, which its handler holds it to.
fn is_protocol(resource: &str) -> bool {
    resource.strip_prefix("hub/protocols").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
