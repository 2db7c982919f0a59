//! Child processes in which a test does what no standard library offers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::{self, ForkResult, Pid},
};

/// A child of this process, which ends with it at the latest.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    ended: bool,
}

impl Child {
    /// Forks. `action` is to become another program; what it returns instead is the child's exit
    /// status. Only the calling thread is there in the child.
    pub fn fork(action: impl FnOnce() -> Errno) -> Self {
        // SAFETY: the child never returns from here, and the C library's own locks survive a fork.
        match unsafe { unistd::fork() }.unwrap() {
            ForkResult::Parent { child } => Self {
                pid: child,
                ended: false,
            },
            ForkResult::Child => {
                // SAFETY: no preconditions.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let status =
                    catch_unwind(AssertUnwindSafe(action)).map_or(255, |errno| errno as i32);
                // SAFETY: no preconditions; nothing of the parent's is flushed or dropped.
                unsafe { libc::_exit(status) }
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw() as u32
    }

    /// Waits until it has ended, and expects success.
    pub fn succeeds(self) -> u32 {
        let pid = self.pid();
        assert_eq!(
            self.wait(),
            WaitStatus::Exited(Pid::from_raw(pid as i32), 0)
        );
        pid
    }

    /// Waits until it has ended, and expects that error for its status.
    pub fn fails_with(self, errno: Errno) -> u32 {
        let pid = self.pid();
        assert_eq!(
            self.wait(),
            WaitStatus::Exited(Pid::from_raw(pid as i32), errno as i32)
        );
        pid
    }

    pub fn wait(mut self) -> WaitStatus {
        self.ended = true;
        waitpid(self.pid, None).unwrap()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// Does it on a thread that is not the process's first. To be called in a child.
pub fn on_a_thread(action: impl FnOnce() -> Errno + Send) -> Errno {
    thread::scope(|scope| scope.spawn(action).join().unwrap())
}

/// A child of the standard library's making, which ends with the test.
pub struct Spawned(pub std::process::Child);

impl Drop for Spawned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
