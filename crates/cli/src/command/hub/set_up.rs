//! `grafolean hub add-...`, `grafolean hub inventory`: what the page does, from a shell, by the address of a hub that runs
//! and a login.

use std::{
    fs,
    io::{self, Write},
    net::IpAddr,
    path::Path,
};

use anyhow::{Context, bail};
use grafolean_collector::{
    backend::http::{Caller, HttpSettings, Login},
    model::Details,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    arguments::{AccountFlag, Field, FieldValue, Rights, SetUpCommand},
    command::inventory::{
        self, Mode,
        wanted::{Wanted, WantedCredential, WantedDevice, WantedSensor, WantedUse},
    },
    config::Config,
    failure::{Hint, Outcome},
    protocols,
};

/// Letters of a password that is made up; none of them looks like another.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// How long such a password is: 116 bits.
const PASSWORD_LETTERS: usize = 20;

/// Does one of them.
pub(in crate::command) async fn run(command: SetUpCommand, config: &Config) -> anyhow::Result<Outcome> {
    let caller = caller(config)?;
    match command {
        SetUpCommand::AddAccount { name, .. } => {
            let made = caller.post("/admin/accounts", &json!({"name": name})).await?;
            writeln!(io::stdout(), "+ account {name} ({})", id_of(&made)?)?;
            Ok(Outcome::Good)
        }
        SetUpCommand::AddUser { username, name, email, new_password_from_file, rights, account, .. } => {
            let person = Person { username, name, email, password_file: new_password_from_file, rights };
            add_user(&caller, person, &account).await
        }
        SetUpCommand::AddBot { name, protocol, account, .. } => {
            add_bot(&caller, &name, &protocol, &account).await
        }
        SetUpCommand::AddCredential { name, protocol, fields, account, .. } => {
            let mut wanted = in_account(&caller, &account).await?;
            let credential = WantedCredential { protocol, details: details(fields)? };
            wanted.credentials.insert(name, credential);
            inventory::bring(&caller, &wanted, Mode::Apply).await
        }
        SetUpCommand::AddSensor { name, protocol, interval, fields, account, .. } => {
            let mut wanted = in_account(&caller, &account).await?;
            wanted.sensors.insert(name, WantedSensor { protocol, interval, details: details(fields)? });
            inventory::bring(&caller, &wanted, Mode::Apply).await
        }
        SetUpCommand::AddDevice { host, name, with, fields, account, .. } => {
            let mut wanted = in_account(&caller, &account).await?;
            let mut details = details(fields)?;
            details.insert(address_field(&host).to_owned(), host.clone().into());
            let protocols = with.iter().map(|with| match with.split_once('=') {
                Some((protocol, credential)) => {
                    let credential = Some(credential.to_owned());
                    (protocol.to_owned(), WantedUse { credential, ..WantedUse::default() })
                }
                None => (with.clone(), WantedUse::default()),
            });
            let device = WantedDevice { details, protocols: protocols.collect() };
            wanted.devices.insert(name.unwrap_or(host), device);
            inventory::bring(&caller, &wanted, Mode::Apply).await
        }
        SetUpCommand::Inventory { file, dry_run, .. } => {
            let mode = if dry_run { Mode::DryRun } else { Mode::Apply };
            inventory::keep(&caller, &file, mode).await
        }
    }
}

/// Returns who asks, as settings say it.
pub(in crate::command) fn caller(config: &Config) -> anyhow::Result<Caller> {
    let login = &config.login;
    let Some(username) = login.user.clone() else {
        return Err(anyhow::anyhow!("`hub_user` is not set")).hint("name who logs in: --hub-user admin");
    };
    let Some(password) = login.password.clone() else {
        return Err(anyhow::anyhow!("`hub_password` is not set"))
            .hint("set GRAFOLEAN_HUB_PASSWORD, or name a file that holds it: --hub-password-from-file FILE");
    };
    let settings =
        HttpSettings { ca_file: login.ca_file.clone(), ..HttpSettings::new(login.url.clone(), "".into()) };
    Ok(Caller::new(&settings, Login::Person { username, password })?)
}

/// Returns the key of details under which an address or a name stands.
pub(in crate::command) fn address_field(host: &str) -> &'static str {
    match host.parse() {
        Ok(IpAddr::V4(_)) => "ipv4",
        Ok(IpAddr::V6(_)) => "ipv6",
        Err(_) => "hostname",
    }
}

/// Returns the account of a flag, or the only one that the caller sees.
pub(in crate::command) async fn account_name(caller: &Caller, flag: &AccountFlag) -> anyhow::Result<String> {
    if let Some(name) = &flag.account {
        return Ok(name.clone());
    }
    let all = caller.list("/accounts").await?;
    let names: Vec<&str> = all.iter().filter_map(|row| row.get("name").and_then(Value::as_str)).collect();
    match *names {
        [] => bail!("there is no account: make one by grafolean hub add-account NAME"),
        [only] => Ok(only.to_owned()),
        _ => bail!("there are {} accounts: choose one with --account: {}", names.len(), names.join(", ")),
    }
}

async fn in_account(caller: &Caller, flag: &AccountFlag) -> anyhow::Result<Wanted> {
    let account = account_name(caller, flag).await?;
    if inventory::current::account_named(caller, &account).await?.is_none() {
        bail!("there is no account {account:?}: make it by grafolean hub add-account");
    }
    Ok(Wanted { account, ..Wanted::default() })
}

async fn account_id(caller: &Caller, flag: &AccountFlag) -> anyhow::Result<i64> {
    let name = account_name(caller, flag).await?;
    let id = inventory::current::account_named(caller, &name).await?;
    id.with_context(|| format!("there is no account {name:?}"))
}

struct Person {
    username: String,
    name: String,
    email: String,
    password_file: Option<std::path::PathBuf>,
    rights: Rights,
}

async fn add_user(caller: &Caller, person: Person, account: &AccountFlag) -> anyhow::Result<Outcome> {
    let right = match person.rights {
        Rights::Everything => json!({"resource_prefix": null, "methods": null}),
        Rights::Account => {
            json!({"resource_prefix": format!("accounts/{}", account_id(caller, account).await?), "methods": null})
        }
        Rights::Read => {
            json!({"resource_prefix": format!("accounts/{}", account_id(caller, account).await?), "methods": ["GET"]})
        }
    };
    let (password, is_made_up) = match &person.password_file {
        Some(file) => (secret_in(file)?, false),
        None => (made_up(), true),
    };
    let body = json!({
        "username": person.username, "name": person.name, "email": person.email,
        "password": password.expose_secret(),
    });
    let id = id_of(&caller.post("/persons", &body).await?)?;
    caller.post(&format!("/users/{id}/permissions"), &right).await?;
    let mut out = io::stdout();
    writeln!(out, "+ user {} ({id})", person.username)?;
    if is_made_up {
        writeln!(out, "  the password is {}", password.expose_secret())?;
    }
    Ok(Outcome::Good)
}

async fn add_bot(
    caller: &Caller,
    name: &str,
    protocol: &str,
    account: &AccountFlag,
) -> anyhow::Result<Outcome> {
    let account = account_id(caller, account).await?;
    let bots = format!("/accounts/{account}/bots");
    let made = caller.post(&bots, &json!({"name": name, "protocol": protocol, "config": null})).await?;
    let id = id_of(&made)?;
    let keeps_entities = protocols::named(protocol).is_some_and(|protocol| protocol.keeps_entities());
    let entities = if keeps_entities { Value::Null } else { json!(["GET"]) };
    for (what, methods) in [
        ("values", json!(["POST", "PUT"])),
        ("entities", entities),
        ("credentials", json!(["GET"])),
        ("sensors", json!(["GET"])),
    ] {
        let right = json!({"resource_prefix": format!("accounts/{account}/{what}"), "methods": methods});
        caller.post(&format!("{bots}/{id}/permissions"), &right).await?;
    }
    let token = caller.get(&format!("{bots}/{id}/token")).await?;
    let token = token.get("token").and_then(Value::as_str).context("the backend did not give the token")?;
    let mut out = io::stdout();
    writeln!(out, "+ bot {name} ({id})")?;
    writeln!(out, "  BACKEND_URL={}", caller.url())?;
    writeln!(out, "  BOT_TOKEN={token}")?;
    Ok(Outcome::Good)
}

fn id_of(answer: &Value) -> anyhow::Result<i64> {
    answer.get("id").and_then(Value::as_i64).context("the backend did not say which id it has")
}

fn details(fields: Vec<Field>) -> anyhow::Result<Details> {
    fields
        .into_iter()
        .map(|Field { name, value }| {
            let value = match value {
                FieldValue::Json(value) => value,
                FieldValue::File(file) => secret_in(&file)?.expose_secret().into(),
            };
            Ok((name, value))
        })
        .collect()
}

fn secret_in(file: &Path) -> anyhow::Result<SecretString> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

fn made_up() -> SecretString {
    let letter = |_| LETTERS.get(rand::random_range(0..LETTERS.len())).copied().map_or('x', char::from);
    SecretString::from((0..PASSWORD_LETTERS).map(letter).collect::<String>())
}
