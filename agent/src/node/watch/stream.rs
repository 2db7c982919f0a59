//! One watch that never ends: what fails is told once an outage, and tried again.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Resource, core::Status};
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use super::pause::Pause;
use crate::answer::reason;

/// How long a kind that the API server does not know is not asked for again.
const ABSENT: Duration = Duration::from_secs(2);

/// Objects' metadata: nothing else of them crosses the network.
pub type Metadata<K> = PartialObjectMeta<K>;

/// See the module.
pub struct Watch<K> {
    what: &'static str,
    stream: BoxStream<'static, Told<K>>,
    pause: Pause,
    failing_since: Option<Instant>,
    outage: Option<Duration>,
}

/// What a watch has to say: something of the objects, or that it failed and the pause before it is
/// tried again is over.
pub type Told<K> = watcher::Result<Event<Metadata<K>>>;

impl<K> Watch<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    /// Watches the metadata of `what`, as messages call it.
    pub fn new(what: &'static str, api: Api<Metadata<K>>, config: Config) -> Self {
        Self {
            what,
            stream: watcher(api, config).boxed(),
            pause: Pause::default(),
            failing_since: None,
            outage: None,
        }
    }

    /// What comes next. Cancel safe but for the pause.
    pub async fn next(&mut self) -> Told<K> {
        match self.stream.next().await {
            Some(Ok(event)) => {
                // A list that has begun says nothing yet of whether it can be read.
                if !matches!(event, Event::Init) {
                    if self.pause.is_failing() {
                        tracing::info!("watching {} again", self.what);
                    }
                    self.pause.reset();
                    let since = self.failing_since.take();
                    self.outage = since.map(|since| since.elapsed());
                }
                Ok(event)
            }
            Some(Err(error)) => {
                // An expired version is everyday's business: the list is read anew.
                if !self.pause.is_failing() && code(&error) != Some(410) {
                    tracing::warn!(error = why(&error), "cannot watch {}", self.what);
                }
                self.failing_since.get_or_insert_with(Instant::now);
                let wait = self.pause.next();
                // A kind that is not there yet, or for a moment, costs the API server nothing.
                let absent = code(&error) == Some(404);
                sleep(if absent { wait.min(ABSENT) } else { wait }).await;
                Err(error)
            }
            // A watch has no end.
            None => std::future::pending().await,
        }
    }
}

impl<K> Watch<K> {
    /// For how long it had failed, once, when it works again.
    pub fn outage(&mut self) -> Option<Duration> {
        self.outage.take()
    }
}

fn why(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => reason(error),
        watcher::Error::WatchError(status) => status.message.clone(),
        watcher::Error::NoResourceVersion => error.to_string(),
    }
}

/// The API server's code for a failure, where it answered at all.
pub fn code(error: &watcher::Error) -> Option<u16> {
    let of_status = |status: &Status| status.code;
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(of_status(status)),
        _ => None,
    }
}
