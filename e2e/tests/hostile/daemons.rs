//! What runs containers is replaced or restarts while they are traced.

use serde_json::Value;
use traceherd_e2e::traceherd::{Ended, Options};
use traceherd_e2e::{Containerd, Docker, Runc, Traceherd};

use crate::stage::{Stage, assert_nothing_lost, assert_only, name, wait_for};

/// Counts its execs.
const COUNTS: [&str; 3] = [
    "sh",
    "-c",
    "i=0; while true; do /bin/echo n$i; i=$((i + 1)); sleep 0.1; done",
];

pub fn runc_is_replaced(_: &Stage) {
    let runc = Runc::start_with_own_program().unwrap();
    let (before, after) = (&*name("before"), &*name("after"));
    let own = [before, after].map(|name| Options::exec(&["-c", name]).unwrap().start().unwrap());
    for (traceherd, name) in own.iter().zip([before, after]) {
        runc.run(name, &["/bin/echo", name]).unwrap();
        wait_for(traceherd, &[name]);
        runc.replace_program().unwrap();
    }
    for (traceherd, name) in own.into_iter().zip([before, after]) {
        assert_only(&traceherd.stop().unwrap(), name, &[name]);
    }
}

pub fn docker_restarts(_: &Stage) {
    let docker = Docker::start().unwrap();
    let (lives, after) = (&*name("lives"), &*name("after"));
    let trace = |name| {
        Options::exec(&["-c", name])
            .unwrap()
            .docker(&docker)
            .start()
    };
    let own = [trace(lives).unwrap(), trace(after).unwrap()];
    docker.run_detached(lives, &COUNTS).unwrap();
    counted(&own[0], 5);
    docker.restart_daemon().unwrap();
    docker.run_detached(after, &["sleep", "1000"]).unwrap();
    docker.exec(after, &["/bin/echo", after]).unwrap();
    wait_for(&own[1], &[after]);
    counted(&own[0], 5);
    docker.restart(lives).unwrap();
    counted(&own[0], 5);
    let [own, new] = own.map(|traceherd| traceherd.stop().unwrap());
    assert_only(&new, after, &[after]);
    assert_counted(&own, lives, 2);
    assert_told_once(&own, docker.socket());
}

pub fn containerd_restarts(_: &Stage) {
    let containerd = Containerd::start().unwrap();
    let (lives, after) = (&*name("lives"), &*name("after"));
    let trace = |name| {
        let options = Options::exec(&["-c", name]).unwrap();
        options.containerd(&containerd).start()
    };
    let own = [trace(lives).unwrap(), trace(after).unwrap()];
    containerd.run_detached(lives, &COUNTS).unwrap();
    counted(&own[0], 5);
    containerd.restart_daemon().unwrap();
    containerd.run_detached(after, &["sleep", "1000"]).unwrap();
    containerd.exec(after, &["/bin/echo", after]).unwrap();
    wait_for(&own[1], &[after]);
    counted(&own[0], 5);
    containerd.restart(lives).unwrap();
    counted(&own[0], 5);
    let [own, new] = own.map(|traceherd| traceherd.stop().unwrap());
    assert_only(&new, after, &[after]);
    assert_counted(&own, lives, 2);
    assert_told_once(&own, containerd.socket());
}

fn number(event: &Value) -> Option<u64> {
    let is_echo = event["args"][0] == "/bin/echo";
    event["args"][1]
        .as_str()
        .filter(|_| is_echo)?
        .strip_prefix('n')?
        .parse()
        .ok()
}

/// Waits until so many more were counted.
fn counted(traceherd: &Traceherd, more: usize) {
    let so_far = |events: &[Value]| events.iter().filter_map(number).count();
    let before = so_far(&traceherd.events());
    let there = traceherd.eventually(|events| so_far(events) >= before + more);
    assert!(there, "{}", traceherd.stderr());
}

/// That every exec was seen, in so many lives.
fn assert_counted(ended: &Ended, name: &str, lives: usize) {
    assert_nothing_lost(ended);
    let all = ended.events.iter().all(|event| event["container"] == name);
    assert!(all, "{:#?}", ended.events);
    let numbers: Vec<_> = ended.events.iter().filter_map(number).collect();
    let mut ends: Vec<_> = (1..numbers.len()).filter(|&at| numbers[at] == 0).collect();
    assert_eq!(ends.len() + 1, lives, "{numbers:?}");
    ends.push(numbers.len());
    let mut begin = 0;
    for end in ends {
        let life = &numbers[begin..end];
        assert!(life.iter().copied().eq(0..life.len() as u64), "{numbers:?}");
        begin = end;
    }
}

/// That its absence was told in one line.
fn assert_told_once(ended: &Ended, socket: &std::path::Path) {
    let socket = socket.to_string_lossy();
    let told = ended.stderr.lines().filter(|line| line.contains(&*socket));
    assert_eq!(told.count(), 1, "{}", ended.stderr);
}
