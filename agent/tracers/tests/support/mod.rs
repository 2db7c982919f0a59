//! What the tests on the real kernel share.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod call;
pub mod child;
pub mod held_reader;
pub mod proc;
pub mod program;
pub mod recorder;
pub mod stage;
pub mod tally;
pub mod watched;
