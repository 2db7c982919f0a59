//! Prints the execs of one container, and no other's leave the kernel. Run it as root:
//! `container_execs --containername foo`.

use std::{
    env,
    error::Error,
    io::{Write as _, stdout},
};

use futures::StreamExt as _;
use traceherd_containers::{ContainerCollection, Selector};
use traceherd_tracers::{Config, TraceSpec, TracerCollection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some("--containername"), Some(name)) = (args.next().as_deref(), args.next()) else {
        return Err("usage: container_execs --containername NAME".into());
    };
    let containers = ContainerCollection::builder()
        .docker("/run/docker.sock")
        .containerd("/run/containerd/containerd.sock")
        .kernel()
        .start()
        .await?;
    let tracers = TracerCollection::start(Config::default(), &containers)?;
    let spec = TraceSpec {
        selector: Selector::named(&name),
        ..TraceSpec::default()
    };
    let mut execs = tracers.add("example", spec).await?;
    while let Some(event) = execs.next().await {
        let (comm, pid) = (event.comm, event.pid);
        writeln!(
            stdout(),
            "A new \"{comm}\" process with pid {pid} was executed in container \"{name}\""
        )?;
    }
    Ok(())
}
