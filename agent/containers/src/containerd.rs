//! containerd's API as a source: its events, its list, and one container looked up.

mod answers;
mod calls;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use containerd_client::types::Envelope;
use futures::future::join_all;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tonic::Status;
use tracing::warn;

use crate::backoff::Backoff;
use crate::facts::{Facts, Source, SourceEvent, reason};
use crate::oci;
use answers::Told;
#[cfg(fuzzing)]
pub use answers::fuzz;
use calls::Calls;

/// One container looked up while its cgroup waits, in parts: the namespaces, the record.
const LOOKUP: Duration = Duration::from_millis(450);
/// An image's digest is worth no more than this.
const DIGEST: Duration = Duration::from_millis(100);
/// The list of all containers of a namespace, and of its tasks.
const LIST: Duration = Duration::from_secs(10);
/// Events read and not handled yet.
const EVENTS: usize = 4096;
/// containerd does not say when a subscription stands. By then it does, and a second list holds
/// what was between the first and it.
const SUBSCRIBED: Duration = Duration::from_secs(1);

/// containerd at a unix socket.
#[derive(Debug)]
pub(crate) struct Containerd {
    socket: PathBuf,
    connection: Mutex<Option<Calls>>,
    known: Mutex<HashMap<Key, Facts>>,
}

/// A container's namespace and id: the id alone is unique in its namespace only.
type Key = (String, String);

#[derive(Debug, Error)]
pub(crate) enum ContainerdError {
    #[error("not connected to {0}")]
    NotConnected(PathBuf),
    #[error("cannot connect to {socket}")]
    Connect {
        socket: PathBuf,
        source: tonic::transport::Error,
    },
    #[error("{socket}: {operation}")]
    Call {
        socket: PathBuf,
        operation: &'static str,
        source: Box<Status>,
    },
    #[error("{socket}: {operation}: no answer within {limit:?}")]
    Late {
        socket: PathBuf,
        operation: &'static str,
        limit: Duration,
    },
    #[error("{0}: the event stream ended")]
    Ended(PathBuf),
}

impl ContainerdError {
    /// Nobody listens at the socket.
    fn is_absence(&self) -> bool {
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                );
            }
            cause = error.source();
        }
        false
    }
}

impl Containerd {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            connection: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// Tells what containerd knows until the receiver is gone; reconnects for ever.
    pub(crate) async fn run(self: Arc<Self>, events: mpsc::Sender<SourceEvent>) {
        let mut backoff = Backoff::default();
        while !events.is_closed() {
            let (since, mut of_use) = (Instant::now(), false);
            let Err(error) = self.session(&events, &mut of_use).await else {
                return;
            };
            let was_up = locked(&self.connection).take().is_some();
            let lasted = since.elapsed();
            if backoff.is_news(of_use, was_up, lasted) {
                let event = SourceEvent::Down {
                    source: Source::Containerd,
                    reason: reason(&error),
                    absent: !was_up && error.is_absence(),
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
            sleep(backoff.next(lasted, error.is_absence())).await;
        }
    }

    /// What containerd says of the container `id`; `Ok(None)` where no namespace has it.
    ///
    /// Where several namespaces have the id, the one whose spec means the cgroup at
    /// `cgroup_path` counts.
    pub(crate) async fn lookup(
        &self,
        id: &str,
        cgroup_path: &str,
    ) -> Result<Option<Facts>, ContainerdError> {
        let connection = locked(&self.connection).clone();
        let calls = connection.ok_or_else(|| ContainerdError::NotConnected(self.socket.clone()))?;
        if !oci::is_container_id(id) {
            return Ok(None);
        }
        let namespaces = calls.namespaces(LOOKUP).await?;
        let asked = namespaces
            .iter()
            .map(|namespace| self.describe(&calls, namespace, id));
        let mut found: Option<Facts> = None;
        let mut failed = None;
        for answer in join_all(asked).await {
            match answer {
                Ok(Some(facts)) => {
                    let path = facts.cgroup_path.as_deref().unwrap_or_default();
                    if found.is_none() || oci::agrees(path, id, cgroup_path) {
                        found = Some(facts);
                    }
                }
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
        match (found, failed) {
            (None, Some(error)) => Err(error),
            (found, _) => Ok(found),
        }
    }

    /// One connection's life, `of_use` once an event has come. `Ok` when the receiver is gone.
    async fn session(
        &self,
        told: &mpsc::Sender<SourceEvent>,
        of_use: &mut bool,
    ) -> Result<(), ContainerdError> {
        let source = Source::Containerd;
        let calls = Calls::connect(self.socket.clone()).await?;
        // Ends with this session. Subscribed before the list.
        let mut tasks = JoinSet::new();
        let (sender, mut events) = mpsc::channel::<Result<Option<Envelope>, Status>>(EVENTS);
        tasks.spawn(calls.clone().read_events(sender));

        let all = self.list(&calls).await?;
        *locked(&self.connection) = Some(calls.clone());
        for event in [SourceEvent::Up(source), SourceEvent::Listed { source, all }] {
            if told.send(event).await.is_err() {
                return Ok(());
            }
        }
        let mut subscribed = std::pin::pin!(sleep(SUBSCRIBED));
        let mut listed_again = false;
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = &mut subscribed, if !listed_again => {
                    listed_again = true;
                    let all = self.list(&calls).await?;
                    if told.send(SourceEvent::Listed { source, all }).await.is_err() {
                        return Ok(());
                    }
                    continue;
                }
                () = told.closed() => return Ok(()),
            };
            let envelope = event
                .unwrap_or(Ok(None))
                .map_err(|status| calls.failed("its events", status))?
                .ok_or_else(|| ContainerdError::Ended(self.socket.clone()))?;
            *of_use = true;
            if let Some(event) = answers::of_event(&envelope)
                && let Some(event) = self.source_event(&calls, envelope.namespace, event).await
                && told.send(event).await.is_err()
            {
                return Ok(());
            }
        }
    }

    async fn source_event(
        &self,
        calls: &Calls,
        namespace: String,
        event: Told,
    ) -> Option<SourceEvent> {
        let ended = |id, pid| SourceEvent::Ended {
            source: Source::Containerd,
            id,
            pid,
        };
        match event {
            Told::Changed { id } => {
                let facts = self.describe(calls, &namespace, &id).await.ok()??;
                locked(&self.known).insert((namespace, id), facts.clone());
                Some(SourceEvent::Known(facts))
            }
            Told::Task {
                id,
                pid,
                started_at,
            } => {
                let key = (namespace, id);
                let known = locked(&self.known).get(&key).cloned();
                let mut facts = match known {
                    Some(facts) => facts,
                    None => match self.describe(calls, &key.0, &key.1).await {
                        Ok(Some(facts)) => facts,
                        // Its task tells at least that it is there.
                        _ => answers::bare(&key.0, &key.1),
                    },
                };
                facts.pid = Some(pid);
                facts.started_at = started_at.or(facts.started_at);
                locked(&self.known).insert(key, facts.clone());
                Some(SourceEvent::Known(facts))
            }
            Told::Exited { id, pid } => {
                let key = (namespace, id);
                if let Some(facts) = locked(&self.known).get_mut(&key)
                    && (pid.is_none() || facts.pid == pid)
                {
                    facts.pid = None;
                    facts.started_at = None;
                }
                Some(ended(key.1, pid))
            }
            Told::Deleted { id } => {
                let key = (namespace, id);
                let pid = locked(&self.known).remove(&key).and_then(|facts| facts.pid);
                Some(ended(key.1, pid))
            }
        }
    }

    /// All containers of all namespaces, those with a task with its pid.
    async fn list(&self, calls: &Calls) -> Result<Vec<Facts>, ContainerdError> {
        let mut listed: HashMap<Key, Facts> = HashMap::new();
        for namespace in calls.namespaces(LIST).await? {
            let each = |container| {
                let facts = answers::of_container(container, &namespace);
                listed.insert((namespace.clone(), facts.id.clone()), facts);
            };
            calls.containers(&namespace, LIST, each).await?;
            // A shim that hangs can keep containerd from this answer: then pids are unknown.
            let tasks = calls.tasks(&namespace, LIST).await.unwrap_or_else(|error| {
                warn!(
                    namespace,
                    reason = reason(&error),
                    "containerd's tasks are not known"
                );
                Vec::new()
            });
            for task in tasks.into_iter().filter(|task| task.pid > 0) {
                // containerd fills in one or the other, by its version.
                let id = match task.id.is_empty() {
                    true => task.container_id,
                    false => task.id,
                };
                if let Some(facts) = listed.get_mut(&(namespace.clone(), id))
                    && oci::Init::of(task.pid).is_some()
                {
                    facts.pid = Some(task.pid);
                }
            }
        }
        let mut known = locked(&self.known);
        for (key, facts) in &mut listed {
            // What the task's start told is still so.
            if let Some(before) = known.get(key).filter(|before| before.pid == facts.pid) {
                facts.started_at = before.started_at;
                facts.image = before.image.clone().or(facts.image.take());
            }
        }
        *known = listed;
        Ok(known.values().cloned().collect())
    }

    /// The container's record with its image's digest, and what its task told.
    async fn describe(
        &self,
        calls: &Calls,
        namespace: &str,
        id: &str,
    ) -> Result<Option<Facts>, ContainerdError> {
        let Some(container) = calls.container(namespace, id, LOOKUP).await? else {
            return Ok(None);
        };
        let mut facts = answers::of_container(container, namespace);
        if let Some(image) = facts.image.as_mut().filter(|image| image.digest.is_none()) {
            // Without it the image still has its name.
            image.digest = calls
                .image_digest(namespace, &image.name, DIGEST)
                .await
                .unwrap_or_default();
        }
        let key = (namespace.to_owned(), id.to_owned());
        if let Some(known) = locked(&self.known).get(&key) {
            facts.pid = known.pid;
            facts.started_at = known.started_at;
        }
        Ok(Some(facts))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
