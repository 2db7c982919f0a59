//! runc and crun as a source of their own: seen through fanotify as they make a container.
//!
//! For programs without eBPF. A container that ends before its process can be looked at is missed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::debug;

use crate::backoff::Backoff;
use crate::facts::{Facts, Source, SourceEvent, reason};
use crate::fanotify::{ExecWatch, FanotifyError, FileId, Seen};
use crate::oci::{self, Creation, Init, ProcessRoot};

/// From the notification to the new program's command line: about a millisecond, if all is well.
const EXEC: Duration = Duration::from_secs(1);
/// From the runtime's start to its container's process.
const CREATE: Duration = Duration::from_secs(30);
/// For reading a bundle, which may lie on any filesystem.
const BUNDLE: Duration = Duration::from_secs(2);
/// Between two looks at a process or file that is about to change; slower after the first ones.
const LOOK: Duration = Duration::from_millis(1);
const LOOK_LATER: Duration = Duration::from_millis(10);
const QUICK_LOOKS: u32 = 200;
/// For directories that come later, and to forget what has ended.
const TIDY: Duration = Duration::from_secs(10);
/// Runtimes followed at once; with more, the state files are read instead.
const FOLLOWED: usize = 1024;
/// Places of state (`--root`) remembered beside the usual ones.
const ROOTS: usize = 64;

/// Which OCI runtimes to watch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuncOptions {
    /// The programs' paths; those that are not there are watched for.
    pub binaries: Vec<PathBuf>,
}

impl Default for RuncOptions {
    /// runc and crun where distributions, docker, CRI-O and k3s put them.
    fn default() -> Self {
        let mut binaries = Vec::new();
        for directory in [
            "/usr/bin",
            "/usr/sbin",
            "/usr/local/bin",
            "/usr/local/sbin",
            "/usr/libexec/crio",
            "/usr/lib/cri-o-runc/sbin",
            "/var/lib/rancher/k3s/data/current/bin",
        ] {
            for name in ["runc", "crun"] {
                binaries.push(Path::new(directory).join(name));
            }
        }
        binaries.push("/usr/bin/docker-runc".into());
        Self { binaries }
    }
}

/// A container by its runtime's place of state (`--root`) and id.
type Key = (Option<PathBuf>, String);

/// The source.
#[derive(Debug)]
pub(crate) struct RuncFanotify {
    options: RuncOptions,
    roots: Mutex<BTreeSet<PathBuf>>,
    /// What was told and may still live.
    told: Mutex<HashMap<Key, (Facts, Init)>>,
    following: Mutex<HashSet<Key>>,
}

impl RuncFanotify {
    pub(crate) fn new(options: RuncOptions) -> Self {
        Self {
            options,
            roots: Mutex::default(),
            told: Mutex::default(),
            following: Mutex::default(),
        }
    }

    /// Tells each container that a runtime makes, until the receiver is gone.
    pub(crate) async fn run(self: Arc<Self>, events: mpsc::Sender<SourceEvent>) {
        let mut backoff = Backoff::default();
        let mut down = false;
        while !events.is_closed() {
            let since = Instant::now();
            let mut up = false;
            let Err(error) = self.session(&events, &mut up).await else {
                return;
            };
            if up || !down {
                down = true;
                let event = SourceEvent::Down {
                    source: Source::RuncFanotify,
                    reason: reason(&error),
                    absent: false,
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
            sleep(backoff.next(since.elapsed(), false)).await;
        }
    }

    /// One fanotify group's life. `Ok` when the receiver is gone.
    async fn session(
        self: &Arc<Self>,
        told: &mpsc::Sender<SourceEvent>,
        up: &mut bool,
    ) -> Result<(), FanotifyError> {
        let source = Source::RuncFanotify;
        let mut watch = ExecWatch::new(self.options.binaries.clone())?;
        watch.mark();
        if told.send(SourceEvent::Up(source)).await.is_err() {
            return Ok(());
        }
        *up = true;
        let mut followed = JoinSet::new();
        let mut tidy = interval(TIDY);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = true;
        loop {
            if look {
                let this = Arc::clone(self);
                let all = spawn_blocking(move || this.look())
                    .await
                    .unwrap_or_default();
                if told
                    .send(SourceEvent::Listed { source, all })
                    .await
                    .is_err()
                {
                    return Ok(());
                }
            }
            look = false;
            let seen = tokio::select! {
                seen = watch.next() => seen?,
                Some(_) = followed.join_next() => continue,
                _ = tidy.tick() => {
                    look = watch.mark();
                    self.forget_ended();
                    continue;
                }
                () = told.closed() => return Ok(()),
            };
            for seen in seen {
                match called_for(seen, followed.len()) {
                    Step::Follow(pid, program) => {
                        let (this, told) = (Arc::clone(self), told.clone());
                        followed.spawn(async move {
                            if let Some(facts) = this.follow(pid, program).await {
                                // The receiver may be gone: the session notices by itself.
                                let _ = told.send(SourceEvent::Known(facts)).await;
                            }
                        });
                    }
                    Step::Look => look = true,
                    Step::Mark => look |= watch.mark(),
                }
            }
        }
    }

    /// From a runtime that is about to be executed to its container's init process.
    async fn follow(&self, runtime: u32, program: FileId) -> Option<Facts> {
        let creation = Creation::parse(&executed(runtime, program).await?)?;
        if foreign(runtime) {
            // A runtime inside a container: what it makes is that container's.
            return None;
        }
        let key = (creation.root.clone(), creation.id.clone());
        // The runtime's own children open it for exec again, with its command line.
        if !locked(&self.following).insert(key.clone()) {
            return None;
        }
        let facts = self.created(runtime, &creation).await;
        locked(&self.following).remove(&key);
        let (facts, init) = facts?;
        locked(&self.told).insert(key, (facts.clone(), init));
        Some(facts)
    }

    async fn created(&self, runtime: u32, creation: &Creation) -> Option<(Facts, Init)> {
        let runtime = Init::of(runtime)?;
        let root = Arc::new(ProcessRoot::of(runtime.pid).ok()?);
        let state = creation.root.as_deref().map(|path| root.absolute(path));
        if let Some(path) = &state {
            let mut roots = locked(&self.roots);
            if roots.len() < ROOTS {
                roots.insert(path.clone());
            }
        }
        let facts = timeout(BUNDLE, {
            let (root, creation) = (Arc::clone(&root), creation.clone());
            spawn_blocking(move || oci::bundle_facts(&root, &creation, Source::RuncFanotify))
        });
        let mut facts = facts
            .await
            .ok()?
            .ok()?
            .inspect_err(|error| debug!(id = creation.id, reason = reason(error), "no bundle"))
            .ok()?;

        let deadline = Instant::now() + CREATE;
        let mut looks = 0;
        loop {
            // The runtime has written all it will before it ends: a last look comes after that.
            let ended = !runtime.lives();
            let from_file = creation
                .pid_file
                .as_deref()
                .and_then(|path| Init::of(read_pid(&root, path)?));
            let init = from_file.or_else(|| {
                let places = match &state {
                    Some(path) => vec![path.clone()],
                    None => oci::usual_roots(),
                };
                state_process(&places, &creation.id)
            });
            // A file that an earlier container left names an older process, if any.
            if let Some(init) = init.filter(|init| init.start >= runtime.start) {
                facts.pid = Some(init.pid);
                return Some((facts, init));
            }
            if ended || Instant::now() >= deadline {
                return None;
            }
            looks += 1;
            sleep(if looks < QUICK_LOOKS {
                LOOK
            } else {
                LOOK_LATER
            })
            .await;
        }
    }

    /// All living containers that state files tell of, and those told before.
    fn look(&self) -> Vec<Facts> {
        self.forget_ended();
        let mut roots: BTreeSet<PathBuf> = locked(&self.roots).clone();
        roots.extend(oci::usual_roots());
        let mut all: HashMap<u32, Facts> = HashMap::new();
        for root in &roots {
            for directory in oci::directories(root) {
                let Some(id) = directory.file_name().and_then(|name| name.to_str()) else {
                    continue;
                };
                let Some(state) = oci::state_told(root, id) else {
                    continue;
                };
                if let Some(init) = state.init.filter(|init| init.lives()) {
                    let facts = Facts {
                        origin: Source::RuncFanotify,
                        pid: Some(init.pid),
                        cgroup_path: state.cgroup_paths.into_iter().next(),
                        ..state.facts
                    };
                    all.insert(init.pid, facts);
                }
            }
        }
        // What was seen being made tells more than its state does.
        for (facts, init) in locked(&self.told).values() {
            all.insert(init.pid, facts.clone());
        }
        all.into_values().collect()
    }

    fn forget_ended(&self) {
        locked(&self.told).retain(|_, (_, init)| init.lives());
    }
}

/// What a notification calls for.
#[derive(Debug, Eq, PartialEq)]
enum Step {
    /// Following a runtime.
    Follow(u32, FileId),
    /// Looking at all state again: something was not seen.
    Look,
    /// Marking the programs that stand there now.
    Mark,
}

/// While so many runtimes are followed already.
fn called_for(seen: Seen, followed: usize) -> Step {
    match seen {
        Seen::Opened { pid, program } if followed < FOLLOWED => Step::Follow(pid, program),
        Seen::Opened { .. } | Seen::Lost => Step::Look,
        Seen::Replaced => Step::Mark,
    }
}

/// The command line of the program that the process was about to execute, once it has.
async fn executed(pid: u32, program: FileId) -> Option<Vec<u8>> {
    let exe = PathBuf::from(format!("/proc/{pid}/exe"));
    let deadline = Instant::now() + EXEC;
    loop {
        // The file changes before the arguments are there: until then the line is empty.
        if FileId::at(&exe).ok()? == program
            && let Some(line) = oci::command_line(pid)
        {
            return Some(line);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(LOOK).await;
    }
}

/// In another pid namespace than this program's: its pids mean other processes.
fn foreign(pid: u32) -> bool {
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
    namespace(&pid.to_string()) != namespace("self")
}

fn read_pid(root: &ProcessRoot, path: &Path) -> Option<u32> {
    let content = root.read(path, 32).ok()?;
    let pid = std::str::from_utf8(&content).ok()?.trim().parse().ok()?;
    (pid > 0).then_some(pid)
}

fn state_process(roots: &[PathBuf], id: &str) -> Option<Init> {
    roots.iter().find_map(|root| {
        let init = oci::state_below(root, id).ok()??.init?;
        init.lives().then_some(init)
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
