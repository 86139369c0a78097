//! A filter's words and signs.

/// A word or sign, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// Octets before it.
    pub(super) at: usize,
}

/// Signs of two characters come before those of one.
const SIGNS: [&str; 14] = ["&&", "||", "==", "!=", "<=", ">=", "(", ")", "[", "]", ",", "!", "<", ">"];

/// Splits a filter. Whatever is no sign is part of a word.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = rest.len() - rest.trim_start().len();
        let length = if blank > 0 { blank } else { sign(rest).unwrap_or_else(|| word(rest)) };
        if blank == 0 {
            found.extend(rest.get(..length).map(|text| Token { text, at }));
        }
        at += length;
    }
    found
}

fn sign(rest: &str) -> Option<usize> {
    SIGNS.iter().chain(&["="]).find(|sign| rest.starts_with(**sign)).map(|sign| sign.len())
}

fn word(rest: &str) -> usize {
    let ends = |(at, character): (usize, char)| {
        let ended = character.is_whitespace() || "()[],!<>=&|".contains(character);
        (ended && at > 0).then_some(at)
    };
    rest.char_indices().find_map(ends).unwrap_or(rest.len())
}
