//! A container's init process.

/// A process by pid and start time: no later process with its pid is mistaken for it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Init {
    /// In this program's pid namespace.
    pub pid: u32,
    /// In clock ticks since boot, as in `/proc/PID/stat` and the runtimes' state.
    pub start: u64,
}

impl Init {
    /// The living process with this pid; zombies do not live.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = procfs::process::Process::new(i32::try_from(pid).ok()?)
            .and_then(|process| process.stat())
            .ok()?;
        (!matches!(stat.state, 'Z' | 'X')).then_some(Self {
            pid,
            start: stat.starttime,
        })
    }

    /// Whether that very process still lives.
    pub(crate) fn lives(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_it_is_a_zombie() {
        let own = Init::of(std::process::id()).unwrap();
        assert!(own.lives());
        let earlier = Init {
            start: own.start - 1,
            ..own
        };
        assert!(!earlier.lives(), "another process had the pid before");

        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let init = Init::of(child.id()).unwrap();
        drop(child.stdin.take());
        while init.lives() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(Init::of(u32::MAX), None);
    }
}
