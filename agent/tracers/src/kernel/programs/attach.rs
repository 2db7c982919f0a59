//! Attaching and detaching: each group of programs is attached as a whole, or not at all.

use aya::programs::{TracePoint, tp_btf::BtfTracePointLinkId, trace_point::TracePointLinkId};

use super::{
    super::{offsets::BtfError, patience::attach_again, requirements},
    Programs, ProgramsError, btf_program,
};

/// What is attached, or is to be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Attached {
    /// What sees cgroups come and go.
    pub cgroups: bool,
    /// What sees successful execs.
    pub exec: bool,
    /// What sees failed ones. It makes every system call of the machine a little slower.
    pub failed: bool,
}

impl Programs {
    /// Attaches this and nothing else. The kernel may take a second over it: what sees failed
    /// execs is loaded when it is first asked for.
    pub fn attach(&mut self, wanted: Attached) -> Result<(), ProgramsError> {
        self.set_failed(wanted.failed)?;
        self.set_exec(wanted.exec)?;
        self.set_cgroups(wanted.cgroups)
    }

    /// What is attached.
    pub fn attached(&self) -> Attached {
        Attached {
            cgroups: self.cgroups.is_some(),
            exec: self.exec.is_some(),
            failed: self.failed.is_some(),
        }
    }

    /// Attaches or detaches what sees successful execs.
    fn set_exec(&mut self, on: bool) -> Result<(), ProgramsError> {
        if on && self.exec.is_none() {
            self.exec = Some(self.attach_btf("exec")?);
        } else if !on && let Some(link) = self.exec.take() {
            self.detach_btf("exec", link);
        }
        Ok(())
    }

    /// Attaches or detaches what sees failed execs.
    fn set_failed(&mut self, on: bool) -> Result<(), ProgramsError> {
        const PROGRAMS: [(&str, &str); 2] = [
            ("execve_exit", "sys_exit_execve"),
            ("execveat_exit", "sys_exit_execveat"),
        ];
        if on && self.failed.is_none() {
            // Not by trying: 5.10 logs a warning about such a program before it refuses it.
            if !self.failures_supported {
                return Err(ProgramsError::FailuresUnsupported {
                    release: requirements::kernel_release(),
                });
            }
            if let Some(missing) = self.missing_register {
                return Err(BtfError::Missing(missing.to_owned()).into());
            }
            requirements::ensure_tracefs()?;
            if !self.failed_loaded {
                for (program, _) in PROGRAMS {
                    self.tracepoint(program)?
                        .load()
                        .map_err(|source| ProgramsError::Load {
                            release: requirements::kernel_release(),
                            program,
                            source,
                        })?;
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
    fn set_cgroups(&mut self, on: bool) -> Result<(), ProgramsError> {
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
