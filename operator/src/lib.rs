//! Traceherd's operator: judges traces, and sums up what the nodes report of them.
//!
//! [`decide`] is a function of what is there; everything else sees what is there (`watch`) and
//! does what was decided (`reconcile`).

mod cli;
pub mod decide;
mod http;
mod kinds;
mod leader;
pub mod logging;
mod metrics;
mod notices;
mod operator;
mod pace;
mod reconcile;
mod status;
mod watch;

pub use cli::Args;
pub use operator::run;
