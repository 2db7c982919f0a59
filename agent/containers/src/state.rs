//! Whose is which cgroup: the collection's state machine, a pure function from what is seen and
//! said to what is told and asked.
//!
//! A cgroup is *pending* until it is known as a container's own or as the host's. Below a
//! container's cgroup everything is inside that container, whatever anyone says of it: the
//! outermost counts.

mod index;
mod instance;
mod messages;
mod pods;
mod runtimes;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::cgroup::{Cgroup, CgroupId};
use crate::change::{CgroupChange, Change};
use crate::claim::claim;
use crate::container::Container;
use crate::departed::Departed;
use crate::evidence::{Evidence, names_finally};
use crate::shape::{below, leaf, shape};
use instance::Instance;
pub(crate) use messages::{Input, Output, Question, Watched};
use pods::Pods;
use scan::Scan;

/// How many nested cgroups are remembered, for events that were recorded before theirs was
/// known; a container may make any number.
const MOST_INSIDE: usize = 8192;

#[derive(Debug)]
enum Class {
    Pending(Pending),
    Host,
    Container(Instance),
    /// In the container whose cgroup this is.
    Inside(CgroupId),
}

impl Class {
    /// The uid of the pod that the cgroup's container is said to be of.
    fn claimed(&self) -> Option<&str> {
        match self {
            Self::Pending(pending) => pending.claimed.as_deref(),
            Self::Container(instance) => instance.claimed.as_deref(),
            Self::Host | Self::Inside(_) => None,
        }
    }
}

#[derive(Debug, Default)]
struct Pending {
    evidence: Vec<Evidence>,
    /// Nobody else will answer.
    answered: bool,
    /// The uid of the pod that it is said to be of.
    claimed: Option<String>,
    /// Its pod's confirmation is waited for no longer.
    overdue: bool,
    /// Since when the cgroup is no more: a container may end before anyone has said its name, and
    /// what it did is still to be told under it.
    gone: Option<Instant>,
}

impl Pending {
    /// True while it is worth waiting for the confirmation of its pod.
    fn awaits_pod(&self, root: &str, path: &str, pods: &Pods) -> bool {
        if self.overdue {
            return false;
        }
        match claim(root, path, &self.evidence) {
            Some(claim) => pods.find(claim).is_none(),
            // Someone who is to be believed may still name it.
            None => !self.answered && self.evidence.iter().any(|word| word.facts.pod.is_some()),
        }
    }
}

#[derive(Debug)]
struct Entry {
    path: String,
    class: Class,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    /// The path of the cgroup that is the host's own; what is neither it nor below it is another
    /// node's.
    root: String,
    /// `None` where nobody will confirm pods.
    pods: Option<Pods>,
    cgroups: HashMap<CgroupId, Entry>,
    by_path: BTreeMap<String, CgroupId>,
    /// Those of `cgroups` that are containers' own.
    containers: BTreeSet<CgroupId>,
    /// How many are pending and have not been answered.
    unanswered: usize,
    inside: usize,
    homeless: BTreeMap<String, Instance>,
    departed: Departed,
    scan: Option<Scan>,
}

impl State {
    /// Of the cgroups at and below the path `root`. With `confirms` somebody will tell of pods.
    pub(crate) fn new(root: &str, confirms: bool) -> Self {
        Self {
            root: root.to_owned(),
            pods: confirms.then(Pods::default),
            cgroups: HashMap::new(),
            by_path: BTreeMap::new(),
            containers: BTreeSet::new(),
            unanswered: 0,
            inside: 0,
            homeless: BTreeMap::new(),
            departed: Departed::default(),
            scan: None,
        }
    }

    /// One step.
    pub(crate) fn apply(&mut self, now: Instant, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Created {
                cgroup,
                parent,
                creator,
            } => {
                self.created(now, cgroup, parent, creator, &mut out);
            }
            Input::Gone(id) => self.gone(now, id, &mut out),
            Input::ScanBegan => self.scan = Some(Scan::default()),
            Input::Scanned(all) => self.scanned(now, all, &mut out),
            Input::Located { cgroup, evidence } => self.located(now, cgroup, evidence, &mut out),
            Input::Said(evidence) => self.said(&evidence, &mut out),
            Input::Homeless(evidence) => self.homeless(evidence, &mut out),
            Input::Answered {
                cgroup,
                evidence,
                last,
            } => {
                self.answered(cgroup, evidence, last, &mut out);
            }
            Input::Overdue(id) => self.overdue(id, &mut out),
            Input::PodsListed(all) => self.pods_listed(all, &mut out),
            Input::PodSet(pod) => self.pod_set(pod, &mut out),
            Input::PodRemoved(uid) => self.pod_removed(&uid),
            Input::Exited(watched) => self.exited(&watched, &mut out),
            Input::Ended { id, pid } => self.ended(&id, pid, &mut out),
            Input::Empty(id) => self.empty(id, &mut out),
            Input::Listed { source, ids } => self.listed(source, &ids, &mut out),
        }
        out
    }

    /// Every container that runs.
    pub(crate) fn containers(&self) -> Vec<Arc<Container>> {
        let own = self.containers.iter().filter_map(|id| self.instance(*id));
        own.chain(self.homeless.values())
            .filter(|instance| !instance.ended)
            .map(|instance| instance.container.clone())
            .collect()
    }

    /// The containers whose end nothing but the end of their cgroup will tell.
    pub(crate) fn unwatched(&self) -> Vec<Cgroup> {
        let unwatched = |id: &&CgroupId| {
            let instance = self.instance(**id);
            instance.is_some_and(|instance| instance.ended || instance.container.pid.is_none())
        };
        self.containers
            .iter()
            .filter(unwatched)
            .filter_map(|id| self.cgroup(*id))
            .collect()
    }

    /// How many cgroups are pending while somebody may still say whose they are.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// True while a cgroup may be waiting for its pod's confirmation.
    pub(crate) fn may_await_pod(&self, id: CgroupId) -> bool {
        let class = self.cgroups.get(&id).map(|entry| &entry.class);
        self.pods.is_some() && matches!(class, Some(Class::Pending(_)))
    }

    /// The container that a cgroup is, or is in, or lately was.
    pub(crate) fn resolve(&self, now: Instant, id: CgroupId) -> Option<Arc<Container>> {
        self.container_of(id)
            .or_else(|| self.departed.container(now, id))
    }

    /// What was told of every cgroup that is there, parents first.
    pub(crate) fn snapshot(&self) -> Vec<CgroupChange> {
        let told = |(path, id): (&String, &CgroupId)| {
            let cgroup = Cgroup {
                id: *id,
                path: path.clone(),
            };
            match &self.cgroups.get(id)?.class {
                Class::Pending(_) => Some(CgroupChange::Pending(cgroup)),
                Class::Host => Some(CgroupChange::Host(cgroup)),
                Class::Container(instance) => {
                    Some(CgroupChange::Container(cgroup, instance.container.clone()))
                }
                Class::Inside(_) => None,
            }
        };
        self.by_path.iter().filter_map(told).collect()
    }

    fn created(
        &mut self,
        now: Instant,
        mut cgroup: Cgroup,
        parent: Option<CgroupId>,
        creator: Option<u32>,
        out: &mut Vec<Output>,
    ) {
        // The kernel tells paths from its own root; this process may see less of the hierarchy.
        if let Some(above) = parent.and_then(|parent| self.cgroups.get(&parent)) {
            let above = above.path.trim_end_matches('/');
            cgroup.path = format!("{above}/{}", leaf(&cgroup.path));
        }
        if below(&self.root, &cgroup.path).is_none() {
            return;
        }
        if self.cgroups.contains_key(&cgroup.id) || self.departed.contains(cgroup.id) {
            return;
        }
        if let Some(scan) = &mut self.scan {
            scan.created.insert(cgroup.id);
        }
        // Two cgroups never have one path: whoever had it is gone, though nobody said so yet.
        if let Some(before) = self.by_path.get(&cgroup.path).copied() {
            self.gone(now, before, out);
        }
        if let Some((root, container)) = self.container_above(&cgroup.path, parent) {
            if self.inside < MOST_INSIDE {
                self.insert(&cgroup, Class::Inside(root));
            }
            out.push(Output::Cgroup(CgroupChange::Inside { cgroup, container }));
            return;
        }
        if cgroup.path == self.root {
            self.insert(&cgroup, Class::Host);
            out.push(Output::Cgroup(CgroupChange::Host(cgroup)));
            return;
        }
        self.insert(&cgroup, Class::Pending(Pending::default()));
        out.push(Output::Cgroup(CgroupChange::Pending(cgroup.clone())));
        out.push(Output::Ask(Question {
            cgroup,
            creator,
            id: None,
            round: 0,
        }));
    }

    fn gone(&mut self, now: Instant, id: CgroupId, out: &mut Vec<Output>) {
        if let Some(scan) = &mut self.scan {
            scan.removed.insert(id);
        }
        if let Some(Entry {
            class: Class::Pending(pending),
            ..
        }) = self.cgroups.get_mut(&id)
        {
            pending.gone.get_or_insert(now);
            return;
        }
        let was = self.container_of(id);
        let Some(path) = self.cgroups.get(&id).map(|entry| entry.path.clone()) else {
            self.departed.insert(now, id, None);
            return;
        };
        // A cgroup goes after all below it: theirs was not told. Deepest first.
        for nested in self.below(&path).into_iter().rev() {
            self.gone(now, nested, out);
        }
        self.departed.insert(now, id, was);
        match self.remove(id) {
            Some(Class::Container(instance)) if !instance.ended => {
                out.push(Output::Change(Change::Removed(instance.container)));
            }
            Some(Class::Inside(_)) => return,
            _ => {}
        }
        out.push(Output::Cgroup(CgroupChange::Gone(id)));
    }

    /// Ends a cgroup's pending, if enough is known.
    fn decide(&mut self, id: CgroupId, out: &mut Vec<Output>) {
        let Some(Entry {
            path,
            class: Class::Pending(pending),
        }) = self.cgroups.get_mut(&id)
        else {
            return;
        };
        let named = pending
            .evidence
            .iter()
            .any(|known| names_finally(&known.facts));
        if !named && !pending.answered {
            return;
        }
        if let Some(pods) = &self.pods
            && pending.awaits_pod(&self.root, path, pods)
        {
            return;
        }
        let path = path.clone();
        let evidence = pending.evidence.clone();
        let answered = pending.answered;
        let gone = pending.gone;
        // What lies above may turn out to be a container; then this is inside.
        if self.pending_above(&path) {
            return;
        }
        if evidence.is_empty() && shape(&path).is_none() {
            self.become_host(id, out);
        } else {
            self.become_container(id, evidence, out);
        }
        if let Some(since) = gone {
            self.gone(since, id, out);
        } else if answered {
            self.ask_again(id, out);
        }
    }

    fn become_host(&mut self, id: CgroupId, out: &mut Vec<Output>) {
        let Some(cgroup) = self.cgroup(id) else {
            return;
        };
        let path = cgroup.path.clone();
        self.set(id, Class::Host);
        out.push(Output::Cgroup(CgroupChange::Host(cgroup)));
        for nested in self.below(&path) {
            self.decide(nested, out);
        }
    }

    fn become_container(&mut self, id: CgroupId, evidence: Vec<Evidence>, out: &mut Vec<Output>) {
        let Some(cgroup) = self.cgroup(id) else {
            return;
        };
        let below = self.below(&cgroup.path);
        for nested in &below {
            if let Some(instance) = self.instance(*nested).filter(|instance| !instance.ended) {
                out.push(Output::Change(Change::Removed(instance.container.clone())));
            }
        }
        let pods = self.pods.as_ref();
        let instance = Instance::new(&self.root, Some(&cgroup), evidence, pods);
        let container = instance.container.clone();
        self.set(id, Class::Container(instance));
        let told = CgroupChange::Container(cgroup.clone(), container.clone());
        out.push(Output::Cgroup(told));
        out.push(Output::Change(Change::Added(container.clone())));
        out.extend(watch(&container));
        for nested in below {
            let Some(cgroup) = self.cgroup(nested) else {
                continue;
            };
            self.set(nested, Class::Inside(id));
            let container = container.clone();
            out.push(Output::Cgroup(CgroupChange::Inside { cgroup, container }));
        }
    }
}

fn watch(container: &Container) -> Option<Output> {
    Some(Output::Watch(Watched {
        cgroup: container.cgroup.clone(),
        id: container.id.clone(),
        pid: container.pid?,
    }))
}
