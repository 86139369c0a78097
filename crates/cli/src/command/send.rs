//! `grafolean send`: one value, by hand or from a script.

use std::io::{self, Write};

use anyhow::bail;
use grafolean_collector::{
    backend::{Backend, BackendError, Stamp, http::HttpBackend},
    model::{AccountId, Sample},
    time::{Clock, SystemClock},
};

use crate::{
    arguments::Send,
    config::Config,
    failure::{Hint, Outcome},
};

/// Checks the value, sends it, and says where it went.
pub(crate) async fn run(send: Send, config: &Config) -> anyhow::Result<Outcome> {
    let backend = HttpBackend::new(config.backend(None)?)?;
    match deliver(&send, &backend).await {
        Err(error) if is_no_api(&backend).await => {
            Err(error).hint("this does not look like the API's address: it usually ends in /api")
        }
        outcome => outcome,
    }
}

/// Whether something answers at the address, but no Grafolean.
async fn is_no_api(backend: &HttpBackend) -> bool {
    let away = |error: &BackendError| {
        matches!(error, BackendError::Unreachable { .. } | BackendError::Failed { .. })
    };
    backend.status().await.is_err_and(|error| !away(&error))
}

async fn deliver(send: &Send, backend: &HttpBackend) -> anyhow::Result<Outcome> {
    let time = send.time.unwrap_or_else(|| SystemClock.now());
    let sample = Sample::checked(send.path.as_str(), time, send.value)?;
    let account = match send.account {
        Some(account) => account,
        None => only_account(backend).await?,
    };
    let stamped = match backend.put_values(account, std::slice::from_ref(&sample), Stamp::Due).await {
        Ok(()) => format!("at {time}"),
        // The backend's clock is as good as ours for a value of this moment, and for no other.
        Err(BackendError::Forbidden { .. }) if send.time.is_none() => {
            backend.put_values(account, std::slice::from_ref(&sample), Stamp::Arrival).await?;
            "with the backend's time".to_owned()
        }
        Err(error @ BackendError::Forbidden { .. }) => {
            return Err(error)
                .hint("without PUT a token can only send values of this moment: leave out --time");
        }
        Err(error) => return Err(error.into()),
    };
    let Sample { path, value, .. } = &sample;
    writeln!(io::stdout(), "sent {path} = {value} {stamped} to account {account}")?;
    Ok(Outcome::Good)
}

/// Returns the account that a token sees, if it is the only one.
pub(super) async fn only_account(backend: &HttpBackend) -> anyhow::Result<AccountId> {
    let accounts = backend.accounts().await?;
    match accounts.as_slice() {
        [] => bail!("this token sees no account: give it permissions, or name one with --account"),
        [only] => Ok(only.id),
        several => {
            let named: Vec<_> = several.iter().map(|it| format!("{} ({})", it.id, it.name)).collect();
            bail!(
                "this token sees {} accounts: choose one with --account: {}",
                several.len(),
                named.join(", ")
            )
        }
    }
}
