//! One watch that never ends: what fails is told once an outage, and tried again.

use std::fmt::Debug;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use kube::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Resource, core::Status};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use super::pause::Pause;
use crate::answer::reason;

/// How long a kind that the API server does not know is not asked for again.
const ABSENT: Duration = Duration::from_secs(2);

/// Objects' metadata: nothing else of them crosses the network.
pub type Metadata<K> = PartialObjectMeta<K>;

/// For so long a failed watch has to be silent, once it was tried again, to count as one that
/// works: longer than a connection may take.
const SILENCE: Duration = Duration::from_secs(35);

/// See the module.
pub struct Watch<K> {
    what: &'static str,
    stream: BoxStream<'static, Told<K>>,
    pause: Pause,
    /// The first and the last failure of the outage that is now.
    outage: Option<(Instant, Instant)>,
    /// What came when it worked again, to be told next.
    held: Option<Event<Metadata<K>>>,
}

/// What a watch has to say: something of the objects, or that it failed and the pause before it is
/// tried again is over.
pub type Told<K> = watcher::Result<Event<Metadata<K>>>;

/// The same, and how a watch does.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is the rule, and moved once"
)]
pub enum Heard<K> {
    /// Of the objects, or a failure.
    Told(Told<K>),
    /// It works again, after so long.
    Again(Duration),
}

impl<K> Watch<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    /// Watches the metadata of `what`, as messages call it.
    pub fn new(what: &'static str, api: Api<Metadata<K>>, config: Config) -> Self {
        Self::of(what, watcher(api, config).boxed())
    }
}

impl<K> Watch<K> {
    fn of(what: &'static str, stream: BoxStream<'static, Told<K>>) -> Self {
        Self {
            what,
            stream,
            pause: Pause::default(),
            outage: None,
            held: None,
        }
    }

    /// What comes next of the objects. Cancel safe but for the pause.
    pub async fn next(&mut self) -> Told<K> {
        loop {
            if let Heard::Told(told) = self.hear().await {
                return told;
            }
        }
    }

    /// What comes next. Cancel safe but for the pause.
    pub async fn hear(&mut self) -> Heard<K> {
        if let Some(event) = self.held.take() {
            return Heard::Told(Ok(event));
        }
        let next = match self.outage {
            None => self.stream.next().await,
            Some(outage) => match timeout(SILENCE, self.stream.next()).await {
                Ok(next) => next,
                // A watch that goes on where it was has nothing to say.
                Err(_) => return self.again(outage),
            },
        };
        match next {
            Some(Ok(event)) => match self.outage {
                // A list that has begun says nothing yet of whether it can be read.
                Some(outage) if !matches!(event, Event::Init) => {
                    self.held = Some(event);
                    self.again(outage)
                }
                _ => Heard::Told(Ok(event)),
            },
            Some(Err(error)) => {
                let first = self.outage.map_or_else(Instant::now, |(first, _)| first);
                // An expired version is everyday's business: the list is read anew.
                if self.outage.is_none() && code(&error) != Some(410) {
                    tracing::warn!(error = why(&error), "cannot watch {}", self.what);
                }
                self.outage = Some((first, Instant::now()));
                let wait = self.pause.next();
                // A kind that is not there yet, or for a moment, costs the API server nothing.
                let absent = code(&error) == Some(404);
                sleep(if absent { wait.min(ABSENT) } else { wait }).await;
                self.outage = Some((first, Instant::now()));
                Heard::Told(Err(error))
            }
            // A watch has no end.
            None => std::future::pending().await,
        }
    }

    fn again(&mut self, (first, last): (Instant, Instant)) -> Heard<K> {
        tracing::info!("watching {} again", self.what);
        self.pause.reset();
        self.outage = None;
        Heard::Again(last - first)
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

#[cfg(test)]
mod tests {
    use futures::stream;
    use traceherd_crds::Trace;

    use super::*;

    fn watch(told: Vec<Told<Trace>>) -> Watch<Trace> {
        Watch::of(
            "Traces",
            stream::iter(told).chain(stream::pending()).boxed(),
        )
    }

    fn failed() -> Told<Trace> {
        Err(watcher::Error::NoResourceVersion)
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_lasts_until_it_is_tried_well_however_silent_it_is_then() {
        let mut watch = watch(vec![failed(), failed(), failed()]);
        let began = Instant::now();
        for _ in 0..3 {
            assert!(matches!(watch.hear().await, Heard::Told(Err(_))));
        }
        let failed_for = began.elapsed();
        let Heard::Again(outage) = watch.hear().await else {
            panic!("it still fails");
        };
        assert_eq!(outage, failed_for);
        assert_eq!(began.elapsed(), failed_for + SILENCE);
        // It is told once.
        let silent = timeout(10 * SILENCE, watch.hear()).await;
        assert!(silent.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_an_outage_is_told_behind_it() {
        let mut watch = watch(vec![failed(), Ok(Event::Init), Ok(Event::InitDone)]);
        assert!(matches!(watch.hear().await, Heard::Told(Err(_))));
        assert!(matches!(watch.hear().await, Heard::Told(Ok(Event::Init))));
        assert!(matches!(watch.hear().await, Heard::Again(_)));
        assert!(matches!(
            watch.hear().await,
            Heard::Told(Ok(Event::InitDone))
        ));
    }
}
