//! The token of one protocol's bot, where bots of several share a process.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{Setting, value};

/// Names that were made of protocols. They live as long as the process: two settings for each protocol it knows.
static MADE: Mutex<BTreeMap<String, [Setting; 2]>> = Mutex::new(BTreeMap::new());

/// Returns the settings of a protocol's own token and of the file that holds it: `bot_token_snmp` and
/// `bot_token_snmp_from_file`. They win over the token of any bot.
pub fn own_token(protocol: &str) -> [Setting; 2] {
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    *made.entry(protocol.to_owned()).or_insert_with(|| make(protocol))
}

fn make(protocol: &str) -> [Setting; 2] {
    let word: String = protocol
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' })
        .collect();
    let name = format!("bot_token_{word}");
    let token = Setting {
        name: leaked(name.clone()),
        variable: leaked(name.to_ascii_uppercase()),
        default: None,
        secret: true,
        placeholder: "TOKEN",
        help: leaked(format!("The {protocol} bot's own token")),
        check: value::anything,
    };
    let name = format!("{name}_from_file");
    let file = Setting {
        name: leaked(name.clone()),
        variable: leaked(name.to_ascii_uppercase()),
        secret: false,
        placeholder: "FILE",
        help: leaked(format!("A file that holds the {protocol} bot's own token")),
        ..token
    };
    [token, file]
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_names_its_own_token() {
        let [token, file] = own_token("my-Protocol");
        assert_eq!((token.name, token.variable), ("bot_token_my_protocol", "BOT_TOKEN_MY_PROTOCOL"));
        assert_eq!(file.variable, "BOT_TOKEN_MY_PROTOCOL_FROM_FILE");
        assert!(token.secret && !file.secret);
        assert!(std::ptr::eq(token.name, own_token("my-Protocol")[0].name), "made once");
    }
}
