//! Traceherd's operator: judges traces, and sums up what the nodes report of them.

pub mod decide;
