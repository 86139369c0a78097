//! From text to a predicate: `or` binds weakest, then `and`, then `not`.

use super::{
    FilterError,
    predicate::Predicate,
    primitive,
    token::{Token, tokens},
};

/// How deep parentheses and `not` may stand in each other; people need a handful, and a reader has only so much stack.
const DEPTH_MAX: usize = 100;

/// What of a filter has not been read.
pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: std::iter::Peekable<std::vec::IntoIter<Token<'a>>>,
    depth: usize,
}

pub(super) fn parse(text: &str) -> Result<Predicate, FilterError> {
    let mut parser = Parser { text, tokens: tokens(text).into_iter().peekable(), depth: 0 };
    if parser.peek().is_none() {
        return Ok(Predicate::Constant(true));
    }
    let predicate = parser.any()?;
    match parser.next() {
        None => Ok(predicate),
        Some(token) if token.text == ")" => Err(parser.wrong(token, "this parenthesis was never opened")),
        Some(token) => Err(parser.wrong(token, "\"and\" or \"or\" is missing before this")),
    }
}

impl<'a> Parser<'a> {
    fn any(&mut self) -> Result<Predicate, FilterError> {
        let mut choices = vec![self.all()?];
        while self.take_word(&["or", "||"]) {
            choices.push(self.all()?);
        }
        Ok(one_or(choices, Predicate::Any))
    }

    fn all(&mut self) -> Result<Predicate, FilterError> {
        let mut needed = vec![self.one()?];
        while self.take_word(&["and", "&&"]) {
            needed.push(self.one()?);
        }
        Ok(one_or(needed, Predicate::All))
    }

    fn one(&mut self) -> Result<Predicate, FilterError> {
        let token = self.expect("a condition, such as \"dst port 443\"")?;
        if matches!(token.text, "(" | "!") || token.text.eq_ignore_ascii_case("not") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(self.wrong(token, &format!("this stands in more than {DEPTH_MAX} others")));
            }
            let inner = if token.text == "(" {
                let inner = self.any()?;
                self.close(token)?;
                inner
            } else {
                Predicate::Not(Box::new(self.one()?))
            };
            self.depth -= 1;
            return Ok(inner);
        }
        primitive::read(self, token)
    }

    fn close(&mut self, opened: Token<'a>) -> Result<(), FilterError> {
        match self.next() {
            Some(token) if token.text == ")" => Ok(()),
            Some(token) => Err(self.wrong(token, "\")\", \"and\" or \"or\" is missing before this")),
            None => Err(self.wrong(opened, "this parenthesis is never closed")),
        }
    }

    /// Consumes the next word, if it is one of these. Returns whether it was.
    pub(super) fn take_word(&mut self, words: &[&str]) -> bool {
        let is = |token: &Token<'_>| words.iter().any(|word| token.text.eq_ignore_ascii_case(word));
        self.tokens.next_if(is).is_some()
    }

    pub(super) fn peek(&mut self) -> Option<Token<'a>> {
        self.tokens.peek().copied()
    }

    pub(super) fn next(&mut self) -> Option<Token<'a>> {
        self.tokens.next()
    }

    /// Consumes the next word; it is an error if there is none.
    pub(super) fn expect(&mut self, what: &str) -> Result<Token<'a>, FilterError> {
        let end = Token { text: "", at: self.text.len() };
        self.next().ok_or_else(|| self.wrong(end, &format!("it ends where {what} is expected")))
    }

    /// Parses a list, one choice by `choice`; `example` is what one looks like.
    pub(super) fn list(
        &mut self,
        example: &str,
        choice: impl Fn(&Self, Token<'a>) -> Result<Predicate, FilterError>,
    ) -> Result<Vec<Predicate>, FilterError> {
        let open = self.expect("\"[\"")?;
        if open.text != "[" {
            return Err(self.wrong(open, &format!("\"[\" is missing before this: write {example:?}")));
        }
        let mut choices = Vec::new();
        loop {
            let token = self.expect("another or \"]\"")?;
            match token.text {
                "]" if choices.is_empty() => return Err(self.wrong(token, "the list is empty")),
                "]" => return Ok(choices),
                "," => {}
                _ => choices.push(choice(self, token)?),
            }
        }
    }

    /// Returns the error of a word.
    pub(super) fn wrong(&self, token: Token<'_>, message: &str) -> FilterError {
        let before = self.text.get(..token.at).unwrap_or(self.text);
        FilterError { text: self.text.to_owned(), place: before.chars().count(), message: message.to_owned() }
    }
}

fn one_or(mut predicates: Vec<Predicate>, many: impl Fn(Vec<Predicate>) -> Predicate) -> Predicate {
    match predicates.pop() {
        Some(only) if predicates.is_empty() => only,
        last => {
            predicates.extend(last);
            many(predicates)
        }
    }
}
