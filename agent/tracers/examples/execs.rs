//! Prints every exec on this host. Run it as root: `cargo run --example execs`.

use std::{process::ExitCode, thread};

use traceherd_tracers::{ExecOptions, ExecTracer};

fn main() -> ExitCode {
    let tracer = ExecTracer::start(ExecOptions::default(), |event| {
        println!(
            "A new \"{}\" process with pid {} was executed",
            event.comm, event.pid
        );
    });
    match tracer {
        Ok(_tracer) => loop {
            thread::park();
        },
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
