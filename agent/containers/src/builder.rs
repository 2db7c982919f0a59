//! Choosing a collection's sources, and starting it.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::collection::{ContainerCollection, Work};
use crate::containerd::Containerd;
use crate::docker::Docker;
use crate::facts::{Source, SourceEvent};
use crate::hierarchy::{Hierarchy, HierarchyError};
use crate::housekeeping::{probe, rescan, scan, sweep};
use crate::listen::listen;
use crate::pidfd::watch_processes;
use crate::resolve::{Runtimes, answer_questions};
use crate::runc::{RuncFanotify, RuncOptions};
use crate::shared::{Errands, Shared};

/// How long the start waits for the runtimes' lists, and then for whose the cgroups are.
const PATIENCE: Duration = Duration::from_secs(3);
/// Events of the sources that were not taken in yet; then the sources wait.
const EVENTS: usize = 1024;

/// Chooses the sources of a [`ContainerCollection`]. Each is optional; one that is not there at
/// the start, or goes away, is tried again for ever.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    runc: Option<RuncOptions>,
    docker: Option<PathBuf>,
    containerd: Option<PathBuf>,
    hierarchy: Option<Hierarchy>,
    scan: bool,
    kernel: bool,
    pods: bool,
    cgroup_root: Option<String>,
}

/// A collection could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// There is no cgroup hierarchy to tell containers apart by.
    #[error("cannot start the container collection: no cgroup hierarchy")]
    Hierarchy(#[from] HierarchyError),
    /// The cgroup that was given as this node's is not there.
    #[error(
        "no cgroup `{path}` at {}: give the path, from there, of the cgroup that is this node's own",
        mount_point.display()
    )]
    Root {
        /// Its path.
        path: String,
        /// Where the hierarchy is mounted.
        mount_point: PathBuf,
        /// Why it cannot be read.
        source: io::Error,
    },
}

impl Builder {
    /// runc (and crun), as source: its executions are seen through fanotify, and every container
    /// it starts is told. For programs without the kernel's events; needs `CAP_SYS_ADMIN`.
    #[must_use]
    pub fn runc(mut self, options: RuncOptions) -> Self {
        self.runc = Some(options);
        self
    }

    /// docker, as source and enricher, at its socket: `/run/docker.sock`.
    #[must_use]
    pub fn docker(mut self, socket: impl Into<PathBuf>) -> Self {
        self.docker = Some(socket.into());
        self
    }

    /// containerd, as source and enricher, at its socket: `/run/containerd/containerd.sock`.
    #[must_use]
    pub fn containerd(mut self, socket: impl Into<PathBuf>) -> Self {
        self.containerd = Some(socket.into());
        self
    }

    /// Looks through cgroupfs at the start: finds containers of other runtimes too, by their
    /// state on disk or the names of their cgroups.
    #[must_use]
    pub fn procfs(mut self) -> Self {
        self.scan = true;
        self
    }

    /// Tells containers apart by this hierarchy rather than [`Hierarchy::detect`]'s.
    #[must_use]
    pub fn cgroups(mut self, hierarchy: Hierarchy) -> Self {
        self.hierarchy = Some(hierarchy);
        self
    }

    /// The kernel's cgroup events will be given to [`ContainerCollection::feed`]: they, and not
    /// looking again and again, tell the ends of cgroups. Includes [`Builder::procfs`].
    #[must_use]
    pub fn kernel(mut self) -> Self {
        self.kernel = true;
        self.scan = true;
        self
    }

    /// The API server's word on this node's pods will be given to [`ContainerCollection::pods`].
    /// A new container that its runtime says is of a pod is told when that has confirmed the pod,
    /// or has not within 2 seconds; a later word updates it.
    #[must_use]
    pub fn pods(mut self) -> Self {
        self.pods = true;
        self
    }

    /// Only the cgroup at this path of the hierarchy, and what is below it, is this node's:
    /// where several nodes share one kernel, each has one of its own. The default is the
    /// hierarchy's root.
    #[must_use]
    pub fn cgroup_root(mut self, path: impl Into<String>) -> Self {
        self.cgroup_root = Some(path.into());
        self
    }

    /// Starts the collection in the current tokio runtime, and waits until what runs now is in
    /// it: a few milliseconds, or 6 seconds at most with a runtime that does not answer. What
    /// waits for a pod's confirmation follows later.
    ///
    /// # Errors
    /// When no cgroup hierarchy is usable, or has no such cgroup as was given as this node's.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its io and time drivers enabled.
    pub async fn start(self) -> Result<ContainerCollection, StartError> {
        let hierarchy = match self.hierarchy {
            Some(hierarchy) => hierarchy,
            None => Hierarchy::detect()?,
        };
        let path = self.cgroup_root.unwrap_or_else(|| "/".to_owned());
        let root = hierarchy
            .cgroup_at(&path)
            .map_err(|source| StartError::Root {
                path,
                mount_point: hierarchy.mount_point.clone(),
                source,
            })?;
        let (questions, asked) = mpsc::unbounded_channel();
        let (watched, processes) = mpsc::unbounded_channel();
        let (probes, probed) = mpsc::unbounded_channel();
        let errands = Errands {
            questions,
            watched,
            probes,
        };
        let shared = Arc::new(Shared::new(hierarchy, root, self.pods, errands));

        let (sender, events) = mpsc::channel::<SourceEvent>(EVENTS);
        let mut sources = BTreeSet::new();
        let mut tasks = JoinSet::new();
        if let Some(options) = self.runc {
            sources.insert(Source::RuncFanotify);
            tasks.spawn(Arc::new(RuncFanotify::new(options)).run(sender.clone()));
        }
        let docker = self.docker.map(|socket| Arc::new(Docker::new(socket)));
        if let Some(docker) = &docker {
            sources.insert(Source::Docker);
            tasks.spawn(docker.clone().run(sender.clone()));
        }
        let containerd = self
            .containerd
            .map(|socket| Arc::new(Containerd::new(socket)));
        if let Some(containerd) = &containerd {
            sources.insert(Source::Containerd);
            tasks.spawn(containerd.clone().run(sender.clone()));
        }
        let runtimes = Arc::new(Runtimes { docker, containerd });
        let (awaited, mut missing) = watch::channel(sources);
        tasks.spawn(listen(shared.clone(), events, awaited));
        tasks.spawn(answer_questions(shared.clone(), runtimes, asked));
        tasks.spawn(watch_processes(shared.clone(), processes));
        tasks.spawn(probe(shared.clone(), probed));
        tasks.spawn(rescan(shared.clone()));
        if !self.kernel {
            tasks.spawn(sweep(shared.clone()));
        }
        let collection = ContainerCollection::new(Work {
            shared: shared.clone(),
            _tasks: tasks,
        });

        // Late ones are taken in when they come.
        let _ = timeout(PATIENCE, missing.wait_for(BTreeSet::is_empty)).await;
        if self.scan {
            scan(&shared).await;
        }
        let mut unanswered = shared.unanswered.subscribe();
        let _ = timeout(PATIENCE, unanswered.wait_for(|left| *left == 0)).await;
        Ok(collection)
    }
}
