//! Runs many traces at once, on one set of programs, and prints the first one's events as JSON.
//! `many_traces /run/docker.sock 1000 1` (as root): so many, of which so many want every exec.

use std::io::{Write as _, stdout};
use std::{env, error::Error};

use futures::{StreamExt as _, stream::select_all};
use traceherd_columns::{Columns as _, Encoder, Encoding};
use traceherd_containers::ContainerCollection;
use traceherd_tracers::{Config, ExecEvent, TraceSpec, TracerCollection};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().collect();
    let [_, docker, traces, matching, rest @ ..] = &args[..] else {
        return Err("usage: many_traces DOCKER-SOCKET TRACES MATCHING [--failed]".into());
    };
    let builder = ContainerCollection::builder().docker(docker).kernel();
    let containers = builder.start().await?;
    let tracers = TracerCollection::start(Config::default(), &containers)?;
    let mut streams = Vec::new();
    for n in 0..traces.parse()? {
        let name = format!("container-{n}");
        let mut spec = TraceSpec::default();
        spec.exec.include_failed = !rest.is_empty();
        spec.selector.host = n < matching.parse::<i32>()?;
        spec.selector.names = Vec::from_iter((!spec.selector.host).then_some(name));
        let batches = tracers.add(&n.to_string(), spec).await?.ready_chunks(256);
        streams.push(batches.map(move |batch| if n == 0 { batch } else { Vec::new() }));
    }
    let json = Encoder::new(&ExecEvent::columns(), Encoding::Json);
    let mut batches = select_all(streams);
    while let Some(batch) = batches.next().await {
        let mut text = String::new();
        batch.iter().for_each(|exec| json.write(exec, &mut text));
        stdout().write_all(text.as_bytes())?;
    }
    // Without a trace, too, it is there until it is ended.
    std::future::pending().await
}
