//! Settings on a command line: each is a flag of its name, kept as it was written.

use clap::{
    Arg, ArgMatches,
    builder::{StringValueParser, TypedValueParser},
    parser::ValueSource,
};
use secrecy::SecretString;

use super::Setting;

/// Returns the flags of settings, which stand under a heading in the help.
pub fn flags(settings: &[Setting], heading: &'static str) -> Vec<Arg> {
    settings.iter().map(|setting| flag(setting).help_heading(heading)).collect()
}

/// Returns what a command line gives, wherever in its commands the flags stand.
pub fn given(table: &[Setting], matches: &ArgMatches) -> Vec<(Setting, SecretString)> {
    let mut given = Vec::new();
    let mut level = Some(matches);
    while let Some(matches) = level {
        for setting in table {
            // A command without this flag, or with one of its own by this name, gives nothing here.
            let text = matches.try_get_one::<SecretString>(setting.name).ok().flatten();
            let typed = || matches.value_source(setting.name) == Some(ValueSource::CommandLine);
            if let Some(text) = text.filter(|_| typed()) {
                given.retain(|(known, _)| known != setting);
                given.push((*setting, text.clone()));
            }
        }
        level = matches.subcommand().map(|(_, below)| below);
    }
    given
}

fn flag(setting: &Setting) -> Arg {
    let default = setting.default.map(|text| format!(" [default: {text}]")).unwrap_or_default();
    let help = format!("{} [env: {}]{default}", setting.help, setting.variable);
    let flag = Arg::new(setting.name)
        .long(setting.name.replace('_', "-"))
        .value_name(setting.placeholder)
        .value_parser(StringValueParser::new().map(SecretString::from))
        .help(help);
    if setting.placeholder.starts_with(Setting::SWITCH) {
        flag.num_args(0..=1).default_missing_value("on").require_equals(true)
    } else {
        flag
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::settings::bot;

    #[test]
    fn flags_are_found_at_any_depth_and_those_of_others_are_not() {
        let foreign =
            Command::new("other").arg(Arg::new("data").long("data").value_parser(clap::value_parser!(u8)));
        let command = Command::new("test")
            .args(flags(&[bot::METRICS], "Bot").into_iter().map(|flag| flag.global(true)))
            .subcommand(Command::new("bot").args(flags(&[bot::DATA], "Bot")))
            .subcommand(foreign);
        let found = |line: &[&str]| {
            let matches = command.clone().try_get_matches_from(line).unwrap();
            let found = given(&bot::ALL, &matches).into_iter();
            found.map(|(setting, text)| (setting.name, text.expose_secret().to_owned())).collect::<Vec<_>>()
        };
        let text = str::to_owned;
        assert_eq!(
            found(&["test", "bot", "--data", " x ", "--metrics", "1"]),
            [("data", text(" x ")), ("metrics", text("1"))]
        );
        assert_eq!(found(&["test", "other", "--data", "7"]), []);
    }
}
