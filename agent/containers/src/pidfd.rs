//! Waiting for processes to end.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tracing::warn;

use crate::locate::is_in;
use crate::shared::Shared;
use crate::state::{Input, Watched};

/// Tells the end of every process it is given, each by a pidfd of its own.
pub(crate) async fn watch_processes(shared: Arc<Shared>, mut watched: UnboundedReceiver<Watched>) {
    let mut ends = JoinSet::new();
    loop {
        tokio::select! {
            next = watched.recv() => match next {
                Some(watched) => {
                    ends.spawn(end(shared.clone(), watched));
                }
                None => return,
            },
            Some(_) = ends.join_next() => {}
        }
    }
}

async fn end(shared: Arc<Shared>, watched: Watched) {
    if let Err(error) = wait(&shared, &watched).await {
        // Its cgroup's end, or the runtime, will tell.
        let pid = watched.pid;
        warn!(%error, pid, container = watched.id, "cannot wait for a container's process");
        return;
    }
    shared.apply(Input::Exited(watched));
}

async fn wait(shared: &Arc<Shared>, watched: &Watched) -> io::Result<()> {
    let Some(process) = open(watched.pid)? else {
        return Ok(());
    };
    // The pid may have passed to another process before it was opened.
    let checked = (shared.clone(), watched.clone());
    let still_there = tokio::task::spawn_blocking(move || {
        let (shared, watched) = checked;
        let is_in = |cgroup| is_in(&shared.hierarchy, watched.pid, cgroup);
        watched.cgroup.as_ref().is_none_or(is_in)
    });
    if still_there.await.map_err(io::Error::other)? {
        // SAFETY: an OwnedFd has its one descriptor open until it is dropped.
        let process = unsafe { AsyncFd::register_with_interest(process, Interest::READABLE)? };
        // Readable once the process has ended, and for ever.
        process.readable().await?.retain_ready();
    }
    Ok(())
}

/// `None` when there is no such process any more.
fn open(pid: u32) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(None);
    };
    match pidfd_open(pid, PidfdFlags::NONBLOCK) {
        Ok(process) => Ok(Some(process)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
