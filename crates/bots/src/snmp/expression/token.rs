//! An expression's text as tokens, each with the place it begins.

use super::Fault;

/// A piece of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    /// `$1` is 1.
    Value(usize),
    Name(&'a str),
    Operator(Operator),
    Open,
    Close,
    Comma,
    Question,
    Colon,
    End,
}

/// What stands between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Or,
    Xor,
    And,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    Unequal,
}

/// Cuts a text into tokens.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// The character after the last token, from 1.
    position: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text, position: 1 }
    }

    /// Returns the next token and the character it begins at, from 1. After the last one it gives `End` for ever.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), (usize, Fault)> {
        self.take(|character| character.is_whitespace());
        let begin = self.position;
        let Some(first) = self.rest.chars().next() else { return Ok((begin, Token::End)) };
        let token = match first {
            '0'..='9' | '.' => self.number(),
            '$' => self.value(),
            'a'..='z' | 'A'..='Z' => Ok(self.name()),
            _ => self.symbol(first),
        };
        token.map(|token| (begin, token)).map_err(|fault| (begin, fault))
    }

    fn number(&mut self) -> Result<Token<'a>, Fault> {
        let digits = |character: char| character.is_ascii_digit() || character == '_';
        let whole = self.take(digits);
        let mut written = whole.replace('_', "");
        if self.skip('.') {
            written.push('.');
            written.push_str(self.take(|character| character.is_ascii_digit()));
        }
        if matches!(self.rest.chars().next(), Some('e' | 'E')) {
            self.advance(1, 1);
            written.push('e');
            if self.skip('-') {
                written.push('-');
            } else {
                self.skip('+');
            }
            written.push_str(self.take(|character| character.is_ascii_digit()));
        }
        let runs_on = |next: char| next.is_alphanumeric() || matches!(next, '.' | '_');
        if self.rest.chars().next().is_some_and(runs_on) {
            return Err(Fault::Number);
        }
        written.parse().map(Token::Number).map_err(|_| Fault::Number)
    }

    fn value(&mut self) -> Result<Token<'a>, Fault> {
        self.skip('$');
        let digits = self.take(|character| character.is_ascii_digit());
        if digits.is_empty() {
            return Err(Fault::NoNumber);
        }
        // A number that no usize holds is no value's either.
        Ok(Token::Value(digits.parse().unwrap_or(usize::MAX)))
    }

    fn name(&mut self) -> Token<'a> {
        match self.take(|character| character.is_ascii_alphanumeric() || character == '_') {
            "and" => Token::Operator(Operator::And),
            "or" => Token::Operator(Operator::Or),
            "xor" => Token::Operator(Operator::Xor),
            "mod" if !self.rest.trim_start().starts_with('(') => Token::Operator(Operator::Modulo),
            name => Token::Name(name),
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token<'a>, Fault> {
        let second = self.rest.chars().nth(1);
        let (length, token) = match (first, second) {
            ('<', Some('=')) => (2, Token::Operator(Operator::LessOrEqual)),
            ('>', Some('=')) => (2, Token::Operator(Operator::GreaterOrEqual)),
            ('=', Some('=')) => (2, Token::Operator(Operator::Equal)),
            ('!', Some('=')) => (2, Token::Operator(Operator::Unequal)),
            ('<', _) => (1, Token::Operator(Operator::Less)),
            ('>', _) => (1, Token::Operator(Operator::Greater)),
            ('=', _) => (1, Token::Operator(Operator::Equal)),
            ('+', _) => (1, Token::Operator(Operator::Add)),
            ('-', _) => (1, Token::Operator(Operator::Subtract)),
            ('*', _) => (1, Token::Operator(Operator::Multiply)),
            ('/', _) => (1, Token::Operator(Operator::Divide)),
            ('%', _) => (1, Token::Operator(Operator::Modulo)),
            ('^', _) => (1, Token::Operator(Operator::Power)),
            ('(', _) => (1, Token::Open),
            (')', _) => (1, Token::Close),
            (',', _) => (1, Token::Comma),
            ('?', _) => (1, Token::Question),
            (':', _) => (1, Token::Colon),
            _ => return Err(Fault::Character(first)),
        };
        self.advance(length, length);
        Ok(token)
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !belongs(character)).unwrap_or(self.rest.len());
        let taken = self.rest.get(..end).unwrap_or_default();
        self.advance(end, taken.chars().count());
        taken
    }

    fn skip(&mut self, wanted: char) -> bool {
        let found = self.rest.starts_with(wanted);
        if found {
            self.advance(wanted.len_utf8(), 1);
        }
        found
    }

    fn advance(&mut self, bytes: usize, characters: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
        self.position += characters;
    }
}
