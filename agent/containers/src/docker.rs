//! The docker API as a source: its events, its list, and one container looked up.

mod answers;
mod error;
mod transport;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bollard::Docker as Client;
use bollard::errors::Error as ApiError;
use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptionsBuilder, ListContainersOptionsBuilder};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::Backoff;
use crate::container::Runtime;
use crate::facts::{Facts, Source, SourceEvent};
use crate::oci::Init;
use answers::Told;
#[cfg(fuzzing)]
pub use answers::fuzz;
pub(crate) use error::DockerError;

/// One container looked up while its cgroup waits.
const LOOKUP: Duration = Duration::from_secs(1);
/// The list of all containers.
const LIST: Duration = Duration::from_secs(10);
/// One `inspect`: it waits while that container starts or stops.
const INSPECT: Duration = Duration::from_secs(2);
/// All of the first list's together; whoever has not answered is listed without a pid.
const INSPECT_ALL: Duration = Duration::from_secs(3);
/// How many inspects run at once.
const INSPECTS: usize = 8;
/// Events read from docker and not handled yet: docker drops those of a reader that is slow.
const EVENTS: usize = 4096;

/// docker, or podman's docker-compatible service, at a unix socket.
#[derive(Debug)]
pub(crate) struct Docker {
    socket: PathBuf,
    connected: AtomicBool,
    /// The init processes of running containers, by the container's id.
    processes: Mutex<HashMap<String, Init>>,
    runtime: Mutex<Runtime>,
}

impl Docker {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            connected: AtomicBool::new(false),
            processes: Mutex::default(),
            runtime: Mutex::new(Runtime::Docker),
        }
    }

    /// Tells what docker knows until the receiver is gone; reconnects for ever.
    pub(crate) async fn run(self: Arc<Self>, events: mpsc::Sender<SourceEvent>) {
        let mut backoff = Backoff::default();
        while !events.is_closed() {
            let (since, mut of_use) = (Instant::now(), false);
            let Err(error) = self.session(&events, &mut of_use).await else {
                return;
            };
            let was_up = self.connected.swap(false, Ordering::Relaxed);
            let lasted = since.elapsed();
            if backoff.is_news(of_use, was_up, lasted) {
                let event = SourceEvent::Down {
                    source: Source::Docker,
                    reason: crate::facts::reason(&error),
                    absent: !was_up && error.is_absence(),
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
            sleep(backoff.next(lasted, error.is_absence())).await;
        }
    }

    /// What docker says of the container `id`; `Ok(None)` where it has none.
    ///
    /// docker does not tell a container's cgroup: where the facts have a pid, that process's
    /// cgroup is the proof.
    pub(crate) async fn lookup(
        &self,
        id: &str,
        _cgroup_path: &str,
    ) -> Result<Option<Facts>, DockerError> {
        if !self.connected.load(Ordering::Relaxed) {
            return Err(DockerError::NotConnected(self.socket.clone()));
        }
        if !answers::is_docker_id(id) {
            return Ok(None);
        }
        // The list does not wait for a container that is starting; inspect does.
        let filters = HashMap::from([("id", vec![id])]);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters);
        let client = self.client()?;
        let rows = self
            .ask(
                "the list of one container",
                LOOKUP,
                client.list_containers(Some(options.build())),
            )
            .await?;
        let runtime = self.runtime();
        let mut facts = rows
            .iter()
            .filter_map(|row| answers::of_summary(row, runtime));
        Ok(facts.find(|facts| facts.id == id).map(|facts| Facts {
            pid: self.process(id),
            ..facts
        }))
    }

    /// One connection's life, `of_use` once an event has come. `Ok` when the receiver is gone.
    async fn session(
        self: &Arc<Self>,
        told: &mpsc::Sender<SourceEvent>,
        of_use: &mut bool,
    ) -> Result<(), DockerError> {
        let client = self.client()?;
        let version = self.ask("its version", LIST, client.version()).await?;
        let podman = version
            .components
            .iter()
            .flatten()
            .any(|component| component.name.contains("Podman"));
        *self.runtime.lock().unwrap_or_else(PoisonError::into_inner) = match podman {
            true => Runtime::Podman,
            false => Runtime::Docker,
        };

        // Ends with this session. Subscribed before the list, from a moment before it.
        let mut tasks = JoinSet::new();
        let (sender, mut events) = mpsc::channel(EVENTS);
        tasks.spawn(read_events(client.clone(), sender));
        let all = self.list(&client).await?;
        self.connected.store(true, Ordering::Relaxed);
        let source = Source::Docker;
        for event in [SourceEvent::Up(source), SourceEvent::Listed { source, all }] {
            if told.send(event).await.is_err() {
                return Ok(());
            }
        }
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                Some(_) = tasks.join_next() => continue,
                () = told.closed() => return Ok(()),
            };
            let event = event
                .unwrap_or(Ok(None))
                .map_err(|error| self.failed("its events", error))?
                .ok_or_else(|| DockerError::Ended(self.socket.clone()))?;
            *of_use = true;
            let Some(event) = answers::of_event(event, self.runtime()) else {
                continue;
            };
            if let Told::Started(facts) = &event {
                let (docker, client) = (Arc::clone(self), client.clone());
                let (facts, told) = (facts.clone(), told.clone());
                tasks.spawn(async move {
                    if let Some(facts) = docker.inspected(&client, facts).await {
                        // The receiver may be gone: the session notices by itself.
                        let _ = told.send(SourceEvent::Known(facts)).await;
                    }
                });
            }
            if let Some(event) = self.source_event(event)
                && told.send(event).await.is_err()
            {
                return Ok(());
            }
        }
    }

    fn source_event(&self, event: Told) -> Option<SourceEvent> {
        let ended = |id: String, pid| SourceEvent::Ended {
            source: Source::Docker,
            id,
            pid,
        };
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match event {
            Told::Known(facts) | Told::Started(facts) => {
                let init = processes.get(&facts.id).filter(|init| init.lives());
                let pid = init.map(|init| init.pid);
                Some(SourceEvent::Known(Facts { pid, ..facts }))
            }
            // A restarted container keeps its id: an old end must not end its new process.
            Told::Died(id) => match processes.get(&id) {
                Some(init) if init.lives() => None,
                _ => {
                    let pid = processes.remove(&id).map(|init| init.pid);
                    Some(ended(id, pid))
                }
            },
            Told::Destroyed(id) => {
                let pid = processes.remove(&id).map(|init| init.pid);
                Some(ended(id, pid))
            }
        }
    }

    /// All containers, the running ones with their pids as far as those come in time.
    async fn list(&self, client: &Client) -> Result<Vec<Facts>, DockerError> {
        let options = ListContainersOptionsBuilder::new().all(true).build();
        let rows = self
            .ask(
                "the list of containers",
                LIST,
                client.list_containers(Some(options)),
            )
            .await?;
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let runtime = self.runtime();
        let mut all: Vec<Facts> = Vec::with_capacity(rows.len());
        let mut running = HashMap::new();
        for row in &rows {
            let Some(facts) = answers::of_summary(row, runtime) else {
                continue;
            };
            // "Up 3 seconds", also when it is paused or restarting.
            if row
                .status
                .as_deref()
                .is_some_and(|status| status.starts_with("Up"))
            {
                running.insert(facts.id.clone(), all.len());
            }
            all.push(facts);
        }
        let asked: Vec<Facts> = running.values().map(|at| all[*at].clone()).collect();
        let mut inspected = std::pin::pin!(
            stream::iter(asked)
                .map(|facts| self.inspected(client, facts))
                .buffer_unordered(INSPECTS)
                .take_until(sleep(INSPECT_ALL))
        );
        while let Some(facts) = inspected.next().await {
            if let Some(facts) = facts
                && let Some(at) = running.get(&facts.id)
            {
                all[*at] = facts;
            }
        }
        Ok(all)
    }

    /// With the pid of the container's init process, where it lives.
    async fn inspected(&self, client: &Client, facts: Facts) -> Option<Facts> {
        let answer = self
            .ask(
                "inspect",
                INSPECT,
                client.inspect_container(&facts.id, None),
            )
            .await
            .ok()?;
        let pid = u32::try_from(answer.state?.pid?)
            .ok()
            .filter(|pid| *pid > 0)?;
        let init = Init::of(pid)?;
        let mut processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes.insert(facts.id.clone(), init);
        Some(Facts {
            pid: Some(pid),
            ..facts
        })
    }

    fn process(&self, id: &str) -> Option<u32> {
        let processes = self
            .processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        processes
            .get(id)
            .filter(|init| init.lives())
            .map(|init| init.pid)
    }

    fn runtime(&self) -> Runtime {
        *self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self) -> Result<Client, DockerError> {
        transport::connect(self.socket.clone()).map_err(|error| self.failed("a client", error))
    }

    async fn ask<T>(
        &self,
        operation: &'static str,
        limit: Duration,
        answer: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, DockerError> {
        match timeout(limit, answer).await {
            Ok(answer) => answer.map_err(|error| self.failed(operation, error)),
            Err(_) => Err(DockerError::Late {
                socket: self.socket.clone(),
                operation,
                limit,
            }),
        }
    }

    fn failed(&self, operation: &'static str, error: ApiError) -> DockerError {
        DockerError::Api {
            socket: self.socket.clone(),
            operation,
            source: Box::new(error),
        }
    }
}

/// Reads ahead, so that docker never finds its subscriber slow; ends with `None` or an error.
async fn read_events(client: Client, events: mpsc::Sender<Result<Option<EventMessage>, ApiError>>) {
    // docker answers before it subscribes: what happened in between it repeats from `since` on.
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let since = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
    let filters = HashMap::from([("type", vec!["container"])]);
    let options = EventsOptionsBuilder::new().since(&since).filters(&filters);
    let mut stream = std::pin::pin!(client.events(Some(options.build())));
    loop {
        let event = stream.next().await.transpose();
        let last = !matches!(event, Ok(Some(_)));
        if events.send(event).await.is_err() || last {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
