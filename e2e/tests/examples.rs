//! The libraries' examples, run as their readers run them: with docker where they look for it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use traceherd_e2e::{Docker, Runtimes, kernel, programs};

const PATIENCE: Duration = Duration::from_secs(60);
/// What every container here does.
const SLEEPER: [&str; 3] = ["sh", "-c", "sleep 1000; :"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A running example, ended with the value.
struct Example {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Example {
    /// Starts it; with a docker, in a mount namespace where that one is the machine's.
    fn start(name: &str, args: &[&str], docker: Option<&Docker>) -> Self {
        let mut command = match docker {
            None => Command::new(programs::example(name).unwrap()),
            Some(docker) => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-ec", THE_MACHINES]);
                command.arg("sh").arg(docker.socket());
                command.arg(Runtimes::get().unwrap().folder().join("bin"));
                command.arg(programs::example(name).unwrap());
                command
            }
        };
        let mut child = command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let theirs = Arc::clone(&lines);
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                theirs.lock().unwrap().push(line);
            }
        });
        Self { child, lines }
    }

    fn traces(self) -> Self {
        within_patience("its programs to be attached", || {
            kernel::has_attached(self.child.id())
        });
        self
    }

    /// Waits for a line that is exactly this.
    fn says(&self, line: &str) {
        within_patience(&format!("{line:?} of {:?}", self.lines), || {
            self.lines.lock().unwrap().iter().any(|said| said == line)
        });
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `sh` with a docker's socket, a folder of runtimes, and a command to execute.
const THE_MACHINES: &str = r#"
mount --make-rprivate /
mkdir -p /usr/local/sbin
mount --bind "$2" /usr/local/sbin
mount -t tmpfs tmpfs /run
: >/run/docker.sock
mount --bind "$1" /run/docker.sock
shift 2
exec "$@"
"#;

fn within_patience(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "waited for {what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn execs_says_what_the_host_executes() {
    let example = Example::start("execs", &[], None).traces();
    let mut program = Command::new("/bin/true").spawn().unwrap();
    program.wait().unwrap();
    let pid = program.id();
    example.says(&format!(
        r#"A new "true" process with pid {pid} was executed"#
    ));
}

#[test]
fn execs_ends_when_nobody_reads_it_any_more() {
    let mut child = Command::new(programs::example("execs").unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    within_patience("its programs to be attached", || {
        kernel::has_attached(child.id())
    });
    drop(child.stdout.take());
    within_patience("the end of execs", || {
        Command::new("/bin/true").status().unwrap();
        child.try_wait().unwrap().is_some()
    });
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success() && !told.contains("panicked"),
        "{told}"
    );
}

#[test]
fn containers_says_which_come_and_go() {
    let docker = Docker::start().unwrap();
    docker.run_detached("before", &SLEEPER).unwrap();
    let example = Example::start("containers", &[], Some(&docker));
    let before = docker.container_pid("before").unwrap();
    example.says(&format!(r#"Container added: "before" pid {before}"#));
    docker.run_detached("hi", &SLEEPER).unwrap();
    let pid = docker.container_pid("hi").unwrap();
    example.says(&format!(r#"Container added: "hi" pid {pid}"#));
    docker.rm("hi").unwrap();
    example.says(&format!(r#"Container removed: "hi" pid {pid}"#));
}

#[test]
fn container_execs_says_what_one_container_executes() {
    let docker = Docker::start().unwrap();
    let args = ["--containername", "foo"];
    let example = Example::start("container_execs", &args, Some(&docker)).traces();
    docker.run_detached("bar", &SLEEPER).unwrap();
    docker.run_detached("foo", &SLEEPER).unwrap();
    let pid = docker.container_pid("foo").unwrap();
    example.says(&format!(
        r#"A new "sh" process with pid {pid} was executed in container "foo""#
    ));
    let lines = example.lines.lock().unwrap();
    assert!(
        lines
            .iter()
            .all(|line| line.ends_with(r#" in container "foo""#)),
        "{lines:?}"
    );
}

#[test]
fn container_columns_says_it_in_columns() {
    let docker = Docker::start().unwrap();
    let args = ["--containername", "foo"];
    let example = Example::start("container_columns", &args, Some(&docker)).traces();
    docker.run_detached("foo", &SLEEPER).unwrap();
    // How far runc had come when it was in the container's cgroup differs from start to start.
    let rows = || {
        let lines = example.lines.lock().unwrap();
        let words = |line: &String| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let rows = lines.iter().map(words);
        rows.filter(|row| !row.ends_with(" runc init"))
            .collect::<Vec<_>>()
    };
    within_patience("the first row", || rows().len() > 1);
    let pid = docker.container_pid("foo").unwrap();
    let stat = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = stat.lines().find_map(|line| line.strip_prefix("PPid:"));
    let parent = parent.unwrap().trim();
    assert_eq!(
        rows()[..2],
        [
            "CONTAINER PID PPID COMM RET ARGS".to_owned(),
            format!(r#"foo {pid} {parent} sh 0 sh -c "sleep 1000; :""#)
        ]
    );
}

#[test]
fn no_example_is_longer_than_forty_lines() {
    let mut seen = 0;
    for library in ["columns", "containers", "tracers"] {
        let folder = root().join("agent").join(library).join("examples");
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= 40, "{} has {lines} lines", file.display());
            seen += 1;
        }
    }
    assert_eq!(seen, 6);
}
