//! Many traces on one set of programs.

mod core;
mod counts;
mod events;
mod held;
mod places;
mod spec;
mod trace;
mod verdict;

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use thiserror::Error;
use traceherd_containers::{Cgroup, CgroupFeed, CgroupId, ContainerCollection, WatchGuard};
use traceherd_ebpf_common::Record;

pub(crate) use self::verdict::verdict;
use self::{
    core::Core,
    held::{Bounds, Held},
    trace::Trace,
};
pub use self::{
    counts::{Counts, KernelCounts, Unattributed},
    events::Events,
    spec::{RateLimit, TraceSpec},
};
use crate::kernel::{
    programs::{CGROUPS, Programs, ProgramsError, Sizes},
    ring::{Input, RingReader, RingState},
};

/// How a [`TracerCollection`] is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of the ring between kernel and user space: rounded up to a power of two of whole
    /// pages. It is mapped twice, and all of it resident.
    pub ring_bytes: u32,
    /// Most cgroups that are told apart at once: one for each container, and the host's own.
    pub cgroups: u32,
    /// What events say of the node that they happened on.
    pub node: Option<String>,
    /// How many events of containers that are not known yet may wait.
    pub pending_events: usize,
    /// How long they may wait.
    pub pending_age: Duration,
}

impl Default for Config {
    /// A ring of 2 MiB, 65,536 cgroups, 8,192 events, 10 seconds.
    fn default() -> Self {
        Self {
            ring_bytes: 2 << 20,
            cgroups: CGROUPS,
            node: None,
            pending_events: 8192,
            pending_age: Duration::from_secs(10),
        }
    }
}

/// Why a tracer could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The programs.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
    /// The thread that reads the ring.
    #[error("cannot start reading events")]
    Reader(#[source] io::Error),
}

/// Why a trace could not be added or changed.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The id is taken.
    #[error("there is a trace `{0}` already: change or remove it")]
    Exists(String),
    /// There is none of that id.
    #[error("there is no trace `{0}`")]
    Unknown(String),
    /// What the trace needs could not be attached.
    #[error(transparent)]
    Programs(#[from] ProgramsError),
}

/// The running traces of this machine. They share one set of programs, maps and ring, so that an
/// event costs the same whatever their number; the kernel's verdicts follow every change of the
/// traces and of the containers.
///
/// Without a trace nothing is attached. A clone is another handle to the same collection; when the
/// last is dropped, everything is detached.
#[derive(Clone)]
pub struct TracerCollection {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Mutex<Core>>,
    feed: CgroupFeed,
    /// One change of the set of traces at a time.
    changing: tokio::sync::Mutex<()>,
    reader: RingReader,
    _watch: WatchGuard,
}

impl TracerCollection {
    /// Loads the programs and begins to follow `containers`; attaches nothing. The container
    /// collection should have been built with
    /// [`kernel`](traceherd_containers::Builder::kernel): its cgroup events come from here.
    pub fn start(config: Config, containers: &ContainerCollection) -> Result<Self, StartError> {
        let hierarchy = containers.hierarchy();
        let sizes = Sizes {
            ring_bytes: config.ring_bytes,
            cgroups: config.cgroups,
        };
        let (programs, ring) = Programs::load(hierarchy, sizes)?;
        let held = Held::new(Bounds {
            events: config.pending_events,
            bytes: 8 << 20,
            age: config.pending_age,
        });
        let root = containers.root().clone();
        let core = Core::new(programs, held, config.node.map(Into::into), root);
        let core = Arc::new(Mutex::new(core));
        let (theirs, feed) = (Arc::clone(&core), containers.feed());
        let reader = RingReader::start(ring, move |input| handle(&theirs, &feed, input))
            .map_err(StartError::Reader)?;
        let theirs = Arc::clone(&core);
        let watch = containers.watch_cgroups(move |change| lock(&theirs).cgroup(change));
        let inner = Inner {
            core,
            feed: containers.feed(),
            changing: tokio::sync::Mutex::default(),
            reader,
            _watch: watch,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Starts a trace. It sees what happens once this returns.
    pub async fn add(&self, id: &str, spec: TraceSpec) -> Result<Events, TraceError> {
        let _one = self.inner.changing.lock().await;
        if self.core().has(id) {
            return Err(TraceError::Exists(id.into()));
        }
        let _preparing = self.follow_cgroups().await?;
        let (trace, receiver) = Trace::new(spec);
        self.core().insert(id.into(), trace);
        let attached = self.core().attach();
        if let Err(error) = attached {
            let mut core = self.core();
            core.take(id);
            // What was attached for this one alone is detached; that does not fail.
            let _ = core.attach();
            return Err(error.into());
        }
        Ok(Events { receiver })
    }

    /// Gives a running trace another spec; its queue stays. Only the verdicts that differ are
    /// changed, and what both specs want is delivered without a gap.
    pub async fn change(&self, id: &str, spec: TraceSpec) -> Result<(), TraceError> {
        let _one = self.inner.changing.lock().await;
        let mut core = self.core();
        if !core.has(id) {
            return Err(TraceError::Unknown(id.into()));
        }
        let mut before = spec;
        let swap =
            |trace: &mut Trace, other: &mut TraceSpec| std::mem::swap(&mut trace.spec, other);
        core.change(id, |trace| swap(trace, &mut before));
        if let Err(error) = core.attach() {
            core.change(id, |trace| swap(trace, &mut before));
            let _ = core.attach();
            return Err(error.into());
        }
        Ok(())
    }

    /// Ends a trace. Everything that happened before is delivered to its [`Events`] first. Returns
    /// its account.
    pub async fn remove(&self, id: &str) -> Result<Counts, TraceError> {
        let _one = self.inner.changing.lock().await;
        if !self.core().has(id) {
            return Err(TraceError::Unknown(id.into()));
        }
        self.core().wind_down(id);
        self.flush().await;
        let mut core = self.core();
        let counts = core.take(id).unwrap_or_default();
        // Only detaching can be left to do, and that does not fail.
        let _ = core.attach();
        self.inner.reader.set_live(core.programs.live());
        Ok(counts)
    }

    /// The account of a trace, up to the events that have been read.
    pub fn counts(&self, id: &str) -> Option<Counts> {
        self.core().counts(id)
    }

    /// How many containers a trace's selector matches now.
    pub fn matched(&self, id: &str) -> Option<usize> {
        self.core().matched(id)
    }

    /// How the ring between the kernel and its reader does, for whoever must tell whether tracing
    /// works. Waits for nobody, the reader least of all.
    pub fn ring(&self) -> RingState {
        self.inner.reader.ring_state()
    }

    /// Bytes of kernel memory that this collection's maps take, as the kernel counts them against
    /// the memory of this process's cgroup: what they have taken since Linux 6.4, before that what
    /// they may take.
    pub fn map_bytes(&self) -> u64 {
        self.core().programs.map_bytes() + self.inner.reader.map_bytes()
    }

    /// What was lost before anyone could say whose it was.
    pub fn unattributed(&self) -> Unattributed {
        self.core().unattributed()
    }

    /// What the kernel side did with the events of one container: `id` is its cgroup's. The same
    /// of any other cgroup that is told apart; none of one that is not, or is gone.
    pub fn container_counts(&self, id: CgroupId) -> Option<KernelCounts> {
        self.core().container_counts(id)
    }

    /// What the kernel side did with every event that it saw.
    pub fn kernel_counts(&self) -> KernelCounts {
        self.core().kernel_counts()
    }

    /// Returns when every event that has happened has been handed to its traces, but for those of
    /// containers that are not known yet.
    pub async fn flush(&self) {
        let inner = Arc::clone(&self.inner);
        // It waits for the reader alone, which waits for nobody.
        let _ = tokio::task::spawn_blocking(move || inner.reader.flush()).await;
    }

    /// Before the first trace: from now on the kernel tells of cgroups, and those that came
    /// unseen are looked up. Until that is done no exec is seen, so none is put to a wrong name.
    async fn follow_cgroups(&self) -> Result<Preparing<'_>, TraceError> {
        let preparing = Preparing(&self.inner);
        {
            let mut core = self.core();
            if core.programs.live() {
                return Ok(preparing);
            }
            core.follow_cgroups()?;
        }
        self.inner.reader.set_live(true);
        self.inner.feed.rescan().await;
        Ok(preparing)
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.inner.core)
    }
}

/// A trace that is being added. Whoever adds it may give up at any await.
struct Preparing<'a>(&'a Inner);

impl Drop for Preparing<'_> {
    fn drop(&mut self) {
        let live = lock(&self.0.core).end_preparing();
        self.0.reader.set_live(live);
    }
}

impl fmt::Debug for TracerCollection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracerCollection").finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let mut core = lock(&self.core);
        // Detaching does not fail.
        let _ = core.programs.set_failed(false);
        let _ = core.programs.set_exec(false);
        let _ = core.programs.set_cgroups(false);
    }
}

/// What the ring's reader does. The core is not locked while the container collection is told,
/// which calls back into it.
fn handle(core: &Mutex<Core>, feed: &CgroupFeed, input: Input<'_>) {
    match input {
        Input::Record(Record::Exec(exec)) => lock(core).exec(&exec),
        Input::Record(Record::CgroupCreated(made)) => {
            let path = String::from_utf8_lossy(made.path).into_owned();
            let cgroup = Cgroup {
                id: CgroupId(made.id),
                path,
            };
            feed.created(cgroup, CgroupId(made.parent), made.creator);
        }
        Input::Record(Record::CgroupRemoved(removed)) => feed.removed(CgroupId(removed.id)),
        Input::Malformed(error) => lock(core).malformed(error),
        Input::Drained => {
            let lost = lock(core).drained();
            if lost {
                feed.lost();
            }
        }
    }
}

fn lock(core: &Mutex<Core>) -> MutexGuard<'_, Core> {
    // A panic while it was held is a bug; the accounts may then be off by one event, and the
    // tracing goes on.
    core.lock().unwrap_or_else(PoisonError::into_inner)
}
