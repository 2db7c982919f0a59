//! The state, and everyone who is told of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc, watch};

use crate::cgroup::Cgroup;
use crate::change::{CgroupChange, Change};
use crate::hierarchy::Hierarchy;
use crate::state::{Input, Output, Question, State, Watched};

type Watcher = Box<dyn FnMut(CgroupChange) + Send>;

/// What is left to tasks: state changes only send, so that they can be made from any thread.
#[derive(Debug)]
pub(crate) struct Errands {
    pub(crate) questions: mpsc::UnboundedSender<Question>,
    pub(crate) watched: mpsc::UnboundedSender<Watched>,
    pub(crate) probes: mpsc::UnboundedSender<Cgroup>,
}

pub(crate) struct Shared {
    pub(crate) hierarchy: Hierarchy,
    /// Asks for a comparison with cgroupfs.
    pub(crate) rescan: Notify,
    /// The cgroup that is this node's own.
    pub(crate) root: Cgroup,
    /// How many cgroups are pending while somebody may still say whose they are.
    pub(crate) unanswered: watch::Sender<usize>,
    inner: Mutex<Inner>,
}

struct Inner {
    state: State,
    errands: Option<Errands>,
    watchers: Vec<(u64, Watcher)>,
    next_watcher: u64,
    subscribers: Vec<mpsc::UnboundedSender<Change>>,
}

impl Shared {
    pub(crate) fn new(hierarchy: Hierarchy, root: Cgroup, pods: bool, errands: Errands) -> Self {
        let state = State::new(&root.path, pods);
        Self {
            hierarchy,
            rescan: Notify::new(),
            root,
            unanswered: watch::Sender::new(0),
            inner: Mutex::new(Inner {
                state,
                errands: Some(errands),
                watchers: Vec::new(),
                next_watcher: 0,
                subscribers: Vec::new(),
            }),
        }
    }

    /// One step of the state; everyone is told before the next.
    pub(crate) fn apply(&self, input: Input) {
        let mut inner = self.lock();
        let Inner {
            state,
            errands,
            watchers,
            subscribers,
            ..
        } = &mut *inner;
        let Some(errands) = errands else { return };
        for output in state.apply(Instant::now(), input) {
            // A receiver that is gone was stopped with the collection, or by its subscriber.
            match output {
                Output::Cgroup(change) => {
                    for (_, watcher) in watchers.iter_mut() {
                        watcher(change.clone());
                    }
                }
                Output::Change(change) => {
                    subscribers.retain(|subscriber| subscriber.send(change.clone()).is_ok());
                }
                Output::Ask(question) => drop(errands.questions.send(question)),
                Output::Watch(watched) => drop(errands.watched.send(watched)),
                Output::Probe(cgroup) => drop(errands.probes.send(cgroup)),
            }
        }
        let unanswered = state.unanswered();
        self.unanswered
            .send_if_modified(|told| std::mem::replace(told, unanswered) != unanswered);
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock().state)
    }

    /// The snapshot, and everything after it, in one receiver.
    pub(crate) fn subscribe(&self) -> mpsc::UnboundedReceiver<Change> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut inner = self.lock();
        if inner.errands.is_some() {
            for container in inner.state.containers() {
                // The receiver is right here.
                let _ = sender.send(Change::Added(container));
            }
            inner.subscribers.push(sender);
        }
        receiver
    }

    /// Tells the snapshot, and everything after it. Returns the watcher's number.
    pub(crate) fn watch(&self, mut watcher: Watcher) -> u64 {
        let mut inner = self.lock();
        for change in inner.state.snapshot() {
            watcher(change);
        }
        inner.next_watcher += 1;
        let number = inner.next_watcher;
        inner.watchers.push((number, watcher));
        number
    }

    pub(crate) fn unwatch(&self, number: u64) {
        self.lock().watchers.retain(|(other, _)| *other != number);
    }

    /// Ends every subscription; nothing changes any more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.errands = None;
        inner.subscribers.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Only a watcher can panic in here; the state itself is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
