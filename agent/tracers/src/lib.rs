//! eBPF tracers, filtered by container in the kernel.
//!
//! - [`ExecTracer`]: every exec of the machine, as a callback or a stream. No containers.
//! - [`TracerCollection`]: many traces, each with a [`Selector`](traceherd_containers::Selector),
//!   on one set of eBPF programs. The kernel keeps only the events of selected containers; an
//!   event costs the same whatever the number of traces.
//!
//! An event is an [`ExecEvent`]; its columns (`traceherd_columns`) make tables, JSON, YAML and
//! filters of it.
//!
//! ```no_run
//! use futures::StreamExt as _;
//! use traceherd_containers::{ContainerCollection, Selector};
//! use traceherd_tracers::{Config, TraceSpec, TracerCollection};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let containers =
//!     ContainerCollection::builder().docker("/run/docker.sock").kernel().start().await?;
//! let tracers = TracerCollection::start(Config::default(), &containers)?;
//!
//! let spec = TraceSpec { selector: Selector::named("web"), ..TraceSpec::default() };
//! let mut execs = tracers.add("shells", spec).await?;
//! while let Some(event) = execs.next().await {
//!     println!("{} was executed in web", event.comm);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Requirements
//! Linux 5.10 or newer with BTF (`CONFIG_DEBUG_INFO_BTF`), and `CAP_BPF` and `CAP_PERFMON`, or
//! root. Failed execs need 5.15. What is missing is named by the error.
//!
//! # Accounts
//! Nothing is lost in silence. Each trace has an account ([`Counts`]) in which
//! `observed = delivered + filtered + suppressed + lost`; what was lost before anyone could say
//! whose it was is told apart ([`Unattributed`]).
//!
//! # What an event proves
//! The arguments of a successful exec are the new process's own argument block, read after the
//! kernel made it: they are what the process got, though it can say anything in them. Those of a
//! failed exec are read from the caller's memory when the call returns, so that another of its
//! threads may have changed them; of each at most 4,095 bytes. A process is put to the container whose cgroup it is in or below,
//! known by the cgroup's id, which the kernel never reuses; neither namespaces nor cgroups made
//! inside a container change that.

mod collection;
mod exec;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
mod kernel;
mod tracer;

pub use collection::{
    Config, Counts, Events, KernelCounts, RateLimit, StartError, TraceError, TraceSpec,
    TracerCollection, Unattributed,
};
pub use exec::{
    ArgsMode, Argument, ArgumentList, Arguments, ExecEvent, ExecOptions, MAX_ARGS_BYTES, Name,
};
pub use kernel::{
    btf::ParseError,
    offsets::{BtfError, KERNEL_BTF, KernelTypes},
    programs::{ProgramsError, VerdictError},
    requirements::{RequirementError, check_capabilities},
    ring::RingState,
};
pub use tracer::{ExecTracer, TracerCounts, TracerError};
