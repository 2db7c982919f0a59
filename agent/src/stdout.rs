//! Standard output, and whether somebody still reads it.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::time::{MissedTickBehavior, interval};

/// How often standard output is looked at while there is nothing to write.
const LOOK: Duration = Duration::from_millis(250);

/// Writes all of `text` to standard output.
///
/// # Errors
/// The system's; a closed pipe is [`io::ErrorKind::BrokenPipe`].
pub fn write_all(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
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
