//! The command line of `grafolean hub`: what is done to its folder, and what is set up in it from a shell.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::flags;

/// What is to be done to a hub beside running it.
#[derive(Debug, Subcommand)]
pub(crate) enum HubCommand {
    /// Sets a new password of a user, prints it, and ends their sessions; the hub must not run
    ResetPassword {
        /// Name of the user
        username: String,
    },
    /// Writes all of a hub into one new file, while it may run
    Backup {
        /// The file; it holds the key of the secrets too
        file: PathBuf,
    },
    /// Puts a backup into an empty folder, and sees that it is whole
    Restore {
        /// The file
        file: PathBuf,
    },
    /// Reads every block and every row, while the hub may run
    Check,
    /// Sets aside what is damaged, so that all else can be used; the hub must not run
    Repair,
    #[command(flatten)]
    SetUp(SetUpCommand),
}

/// What is set up in a hub that runs, here or elsewhere, or in a Grafolean: by its address and a login.
#[derive(Debug, Subcommand)]
pub(crate) enum SetUpCommand {
    /// Makes an account, with the credentials and sensors that a new one has
    AddAccount {
        /// What people call it
        name: String,
        #[command(flatten)]
        login: LoginFlags,
    },
    /// Makes a user, and prints the password unless a file holds it
    AddUser {
        /// The name by which they log in
        username: String,
        /// Their own name
        #[arg(long, default_value = "")]
        name: String,
        /// Their e-mail address
        #[arg(long, default_value = "")]
        email: String,
        /// A file that holds their password; without it one is made up
        #[arg(long, value_name = "FILE")]
        new_password_from_file: Option<PathBuf>,
        /// What they may do: all of everything, all of the account, or read the account
        #[arg(long, value_enum, default_value_t = Rights::Read)]
        rights: Rights,
        #[command(flatten)]
        account: AccountFlag,
        #[command(flatten)]
        login: LoginFlags,
    },
    /// Makes a bot with the rights it needs, and prints its token
    AddBot {
        /// What people call it
        name: String,
        /// What it measures by, e.g. snmp
        #[arg(long)]
        protocol: String,
        #[command(flatten)]
        account: AccountFlag,
        #[command(flatten)]
        login: LoginFlags,
    },
    /// Makes a credential, or changes the one of this name
    AddCredential {
        /// What people call it
        name: String,
        /// For which protocol
        #[arg(long)]
        protocol: String,
        /// Its fields: NAME=TEXT, NAME=@FILE of a text that stands in a file, NAME:=JSON
        #[arg(value_name = "FIELD", value_parser = field)]
        fields: Vec<Field>,
        #[command(flatten)]
        account: AccountFlag,
        #[command(flatten)]
        login: LoginFlags,
    },
    /// Makes a sensor, or changes the one of this name
    AddSensor {
        /// What people call it
        name: String,
        /// For which protocol
        #[arg(long)]
        protocol: String,
        /// How often it is measured, in seconds
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
        interval: Option<u32>,
        /// Its fields: NAME=TEXT, NAME=@FILE, NAME:=JSON
        #[arg(value_name = "FIELD", value_parser = field)]
        fields: Vec<Field>,
        #[command(flatten)]
        account: AccountFlag,
        #[command(flatten)]
        login: LoginFlags,
    },
    /// Makes a device, or changes the one of this name
    AddDevice {
        /// Its address or host name
        host: String,
        /// What people call it; its address if left out
        #[arg(long)]
        name: Option<String>,
        /// Measure it by this protocol, with its only credential or the one named: ping, snmp=core; may be given several times
        #[arg(long = "with", value_name = "PROTOCOL[=CREDENTIAL]", required = true)]
        with: Vec<String>,
        /// More of its fields, such as snmp_port=1161
        #[arg(value_name = "FIELD", value_parser = field)]
        fields: Vec<Field>,
        #[command(flatten)]
        account: AccountFlag,
        #[command(flatten)]
        login: LoginFlags,
    },
    /// Brings an account in step with a file: credentials, sensors, devices
    Inventory {
        /// The file
        file: PathBuf,
        /// Only show what would change
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        login: LoginFlags,
    },
}

/// Who asks: settings.
#[derive(Clone, Debug, Args)]
#[command(args = flags::login())]
pub(crate) struct LoginFlags {}

/// In which account.
#[derive(Clone, Debug, Args)]
pub(crate) struct AccountFlag {
    /// In the account of this name; needed where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) account: Option<String>,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rights {
    /// Everything
    Everything,
    /// All of the account
    Account,
    /// Read the account
    Read,
}

/// A field of details, as it is typed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) value: FieldValue,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FieldValue {
    Json(serde_json::Value),
    /// The text of a file: a secret that is to stand in no history of a shell.
    File(PathBuf),
}

/// Reads `NAME=TEXT`, `NAME=@FILE` or `NAME:=JSON`.
fn field(text: &str) -> Result<Field, String> {
    let wrong = || format!("expected NAME=TEXT, NAME=@FILE or NAME:=JSON, found {text:?}");
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (name, value) = match (name.strip_suffix(':'), value.strip_prefix('@')) {
        (Some(name), _) => {
            let json = serde_json::from_str(value).map_err(|error| format!("{name}: {error}"))?;
            (name, FieldValue::Json(json))
        }
        (None, Some(file)) => (name, FieldValue::File(PathBuf::from(file))),
        (None, None) => (name, FieldValue::Json(value.into())),
    };
    if name.is_empty() { Err(wrong()) } else { Ok(Field { name: name.to_owned(), value }) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_text_json_or_stands_in_a_file() {
        let value = |text| field(text).map(|field| (field.name, field.value));
        let named = |name: &str, value| Ok((name.to_owned(), value));
        assert_eq!(value("version=snmpv2c"), named("version", FieldValue::Json(json!("snmpv2c"))));
        assert_eq!(value("a=b=c"), named("a", FieldValue::Json(json!("b=c"))));
        assert_eq!(value("port:=22"), named("port", FieldValue::Json(json!(22))));
        assert_eq!(value("key=@/run/key"), named("key", FieldValue::File("/run/key".into())));
        assert!(value("port").is_err() && value("=x").is_err() && value("x:=nonsense").is_err());
    }
}
