//! Taking in what the sources tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use crate::facts::{Facts, Source, SourceEvent};
use crate::locate::locate;
use crate::shared::Shared;
use crate::state::Input;

/// Applies the sources' events in their order. `awaited` are the sources that have not told yet
/// what they know, or that they cannot.
pub(crate) async fn listen(
    shared: Arc<Shared>,
    mut events: mpsc::Receiver<SourceEvent>,
    awaited: watch::Sender<BTreeSet<Source>>,
) {
    while let Some(event) = events.recv().await {
        match event {
            SourceEvent::Up(source) => info!(%source, "connected"),
            SourceEvent::Down {
                source,
                reason,
                absent,
            } => {
                if absent {
                    info!(%source, reason, "not there; trying again");
                } else {
                    warn!(%source, reason, "not available; trying again");
                }
                arrived(&awaited, source);
            }
            SourceEvent::Listed { source, all } => {
                let ids = all.iter().map(|facts| facts.id.clone()).collect();
                take_in(&shared, all).await;
                shared.apply(Input::Listed { source, ids });
                arrived(&awaited, source);
            }
            SourceEvent::Known(facts) => take_in(&shared, vec![facts]).await,
            SourceEvent::Ended { id, pid, .. } => shared.apply(Input::Ended { id, pid }),
        }
    }
}

async fn take_in(shared: &Arc<Shared>, all: Vec<Facts>) {
    let locating = shared.clone();
    let located = spawn_blocking(move || {
        for facts in all {
            if let Some(input) = locate(&locating.hierarchy, &locating.root, facts) {
                locating.apply(input);
            }
        }
    });
    // It ends early only when the runtime shuts down.
    let _ = located.await;
}

fn arrived(awaited: &watch::Sender<BTreeSet<Source>>, source: Source) {
    awaited.send_if_modified(|awaited| awaited.remove(&source));
}
