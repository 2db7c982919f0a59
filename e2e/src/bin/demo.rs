//! `make run`: `traceherd exec` on this host, with a few containers of plain runc where no container
//! runtime runs.
//!
//! Ends on Ctrl-C; without a terminal after RUN_SECONDS (15). The containers go away however it ends.

use std::{
    env,
    error::Error,
    io::IsTerminal,
    os::unix::net::UnixStream,
    process::{Command, ExitCode},
    thread::sleep,
    time::Duration,
};

use nix::sys::signal::{SigHandler, Signal, signal};
use traceherd_e2e::{Runc, kernel, programs};

const RUNTIMES: [&str; 4] = [
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
];

/// Names, and what each executes again and again; by path, else busybox's shell does it itself.
const CONTAINERS: [(&str, &str); 3] = [
    (
        "demo-web",
        "while true; do /bin/wget -q http://127.0.0.1/; /bin/sleep 2; done",
    ),
    (
        "demo-cron",
        "while true; do /bin/date +%H:%M:%S; /bin/sleep 3; done",
    ),
    (
        "demo-shell",
        "while true; do /bin/id -un; /bin/ls -l /etc/passwd; /bin/sleep 5; done",
    ),
];

extern "C" fn ignore(_: i32) {}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("make run: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn Error>> {
    // Ctrl-C is for traceherd, which ends with a summary; what follows here is cleaning up. Unlike
    // SIG_IGN, a handler is not inherited by what is executed.
    for each in [Signal::SIGINT, Signal::SIGTERM] {
        // SAFETY: the handler does nothing.
        unsafe { signal(each, SigHandler::Handler(ignore))? };
    }
    let mut command = Command::new(programs::traceherd()?);
    command.arg("exec");
    if let Some(seconds) = seconds()? {
        eprintln!("No terminal here: ending after {seconds} s (RUN_SECONDS).");
        command.args(["--duration", &format!("{seconds}s")]);
    }

    let demonstration = if RUNTIMES
        .iter()
        .any(|socket| UnixStream::connect(socket).is_ok())
    {
        None
    } else {
        let names = CONTAINERS.map(|(name, _)| name).join(", ");
        eprintln!(
            "No container runtime runs on this machine: starting {names} with runc, until this ends."
        );
        Some(Runc::start()?)
    };
    let mut traceherd = command.spawn()?;
    if let Some(runc) = &demonstration {
        // The containers' very first exec is to be seen too.
        while !kernel::has_attached(traceherd.id()) && traceherd.try_wait()?.is_none() {
            sleep(Duration::from_millis(10));
        }
        for (name, script) in CONTAINERS {
            if traceherd.try_wait()?.is_none() {
                runc.run_detached(name, &[], &["sh", "-c", script])?;
            }
        }
    }
    let status = traceherd.wait()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// How long to run; `None` is until Ctrl-C.
fn seconds() -> Result<Option<u32>, Box<dyn Error>> {
    match env::var("RUN_SECONDS") {
        Ok(seconds) => match seconds.parse() {
            Ok(seconds @ 1..) => Ok(Some(seconds)),
            _ => {
                Err(format!("RUN_SECONDS is {seconds:?}, and must be a whole number from 1").into())
            }
        },
        Err(_) if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() => Ok(None),
        Err(_) => Ok(Some(15)),
    }
}
