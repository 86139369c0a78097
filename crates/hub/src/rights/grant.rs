//! What may be done to what: pure rules.

use axum::http::Method;
use serde::{Deserialize, Serialize};

/// What the API knows to do to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Delete,
}

impl Verb {
    pub(crate) const ALL: [Self; 4] = [Self::Get, Self::Post, Self::Put, Self::Delete];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }

    /// A HEAD asks for what a GET shows. What is none of these is nothing the API does.
    pub(crate) fn of(method: &Method) -> Option<Self> {
        if method == Method::HEAD { Some(Self::Get) } else { Self::parse(method.as_str()) }
    }
}

/// A right: some methods on a resource and all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Grant {
    /// `accounts/7/values`; none is everything.
    pub(crate) resource_prefix: Option<String>,
    /// None is all.
    pub(crate) methods: Option<Vec<Verb>>,
}

impl Grant {
    pub(crate) fn everything() -> Self {
        Self { resource_prefix: None, methods: None }
    }

    pub(crate) fn everything_below(prefix: &str) -> Self {
        Self { resource_prefix: Some(prefix.to_owned()), methods: None }
    }

    /// Whether the right allows this method on this resource, whose path has no slash at either end.
    pub(crate) fn covers(&self, resource: &str, verb: Verb) -> bool {
        self.reaches(resource) && self.methods.as_ref().is_none_or(|methods| methods.contains(&verb))
    }

    /// Whether the resource is the right's own, or below it.
    pub(crate) fn reaches(&self, resource: &str) -> bool {
        self.resource_prefix.as_ref().is_none_or(|prefix| is_below(prefix, resource))
    }

    /// Whether the right is about the resource, something above it or something below it.
    pub(crate) fn touches(&self, resource: &str) -> bool {
        self.resource_prefix
            .as_ref()
            .is_none_or(|prefix| is_below(prefix, resource) || is_below(resource, prefix))
    }

    /// Whether each thing that `wanted` allows is allowed by one of the rights.
    pub(crate) fn any_includes<'a>(held: impl Iterator<Item = &'a Self> + Clone, wanted: &Self) -> bool {
        let covered = |verb: Verb| {
            held.clone().any(|grant| match &wanted.resource_prefix {
                Some(resource) => grant.covers(resource, verb),
                None => grant.resource_prefix.is_none() && grant.covers("", verb),
            })
        };
        match &wanted.methods {
            Some(methods) => methods.iter().all(|&verb| covered(verb)),
            None => Verb::ALL.into_iter().all(covered),
        }
    }

    /// Writes the methods as they are stored: `GET,PUT`.
    pub(crate) fn methods_in_words(&self) -> Option<String> {
        let methods = self.methods.as_ref()?;
        Some(methods.iter().map(|verb| verb.as_str()).collect::<Vec<_>>().join(","))
    }

    /// Reads methods as they are stored.
    pub(crate) fn methods_from_words(words: &str) -> Vec<Verb> {
        words.split(',').filter_map(Verb::parse).collect()
    }
}

fn is_below(prefix: &str, resource: &str) -> bool {
    resource.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(prefix: Option<&str>, methods: Option<&[Verb]>) -> Grant {
        Grant { resource_prefix: prefix.map(Into::into), methods: methods.map(Into::into) }
    }

    #[test]
    fn a_right_covers_its_prefix_and_what_is_below_but_not_its_neighbour() {
        let right = grant(Some("accounts/12"), None);
        assert!(right.covers("accounts/12", Verb::Get));
        assert!(right.covers("accounts/12/values", Verb::Put));
        assert!(!right.covers("accounts/123", Verb::Get));
        assert!(!right.covers("accounts", Verb::Get));
        assert!(grant(None, None).covers("anything/at/all", Verb::Delete));
    }

    #[test]
    fn a_right_allows_its_methods_alone() {
        let right = grant(Some("accounts/12/values"), Some(&[Verb::Post, Verb::Put]));
        assert!(right.covers("accounts/12/values/a.b", Verb::Post));
        assert!(!right.covers("accounts/12/values/a.b", Verb::Get));
    }

    #[test]
    fn a_grant_is_included_when_the_rights_together_allow_all_of_it() {
        let held = [
            grant(Some("accounts/12"), Some(&[Verb::Get])),
            grant(Some("accounts/12/values"), Some(&[Verb::Post, Verb::Put, Verb::Delete])),
        ];
        let includes = |wanted: Grant| Grant::any_includes(held.iter(), &wanted);
        assert!(includes(grant(Some("accounts/12/values"), None)));
        assert!(includes(grant(Some("accounts/12/values/x"), Some(&[Verb::Get, Verb::Put]))));
        assert!(!includes(grant(Some("accounts/12"), None)));
        assert!(!includes(grant(Some("accounts"), Some(&[Verb::Get]))));
        assert!(!includes(grant(None, Some(&[Verb::Get]))));
    }

    #[test]
    fn only_a_right_to_everything_includes_a_right_to_everything() {
        let wanted = grant(None, Some(&[Verb::Get]));
        assert!(Grant::any_includes([Grant::everything()].iter(), &wanted));
        assert!(!Grant::any_includes([grant(Some(""), None)].iter(), &wanted));
    }

    #[test]
    fn methods_survive_the_way_through_the_database() {
        let right = grant(None, Some(&[Verb::Post, Verb::Get]));
        let words = right.methods_in_words().unwrap();
        assert_eq!(words, "POST,GET");
        assert_eq!(Grant::methods_from_words(&words), [Verb::Post, Verb::Get]);
    }
}
