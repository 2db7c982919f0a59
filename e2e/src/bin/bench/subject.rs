//! What is measured: no tracer, Traceherd's traces, and peers.

use std::process::Command;

use traceherd_e2e::{Docker, programs};

use crate::{Failure, settings::Peer, storm::CONTAINER};

/// One line of the tables.
#[derive(Clone, Debug)]
pub struct Subject {
    pub name: String,
    /// What it is, whatever the number of traces.
    pub series: String,
    pub kind: Kind,
    /// Whether it is to see the storm's execs.
    pub matching: bool,
    /// How many traces run.
    pub traces: usize,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Nothing,
    /// `traceherd exec -o json` with these arguments.
    Command(&'static [&'static str]),
    /// Many traces of one collection: the library's example `many_traces`.
    Library {
        matching: usize,
        failed: bool,
    },
    /// A process of its own for each trace.
    Peer(Peer),
}

pub const NOTHING: &str = "no tracer";
pub const NO_TRACE: &str = "no trace";
pub const MATCHING: &str = "one trace, matching";
pub const NOT_MATCHING: &str = "one trace, not matching";

/// That of so many traces of the library, one of them matching.
pub fn library_name(traces: usize) -> String {
    format!("{traces} traces, one matching")
}

impl Subject {
    pub fn nothing() -> Self {
        Self {
            name: NOTHING.into(),
            series: NOTHING.into(),
            kind: Kind::Nothing,
            matching: false,
            traces: 0,
        }
    }

    /// Traceherd, and nothing that it is to trace.
    pub fn no_trace() -> Self {
        Self {
            name: NO_TRACE.into(),
            series: NO_TRACE.into(),
            kind: Kind::Library {
                matching: 0,
                failed: false,
            },
            matching: false,
            traces: 0,
        }
    }

    pub fn matching() -> Self {
        Self::command(MATCHING, true, &[])
    }

    pub fn not_matching() -> Self {
        Self::command(NOT_MATCHING, false, &["-c", "no-container-of-this-name"])
    }

    /// One of a container that does nothing.
    pub fn idle() -> Self {
        Self::command("idle", true, &["-c", CONTAINER])
    }

    /// With the longest arguments that there can be.
    pub fn long_arguments() -> Self {
        Self::command("traceherd", true, &["--max-args-bytes", "32768"])
    }

    pub fn matching_with_failed() -> Self {
        Self::command("one trace, matching, --failed", true, &["--failed"])
    }

    pub fn not_matching_with_failed() -> Self {
        let args = &["-c", "no-container-of-this-name", "--failed"];
        Self::command("one trace, not matching, --failed", false, args)
    }

    fn command(name: &str, matching: bool, args: &'static [&'static str]) -> Self {
        Self {
            name: name.into(),
            series: name.into(),
            kind: Kind::Command(args),
            matching,
            traces: 1,
        }
    }

    pub fn library(traces: usize, failed: bool) -> Self {
        let more = if failed { ", --failed" } else { "" };
        Self {
            name: library_name(traces) + more,
            series: format!("traceherd, one trace matches{more}"),
            kind: Kind::Library {
                matching: 1,
                failed,
            },
            matching: true,
            traces,
        }
    }

    pub fn library_all_matching(traces: usize) -> Self {
        let kind = Kind::Library {
            matching: traces,
            failed: false,
        };
        Self {
            name: format!("{traces} traces, all matching"),
            series: "traceherd, all traces match".into(),
            kind,
            matching: true,
            traces,
        }
    }

    pub fn peer(peer: &Peer, traces: usize) -> Self {
        let name = match traces {
            1 => peer.name.clone(),
            many => format!("{}, {many} of it", peer.name),
        };
        Self {
            name,
            series: peer.name.clone(),
            kind: Kind::Peer(peer.clone()),
            matching: true,
            traces,
        }
    }

    /// The processes to be started; each writes its events to its standard output.
    pub fn commands(&self, docker: &Docker) -> Result<Vec<Command>, Failure> {
        Ok(match &self.kind {
            Kind::Nothing => Vec::new(),
            Kind::Command(args) => {
                let mut command = Command::new(programs::traceherd()?);
                command.args(["exec", "-o", "json"]).args(*args);
                command.arg("--docker-socket").arg(docker.socket());
                vec![command]
            }
            Kind::Library { matching, failed } => {
                let mut command = Command::new(programs::example("many_traces")?);
                command.arg(docker.socket());
                command.args([self.traces.to_string(), matching.to_string()]);
                command.args(failed.then_some("--failed"));
                vec![command]
            }
            Kind::Peer(peer) => {
                let shell = || {
                    let mut command = Command::new("sh");
                    command.args(["-c", &format!("exec {}", peer.command)]);
                    command
                };
                (0..self.traces).map(|_| shell()).collect()
            }
        })
    }
}

/// The peers that can be had from the distribution's packages here.
pub fn packaged_peers() -> Vec<Peer> {
    let bpftrace = unpacked("install-bpftrace.sh").map(|folder| Peer {
        name: "bpftrace execsnoop".into(),
        command: format!(
            "env LD_LIBRARY_PATH={folder}/lib {folder}/bin/bpftrace {folder}/execsnoop.bt"
        ),
    });
    let libbpf_tools = unpacked("install-libbpf-tools.sh").map(|folder| Peer {
        name: "libbpf-tools execsnoop".into(),
        // Else the last lines of a storm stay in its buffer.
        command: format!("stdbuf -oL {folder}/execsnoop"),
    });
    bpftrace.into_iter().chain(libbpf_tools).collect()
}

/// Where that script of the tree has put what it gets.
fn unpacked(script: &str) -> Option<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/").to_owned() + script;
    let output = Command::new(path).output().ok()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        eprintln!("one peer less, {script} failed: {}", said.trim());
        return None;
    }
    let folder = String::from_utf8(output.stdout).ok()?;
    Some(folder.trim().to_owned())
}
