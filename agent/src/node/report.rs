//! What this node says about a trace, and writing it to the API server.

mod compose;
mod fit;
mod pace;
mod write;

pub use self::compose::{Said, compose, is_worth_a_report, says_the_same};
pub use self::pace::{Candidate, turn};
pub use self::write::{Object, Order, Outcome, write};
