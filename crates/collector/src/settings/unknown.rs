//! Names that are near ours but no settings: somebody meant one.

use std::{fmt, path::Path};

use super::{Place, Setting};

/// Names of `.env` that agree with one of ours in this share of their letters were meant for us. Lower than that, they
/// belong to the other programs that read the file.
const MEANT: f64 = 0.8;

/// What every variable begins with that is not an established one.
const PREFIX: &str = "GRAFOLEAN_";

/// A name that is no setting where settings stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Where it stands.
    pub place: String,
    /// The name, as it is written.
    pub name: String,
    /// The one that was probably meant, as it would have to be written there.
    pub nearest: Option<&'static str>,
}

impl Unknown {
    /// Every name of a TOML file of ours is meant for us.
    pub(super) fn in_toml(name: &str, place: Place, table: &[Setting]) -> Self {
        let nearest = Setting::nearest(table, name).map(|setting| setting.name);
        Self { place: place.to_string(), name: name.to_owned(), nearest }
    }

    /// Returns the variable if it was meant for us: it has our prefix, or is a setting's bare name, or nearly one's
    /// variable.
    pub(super) fn in_dot_env(variable: &str, path: &Path, line: usize, table: &[Setting]) -> Option<Self> {
        let bare = table.iter().find(|setting| setting.name.eq_ignore_ascii_case(variable));
        let near = Setting::nearest(table, variable)
            .filter(|near| strsim::normalized_damerau_levenshtein(near.variable, variable) >= MEANT);
        let ours = || {
            let rest = variable.strip_prefix(PREFIX)?;
            Some(Setting::nearest(table, rest).or_else(|| Setting::nearest(table, variable)))
        };
        let nearest = bare.or(near).map(Some).or_else(ours)?;
        Some(Self {
            place: format!("{}:{line}", path.display()),
            name: variable.to_owned(),
            nearest: nearest.map(|setting| setting.variable),
        })
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: there is no setting `{}`", self.place, self.name)?;
        match self.nearest {
            Some(nearest) => write!(out, ": did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::bot;

    #[test]
    fn only_what_was_meant_for_us_is_named() {
        let nearest = |variable: &str| {
            let unknown = Unknown::in_dot_env(variable, Path::new(".env"), 3, &bot::ALL)?;
            Some(unknown.nearest.unwrap_or("nothing"))
        };
        for (written, meant) in [
            ("METRICS", Some("GRAFOLEAN_METRICS")),
            ("data", Some("GRAFOLEAN_DATA")),
            ("BACKEND_ULR", Some("BACKEND_URL")),
            ("JOBS_REFRESH_INTERVALL", Some("JOBS_REFRESH_INTERVAL")),
            ("GRAFOLEAN_METRIC", Some("GRAFOLEAN_METRICS")),
            ("GRAFOLEAN_BACKEND_URL", Some("BACKEND_URL")),
            ("POSTGRES_PASSWORD", None),
            ("DATABASE_URL", None),
            ("SECRET_KEY", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }
}
