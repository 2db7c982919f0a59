//! A tracer whose events are kept, and looked for by process: others run on this machine too.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use traceherd_columns::{Columns as _, Value};
use traceherd_tracers::{ExecEvent, ExecOptions, ExecTracer, MAX_ARGS_BYTES};

/// How long anything may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(30);

pub struct Recorder {
    pub tracer: ExecTracer,
    seen: Arc<Mutex<Vec<ExecEvent>>>,
}

impl Recorder {
    pub fn start(options: ExecOptions) -> Self {
        let seen = Arc::<Mutex<Vec<ExecEvent>>>::default();
        let theirs = Arc::clone(&seen);
        let tracer =
            ExecTracer::start(options, move |event| theirs.lock().unwrap().push(event)).unwrap();
        Self { tracer, seen }
    }

    /// With the defaults.
    pub fn plain() -> Self {
        Self::start(ExecOptions::default())
    }

    /// With as much of the arguments as there can be.
    pub fn longest() -> Self {
        Self::start(ExecOptions {
            max_args_bytes: MAX_ARGS_BYTES,
            ..ExecOptions::default()
        })
    }

    /// With failed execs too.
    pub fn failures() -> Self {
        Self::start(ExecOptions {
            include_failed: true,
            ..ExecOptions::default()
        })
    }

    /// Every event so far that is meant.
    pub fn all(&self, mut which: impl FnMut(&ExecEvent) -> bool) -> Vec<ExecEvent> {
        self.tracer.flush();
        self.seen
            .lock()
            .unwrap()
            .iter()
            .filter(|event| which(event))
            .cloned()
            .collect()
    }

    /// Every event of a process.
    pub fn of(&self, pid: u32) -> Vec<ExecEvent> {
        self.all(|event| event.pid == pid)
    }

    /// The one event of a process that has ended.
    pub fn only(&self, pid: u32) -> ExecEvent {
        let mut events = self.of(pid);
        assert_eq!(events.len(), 1, "{events:#?}");
        events.remove(0)
    }

    /// The first event that is meant, once it is there.
    pub fn wait_for(&self, which: impl Fn(&ExecEvent) -> bool) -> ExecEvent {
        eventually(|| self.all(&which).into_iter().next())
    }
}

/// Looks again and again.
#[track_caller]
pub fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited for {SOON:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The arguments' bytes.
pub fn texts(event: &ExecEvent) -> Vec<Vec<u8>> {
    event
        .args
        .iter()
        .map(|argument| argument.bytes.to_vec())
        .collect()
}

/// That neither the arguments nor their number is told.
pub fn assert_nothing_of_the_arguments(event: &ExecEvent) {
    let columns = ExecEvent::columns();
    let value = |name: &str| columns.get(name).unwrap().value(event);
    assert_eq!(
        (value("args"), value("argc")),
        (Value::List(Vec::new()), Value::Null)
    );
    for mark in ["args_cut", "args_truncated", "args_missing", "args_list"] {
        assert_eq!(value(mark), Value::Null, "{mark}");
    }
}
