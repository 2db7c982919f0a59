//! Real container runtimes for tests: a docker, a containerd and a runc of a test's own.
//!
//! Each guard has a private daemon with its files in one folder under `/tmp`, its containers in one
//! cgroup of its own, and no network. Dropping it, or ending the test process in any way (a panic,
//! SIGKILL), removes all of it: processes, mounts, cgroups and files.
//!
//! ```no_run
//! let docker = traceherd_e2e::Docker::start()?;
//! assert_eq!(docker.run("hi", &["echo", "hello"])?, "hello\n");
//! docker.run_detached("web", &["sleep", "1000"])?;
//! docker.exec("web", &["true"])?;
//! # Ok::<(), traceherd_e2e::Error>(())
//! ```
//!
//! The runtimes are the distribution's packages, unpacked into `~/.cache/traceherd/runtimes` by
//! `e2e/install-runtimes.sh` on first use; nothing is installed on the host. Root is needed.
//!
//! [`Cluster`] is a real Kubernetes. [`Traceherd`] runs the command itself and reads its events,
//! [`kernel`] looks at what a process keeps there, and [`Storms`] executes as much as there can be.
//!
//! Every call blocks until the runtime has done it: in async tests use the multi-thread flavour or
//! `spawn_blocking`. Guards can be shared between threads.

mod cluster;
mod container_cli;
mod containerd;
mod daemon;
mod docker;
mod error;
pub mod executable;
mod home;
pub mod kernel;
mod lateness;
pub mod process;
pub mod programs;
mod runc;
mod runtimes;
pub mod statistics;
pub mod storm;
pub mod traceherd;

pub use cluster::{AgentLog, Cluster, Line, never, within};
pub use containerd::Containerd;
pub use docker::Docker;
pub use error::Error;
pub use lateness::Lateness;
pub use runc::Runc;
pub use runtimes::{BUSYBOX, Runtimes};
pub use storm::Storms;
pub use traceherd::Traceherd;
