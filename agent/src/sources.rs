//! The container collection of this host.

use tokio::runtime::{self, Runtime};
use traceherd_containers::{Builder, ContainerCollection};

use crate::cli::Runtimes;
use crate::failure::Failure;

/// A collection yet to be started, with every source that this host may have.
pub fn collection(runtimes: &Runtimes) -> Builder {
    ContainerCollection::builder()
        .docker(&runtimes.docker_socket)
        .containerd(&runtimes.containerd_socket)
        .procfs()
}

/// The tokio runtime that a command runs in: one thread, since what is done in it is waiting.
///
/// # Errors
/// When the kernel refuses what it needs.
pub fn tokio() -> Result<Runtime, Failure> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .map_err(|error| Failure::Runtime(anyhow::Error::new(error).context("cannot start tokio")))
}

/// This host's name: what a node goes by where no cluster says otherwise.
pub fn hostname() -> String {
    let name = nix::unistd::gethostname().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
