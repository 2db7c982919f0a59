//! What `traceherd` says on standard error is what happened, whatever holds it up: what it wrote,
//! and what it says that it lost or held back, are together what a storm counted itself.
//!
//! `STORM_SECONDS` says how long each storm lasts. One runs at a time.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, PipeReader, Read as _, Write as _, pipe},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, sleep},
    time::Duration,
};

use nix::sys::{signal::Signal, utsname::uname};
use serde_json::Value;
use traceherd_e2e::{
    Docker, Runc, Storms, Traceherd,
    storm::{Executed, NO_OP, cores},
    traceherd::{Ended, Options},
};

fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn storm_time() -> Duration {
    let seconds = env::var("STORM_SECONDS").map_or(3, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

/// A container of this test's own, and where its processes are listed.
struct Place {
    runc: Runc,
    storms: Storms,
}

impl Place {
    fn new() -> Self {
        Self {
            runc: Runc::start().unwrap(),
            storms: Storms::build().unwrap(),
        }
    }

    /// A name that no other container on this machine has.
    fn name(&self, name: &str) -> String {
        format!("{name}{}", self.runc.cgroup_parent().replace('/', "-"))
    }

    /// Starts a container; waits until its events arrive.
    fn start(&self, name: &str) -> PathBuf {
        let name = self.name(name);
        self.runc
            .run_detached(&name, &[], &["sleep", "1000"])
            .unwrap();
        let cgroups = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"];
        let paths = cgroups
            .map(|mount| format!("{mount}{}/{name}/cgroup.procs", self.runc.cgroup_parent()));
        paths
            .into_iter()
            .map(PathBuf::from)
            .find(|path| path.exists())
            .unwrap()
    }

    fn storm(&self, procs: &PathBuf) -> Executed {
        let storm = self.storms.storm().joining(procs).numbered();
        storm.lasting(storm_time()).cores(cores()).run().unwrap()
    }
}

/// The numbers on standard error, by the word that follows.
fn said(stderr: &str, word: &str) -> u64 {
    let summary = stderr
        .lines()
        .rfind(|line| line.starts_with("traceherd: "))
        .unwrap();
    let words: Vec<&str> = summary
        .split([' ', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let at = words
        .iter()
        .position(|found| found.trim_end_matches('s') == word.trim_end_matches('s'));
    at.map_or(0, |at| words[at - 1].parse().unwrap())
}

/// What was lost for that reason.
fn lost_to(stderr: &str, reason: &str) -> u64 {
    let told = stderr.split_once(reason).map(|(before, _)| before);
    let number = told.and_then(|before| before.trim_end().rsplit([' ', '(']).next());
    // Another reason of the same words may stand there, of what is unattributed.
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn is_storms(event: &Value) -> bool {
    event["comm"] == NO_OP
}

/// Compares what was said with what was written and what happened.
#[track_caller]
fn assert_all_accounted_for(written: &[Value], stderr: &str, executed: Executed) {
    let storms = written.iter().filter(|event| is_storms(event)).count() as u64;
    println!("{executed:?}, {storms} written: {stderr}");
    assert_eq!(said(stderr, "events"), written.len() as u64, "{stderr}");
    let missing = said(stderr, "lost") + said(stderr, "suppressed");
    assert_eq!(storms + missing, executed.execs, "{stderr}");
}

/// A trace of one container whose first exec has arrived, and of which nothing is lost by then.
fn traced(place: &Place, name: &str) -> (Traceherd, PathBuf) {
    let options = Options::exec(&["-c", &place.name(name)]).unwrap();
    let traceherd = options.start().unwrap();
    let procs = place.start(name);
    let sleeps = |event: &Value| event["args"][0] == "sleep";
    assert!(traceherd.eventually(|events| events.iter().any(sleeps)));
    (traceherd, procs)
}

/// A container that has a share of the processor of its own, as docker's and Kubernetes' have.
#[test]
fn a_storm_of_long_arguments_does_not_keep_the_reader_waiting() {
    let _alone = alone();
    let storms = Storms::build().unwrap();
    let docker = Docker::start().unwrap();
    let name = &*format!("long{}", docker.cgroup_parent().replace('/', "-"));
    let args = ["-c", name, "--max-args-bytes", "32768"];
    let traceherd = Options::exec(&args).unwrap().docker(&docker).start();
    let traceherd = traceherd.unwrap();
    docker.run_detached(name, &["sleep", "1000"]).unwrap();
    let inside = Path::new("/storms");
    let to = format!("{name}:{}", inside.display());
    let folder = storms.folder().to_string_lossy().into_owned();
    docker.docker(&["cp", &folder, &to]).unwrap();

    let storm = storms.storm().cores(cores()).argument_bytes(16_000);
    let line = storm.lasting(storm_time()).line(inside);
    let line: Vec<_> = line.iter().map(String::as_str).collect();
    let executed = Executed::parse(&docker.exec(name, &line).unwrap()).unwrap();
    let ended = traceherd.stop().unwrap();
    assert_all_accounted_for(&ended.events, &ended.stderr, executed);
    // The ring has room for 130: a reader that waits like others loses most.
    if grants_deadlines() {
        let lost = lost_to(&ended.stderr, "the ring being full");
        assert!(lost < executed.execs / 4, "{}", ended.stderr);
    }
}

/// Whether this kernel promises a thread of root's what the ring's reader asks for: not before Linux
/// 6.12 (it does not ask there), nor where this process may not run on every CPU.
fn grants_deadlines() -> bool {
    let release = uname().unwrap().release().to_string_lossy().into_owned();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|text| text.parse().ok());
    if (numbers.next(), numbers.next()) < (Some(6), Some(12)) {
        return false;
    }
    let promise = "--deadline --sched-runtime 20000000 --sched-deadline 50000000 --sched-period 50000000 0 true";
    let status = Command::new("chrt").args(promise.split(' ')).status();
    status.unwrap().success()
}

#[test]
fn a_command_that_was_stopped_for_three_seconds_says_what_it_missed() {
    let _alone = alone();
    let place = Place::new();
    let (traceherd, procs) = traced(&place, "stopped");
    let executed = thread::scope(|scope| {
        let storm = scope.spawn(|| {
            let storm = place
                .storms
                .storm()
                .joining(&procs)
                .numbered()
                .cores(cores());
            // The ring is full after some hundred of these.
            storm
                .argument_bytes(3000)
                .lasting(storm_time().max(Duration::from_secs(5)))
                .run()
                .unwrap()
        });
        sleep(Duration::from_millis(500));
        traceherd.signal(Signal::SIGSTOP).unwrap();
        sleep(Duration::from_secs(3));
        traceherd.signal(Signal::SIGCONT).unwrap();
        storm.join().unwrap()
    });
    let ended = traceherd.stop().unwrap();
    let lost = lost_to(&ended.stderr, "the ring being full");
    assert!(lost > 0, "nothing was lost: {}", ended.stderr);
    assert_all_accounted_for(&ended.events, &ended.stderr, executed);
}

/// As [`traced`], with its standard output a pipe that the test reads when it likes: until here it has
/// read these events.
struct Piped {
    traceherd: Traceherd,
    procs: PathBuf,
    reader: BufReader<PipeReader>,
    read: Vec<Value>,
}

impl Piped {
    fn start(place: &Place, name: &str) -> Self {
        let (reader, writer) = pipe().unwrap();
        let options = Options::exec(&["-c", &place.name(name)]).unwrap();
        let traceherd = options.start_to(writer).unwrap();
        let procs = place.start(name);
        let mut piped = Self {
            traceherd,
            procs,
            reader: BufReader::new(reader),
            read: Vec::new(),
        };
        while !piped.read.iter().any(|event| event["args"][0] == "sleep") {
            piped.read_line();
        }
        piped
    }

    /// Returns whether there was one, whole.
    fn read_line(&mut self) -> bool {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let whole = line.ends_with('\n');
        if whole {
            self.read.push(serde_json::from_str(&line).unwrap());
        }
        whole
    }

    /// A storm that ends when it has executed so many from each core.
    fn storm(&self, place: &Place, times: u64) -> Executed {
        let storm = place.storms.storm().joining(&self.procs).numbered();
        storm.cores(cores()).times(times).run().unwrap()
    }
}

#[test]
fn what_a_full_pipe_has_no_room_for_is_told_when_it_is_read_again() {
    let _alone = alone();
    let place = Place::new();
    let mut piped = Piped::start(&place, "pipe");
    // More than the pipe and the queue have room for.
    let unread = piped.storm(&place, 9_000 / cores() as u64 + 1);
    // Only the second storm's have a second argument.
    let is_new = |event: &Value| event["args"][2] != Value::Null && is_storms(event);
    let storm = place.storms.storm().joining(&piped.procs).numbered();
    let storm = storm.argument_bytes(50).pausing(Duration::from_millis(5));
    let storm = storm.start().unwrap();
    while !piped.read.last().is_some_and(is_new) {
        assert!(piped.read_line(), "{}", piped.traceherd.stderr());
    }
    let Piped {
        traceherd,
        mut read,
        reader,
        ..
    } = piped;
    let rest = thread::spawn(move || {
        let lines = reader.lines().map(|line| line.unwrap());
        let events = lines.map(|line| serde_json::from_str(&line).unwrap());
        events.collect::<Vec<Value>>()
    });
    let executed = Executed {
        execs: unread.execs + storm.stop().unwrap().execs,
        ..unread
    };
    let Ended { stderr, .. } = traceherd.stop().unwrap();
    read.extend(rest.join().unwrap());
    let lost = lost_to(&stderr, "standard output being slow");
    assert!(lost > 0, "nothing was lost: {stderr}");
    assert_all_accounted_for(&read, &stderr, executed);
}

#[test]
fn a_command_that_ends_before_a_full_pipe_is_read_says_what_is_in_it() {
    let _alone = alone();
    let place = Place::new();
    let piped = Piped::start(&place, "ends");
    let executed = piped.storm(&place, 1_000);
    // It gives up on the pipe after a while.
    let Ended { stderr, .. } = piped.traceherd.stop().unwrap();
    let (mut reader, mut read) = (piped.reader, piped.read);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let whole = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    read.extend(whole.map(|line| serde_json::from_str::<Value>(line).unwrap()));
    let lost = lost_to(&stderr, "standard output being slow");
    assert!(lost > 0, "nothing was lost: {stderr}");
    assert_all_accounted_for(&read, &stderr, executed);
}

#[test]
fn a_manifest_holds_a_storm_to_its_rate_and_counts_what_it_holds_back() {
    let _alone = alone();
    let place = Place::new();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let manifest = format!(
        "apiVersion: traceherd.dev/v1alpha1\nkind: ClusterTrace\nmetadata: {{name: held}}\nspec:\n  \
         gadget: exec\n  selector: {{containerNames: [{}, {}]}}\n  \
         rateLimit: {{eventsPerSecond: 200, burst: 300}}\n",
        place.name("held"),
        place.name("quiet"),
    );
    file.write_all(manifest.as_bytes()).unwrap();
    let traceherd = Options::run(file.path()).unwrap().start().unwrap();
    let (held, quiet) = (place.start("held"), place.start("quiet"));
    let sleeps = |event: &&Value| event["args"][0] == "sleep";
    assert!(traceherd.eventually(|events| events.iter().filter(sleeps).count() == 2));
    let (storm, rare) = thread::scope(|scope| {
        let storm = scope.spawn(|| place.storm(&held));
        let rare = place.storms.storm().joining(&quiet).numbered();
        let rare = rare
            .pausing(Duration::from_millis(20))
            .lasting(storm_time());
        let rare = rare.run().unwrap();
        (storm.join().unwrap(), rare)
    });
    let Ended { events, stderr, .. } = traceherd.stop().unwrap();
    let of = |name: &str| {
        let name = place.name(name);
        let own = events
            .iter()
            .filter(move |event| event["container"] == name.as_str());
        own.filter(|event| is_storms(event)).count() as u64
    };
    println!("{storm:?} {rare:?}: {stderr}");
    assert_eq!(of("quiet"), rare.execs);
    assert_eq!(of("held") + said(&stderr, "suppressed"), storm.execs);
    assert_eq!(said(&stderr, "lost"), 0);
    let most = 300.0 + 200.0 * storm.took.as_secs_f64() + 2.0;
    assert!(
        (300.0..=most).contains(&(of("held") as f64)),
        "{} of {most}",
        of("held")
    );
}

/// Two that look at the same storm, and a file, agree.
#[test]
fn a_storm_is_the_same_to_everybody_who_looks() {
    let _alone = alone();
    let place = Place::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events");
    let full = place.name("same");
    let to_file = Options::exec(&["-c", &full]).unwrap();
    let to_file = to_file.start_to(File::create(&path).unwrap()).unwrap();
    let (traceherd, procs) = traced(&place, "same");
    let executed = place.storm(&procs);
    let ended = traceherd.stop().unwrap();
    assert_all_accounted_for(&ended.events, &ended.stderr, executed);
    let Ended { stderr, .. } = to_file.stop().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let written: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_all_accounted_for(&written, &stderr, executed);
}
