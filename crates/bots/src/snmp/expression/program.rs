//! A compiled expression: steps in postfix order over a small stack.

use super::Fault;

/// The deepest stack a program may need. A person's expression needs three or four places.
pub(super) const STACK: usize = 32;

/// One step.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Number(f64),
    /// The index of a value, from 0.
    Value(usize),
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    /// Pops condition, one and other; pushes the one if the condition is not 0.
    Choose,
}

/// Steps that leave exactly one number.
#[derive(Clone)]
pub(super) struct Program(Box<[Step]>);

impl Program {
    /// Creates a program of steps if they need no more than [`STACK`] places.
    pub(super) fn new(steps: Vec<Step>) -> Result<Self, Fault> {
        let mut height = 0_usize;
        for step in &steps {
            height = match step {
                Step::Number(_) | Step::Value(_) => height + 1,
                Step::One(_) => height,
                Step::Two(_) => height.saturating_sub(1),
                Step::Choose => height.saturating_sub(2),
            };
            if height > STACK {
                return Err(Fault::Depth(STACK));
            }
        }
        Ok(Self(steps.into()))
    }

    pub(super) fn reads(&self, number: usize) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Value(index) if index + 1 == number))
    }

    /// Runs it; None if a value is absent.
    pub(super) fn run(&self, values: &[f64]) -> Option<f64> {
        let mut stack = Stack { places: [0.0; STACK], height: 0 };
        for step in &self.0 {
            let result = match *step {
                Step::Number(number) => number,
                Step::Value(index) => *values.get(index)?,
                Step::One(function) => function(stack.pop()?),
                Step::Two(function) => {
                    let right = stack.pop()?;
                    function(stack.pop()?, right)
                }
                Step::Choose => {
                    let (other, one) = (stack.pop()?, stack.pop()?);
                    if stack.pop()? != 0.0 { one } else { other }
                }
            };
            stack.push(result)?;
        }
        stack.pop()
    }
}

struct Stack {
    places: [f64; STACK],
    height: usize,
}

impl Stack {
    fn push(&mut self, number: f64) -> Option<()> {
        *self.places.get_mut(self.height)? = number;
        self.height += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<f64> {
        self.height = self.height.checked_sub(1)?;
        self.places.get(self.height).copied()
    }
}
