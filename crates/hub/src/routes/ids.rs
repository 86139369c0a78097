//! The ids of a path.

use std::num::{IntErrorKind, ParseIntError};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use grafolean_collector::model::AccountId;

use crate::answer::ApiError;

/// The ids of a path, in the order they stand in it: its parameters whose name ends in `_id`.
pub(crate) struct Ids<const N: usize>(pub(crate) [i64; N]);

/// The ids of a path that stands below an account or below none.
pub(crate) struct Scoped<const N: usize> {
    pub(crate) account: Option<AccountId>,
    pub(crate) ids: [i64; N],
}

/// What a path below a dashboard names.
pub(crate) struct OfDashboard<const N: usize> {
    pub(crate) account: AccountId,
    pub(crate) slug: String,
    pub(crate) ids: [i64; N],
}

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Ids<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let ids = ids(parts, state).await?;
        exactly(ids.into_iter().map(|(_, id)| id)).map(Self)
    }
}

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for Scoped<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let (accounts, others): (Vec<_>, Vec<_>) =
            ids(parts, state).await?.into_iter().partition(|(name, _)| name == "account_id");
        let account = accounts.first().map(|&(_, id)| AccountId::new(id));
        Ok(Self { account, ids: exactly(others.into_iter().map(|(_, id)| id))? })
    }
}

impl<S: Send + Sync, const N: usize> FromRequestParts<S> for OfDashboard<N> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Scoped { account, ids } = Scoped::from_request_parts(parts, state).await?;
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| not_found())?;
        let slug = parameters.iter().find(|(name, _)| *name == "slug").map(|(_, slug)| slug.to_owned());
        Ok(Self { account: account.ok_or_else(not_found)?, slug: slug.ok_or_else(not_found)?, ids })
    }
}

async fn ids<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<(String, i64)>, ApiError> {
    let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(|_| not_found())?;
    let (mut ids, mut broken) = (Vec::new(), Vec::new());
    for (name, text) in parameters.iter().filter(|(name, _)| name.ends_with("_id")) {
        match integer(text) {
            Ok(id) => ids.push((name.to_owned(), id)),
            Err(_) => broken.push(name.to_owned()),
        }
    }
    if broken.is_empty() { Ok(ids) } else { Err(ApiError::NotIntegers(broken)) }
}

fn exactly<const N: usize>(ids: impl Iterator<Item = i64>) -> Result<[i64; N], ApiError> {
    ids.collect::<Vec<_>>().try_into().map_err(|_| not_found())
}

fn not_found() -> ApiError {
    ApiError::NotFound("Not Found".to_owned())
}

/// A number beyond 64 bits is a number all the same, of which there is nothing.
fn integer(text: &str) -> Result<i64, ParseIntError> {
    text.parse().or_else(|error: ParseIntError| match error.kind() {
        IntErrorKind::PosOverflow => Ok(i64::MAX),
        IntErrorKind::NegOverflow => Ok(i64::MIN),
        _ => Err(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_is_an_id_and_nothing_else_is() {
        assert_eq!(integer("42"), Ok(42));
        assert_eq!(integer("99999999999999999999999"), Ok(i64::MAX));
        assert_eq!(integer("-99999999999999999999999"), Ok(i64::MIN));
        for text in ["", "abc", "1.5", " 1", "1e3", "0x1"] {
            assert!(integer(text).is_err(), "{text:?}");
        }
    }
}
