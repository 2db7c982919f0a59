//! Looking at cgroupfs: all of it when asked, one cgroup when its end is in question.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::warn;

use crate::cgroup::Cgroup;
use crate::shared::Shared;
use crate::state::Input;

/// How long a cgroup may stand without a process before that means something.
const SETTLE: Duration = Duration::from_millis(20);
/// How often cgroups are looked at whose end nobody tells.
const SWEEP: Duration = Duration::from_millis(50);

/// Compares the collection with cgroupfs whenever that is asked for.
pub(crate) async fn rescan(shared: Arc<Shared>) {
    loop {
        shared.rescan.notified().await;
        scan(&shared).await;
    }
}

/// Compares the collection with cgroupfs once.
pub(crate) async fn scan(shared: &Arc<Shared>) {
    shared.apply(Input::ScanBegan);
    let walking = shared.clone();
    match spawn_blocking(move || walking.hierarchy.walk_from(&walking.root)).await {
        Ok(Ok(all)) => shared.apply(Input::Scanned(all)),
        Ok(Err(error)) => {
            let (at, root) = (shared.hierarchy.mount_point.display(), &shared.root.path);
            warn!(%error, "cannot read the cgroup `{root}` of the hierarchy at {at}");
        }
        Err(_stopped) => {}
    }
}

/// Tells of cgroups in question that no process is left in them.
pub(crate) async fn probe(shared: Arc<Shared>, mut probes: UnboundedReceiver<Cgroup>) {
    while let Some(cgroup) = probes.recv().await {
        // A container that is starting has its cgroup a little before its first process.
        sleep(SETTLE).await;
        let (looking, id) = (shared.clone(), cgroup.id);
        if let Ok(false) = spawn_blocking(move || looking.hierarchy.populated(&cgroup)).await {
            shared.apply(Input::Empty(id));
        }
    }
}

/// Without the kernel's events: tells the end of cgroups that no pidfd tells.
pub(crate) async fn sweep(shared: Arc<Shared>) {
    loop {
        sleep(SWEEP).await;
        let unwatched = shared.read(|state| state.unwatched());
        if unwatched.is_empty() {
            continue;
        }
        let looking = shared.clone();
        let look = move || {
            let mut gone = unwatched;
            gone.retain(|cgroup| !looking.hierarchy.has(cgroup));
            gone
        };
        for cgroup in spawn_blocking(look).await.unwrap_or_default() {
            shared.apply(Input::Gone(cgroup.id));
        }
    }
}
