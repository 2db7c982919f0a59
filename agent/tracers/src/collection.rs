//! Many traces on one set of programs.

mod core;
mod counts;
mod events;
mod held;
mod places;
mod spares;
mod spec;
mod trace;
mod verdict;

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
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
    memory::missed_runs,
    programs::{Attached, CGROUPS, Programs, ProgramsError, Sizes},
    ring::{Input, RingReader, RingState, Scheduling},
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
    /// Not to be locked by who has locked the core.
    programs: Arc<Mutex<Programs>>,
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
        let (programs, maps, ring) = Programs::load(hierarchy, sizes)?;
        let held = Held::new(Bounds {
            events: config.pending_events,
            bytes: 8 << 20,
            age: config.pending_age,
        });
        let root = containers.root().clone();
        let core = Core::new(maps, held, config.node.map(Into::into), root);
        let core = Arc::new(Mutex::new(core));
        let programs = Arc::new(Mutex::new(programs));
        let (theirs, feed) = (
            (Arc::clone(&core), Arc::clone(&programs)),
            containers.feed(),
        );
        let handle = move |input: Input<'_>| handle(&theirs, &feed, input);
        let reader = RingReader::start(ring, Scheduling::Deadline, handle);
        let reader = reader.map_err(StartError::Reader)?;
        let theirs = Arc::clone(&core);
        let watch = containers.watch_cgroups(move |change| lock(&theirs).cgroup(change));
        let inner = Inner {
            core,
            programs,
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
        let _preparing = self.prepare(&spec).await?;
        let (trace, receiver) = Trace::new(spec);
        self.core().insert(id.into(), trace);
        // What takes long was prepared.
        if let Err(error) = self.inner.attach() {
            self.core().take(id);
            return Err(error.into());
        }
        Ok(Events { receiver })
    }

    /// Gives a running trace another spec; its queue stays. Only the verdicts that differ are
    /// changed, and what both specs want is delivered without a gap. What happened before is
    /// delivered as the spec until now asks.
    pub async fn change(&self, id: &str, spec: TraceSpec) -> Result<(), TraceError> {
        let _one = self.inner.changing.lock().await;
        if !self.core().has(id) {
            return Err(TraceError::Unknown(id.into()));
        }
        let preparing = self.prepare(&spec).await?;
        // What happened before is judged by the spec until now.
        self.flush().await;
        self.core().change(id, |trace| trace.spec = spec);
        drop(preparing);
        self.detach().await;
        Ok(())
    }

    /// Ends a trace. Everything that happened before is delivered to its [`Events`] first, and
    /// nothing that happens later is. Returns its account. What waits for a container's name then
    /// goes on waiting for the other traces; without any it is [`Unattributed`].
    pub async fn remove(&self, id: &str) -> Result<Counts, TraceError> {
        let _one = self.inner.changing.lock().await;
        if !self.core().has(id) {
            return Err(TraceError::Unknown(id.into()));
        }
        self.core().wind_down(id);
        self.flush().await;
        let counts = self.core().take(id).unwrap_or_default();
        self.detach().await;
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
        self.core().maps.bytes() + self.inner.reader.map_bytes()
    }

    /// What was lost before anyone could say whose it was.
    pub fn unattributed(&self) -> Unattributed {
        let (known, programs) = {
            let core = self.core();
            (core.unattributed(), core.programs())
        };
        // Reading it takes a while, in which the ring's reader needs the core.
        Unattributed {
            missed: programs.into_iter().map(missed_runs).sum(),
            ..known
        }
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

    /// Attaches what a trace needs that is to come. Before the first, from now on the kernel tells
    /// of cgroups, and those that came unseen are looked up: until that is done no exec is seen, so
    /// none is put to a wrong name.
    async fn prepare(&self, spec: &TraceSpec) -> Result<Preparing<'_>, TraceError> {
        let preparing = Preparing(&self.inner);
        self.core().prepare(Attached {
            cgroups: true,
            exec: false,
            failed: spec.exec.include_failed,
        });
        if !self.attach().await? {
            self.inner.reader.set_live(true);
            self.inner.feed.rescan().await;
        }
        Ok(preparing)
    }

    /// Attaches what is needed, and nothing else, while this thread does something else: the kernel
    /// may take seconds over it on a busy machine. Returns whether anything was attached before.
    async fn attach(&self) -> Result<bool, ProgramsError> {
        let inner = Arc::clone(&self.inner);
        let attached = tokio::task::spawn_blocking(move || inner.attach()).await;
        // It does not panic, and is not stopped before the runtime is.
        attached.unwrap_or(Ok(true))
    }

    /// The same, where only detaching can be left to do: that does not fail.
    async fn detach(&self) {
        let _ = self.attach().await;
        self.inner.show_live();
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.inner.core)
    }
}

/// A trace that is being added. Whoever adds it may give up at any await.
struct Preparing<'a>(&'a Inner);

impl Drop for Preparing<'_> {
    fn drop(&mut self) {
        lock(&self.0.core).prepare(Attached::default());
        // Where it came to nothing. A failure to detach is none.
        tidy(&self.0.core, &self.0.programs);
        self.0.show_live();
    }
}

impl fmt::Debug for TracerCollection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracerCollection").finish_non_exhaustive()
    }
}

impl Inner {
    /// Attaches what the traces need, and nothing else.
    fn attach(&self) -> Result<bool, ProgramsError> {
        attach(&self.core, &mut lock(&self.programs))
    }

    /// Lets the reader know whether records may come.
    fn show_live(&self) {
        let needs = lock(&self.core).needs();
        self.reader.set_live(needs != Attached::default());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Detaching does not fail.
        let _ = lock(&self.programs).attach(Attached::default());
    }
}

/// The core is not locked meanwhile, which the reader needs: the ring would fill. Returns whether
/// anything was attached before.
fn attach(core: &Mutex<Core>, programs: &mut Programs) -> Result<bool, ProgramsError> {
    let (needs, before) = (lock(core).needs(), programs.attached());
    if needs != before {
        let attached = programs.attach(needs);
        lock(core).loaded(programs.descriptors());
        attached?;
    }
    Ok(before != Attached::default())
}

/// Detaches what nobody needs any more, in a thread of its own, as the kernel may take seconds over
/// it. Whoever is attaching or detaching now does the same.
fn tidy(core: &Arc<Mutex<Core>>, programs: &Arc<Mutex<Programs>>) {
    let to_do = || {
        let attached = programs.try_lock().ok()?.attached();
        Some(attached != lock(core).needs())
    };
    if to_do() == Some(true) {
        let (core, programs) = (Arc::clone(core), Arc::clone(programs));
        let detach = move || drop(attach(&core, &mut lock(&programs)));
        // Without a thread it is tried again in a second.
        let _ = thread::Builder::new()
            .name("traceherd-detach".into())
            .spawn(detach);
    }
}

/// What the ring's reader does. The core is not locked while the container collection is told,
/// which calls back into it.
fn handle(
    (core, programs): &(Arc<Mutex<Core>>, Arc<Mutex<Programs>>),
    feed: &CgroupFeed,
    input: Input<'_>,
) {
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
        Input::Pause => {
            let Some(lost) = lock(core).pause() else {
                return;
            };
            if lost {
                feed.lost();
            }
            // A trace may have ended by itself.
            tidy(core, programs);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held is a bug; the accounts may then be off by one event, and the
    // tracing goes on.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
