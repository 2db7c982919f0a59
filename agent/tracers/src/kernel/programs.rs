//! The eBPF programs and their maps: loading, attaching, and what is put into and read from them.

use std::{io, os::fd::RawFd};

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader,
    maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray, RingBuf},
    programs::{
        BtfTracePoint, ProgramError, TracePoint, tp_btf::BtfTracePointLinkId,
        trace_point::TracePointLinkId,
    },
    util::nr_cpus,
};
use thiserror::Error;
use traceherd_containers::{CgroupId, CgroupVersion, Hierarchy};
use traceherd_ebpf_common::{ABSENT, ContainerCounters, Offsets, Settings, Stat, Verdict};
use zerocopy::IntoBytes as _;

use super::{
    memory::{descriptor, map_bytes},
    offsets::{BtfError, KernelTypes},
    patience::attach_again,
    registers,
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
        /// Why, with the verifier's words.
        source: ProgramError,
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

/// No room for a verdict: 65,536 cgroups have one.
#[derive(Debug, Error)]
#[error("cannot tell the kernel about the cgroup {cgroup}: at most 65,536 cgroups can be followed")]
pub struct VerdictError {
    /// The cgroup.
    pub cgroup: CgroupId,
    /// What the kernel said.
    pub source: MapError,
}

type VerdictBytes = [u8; size_of::<Verdict>()];
type CounterBytes = [u8; size_of::<ContainerCounters>()];

/// The loaded programs. Dropping them detaches everything: nothing is pinned.
pub struct Programs {
    ebpf: Ebpf,
    verdicts: HashMap<MapData, u64, VerdictBytes>,
    counters: HashMap<MapData, u64, CounterBytes>,
    pending: Array<MapData, VerdictBytes>,
    stats: PerCpuArray<MapData, u64>,
    /// The maps' descriptors but for the ring's, which its reader has. The maps are all in here.
    maps: Vec<RawFd>,
    exec: Option<BtfTracePointLinkId>,
    failed: Option<[TracePointLinkId; 2]>,
    failed_loaded: bool,
    cgroups: Option<[BtfTracePointLinkId; 2]>,
}

impl Programs {
    /// Loads programs and maps; attaches nothing. `ring_bytes` is rounded up to a power of two of
    /// whole pages.
    pub fn load(hierarchy: &Hierarchy, ring_bytes: u32) -> Result<(Self, Ring), ProgramsError> {
        if OBJECT.is_empty() {
            return Err(ProgramsError::NotBuilt);
        }
        requirements::check_capabilities()?;
        let ring_bytes = ring_bytes.max(page_bytes()).next_power_of_two();
        let (offsets, settings) = constants(hierarchy, ring_bytes)?;
        let cpus = nr_cpus().map_err(|(path, source)| ProgramsError::Cpus { path, source })?;
        let mut ebpf = EbpfLoader::new()
            .btf(None)
            .override_global("OFFSETS", offsets.as_bytes(), true)
            .override_global("SETTINGS", settings.as_bytes(), true)
            .map_max_entries("RING", ring_bytes)
            .map_max_entries("SCRATCH", u32::try_from(cpus).unwrap_or(u32::MAX))
            .load(OBJECT)
            .map_err(ProgramsError::Maps)?;
        load_programs(&mut ebpf)?;
        let buffer: RingBuf<MapData> = take(&mut ebpf, "RING")?;
        let maps = ebpf.maps().filter_map(|(_, map)| descriptor(map)).collect();
        let programs = Self {
            verdicts: take(&mut ebpf, "VERDICTS")?,
            counters: take(&mut ebpf, "COUNTERS")?,
            pending: take(&mut ebpf, "PENDING")?,
            stats: take(&mut ebpf, "STATS")?,
            ebpf,
            maps,
            exec: None,
            failed: None,
            failed_loaded: false,
            cgroups: None,
        };
        // What was read to load the programs is worth tens of megabytes, and is not needed again.
        // SAFETY: no preconditions.
        #[cfg(target_env = "gnu")]
        unsafe {
            libc::malloc_trim(0);
        }
        let bytes = ring_bytes;
        Ok((programs, Ring { buffer, bytes }))
    }

    /// Attaches or detaches what sees successful execs.
    pub fn set_exec(&mut self, on: bool) -> Result<(), ProgramsError> {
        if on && self.exec.is_none() {
            self.exec = Some(self.attach_btf("exec")?);
        } else if !on && let Some(link) = self.exec.take() {
            self.detach_btf("exec", link);
        }
        Ok(())
    }

    /// Attaches or detaches what sees failed execs. Attached, it makes every system call of the
    /// machine a little slower.
    pub fn set_failed(&mut self, on: bool) -> Result<(), ProgramsError> {
        const PROGRAMS: [(&str, &str); 2] = [
            ("execve_exit", "sys_exit_execve"),
            ("execveat_exit", "sys_exit_execveat"),
        ];
        if on && self.failed.is_none() {
            requirements::ensure_tracefs()?;
            if !self.failed_loaded {
                for (program, _) in PROGRAMS {
                    self.tracepoint(program)?
                        .load()
                        .map_err(failures_unsupported)?;
                }
                self.failed_loaded = true;
            }
            let [(first, on_first), (second, on_second)] = PROGRAMS;
            let link = self.attach_tracepoint(first, on_first)?;
            match self.attach_tracepoint(second, on_second) {
                Ok(other) => self.failed = Some([link, other]),
                Err(error) => {
                    self.detach_tracepoint(first, link);
                    return Err(error);
                }
            }
        } else if !on && let Some(links) = self.failed.take() {
            for ((program, _), link) in PROGRAMS.into_iter().zip(links) {
                self.detach_tracepoint(program, link);
            }
        }
        Ok(())
    }

    /// Attaches or detaches what sees cgroups come and go.
    pub fn set_cgroups(&mut self, on: bool) -> Result<(), ProgramsError> {
        if on && self.cgroups.is_none() {
            let made = self.attach_btf("cgroup_mkdir")?;
            match self.attach_btf("cgroup_rmdir") {
                Ok(removed) => self.cgroups = Some([made, removed]),
                Err(error) => {
                    self.detach_btf("cgroup_mkdir", made);
                    return Err(error);
                }
            }
        } else if !on && let Some([made, removed]) = self.cgroups.take() {
            self.detach_btf("cgroup_mkdir", made);
            self.detach_btf("cgroup_rmdir", removed);
        }
        Ok(())
    }

    /// Whether anything is attached.
    pub fn live(&self) -> bool {
        self.exec.is_some() || self.failed.is_some() || self.cgroups.is_some()
    }

    /// Bytes of kernel memory that the maps take, without the ring.
    pub fn map_bytes(&self) -> u64 {
        self.maps.iter().copied().map(map_bytes).sum()
    }

    /// Sets the verdict of a cgroup.
    pub fn set_verdict(&mut self, cgroup: CgroupId, verdict: Verdict) -> Result<(), VerdictError> {
        let bytes: VerdictBytes = zerocopy::transmute!(verdict);
        self.verdicts
            .insert(cgroup.0, bytes, 0)
            .map_err(|source| VerdictError { cgroup, source })
    }

    /// Takes a cgroup's verdict away.
    pub fn remove_verdict(&mut self, cgroup: CgroupId) {
        // Not there is as good as removed.
        let _ = self.verdicts.remove(&cgroup.0);
    }

    /// What is wanted of cgroups that are pending.
    pub fn set_pending(&mut self, verdict: Verdict) -> Result<(), ProgramsError> {
        let bytes: VerdictBytes = zerocopy::transmute!(verdict);
        self.pending
            .set(0, bytes, 0)
            .map_err(|source| ProgramsError::Map {
                name: "PENDING",
                source,
            })
    }

    /// What the kernel counted for a cgroup; zeros where nothing ever happened.
    pub fn counters(&self, cgroup: CgroupId) -> ContainerCounters {
        self.counters.get(&cgroup.0, 0).map_or_else(
            |_| ContainerCounters::default(),
            |bytes| zerocopy::transmute!(bytes),
        )
    }

    /// Forgets what was counted for a cgroup.
    pub fn remove_counters(&mut self, cgroup: CgroupId) {
        // Not there is as good as removed.
        let _ = self.counters.remove(&cgroup.0);
    }

    /// One of the counters for what belongs to no cgroup, summed over the CPUs.
    pub fn stat(&self, stat: Stat) -> u64 {
        self.stats
            .get(&(stat as u32), 0)
            .map_or(0, |values| values.iter().sum())
    }

    fn attach_btf(&mut self, program: &'static str) -> Result<BtfTracePointLinkId, ProgramsError> {
        let found = btf_program(&mut self.ebpf, program)?;
        attach_again(|| found.attach()).map_err(|source| ProgramsError::Attach { program, source })
    }

    fn detach_btf(&mut self, program: &'static str, link: BtfTracePointLinkId) {
        if let Ok(found) = btf_program(&mut self.ebpf, program) {
            // The kernel does not refuse to close a descriptor.
            let _ = found.detach(link);
        }
    }

    fn attach_tracepoint(
        &mut self,
        program: &'static str,
        tracepoint: &str,
    ) -> Result<TracePointLinkId, ProgramsError> {
        let found = self.tracepoint(program)?;
        attach_again(|| found.attach("syscalls", tracepoint))
            .map_err(|source| ProgramsError::Attach { program, source })
    }

    fn detach_tracepoint(&mut self, program: &'static str, link: TracePointLinkId) {
        if let Ok(found) = self.tracepoint(program) {
            // The kernel does not refuse to close a descriptor.
            let _ = found.detach(link);
        }
    }

    fn tracepoint(&mut self, program: &'static str) -> Result<&mut TracePoint, ProgramsError> {
        self.ebpf
            .program_mut(program)
            .ok_or(ProgramsError::NotBuilt)?
            .try_into()
            .map_err(|source| ProgramsError::Attach { program, source })
    }
}

fn failures_unsupported(source: ProgramError) -> ProgramsError {
    ProgramsError::FailuresUnsupported {
        release: requirements::kernel_release(),
        source,
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

/// What the programs are told about this kernel.
fn constants(hierarchy: &Hierarchy, ring_bytes: u32) -> Result<(Offsets, Settings), ProgramsError> {
    let types = KernelTypes::running()?;
    let offsets = types.offsets()?;
    let mut settings = Settings {
        wake_bytes: ring_bytes / 4,
        ..Settings::NONE
    };
    match &hierarchy.version {
        CgroupVersion::V2 => settings.hierarchy_id = 0,
        CgroupVersion::V1 { controller } => {
            let missing = || ProgramsError::Hierarchy(controller.clone());
            let name = format!("{controller}_cgrp_id");
            settings.subsys_index = types
                .enumerator("cgroup_subsys_id", &name)
                .ok_or_else(missing)?;
            settings.hierarchy_id = hierarchy_id(controller).ok_or_else(missing)?;
        }
    }
    if let Some(arguments) = registers::arguments(&types) {
        settings.execve_file = arguments.first;
        settings.execve_argv = arguments.second;
        settings.execveat_file = arguments.second;
        settings.execveat_argv = arguments.third;
    }
    debug_assert_ne!(settings.hierarchy_id, ABSENT);
    Ok((offsets, settings))
}

/// The hierarchy that a v1 controller is mounted in: `/proc/cgroups`.
fn hierarchy_id(controller: &str) -> Option<u32> {
    std::fs::read_to_string("/proc/cgroups")
        .ok()?
        .lines()
        .find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == controller).then(|| words.next()?.parse().ok())?
        })
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
