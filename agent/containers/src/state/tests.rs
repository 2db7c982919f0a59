//! What is told, step by step.

use std::time::{Duration, Instant};

mod ends;
mod naming;
mod pods;
mod root;
mod scans;
mod shapes;

use super::*;
use crate::container::{Pod, Runtime};
use crate::facts::{Facts, Source};
use crate::process::Process;

/// 64 hexadecimal digits.
fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn cg(id: u64, path: &str) -> Cgroup {
    Cgroup {
        id: CgroupId(id),
        path: path.into(),
    }
}

fn created(id: u64, path: &str) -> Input {
    Input::Created {
        cgroup: cg(id, path),
        parent: None,
        creator: Some(99),
    }
}

fn child(id: u64, path: &str, parent: u64) -> Input {
    Input::Created {
        cgroup: cg(id, path),
        parent: Some(CgroupId(parent)),
        creator: Some(99),
    }
}

fn gone(id: u64) -> Input {
    Input::Gone(CgroupId(id))
}

/// docker knows `id` as `name`; with a pid the process was seen in the cgroup.
fn docker(id: &str, name: &str, pid: Option<u32>) -> Evidence {
    said(Source::Docker, id, Some(name), None, pid)
}

fn said(
    origin: Source,
    id: &str,
    name: Option<&str>,
    path: Option<&str>,
    pid: Option<u32>,
) -> Evidence {
    let runtime = match origin {
        Source::Docker => Some(Runtime::Docker),
        _ => None,
    };
    Evidence {
        facts: Facts {
            name: name.map(str::to_owned),
            cgroup_path: path.map(str::to_owned),
            runtime,
            pid,
            ..Facts::new(origin, id)
        },
        process: pid.map(|pid| Process {
            pid,
            namespaces: None,
            started_at: None,
        }),
    }
}

fn answered(id: u64, evidence: Vec<Evidence>) -> Input {
    Input::Answered {
        cgroup: CgroupId(id),
        evidence,
        last: true,
    }
}

fn nobody(id: u64) -> Input {
    answered(id, Vec::new())
}

fn located(id: u64, path: &str, evidence: Evidence) -> Input {
    Input::Located {
        cgroup: cg(id, path),
        evidence,
    }
}

fn exited(id: u64, path: &str, container: &str, pid: u32) -> Input {
    Input::Exited(Watched {
        cgroup: Some(cg(id, path)),
        id: container.into(),
        pid,
    })
}

fn ended(id: &str, pid: Option<u32>) -> Input {
    Input::Ended { id: id.into(), pid }
}

/// One word per output.
fn told(output: &Output) -> String {
    let name = |container: &Container| {
        let name = container.name.as_deref();
        name.unwrap_or("?").to_owned()
    };
    match output {
        Output::Change(Change::Added(container)) => format!("added {}", name(container)),
        Output::Change(Change::Updated(container)) => format!("updated {}", name(container)),
        Output::Change(Change::Removed(container)) => format!("removed {}", name(container)),
        Output::Cgroup(CgroupChange::Pending(cgroup)) => format!("{} pending", cgroup.id),
        Output::Cgroup(CgroupChange::Host(cgroup)) => format!("{} host", cgroup.id),
        Output::Cgroup(CgroupChange::Container(cgroup, container)) => {
            format!("{} is {}", cgroup.id, name(container))
        }
        Output::Cgroup(CgroupChange::Inside { cgroup, container }) => {
            format!("{} in {}", cgroup.id, name(container))
        }
        Output::Cgroup(CgroupChange::Gone(id)) => format!("{id} gone"),
        Output::Ask(question) if question.round > 0 => format!("ask {} again", question.cgroup.id),
        Output::Ask(question) => format!("ask {}", question.cgroup.id),
        Output::Watch(watched) => format!("watch {}", watched.pid),
        Output::Probe(cgroup) => format!("probe {}", cgroup.id),
    }
}

/// Applies each input and compares what it tells.
fn play(scenario: &str, steps: Vec<(Input, &[&str])>) -> State {
    play_on(State::new("/", false), scenario, steps)
}

fn play_on(mut state: State, scenario: &str, steps: Vec<(Input, &[&str])>) -> State {
    for (number, (input, expected)) in steps.into_iter().enumerate() {
        let step = format!("{scenario}, step {number}: {input:?}");
        let outputs = state.apply(Instant::now(), input);
        assert_eq!(
            outputs.iter().map(told).collect::<Vec<_>>(),
            expected,
            "{step}"
        );
        let unanswered = state
            .cgroups
            .values()
            .filter(|entry| matches!(&entry.class, Class::Pending(pending) if !pending.answered));
        assert_eq!(unanswered.count(), state.unanswered, "{step}");
    }
    state
}
