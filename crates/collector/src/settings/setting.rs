//! A setting, declared once.

/// What may be set for a process: declared once, the same at every door.
///
/// ```
/// use grafolean_collector::settings::{Setting, value};
///
/// const PORT: Setting = Setting {
///     name: "myprotocol_port",
///     variable: "GRAFOLEAN_MYPROTOCOL_PORT",
///     default: Some("4711"),
///     secret: false,
///     placeholder: "PORT",
///     help: "UDP port on which readings arrive",
///     check: |text| value::port(text).map(drop),
/// };
/// assert_eq!(PORT.flag(), "--myprotocol-port");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its one name, as a TOML file has it: `jobs_refresh_interval`. The flag is the same with dashes.
    pub name: &'static str,
    /// Its variable in the environment and in `.env`.
    pub variable: &'static str,
    /// What is in force where nobody sets it, written as a person would write it.
    pub default: Option<&'static str>,
    /// Whether its value is never shown. A secret `x` may have a partner `x_from_file`, a file that holds it.
    pub secret: bool,
    /// What stands for the value in help texts: `URL`. One that begins with [`Setting::SWITCH`] may be given as a
    /// bare flag.
    pub placeholder: &'static str,
    /// One sentence for help, manual and docs, without a full stop.
    pub help: &'static str,
    /// Whether a text can be its value; if not, what is expected and what was found.
    pub check: fn(&str) -> Result<(), String>,
}

impl Setting {
    /// The placeholder of a setting that is on or off; its bare flag means on.
    pub const SWITCH: &'static str = "on|off";

    /// Returns the flag, with its dashes.
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// Returns the setting of a table whose name or variable is nearest to a mistyped one, if any is near.
    pub fn nearest<'t>(table: &'t [Setting], mistyped: &str) -> Option<&'t Setting> {
        /// Half of the letters have to agree.
        const NEAR: f64 = 0.5;
        let wanted = mistyped.to_ascii_lowercase().replace('-', "_");
        let likeness = |setting: &&Setting| {
            let variable = setting.variable.to_ascii_lowercase();
            let likeness = |name: &str| strsim::normalized_damerau_levenshtein(name, &wanted);
            likeness(setting.name).max(likeness(&variable))
        };
        table.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|best| likeness(best) >= NEAR)
    }
}

impl PartialEq for Setting {
    /// A name is one setting.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Setting {}
