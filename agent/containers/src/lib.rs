//! The live set of containers on a Linux host: who is there, under which name, and when that
//! changes.
//!
//! A [`ContainerCollection`] is fed by *sources*: docker, containerd, runc and crun as fanotify
//! sees them, cgroupfs at the start, the kernel's cgroup events where the program has them. Each
//! is optional and may come and go while the collection runs; what one source knows, the others
//! complete. *Subscribers* get the containers that are there and then every change, none missed
//! and none doubled.
//!
//! ```no_run
//! use traceherd_containers::{Change, ContainerCollection, RuncOptions, Selector};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let collection = ContainerCollection::builder()
//!     .runc(RuncOptions::default())
//!     .docker("/run/docker.sock")
//!     .containerd("/run/containerd/containerd.sock")
//!     .start()
//!     .await?;
//! let web = Selector { names: vec!["web".into()], ..Selector::default() };
//! let mut changes = collection.subscribe();
//! while let Some(change) = changes.next().await {
//!     match change {
//!         Change::Added(container) if web.matches(&container) => println!("{container:?}"),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Identity is the cgroup
//!
//! A process belongs to the container whose cgroup it is in or below, and that cgroup is known
//! by its kernfs id ([`CgroupId`]), which the kernel never reuses. The *outermost* cgroup that is
//! a container's counts: what a container makes inside its own cgroup is that container's,
//! whatever it is called. The name of a cgroup is a hint for whom to ask, and proves nothing;
//! mount namespaces and pids pass to others at once, so no name hangs on them. [`Hierarchy`] is
//! the one cgroup hierarchy that all of this is about, on cgroup v1, v2 and hybrid hosts.
//!
//! docker restarts a container under its old id: an instance is an id and a cgroup, and a restart
//! is told as [`Change::Removed`] and [`Change::Added`].
//!
//! # What is told, and when
//!
//! - A container is told as soon as it has the best name it can have, or nobody knows one. What
//!   is learnt later (its process, its image, a new name) is told as [`Change::Updated`].
//! - Its end is told within 100 ms, once, by whichever comes first: the end of its init process
//!   (a pidfd), of its cgroup, or the runtime's word.
//! - It stays resolvable for a while after that ([`ContainerCollection::resolve`]).
//! - What is not known is `None`; [`Container::origins`] says who told each field.
//!
//! # With the kernel's events
//!
//! A program that has eBPF attached to `cgroup_mkdir` and `cgroup_rmdir` starts the collection
//! with [`Builder::kernel`], gives it each event through a [`CgroupFeed`], and learns through
//! [`ContainerCollection::watch_cgroups`] what its verdicts in the kernel must be: a new cgroup
//! is [`CgroupChange::Pending`] at once, before the container's first process runs, and a
//! container's, the host's, or inside another container within milliseconds; within 2 seconds if
//! runtimes do not answer.
//!
//! # Pods
//!
//! What a runtime says of a container's pod, others may have made it say: a label suffices.
//! Somebody who watches the API server can confirm it: [`Builder::pods`], and a [`PodFeed`] that
//! is told of this node's pods. A pod that the feed knows by the uid that the kubelet's own runtime
//! told is [`Pod::confirmed`], with the API server's namespace, name, labels and owner. A new
//! container of a pod is told once that is so, or after 2 seconds without.
//!
//! # What it needs
//!
//! A tokio runtime with io and time enabled, the host's pid namespace and cgroupfs, read access
//! to the runtimes' sockets, and `CAP_SYS_ADMIN` for [`Builder::runc`]. Troubles with a source
//! are told once per outage through `tracing`.

mod backoff;
mod builder;
mod cgroup;
mod change;
mod claim;
mod collection;
mod container;
mod containerd;
mod departed;
mod docker;
mod evidence;
mod facts;
#[cfg(test)]
mod fake_runtime;
mod fanotify;
mod feed;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod hierarchy;
mod housekeeping;
mod image;
mod listen;
mod locate;
mod oci;
mod origins;
mod pidfd;
mod pods;
mod process;
mod resolve;
mod runc;
mod selector;
mod shape;
mod shared;
mod state;
mod subscription;

pub use builder::{Builder, StartError};
pub use cgroup::{Cgroup, CgroupId};
pub use change::{CgroupChange, Change};
pub use collection::ContainerCollection;
pub use container::{Container, Image, Namespaces, Owner, Pod, Runtime};
pub use facts::Source;
pub use feed::CgroupFeed;
pub use hierarchy::{CgroupVersion, Hierarchy, HierarchyError};
pub use origins::Origins;
pub use pods::{PodFacts, PodFeed};
pub use runc::RuncOptions;
pub use selector::{LabelExpression, LabelOperator, Selector};
pub use subscription::{Subscription, WatchGuard};
