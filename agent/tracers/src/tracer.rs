//! One tracer by itself: every exec of the machine, without containers.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;
use traceherd_containers::{CgroupId, Hierarchy, HierarchyError};
use traceherd_ebpf_common::{Class, DecodeError, Record, Stat};

use crate::{
    collection::{Events, KernelCounts, TraceSpec, verdict},
    exec::{Clock, ExecEvent, ExecOptions, decode},
    kernel::{
        programs::{Attached, CGROUPS, Maps, Programs, ProgramsError, Sizes, VerdictError},
        ring::{Input, RingReader, Scheduling, tell_malformed},
    },
};

/// It has one verdict, the root's. A process's first event in another cgroup makes counters there.
const SIZES: Sizes = Sizes {
    ring_bytes: 2 << 20,
    cgroups: CGROUPS,
};
/// Events that may wait in a stream.
const STREAM_EVENTS: usize = 8192;

/// Why an [`ExecTracer`] could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TracerError {
    /// No cgroup hierarchy.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
    /// The programs.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The verdict.
    #[error(transparent)]
    Verdict(#[from] VerdictError),
    /// The root of the cgroup hierarchy.
    #[error("cannot read the root of the cgroup hierarchy")]
    Root(#[source] io::Error),
    /// The thread that reads the ring.
    #[error("cannot start reading events")]
    Reader(#[source] io::Error),
}

/// Sees every exec of the machine, the containers' included, and names none of them. For names
/// and selectors there is [`TracerCollection`](crate::TracerCollection).
///
/// Dropping it detaches everything. Any number of tracers can run at once.
///
/// ```no_run
/// use traceherd_tracers::{ExecOptions, ExecTracer};
///
/// let tracer = ExecTracer::start(ExecOptions::default(), |event| {
///     println!("{} was executed by process {}", event.comm, event.ppid);
/// })?;
/// std::thread::sleep(std::time::Duration::from_secs(10));
/// drop(tracer);
/// # Ok::<(), traceherd_tracers::TracerError>(())
/// ```
pub struct ExecTracer {
    maps: Mutex<Maps>,
    _programs: Programs,
    root: CgroupId,
    losses: Arc<Losses>,
    // Last, so that what is in the ring is read when the programs are detached.
    reader: RingReader,
}

/// What a tracer could not hand out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TracerCounts {
    /// What the kernel side did with each event.
    pub kernel: KernelCounts,
    /// Events that the stream had no room for.
    pub lost_queue: u64,
    /// Events of processes whose cgroup is nested deeper than is looked.
    pub too_deep: u64,
    /// Records that could not be decoded.
    pub malformed: u64,
}

/// What was lost on this side of the ring.
#[derive(Debug, Default)]
struct Losses {
    queue: AtomicU64,
    malformed: AtomicU64,
}

impl Losses {
    fn malformed(&self, error: DecodeError) {
        if self.malformed.fetch_add(1, Ordering::Relaxed) == 0 {
            tell_malformed(&error);
        }
    }
}

impl ExecTracer {
    /// Calls `callback` with each exec, on a thread of the tracer's. While it does not return,
    /// events gather in the ring.
    pub fn start(
        options: ExecOptions,
        callback: impl FnMut(ExecEvent) + Send + 'static,
    ) -> Result<Self, TracerError> {
        Self::begin(options, Arc::default(), callback)
    }

    /// Hands out each exec through a stream. What it has no room for is lost, and counted.
    pub fn stream(options: ExecOptions) -> Result<(Self, Events), TracerError> {
        let (sender, receiver) = mpsc::channel(STREAM_EVENTS);
        let losses = Arc::<Losses>::default();
        let theirs = Arc::clone(&losses);
        let tracer = Self::begin(options, losses, move |event| {
            if sender.try_send(Arc::new(event)).is_err() {
                theirs.queue.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        Ok((tracer, Events { receiver }))
    }

    fn begin(
        options: ExecOptions,
        losses: Arc<Losses>,
        callback: impl FnMut(ExecEvent) + Send + 'static,
    ) -> Result<Self, TracerError> {
        let hierarchy = Hierarchy::detect()?;
        let root = hierarchy.root().map_err(TracerError::Root)?.id;
        let (mut programs, mut maps, ring) = Programs::load(&hierarchy, SIZES)?;
        let spec = TraceSpec {
            exec: options,
            ..TraceSpec::default()
        };
        maps.set_verdict(root, verdict(Class::Host, [&spec]))?;
        let handle = handler(options, Arc::clone(&losses), callback);
        // The callback is somebody else's, and may take what time it likes.
        let reader = RingReader::start(ring, Scheduling::Fair, handle);
        let reader = reader.map_err(TracerError::Reader)?;
        programs.attach(Attached {
            cgroups: false,
            exec: true,
            failed: options.include_failed,
        })?;
        reader.set_live(true);
        Ok(Self {
            maps: Mutex::new(maps),
            _programs: programs,
            root,
            losses,
            reader,
        })
    }

    /// Returns when the callback has had every exec that has happened. Not to be called from the
    /// callback.
    pub fn flush(&self) {
        self.reader.flush();
    }

    /// What became of the events until now.
    pub fn counts(&self) -> TracerCounts {
        let maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        TracerCounts {
            kernel: maps.counters(self.root).into(),
            lost_queue: self.losses.queue.load(Ordering::Relaxed),
            too_deep: maps.stat(Stat::TooDeep),
            malformed: self.losses.malformed.load(Ordering::Relaxed),
        }
    }
}

/// What is done with that which comes out of the ring.
fn handler(
    options: ExecOptions,
    losses: Arc<Losses>,
    mut callback: impl FnMut(ExecEvent),
) -> impl FnMut(Input<'_>) {
    let mut clock = Clock::now();
    move |input| match input {
        Input::Record(Record::Exec(exec)) => {
            let mut event = decode(&exec, clock, None, None);
            if let Some(args) = event.args.as_asked(&options) {
                event.args = args;
            }
            callback(event);
        }
        Input::Pause => clock = Clock::now(),
        Input::Malformed(error) => losses.malformed(error),
        // Programs that tell of cgroups are not attached.
        Input::Record(_) => {}
    }
}

impl fmt::Debug for ExecTracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecTracer")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_decoded_is_counted() {
        let losses = Arc::<Losses>::default();
        let mut handle = handler(ExecOptions::default(), Arc::clone(&losses), |event| {
            panic!("no event: {event:?}")
        });
        for bytes in [&[][..], &[0xff; 8]] {
            handle(Input::Malformed(Record::decode(bytes).unwrap_err()));
        }
        handle(Input::Pause);
        assert_eq!(losses.malformed.load(Ordering::Relaxed), 2);
    }
}
