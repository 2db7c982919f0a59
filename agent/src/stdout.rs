//! Standard output, and whether somebody still reads it.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};
use nix::unistd;
use tokio::time::{MissedTickBehavior, interval};

/// How often standard output is looked at while there is nothing to write.
const LOOK: Duration = Duration::from_millis(250);

/// Text that is written at once, in bytes.
const CHUNK: usize = 64 << 10;
/// What a pipe takes whole or not at all (`PIPE_BUF`).
const PIPE_BYTES: usize = 4096;

/// How many bytes to write at once, so that it is known at any time which of them were written. A
/// pipe that is full takes a part of more than [`PIPE_BYTES`], and tells nobody while the call waits.
pub fn at_once() -> usize {
    match fstat(io::stdout()) {
        Ok(file) if SFlag::from_bits_truncate(file.st_mode) & SFlag::S_IFMT == SFlag::S_IFIFO => {
            PIPE_BYTES
        }
        _ => CHUNK,
    }
}

/// Writes all of `text` to standard output.
///
/// # Errors
/// The system's; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write_all(text: &str) -> io::Result<()> {
    // Not by way of the standard library's buffer, which cuts the text where it likes.
    let stdout = io::stdout();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        match unistd::write(&stdout, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => rest = &rest[written..],
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Waits until standard output is closed at its other end, also while nothing is written.
pub async fn nobody_reads() {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if is_closed() {
            return;
        }
    }
}

/// True when standard output is a pipe or socket whose other end is closed: nothing that is
/// written now could be read.
fn is_closed() -> bool {
    let stdout = io::stdout();
    let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
        && fds[0]
            .revents()
            .is_some_and(|seen| seen.intersects(PollFlags::POLLERR | PollFlags::POLLHUP))
}
