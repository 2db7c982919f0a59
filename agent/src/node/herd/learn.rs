//! Taking in what watches and reads tell.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use k8s_openapi::jiff::Timestamp;
use tokio::time::timeout;
use traceherd_crds::TraceReportStatus;

use super::member::{Member, Run};
use super::{Herd, Settings};
use crate::node::desired::{Outputs, namespace_selector};
use crate::node::read::{self, Former, Outcome, PATIENCE, Read};
use crate::node::report::Object;
use crate::node::sink::Outlet;
use crate::node::watch::{Fact, Sighting, watch_namespaces};
use crate::node::which::Which;

/// Traces that are read at once.
const AT_ONCE: usize = 8;
/// Between two reads of one trace for the operator's word.
const REREAD: Duration = Duration::from_millis(300);

/// What came of reading a trace.
pub struct Learnt {
    which: Which,
    uid: String,
    version: String,
    outcome: Outcome,
    /// What was found of its report, where that was looked for.
    former: Option<Former>,
    /// Whether nobody else was there who could still write it.
    is_last_word: bool,
}

impl Herd {
    /// Takes in a fact, and what else waits.
    pub(super) async fn learn_all(&mut self, first: Fact) {
        let mut next = Some(first);
        while let Some(fact) = next {
            self.learn(fact).await;
            next = self.inbox.try_recv().ok();
        }
    }

    async fn learn(&mut self, fact: Fact) {
        match fact {
            Fact::Trace(seen) => self.saw(seen).await,
            Fact::TraceGone(which, uid) => {
                let same = |member: &Member| member.seen.uid == uid;
                if self.members.get(&which).is_some_and(same) {
                    self.forget(&which).await;
                }
            }
            Fact::Traces(kind, all) => {
                let of_kind = self.members.keys().filter(|which| which.kind == kind);
                let gone = of_kind.filter(|which| !all.iter().any(|seen| seen.which == **which));
                for which in gone.cloned().collect::<Vec<_>>() {
                    self.forget(&which).await;
                }
                for seen in all {
                    self.saw(seen).await;
                }
                self.health.listed(kind);
            }
            Fact::Late(kind, by) => {
                let of_kind = self.members.iter_mut();
                for (_, member) in of_kind.filter(|(which, _)| which.kind == kind) {
                    if let Some(run) = &mut member.run {
                        run.was_stale(by);
                        member.report.due = true;
                    }
                }
            }
            Fact::KindGone(kind) => {
                tracing::warn!("the API server knows no {kind:?} any more: none is run");
                let of_kind = self.members.keys().filter(|which| which.kind == kind);
                for which in of_kind.cloned().collect::<Vec<_>>() {
                    self.forget(&which).await;
                }
                self.health.listed(kind);
            }
            Fact::Node(uid, labels) => {
                self.node_uid = Some(uid);
                self.labels = Some(labels);
                self.decide_all();
            }
            Fact::NodeGone => {
                let node = &self.settings.node;
                tracing::warn!("the cluster has no node {node} any more, or another: ending");
                self.is_node_gone = true;
            }
            Fact::Alone => {
                tracing::info!("the earlier agent is gone: its reports are taken over");
                self.overlaps = false;
                for member in self.members.values_mut() {
                    member.report_is_left = true;
                }
            }
            Fact::Namespaces(namespaces) => {
                if self.namespace_watch.is_some() {
                    self.namespaces = Some(namespaces);
                    self.decide_all();
                }
            }
        }
    }

    async fn saw(&mut self, seen: Sighting) {
        if let Some(member) = self.members.get_mut(&seen.which) {
            if member.seen.uid == seen.uid {
                if seen.generation > member.seen.generation {
                    member.reading.rereads = 0;
                    member.reading.not_before = None;
                }
                member.seen = seen;
                return;
            }
            // Deleted and made again.
            let which = seen.which.clone();
            self.forget(&which).await;
        }
        self.members.insert(seen.which.clone(), Member::new(seen));
    }

    /// The trace is gone: so is everything of it here.
    async fn forget(&mut self, which: &Which) {
        self.stop(which).await;
        let member = self.members.remove(which);
        if let Some(run) = member.and_then(|member| member.run) {
            self.retire(&run);
        }
        self.mind_namespaces();
    }

    pub(super) fn decide_all(&mut self) {
        for member in self.members.values_mut() {
            member.undecided = true;
        }
    }

    /// Begins to read the traces that have to be read.
    pub(super) fn read_more(&mut self) {
        let now = Instant::now();
        for member in self.members.values_mut() {
            if self.reads.len() >= AT_ONCE {
                return;
            }
            let reading = &mut member.reading;
            let due = member.report_is_left
                || read::is_due(
                    &member.seen,
                    member.read.as_ref(),
                    &reading.version,
                    reading.rereads,
                );
            if reading.under_way || !due || reading.not_before.is_some_and(|then| now < then) {
                continue;
            }
            reading.under_way = true;
            let is_first = member.run.is_none() && member.report.object == Object::Unknown;
            let look_for_report = is_first || member.report_is_left;
            let is_last_word = !self.overlaps;
            let client = self.client.clone();
            let which = member.seen.which.clone();
            let (uid, version) = (member.seen.uid.clone(), member.seen.version.clone());
            let (namespace, name) = which.report(&self.settings.node, &self.settings.namespace);
            let learning = async move {
                let read = read::read(client.clone(), which.clone());
                let former = async {
                    if !look_for_report {
                        return None;
                    }
                    let former = read::former(client, namespace, name, uid.clone());
                    timeout(PATIENCE, former).await.ok()
                };
                let (outcome, former) = futures::join!(read, former);
                Learnt {
                    which,
                    uid,
                    version,
                    outcome,
                    former,
                    is_last_word,
                }
            };
            self.reads.push(learning.boxed());
        }
    }

    /// Takes in what was read.
    pub(super) async fn take_in(&mut self, learnt: Learnt) {
        let now = Instant::now();
        let which = learnt.which;
        let Some(member) = self.members.get_mut(&which) else {
            return;
        };
        if member.seen.uid != learnt.uid {
            return;
        }
        let reading = &mut member.reading;
        reading.under_way = false;
        match learnt.outcome {
            Outcome::Read(read) if read.uid == learnt.uid => {
                reading.pause.reset();
                let before = member.read.as_ref().map(|read| read.generation);
                if before == Some(read.generation) {
                    reading.rereads += 1;
                }
                reading.version = learnt.version;
                reading.not_before = Some(now + REREAD);
                member.strange = None;
                member.report_is_left &= learnt.former.is_none() || !learnt.is_last_word;
                self.follow(&which, *read, learnt.former, learnt.is_last_word)
                    .await;
            }
            Outcome::Strange(why) => {
                reading.version = learnt.version;
                reading.not_before = Some(now + reading.pause.next());
                member.strange = Some(why);
                member.undecided = true;
                if member.run.is_none() {
                    let outlet = Outlet::new(&which, Outputs::default(), &self.settings.printing);
                    member.run = Some(Run::new(None, Timestamp::now(), Arc::new(outlet)));
                }
            }
            Outcome::Failed(why) => {
                if !reading.pause.is_failing() {
                    tracing::warn!(error = why, "cannot read {which}");
                }
                reading.not_before = Some(now + reading.pause.next());
            }
            // The watch will say so: here it may be ahead or behind.
            Outcome::Gone | Outcome::Read(_) => {
                reading.not_before = Some(now + reading.pause.next());
            }
        }
    }

    /// Follows what was read of a trace.
    async fn follow(
        &mut self,
        which: &Which,
        read: Read,
        former: Option<Former>,
        is_last_word: bool,
    ) {
        let now = Timestamp::now();
        let same_run = self
            .members
            .get(which)
            .and_then(|member| member.run.as_ref())
            .map(|run| run.name == read.spec.run);
        if same_run == Some(false) {
            self.stop(which).await;
        }
        let Some(member) = self.members.get_mut(which) else {
            return;
        };
        let suspended = read.spec.suspend;
        let mut retired = None;
        if same_run != Some(true) {
            let outlet = Outlet::new(which, Outputs::default(), &self.settings.printing);
            let name = read.spec.run.clone();
            let mut run = Run::new(name, now, Arc::new(outlet));
            // Of a run that begins under this agent's eyes no other has told anything.
            run.is_before_known = same_run == Some(false) && !self.overlaps;
            retired = member.run.replace(run);
        }
        if let Some(run) = &mut member.run
            && (suspended || member.read.as_ref().is_some_and(|read| read.spec.suspend))
            && run.active_since.is_none()
        {
            // Until it is told when it began, its time begins when it is not held any more.
            run.first_seen = now;
        }
        member.read = Some(read);
        match former {
            Some(Former::Ours(report)) if !is_last_word => {
                if let Some(run) = &mut member.run {
                    run.foresee(&report.status.unwrap_or_default());
                }
            }
            Some(Former::None) if is_last_word => {
                member.report.object = Object::Absent;
                if let Some(run) = &mut member.run {
                    run.begins_here();
                }
            }
            Some(Former::Ours(report)) => {
                member.adopt(report.status.unwrap_or_default(), &self.settings, now);
            }
            Some(Former::None | Former::Anothers | Former::Failed(_)) | None => {}
        }
        member.undecided = true;
        if let Some(run) = retired {
            self.retire(&run);
        }
        self.mind_namespaces();
    }

    /// Watches namespaces while somebody asks for their labels.
    fn mind_namespaces(&mut self) {
        let wanted = self.members.values().any(|member| {
            let read = member.read.as_ref();
            read.is_some_and(|read| namespace_selector(&read.spec).is_some())
        });
        match (wanted, self.namespace_watch.take()) {
            (true, None) => {
                let watch = watch_namespaces(self.client.clone(), self.into_inbox.clone());
                self.namespace_watch = Some(tokio::spawn(watch));
            }
            (true, watch) => self.namespace_watch = watch,
            (false, Some(watch)) => {
                watch.abort();
                self.namespaces = None;
            }
            (false, None) => {}
        }
    }
}

impl Member {
    /// Takes over the report that is there.
    pub(super) fn adopt(&mut self, status: TraceReportStatus, settings: &Settings, now: Timestamp) {
        if let Some(run) = &mut self.run {
            run.resume(&status, &settings.epoch, now);
        }
        self.report.object = Object::Present;
        self.report.told = Some(status);
        self.undecided = true;
    }
}
