//! Following the set of containers.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::mpsc;

use crate::change::Change;
use crate::shared::Shared;

/// The containers that were there when it began, each as [`Change::Added`], and then every
/// change, none missed and none doubled. Ends when the collection is dropped.
///
/// What is not read yet is kept: a subscriber should read on, or be dropped.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) changes: mpsc::UnboundedReceiver<Change>,
}

impl Subscription {
    /// The next change; `None` after the collection was dropped. Cancel safe.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await
    }
}

impl Stream for Subscription {
    type Item = Change;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Change>> {
        self.changes.poll_recv(context)
    }
}

/// Ends a [`watch_cgroups`](crate::ContainerCollection::watch_cgroups) when it is dropped: after
/// that the callback is not called again, and is dropped itself.
#[must_use = "dropping it ends the watch"]
pub struct WatchGuard {
    shared: Weak<Shared>,
    number: u64,
}

impl WatchGuard {
    pub(crate) fn new(shared: &Arc<Shared>, number: u64) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            number,
        }
    }
}

impl Drop for WatchGuard {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.unwatch(self.number);
        }
    }
}

impl fmt::Debug for WatchGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchGuard").finish_non_exhaustive()
    }
}
