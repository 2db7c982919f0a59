//! What the fuzzer calls: everything that others wrote, as it comes.

pub use crate::containerd::fuzz as containerd_answers;
pub use crate::docker::fuzz as docker_answers;
pub use crate::oci::fuzz::{command_line, config, state};
