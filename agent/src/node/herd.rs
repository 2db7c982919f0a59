//! The one owner of this node's traces: takes in what is learnt, decides what each trace should
//! do, makes the tracer collection do it, and tells it in reports.

mod act;
mod end;
mod learn;
mod member;
mod tell;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use traceherd_columns::ColumnSet;
use traceherd_containers::Subscription;
use traceherd_crds::Ceilings;
use traceherd_tracers::{ExecEvent, TracerCollection};

use self::learn::Learnt;
use self::member::{Member, Run};
use self::tell::{Pulse, Written};
use super::desired::Labels;
use super::health::Health;
use super::metrics::{Numbers, Told};
use super::sink::Printing;
use super::watch::Fact;
use super::which::Which;

/// How often reports and times are looked at.
const TICK: Duration = Duration::from_millis(500);
/// How often is noted what was counted, while an earlier agent is there: what comes about between
/// the last note and that one's end counts twice.
const NOTE: Duration = Duration::from_millis(50);

/// What does not change while the agent runs.
pub struct Settings {
    /// This node's name.
    pub node: String,
    /// Traceherd's namespace.
    pub namespace: String,
    /// This agent's epoch: `BOOT-ID/SECONDS`.
    pub epoch: String,
    /// What the administrator allows.
    pub ceilings: Ceilings,
    /// The columns that filters are about.
    pub columns: ColumnSet<ExecEvent>,
    /// How events are printed.
    pub printing: Arc<Printing>,
}

/// See the module.
pub struct Herd {
    settings: Settings,
    client: Client,
    tracers: TracerCollection,
    containers: Subscription,
    inbox: Receiver<Fact>,
    /// For the watch of namespaces, which comes and goes.
    into_inbox: Sender<Fact>,
    members: BTreeMap<Which, Member>,
    /// Whether an agent is still there that was before this one: until it ends, reports are its.
    overlaps: bool,
    /// This node's object in the API; reports wait until there is one.
    node_uid: Option<String>,
    /// The node's object is gone, and this agent ends.
    is_node_gone: bool,
    labels: Option<Labels>,
    namespaces: Option<BTreeMap<String, Labels>>,
    namespace_watch: Option<JoinHandle<()>>,
    /// The ids of traces that have had their last event.
    enough: (Sender<String>, Receiver<String>),
    reads: FuturesUnordered<BoxFuture<'static, Learnt>>,
    writes: FuturesUnordered<BoxFuture<'static, Written>>,
    pulse: Pulse,
    /// What became of the events of runs that are over or gone.
    retired: Told,
    health: Arc<Health>,
    numbers: Arc<Numbers>,
}

/// What the herd works with.
pub struct Tools {
    /// The API server.
    pub client: Client,
    /// The tracers.
    pub tracers: TracerCollection,
    /// Changes of containers.
    pub containers: Subscription,
    /// What is learnt.
    pub inbox: (Sender<Fact>, Receiver<Fact>),
    /// Where it is told that the herd lives.
    pub health: Arc<Health>,
    /// Where it is told what it has done.
    pub numbers: Arc<Numbers>,
    /// Whether an agent is there that was before this one.
    pub overlaps: bool,
}

impl Herd {
    /// A herd without a trace.
    pub fn new(settings: Settings, tools: Tools) -> Self {
        let (into_inbox, inbox) = tools.inbox;
        Self {
            settings,
            client: tools.client,
            tracers: tools.tracers,
            containers: tools.containers,
            inbox,
            into_inbox,
            members: BTreeMap::new(),
            overlaps: tools.overlaps,
            node_uid: None,
            is_node_gone: false,
            labels: None,
            namespaces: None,
            namespace_watch: None,
            enough: tokio::sync::mpsc::channel(64),
            reads: FuturesUnordered::new(),
            writes: FuturesUnordered::new(),
            pulse: Pulse::default(),
            retired: Told::default(),
            health: tools.health,
            numbers: tools.numbers,
        }
    }

    /// Minds the traces until `end`, or until the cluster has this node no more, and then tells
    /// the last of them.
    pub async fn mind(mut self, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut notes = interval(NOTE);
        notes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.is_node_gone {
            self.read_more();
            self.decide().await;
            if self.members.values().all(Member::is_decided) {
                self.health.begun();
            }
            self.health.beat();
            let next_end = self.next_decision();
            tokio::select! {
                () = &mut end => break,
                Some(fact) = self.inbox.recv() => self.learn_all(fact).await,
                Some(learnt) = self.reads.next() => self.take_in(learnt).await,
                Some(written) = self.writes.next() => self.written(written),
                Some(id) = self.enough.1.recv() => self.has_had_enough(&id),
                Some(_) = self.containers.next() => self.pulse.beat(),
                _ = ticks.tick() => self.tell(),
                _ = notes.tick(), if self.overlaps => self.remember(),
                () = sleep_until(next_end) => {}
            }
        }
        self.end().await;
    }

    /// The run that a trace is in.
    fn run_of(&mut self, which: &Which) -> Option<&mut Run> {
        run_of(&mut self.members, which)
    }

    /// When a trace must be decided anew by the clock alone.
    fn next_decision(&self) -> Instant {
        let next = self.members.values().filter_map(|member| member.decide_at);
        let left = next.min().map_or(TICK, |next| {
            let left = next.duration_since(Timestamp::now());
            Duration::try_from(left).unwrap_or_default()
        });
        Instant::now() + left.min(TICK)
    }
}

/// The run that a trace is in; of the members alone, so that all else can be used meanwhile.
fn run_of<'a>(members: &'a mut BTreeMap<Which, Member>, which: &Which) -> Option<&'a mut Run> {
    members.get_mut(which)?.run.as_mut()
}
