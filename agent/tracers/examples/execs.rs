//! Prints every exec on this host, until nobody reads it any more. Needs root.

use std::io::{Write as _, stdout};
use std::{error::Error, sync::mpsc::channel};

use traceherd_tracers::{ExecOptions, ExecTracer};

fn main() -> Result<(), Box<dyn Error>> {
    let (end, ended) = channel();
    let _tracer = ExecTracer::start(ExecOptions::default(), move |event| {
        let (comm, pid) = (event.comm, event.pid);
        let line = format!("A new \"{comm}\" process with pid {pid} was executed");
        if let Err(error) = writeln!(stdout(), "{line}") {
            let _ = end.send(error);
        }
    })?;
    Err(ended.recv()?.into())
}
