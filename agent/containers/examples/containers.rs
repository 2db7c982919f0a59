//! Prints every container that comes and goes: runc seen through fanotify, named by docker and
//! containerd. Needs root.

use std::error::Error;
use std::io::{self, Write as _, stdout};

use traceherd_containers::{Change, Container, ContainerCollection, RuncOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let collection = ContainerCollection::builder()
        .runc(RuncOptions::default())
        .docker("/run/docker.sock")
        .containerd("/run/containerd/containerd.sock")
        .start()
        .await?;
    let mut changes = collection.subscribe();
    while let Some(change) = changes.next().await {
        match change {
            Change::Added(container) => print("added", &container)?,
            Change::Removed(container) => print("removed", &container)?,
            Change::Updated(_) => {}
        }
    }
    Ok(())
}

fn print(what: &str, container: &Container) -> io::Result<()> {
    let name = container.name.as_deref().unwrap_or(&container.id);
    let pid = container.pid.unwrap_or_default();
    writeln!(stdout(), "Container {what}: {name:?} pid {pid}")
}
