//! What is there, as the API server tells it.

mod fleet;
mod nudges;
mod reports;
mod synced;
mod traces;

use std::time::Duration;

use futures::{Stream, StreamExt};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use tracing::{info, warn};

pub use self::fleet::FleetWatch;
pub use self::nudges::{Nudge, Nudges};
pub use self::reports::{ReportsWatch, Subject};
pub use self::synced::Synced;
pub use self::traces::{follow_traces, nudge_all};

/// How long a watch that fails waits at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));

/// Follows a watch for ever, and says once that it fails and once that it works again. A resource
/// that is not there any more is one way to fail: it may come back.
async fn follow<K>(
    what: &'static str,
    synced: &Synced,
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    mut take: impl FnMut(Event<K>),
) {
    let mut events = std::pin::pin!(events.backoff(Pause(PAUSES.0)));
    let mut fails = false;
    while let Some(event) = events.next().await {
        match event {
            Err(error) if !fails => {
                fails = true;
                warn!("cannot watch {what}, trying on: {}", reason(&error));
            }
            Err(_) => {}
            // Said before the list that may fail again.
            Ok(Event::Init) => take(Event::Init),
            Ok(event) => {
                if std::mem::take(&mut fails) {
                    info!("watching {what} again");
                }
                let is_whole = matches!(event, Event::InitDone);
                take(event);
                if is_whole {
                    synced.set(what);
                }
            }
        }
    }
}

/// Why a watch fails, with what helps where that is known.
fn reason(error: &watcher::Error) -> String {
    use watcher::Error::{InitialListFailed, WatchStartFailed};
    let (InitialListFailed(source) | WatchStartFailed(source)) = error else {
        return error.to_string();
    };
    match source {
        kube::Error::Api(status) if status.code == 404 => {
            "the API server does not know them: apply Traceherd's CustomResourceDefinitions".into()
        }
        kube::Error::Api(status) => status.message.clone(),
        _ => error.to_string(),
    }
}

/// Each time twice as long.
struct Pause(Duration);

impl Iterator for Pause {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let pause = self.0;
        self.0 = (pause * 2).min(PAUSES.1);
        Some(pause)
    }
}

impl Backoff for Pause {
    fn reset(&mut self) {
        self.0 = PAUSES.0;
    }
}
