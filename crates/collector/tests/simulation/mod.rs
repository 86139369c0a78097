//! A simulated day: a small town of devices, a bot that measures them, and what happens to both.

mod bot;
mod day;
mod town;

use bot::SimBot;
pub use day::{Day, Record};
