//! Tokens to a program, by binding power (Pratt).

use super::{
    Expression, Fault,
    function::{Function, constant, divide, function},
    program::{Program, Step},
    token::{Operator, Token, Tokens},
};

/// How deep parentheses, calls, signs and choices may stand in each other: the parser's own stack is bounded by it.
const MAX_DEPTH: usize = 64;

type Refused = (usize, Fault);

/// Compiles a text over this many values.
pub(super) fn parse(text: &str, values: usize) -> Result<Program, Refused> {
    if text.chars().nth(Expression::MAX_LENGTH).is_some() {
        return Err((Expression::MAX_LENGTH + 1, Fault::Length));
    }
    let mut tokens = Tokens::new(text);
    let (position, token) = tokens.next()?;
    let mut parser = Parser { tokens, position, token, values, depth: 0, steps: Vec::new() };
    if parser.token == Token::End {
        parser.steps.push(Step::Number(0.0));
    } else {
        parser.choice()?;
    }
    match parser.token {
        Token::End => Program::new(parser.steps).map_err(|fault| (1, fault)),
        _ => Err((parser.position, Fault::Surplus)),
    }
}

impl Operator {
    /// How tightly it binds its operands.
    fn power(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::Xor => 2,
            Self::And => 3,
            Self::Add | Self::Subtract => 4,
            Self::Multiply => 5,
            Self::Divide => 6,
            Self::Modulo => 7,
            Self::Power => 8,
            _ => COMPARISON,
        }
    }

    fn step(self) -> Step {
        fn truth(is: bool) -> f64 {
            f64::from(u8::from(is))
        }
        Step::Two(match self {
            Self::Or => |a, b| truth(a != 0.0 || b != 0.0),
            Self::Xor => |a, b| truth((a != 0.0) != (b != 0.0)),
            Self::And => |a, b| truth(a != 0.0 && b != 0.0),
            Self::Add => |a, b| a + b,
            Self::Subtract => |a, b| a - b,
            Self::Multiply => |a, b| a * b,
            Self::Divide => divide,
            Self::Modulo => |a, b| a % b,
            Self::Power => f64::powf,
            Self::Less => |a, b| truth(a < b),
            Self::LessOrEqual => |a, b| truth(a <= b),
            Self::Greater => |a, b| truth(a > b),
            Self::GreaterOrEqual => |a, b| truth(a >= b),
            Self::Equal => |a, b| truth(a == b),
            Self::Unequal => |a, b| truth(a != b),
        })
    }
}

/// The binding power of comparisons, the tightest.
const COMPARISON: u8 = 9;

struct Parser<'a> {
    tokens: Tokens<'a>,
    /// Where the token in hand begins.
    position: usize,
    token: Token<'a>,
    values: usize,
    depth: usize,
    steps: Vec<Step>,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<(), Refused> {
        (self.position, self.token) = self.tokens.next()?;
        Ok(())
    }

    fn expect(&mut self, token: Token<'a>, what: &'static str) -> Result<(), Refused> {
        if self.token != token {
            return Err((self.position, Fault::Expected(what)));
        }
        self.advance()
    }

    /// `a ? b : c`, or what stands below it.
    fn choice(&mut self) -> Result<(), Refused> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err((self.position, Fault::Depth(MAX_DEPTH)));
        }
        self.operation(0)?;
        if self.token == Token::Question {
            self.advance()?;
            self.choice()?;
            self.expect(Token::Colon, "a colon")?;
            self.choice()?;
            self.steps.push(Step::Choose);
        }
        self.depth -= 1;
        Ok(())
    }

    /// Operands and the operators between them that bind at least this tightly.
    fn operation(&mut self, at_least: u8) -> Result<(), Refused> {
        self.operand()?;
        while let Token::Operator(operator) = self.token {
            if operator.power() < at_least {
                break;
            }
            self.advance()?;
            self.operation(operator.power() + 1)?;
            self.steps.push(operator.step());
        }
        Ok(())
    }

    /// An operand with its signs. A sign binds less than `^`, as in `-2^2`, but more than a comparison.
    fn operand(&mut self) -> Result<(), Refused> {
        let sign: fn(f64) -> f64 = match self.token {
            Token::Operator(Operator::Subtract) => |a| -a,
            Token::Operator(Operator::Add) => |a| a,
            Token::Name("not") => |a| f64::from(u8::from(a == 0.0)),
            _ => return self.primaries(),
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err((self.position, Fault::Depth(MAX_DEPTH)));
        }
        self.advance()?;
        self.operand()?;
        while self.token == Token::Operator(Operator::Power) {
            self.advance()?;
            self.operand()?;
            self.steps.push(Operator::Power.step());
        }
        self.steps.push(Step::One(sign));
        self.depth -= 1;
        Ok(())
    }

    /// Operands side by side, of which the last one counts.
    fn primaries(&mut self) -> Result<(), Refused> {
        let begin = self.steps.len();
        self.primary()?;
        while matches!(self.token, Token::Number(_) | Token::Value(_) | Token::Name(_) | Token::Open) {
            self.steps.truncate(begin);
            self.primary()?;
        }
        Ok(())
    }

    fn primary(&mut self) -> Result<(), Refused> {
        let position = self.position;
        match self.token {
            Token::Number(number) => self.steps.push(Step::Number(number)),
            Token::Value(number) => {
                let index = number.checked_sub(1).filter(|index| *index < self.values);
                let fault = Fault::Value { number, values: self.values };
                self.steps.push(Step::Value(index.ok_or((position, fault))?));
            }
            Token::Name(name) => return self.named(name),
            Token::Open => return self.parenthesis(),
            _ => return Err((position, Fault::Operand)),
        }
        self.advance()
    }

    fn parenthesis(&mut self) -> Result<(), Refused> {
        self.advance()?;
        if self.token == Token::Close {
            self.steps.push(Step::Number(0.0));
        } else {
            self.choice()?;
        }
        self.expect(Token::Close, "a closing parenthesis")
    }

    fn named(&mut self, name: &str) -> Result<(), Refused> {
        let position = self.position;
        self.advance()?;
        if let Some(number) = constant(name) {
            self.steps.push(Step::Number(number));
            return Ok(());
        }
        let unknown = || (position, Fault::Name(name.to_owned()));
        let (name, function) = function(name).ok_or_else(unknown)?;
        self.expect(Token::Open, "an opening parenthesis")?;
        let given = self.arguments(function)?;
        self.expect(Token::Close, "a closing parenthesis")?;
        if !function.takes(given) {
            let expected = function.arity();
            return Err((position, Fault::Arguments { name, expected, given }));
        }
        match (function, given) {
            (Function::One(one) | Function::OneOrTwo(one, _), 1) => self.steps.push(Step::One(one)),
            (Function::Two(two) | Function::OneOrTwo(_, two), _) => self.steps.push(Step::Two(two)),
            (Function::Mean, _) => self.steps.extend([Step::Number(given as f64), Operator::Divide.step()]),
            (Function::Choose, _) => self.steps.push(Step::Choose),
            (Function::One(_) | Function::Fold(_), _) => {}
        }
        Ok(())
    }

    /// Arguments, up to the closing parenthesis; returns their number. Those that are folded are folded as they come,
    /// so that a thousand of them need two places on the stack.
    fn arguments(&mut self, function: Function) -> Result<usize, Refused> {
        if self.token == Token::Close {
            return Ok(0);
        }
        let mut given = 0;
        loop {
            self.choice()?;
            given += 1;
            match function {
                Function::Fold(fold) if given > 1 => self.steps.push(Step::Two(fold)),
                Function::Mean if given > 1 => self.steps.push(Operator::Add.step()),
                _ => {}
            }
            if self.token != Token::Comma {
                return Ok(given);
            }
            self.advance()?;
        }
    }
}
