//! Prints the execs of one container in columns. Run it as root:
//! `container_columns --containername foo`.

use std::io::{Write as _, stdout};
use std::{env, error::Error};

use futures::StreamExt as _;
use traceherd_columns::{Columns as _, Table, terminal_width};
use traceherd_containers::{ContainerCollection, Selector};
use traceherd_tracers::{Config, ExecEvent, TraceSpec, TracerCollection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some("--containername"), Some(name)) = (args.next().as_deref(), args.next()) else {
        return Err("usage: container_columns --containername NAME".into());
    };
    let docker = ContainerCollection::builder().docker("/run/docker.sock");
    let both = docker.containerd("/run/containerd/containerd.sock");
    let containers = both.kernel().start().await?;
    let tracers = TracerCollection::start(Config::default(), &containers)?;
    let spec = TraceSpec {
        selector: Selector::named(&name),
        ..TraceSpec::default()
    };
    let mut execs = tracers.add("example", spec).await?;
    let columns = ExecEvent::columns().select("container,pid,ppid,comm,ret,args")?;
    let mut table = Table::new(&columns);
    let mut out = String::new();
    table.fit(terminal_width());
    table.write_header(&mut out);
    while let Some(event) = execs.next().await {
        table.write_row(&event, &mut out);
        stdout().write_all(out.as_bytes())?;
        out.clear();
    }
    Ok(())
}
