//! The container collection of this host.

use std::path::Path;

use tokio::runtime::{self, Runtime};
use traceherd_containers::{Builder, ContainerCollection};

use crate::cli::Runtimes;
use crate::failure::Failure;

const DOCKER: &str = "/run/docker.sock";
const CONTAINERD: &str = "/run/containerd/containerd.sock";

/// A collection yet to be started, with every source that this host may have.
pub fn collection(runtimes: &Runtimes) -> Builder {
    ContainerCollection::builder()
        .docker(socket(runtimes.docker_socket.as_deref(), DOCKER))
        .containerd(socket(runtimes.containerd_socket.as_deref(), CONTAINERD))
        .procfs()
        .cgroup_root(&runtimes.cgroup_root)
}

/// The socket that was given, or the usual one. Only who names one expects it to be there.
fn socket<'a>(given: Option<&'a Path>, usual: &'a str) -> &'a Path {
    if let Some(path) = given
        && !path.exists()
    {
        tracing::warn!(
            "{} is not there: its containers are shown without their names until it comes",
            path.display()
        );
    }
    given.unwrap_or(Path::new(usual))
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
