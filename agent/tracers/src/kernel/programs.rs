//! The eBPF programs and their maps: loading them.

mod attach;
mod constants;
mod maps;

use std::{
    io,
    os::fd::{AsFd as _, AsRawFd as _, RawFd},
};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader,
    maps::{Map, MapData, MapError, RingBuf},
    programs::{
        BtfTracePoint, ProgramError, tp_btf::BtfTracePointLinkId, trace_point::TracePointLinkId,
    },
    util::nr_cpus,
};
use thiserror::Error;
use traceherd_containers::Hierarchy;
use zerocopy::IntoBytes as _;

use self::constants::Constants;
pub use self::{
    attach::Attached,
    maps::{Maps, VerdictError},
};
use super::{
    offsets::BtfError,
    requirements::{self, RequirementError},
    ring::Ring,
};

static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/traceherd.bpf.o"));

/// Why the programs could not be loaded or attached.
#[derive(Debug, Error)]
pub enum ProgramsError {
    /// This command was compiled without the eBPF tools.
    #[error(
        "this binary was built without its eBPF programs: run `make setup`, then build it again"
    )]
    NotBuilt,
    /// Something that tracing needs is missing.
    #[error(transparent)]
    Requirement(#[from] RequirementError),
    /// The kernel's types.
    #[error(transparent)]
    Types(#[from] BtfError),
    /// The kernel's types, as the loader reads them.
    #[error("cannot read the kernel's type information")]
    LoaderTypes(#[source] aya::BtfError),
    /// The cgroup hierarchy is not there.
    #[error("the kernel has no cgroup hierarchy of the controller `{0}`")]
    Hierarchy(String),
    /// The object or its maps.
    #[error("cannot load Traceherd's eBPF maps")]
    Maps(#[source] EbpfError),
    /// A program was refused.
    #[error("the kernel {release} refuses the eBPF program `{program}`")]
    Load {
        /// `uname -r`.
        release: String,
        /// Its name.
        program: &'static str,
        /// Why, with the verifier's words.
        source: ProgramError,
    },
    /// Failed execs on a kernel that cannot tell.
    #[error(
        "failed execs cannot be traced on the kernel {release}: that needs Linux 5.15 or newer \
         (bpf_task_pt_regs)"
    )]
    FailuresUnsupported {
        /// `uname -r`.
        release: String,
    },
    /// A program could not be attached.
    #[error("cannot attach the eBPF program `{program}`")]
    Attach {
        /// Its name.
        program: &'static str,
        /// Why.
        source: ProgramError,
    },
    /// A map is not what it must be.
    #[error("cannot use the eBPF map `{name}`")]
    Map {
        /// Its name.
        name: &'static str,
        /// Why.
        source: MapError,
    },
    /// How many CPUs there are is not to be found out.
    #[error("cannot read {path}")]
    Cpus {
        /// The file.
        path: &'static str,
        /// What happened.
        source: io::Error,
    },
}

/// How large the maps are.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The ring; rounded up to a power of two of whole pages.
    pub ring_bytes: u32,
    /// Cgroups with a verdict, and with counters.
    pub cgroups: u32,
}

/// Most cgroups with a verdict, where nobody says otherwise.
pub const CGROUPS: u32 = 65_536;

/// The loaded programs. Dropping them detaches everything: nothing is pinned.
pub struct Programs {
    ebpf: Ebpf,
    exec: Option<BtfTracePointLinkId>,
    failed: Option<[TracePointLinkId; 2]>,
    failed_loaded: bool,
    failures_supported: bool,
    /// What the kernel's types do not tell of where failed execs are read from.
    missing_register: Option<&'static str>,
    cgroups: Option<[BtfTracePointLinkId; 2]>,
}

impl Programs {
    /// Loads programs and maps; attaches nothing.
    pub fn load(hierarchy: &Hierarchy, sizes: Sizes) -> Result<(Self, Maps, Ring), ProgramsError> {
        if OBJECT.is_empty() {
            return Err(ProgramsError::NotBuilt);
        }
        requirements::check_capabilities()?;
        let ring_bytes = sizes.ring_bytes.max(page_bytes()).next_power_of_two();
        let constants = Constants::of_this_kernel(hierarchy, ring_bytes)?;
        let cpus = nr_cpus().map_err(|(path, source)| ProgramsError::Cpus { path, source })?;
        let mut ebpf = EbpfLoader::new()
            .btf(None)
            .override_global("OFFSETS", constants.offsets.as_bytes(), true)
            .override_global("SETTINGS", constants.settings.as_bytes(), true)
            .map_max_entries("RING", ring_bytes)
            .map_max_entries("VERDICTS", sizes.cgroups)
            .map_max_entries("COUNTERS", sizes.cgroups)
            .map_max_entries("SCRATCH", u32::try_from(cpus).unwrap_or(u32::MAX))
            .load(OBJECT)
            .map_err(ProgramsError::Maps)?;
        load_programs(&mut ebpf)?;
        let buffer: RingBuf<MapData> = take(&mut ebpf, "RING")?;
        let maps = Maps::take(&mut ebpf, sizes.cgroups)?;
        let programs = Self {
            ebpf,
            exec: None,
            failed: None,
            failed_loaded: false,
            failures_supported: constants.failures_supported,
            missing_register: constants.missing_register,
            cgroups: None,
        };
        // What was read to load the programs is worth tens of megabytes, and is not needed again.
        // SAFETY: no preconditions.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::malloc_trim(0);
        }
        let bytes = ring_bytes;
        Ok((programs, maps, Ring { buffer, bytes }))
    }

    /// The descriptors of the programs that are loaded, for as long as this lives.
    pub fn descriptors(&self) -> Vec<RawFd> {
        let loaded = self
            .ebpf
            .programs()
            .filter_map(|(_, program)| program.fd().ok());
        loaded.map(|fd| fd.as_fd().as_raw_fd()).collect()
    }
}

fn btf_program<'a>(
    ebpf: &'a mut Ebpf,
    program: &'static str,
) -> Result<&'a mut BtfTracePoint, ProgramsError> {
    ebpf.program_mut(program)
        .ok_or(ProgramsError::NotBuilt)?
        .try_into()
        .map_err(|source| ProgramsError::Attach { program, source })
}

fn load_programs(ebpf: &mut Ebpf) -> Result<(), ProgramsError> {
    let types = Btf::from_sys_fs().map_err(ProgramsError::LoaderTypes)?;
    for (program, tracepoint) in [
        ("exec", "sched_process_exec"),
        ("cgroup_mkdir", "cgroup_mkdir"),
        ("cgroup_rmdir", "cgroup_rmdir"),
    ] {
        btf_program(ebpf, program)?
            .load(tracepoint, &types)
            .map_err(|source| ProgramsError::Load {
                release: requirements::kernel_release(),
                program,
                source,
            })?;
    }
    Ok(())
}

fn page_bytes() -> u32 {
    // SAFETY: no preconditions.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u32::try_from(bytes).unwrap_or(4096)
}

fn take<M>(ebpf: &mut Ebpf, name: &'static str) -> Result<M, ProgramsError>
where
    M: TryFrom<Map, Error = MapError>,
{
    let map = ebpf.take_map(name).ok_or(ProgramsError::NotBuilt)?;
    M::try_from(map).map_err(|source| ProgramsError::Map { name, source })
}
