//! Attaching again what was attached a moment ago.

use std::{io, thread::sleep, time::Duration};

use aya::programs::ProgramError;

const PAUSE: Duration = Duration::from_millis(5);
/// 100 ms in all: the ring's reader may have to wait as long, and the ring holds more.
const TRIES: usize = 20;

/// Attaches, and waits for a moment where the kernel says that the program is attached already. It
/// still is, though its descriptor was closed here, while a child that was forked before has not
/// executed anything yet: till then the child has its parent's descriptors, close-on-exec or not.
pub fn attach_again<L>(
    mut attach: impl FnMut() -> Result<L, ProgramError>,
) -> Result<L, ProgramError> {
    for _ in 1..TRIES {
        match attach() {
            Err(error) if is_attached(&error) => sleep(PAUSE),
            done => return done,
        }
    }
    attach()
}

fn is_attached(error: &ProgramError) -> bool {
    matches!(error, ProgramError::SyscallError(error)
        if error.io_error.kind() == io::ErrorKind::AlreadyExists)
}

#[cfg(test)]
mod tests {
    use aya::sys::SyscallError;

    use super::*;

    fn refused(errno: i32) -> ProgramError {
        ProgramError::SyscallError(SyscallError {
            call: "bpf_link_create",
            io_error: io::Error::from_raw_os_error(errno),
        })
    }

    /// Refuses with `errno` so many times; returns whether it was attached at last, and the calls.
    fn play(errno: i32, times: usize) -> (bool, usize) {
        let mut calls = 0;
        let attached = attach_again(|| {
            calls += 1;
            if calls > times {
                Ok(())
            } else {
                Err(refused(errno))
            }
        });
        (attached.is_ok(), calls)
    }

    #[test]
    fn only_what_is_attached_already_is_waited_for_and_not_for_ever() {
        assert_eq!(play(libc::EEXIST, 0), (true, 1));
        assert_eq!(play(libc::EEXIST, 3), (true, 4));
        assert_eq!(play(libc::EEXIST, TRIES), (false, TRIES));
        assert_eq!(play(libc::EPERM, 1), (false, 1));
    }
}
