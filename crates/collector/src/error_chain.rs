//! Errors as one line.

use std::error::Error;

/// Returns an error and its causes in one line: `could not read the configuration: no answer: connection refused`.
pub fn error_chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::BotError;

    #[test]
    fn an_error_is_followed_by_its_causes() {
        let inner = BotError::new("socket", "permission denied");
        let outer = BotError::caused_by("ping", "could not ping", inner);
        assert_eq!(error_chain(&outer), "ping: could not ping: socket: permission denied");
    }
}
