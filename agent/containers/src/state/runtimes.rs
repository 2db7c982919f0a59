//! What runtimes, processes and lists say of containers.

use std::collections::HashSet;
use std::time::Instant;

use super::instance::{Heard, Instance};
use super::{Class, Output, Question, State, Watched, watch};
use crate::cgroup::{Cgroup, CgroupId};
use crate::change::{CgroupChange, Change};
use crate::claim::claim;
use crate::evidence::{self, Evidence};
use crate::facts::Source;
use crate::shape::agrees;

/// How often a running container's missing name or process is asked for again.
const ROUNDS: u8 = 3;

impl State {
    pub(super) fn located(
        &mut self,
        now: Instant,
        cgroup: Cgroup,
        evidence: Evidence,
        out: &mut Vec<Output>,
    ) {
        let id = cgroup.id;
        self.created(now, cgroup, None, None, out);
        if evidence.process.is_some() || evidence.facts.cgroup_path.is_some() {
            self.revoke(id, &evidence, out);
        }
        self.heard(id, evidence, out);
    }

    pub(super) fn answered(
        &mut self,
        id: CgroupId,
        evidence: Vec<Evidence>,
        last: bool,
        out: &mut Vec<Output>,
    ) {
        let Some(path) = self.cgroups.get(&id).map(|entry| entry.path.clone()) else {
            return;
        };
        for word in evidence {
            if self.credible(id, &path, &word) {
                self.heard(id, word, out);
            }
        }
        let Some(entry) = self.cgroups.get_mut(&id) else {
            return;
        };
        match &mut entry.class {
            Class::Pending(pending) if last => {
                self.unanswered -= usize::from(!pending.answered);
                pending.answered = true;
                self.decide(id, out);
            }
            Class::Container(_) if last => self.ask_again(id, out),
            _ => {}
        }
    }

    /// A word with no process and no cgroup to it, such as a new name.
    pub(super) fn said(&mut self, word: &Evidence, out: &mut Vec<Output>) {
        for id in self.instances_named(&word.facts.id) {
            if self
                .cgroup(id)
                .is_some_and(|cgroup| self.credible(id, &cgroup.path, word))
            {
                self.heard(id, word.clone(), out);
            }
        }
        if self.homeless.contains_key(&word.facts.id) {
            self.homeless(word.clone(), out);
        }
    }

    pub(super) fn homeless(&mut self, word: Evidence, out: &mut Vec<Output>) {
        let id = word.facts.id.clone();
        if let Some(instance) = self.homeless.get_mut(&id) {
            let heard = instance.hear(&self.root, None, word, None);
            let container = instance.container.clone();
            match heard {
                Heard::Nothing => {}
                Heard::More => out.push(Output::Change(Change::Updated(container))),
                Heard::Restarted => {
                    out.extend(watch(&container));
                    out.push(Output::Change(Change::Added(container)));
                }
            }
        } else if word.process.is_some() {
            let instance = Instance::new(&self.root, None, vec![word], None);
            let container = instance.container.clone();
            self.homeless.insert(id, instance);
            out.extend(watch(&container));
            out.push(Output::Change(Change::Added(container)));
        }
    }

    pub(super) fn exited(&mut self, watched: &Watched, out: &mut Vec<Output>) {
        let Some(cgroup) = &watched.cgroup else {
            let ours = |instance: &Instance| instance.container.pid == Some(watched.pid);
            if self.homeless.get(&watched.id).is_some_and(ours) {
                let ended = self.homeless.remove(&watched.id);
                out.extend(ended.map(|ended| Output::Change(Change::Removed(ended.container))));
            }
            return;
        };
        if self
            .instance(cgroup.id)
            .is_some_and(|instance| instance.container.pid == Some(watched.pid))
        {
            self.end(cgroup.id, out);
        }
    }

    /// A runtime's word may be late, and mean the run before: it counts when it names the very
    /// process. Where no process is known the cgroup itself is looked at.
    pub(super) fn ended(&mut self, id: &str, pid: Option<u32>, out: &mut Vec<Output>) {
        for cgroup in self.instances_named(id) {
            let known = self
                .instance(cgroup)
                .and_then(|instance| instance.container.pid);
            match (known, pid) {
                (Some(known), Some(pid)) if known == pid => self.end(cgroup, out),
                (None, _) => out.extend(self.cgroup(cgroup).map(Output::Probe)),
                (Some(_), _) => {}
            }
        }
    }

    pub(super) fn empty(&mut self, id: CgroupId, out: &mut Vec<Output>) {
        if self
            .instance(id)
            .is_some_and(|instance| instance.container.pid.is_none())
        {
            self.end(id, out);
        }
    }

    /// Those that a source knew and does not know any more may have ended while it was away.
    pub(super) fn listed(&mut self, source: Source, ids: &HashSet<String>, out: &mut Vec<Output>) {
        let vanished = self.containers.iter().filter(|id| {
            self.instance(**id).is_some_and(|instance| {
                !instance.ended
                    && instance.container.pid.is_none()
                    && instance.knows(source)
                    && !ids.contains(&instance.container.id)
            })
        });
        out.extend(vanished.filter_map(|id| self.cgroup(*id).map(Output::Probe)));
    }

    fn heard(&mut self, id: CgroupId, word: Evidence, out: &mut Vec<Output>) {
        let Some(cgroup) = self.cgroup(id) else {
            return;
        };
        let Some(entry) = self.cgroups.get_mut(&id) else {
            return;
        };
        match &mut entry.class {
            Class::Inside(_) => {}
            Class::Pending(pending) => {
                evidence::add(&mut pending.evidence, word);
                if let Some(pods) = &mut self.pods {
                    let claim = claim(&self.root, &cgroup.path, &pending.evidence);
                    let claimed = claim.map(|pod| pod.uid.clone());
                    pods.reclaim(id, pending.claimed.as_deref(), claimed.as_deref());
                    pending.claimed = claimed;
                }
                self.decide(id, out);
            }
            Class::Host if cgroup.path == self.root => {}
            Class::Host => {
                self.become_container(id, vec![word], out);
                self.ask_again(id, out);
            }
            Class::Container(instance) => {
                let pid = instance.container.pid;
                let claimed = instance.claimed.clone();
                let pods = self.pods.as_ref();
                let heard = instance.hear(&self.root, Some(&cgroup), word, pods);
                if let Some(pods) = &mut self.pods {
                    pods.reclaim(id, claimed.as_deref(), instance.claimed.as_deref());
                }
                let container = instance.container.clone();
                let change = match heard {
                    Heard::Nothing => return,
                    Heard::More => Change::Updated(container.clone()),
                    Heard::Restarted => Change::Added(container.clone()),
                };
                let told = CgroupChange::Container(cgroup, container.clone());
                out.push(Output::Cgroup(told));
                out.push(Output::Change(change));
                if container.pid != pid {
                    out.extend(watch(&container));
                }
                if matches!(heard, Heard::Restarted) {
                    self.ask_again(id, out);
                }
            }
        }
    }

    /// A word that answers the question by id alone must mean this very cgroup, and its
    /// container must not be known to run elsewhere.
    fn credible(&self, id: CgroupId, path: &str, word: &Evidence) -> bool {
        let facts = &word.facts;
        if word.process.is_some() {
            return true;
        }
        if !agrees(facts.cgroup_path.as_deref(), &facts.id, path) {
            return false;
        }
        let elsewhere = |other: &CgroupId| {
            *other != id
                && self
                    .instance(*other)
                    .is_some_and(|other| other.container.pid.is_some() && other.knows(facts.origin))
        };
        facts.cgroup_path.is_some() || !self.instances_named(&facts.id).iter().any(elsewhere)
    }

    /// A container was found where it runs: a cgroup that was taken for it by the likeness of
    /// its name alone is somebody else's.
    fn revoke(&mut self, id: CgroupId, word: &Evidence, out: &mut Vec<Output>) {
        for other in self.instances_named(&word.facts.id) {
            let imitation =
                |instance: &Instance| instance.unproven() && instance.knows(word.facts.origin);
            if other == id || !self.instance(other).is_some_and(imitation) {
                continue;
            }
            self.end(other, out);
            let Some(cgroup) = self.cgroup(other) else {
                continue;
            };
            let nested = self.below(&cgroup.path);
            for host in std::iter::once(other).chain(nested) {
                self.set(host, Class::Host);
                let cgroup = self.cgroup(host).map(CgroupChange::Host);
                out.extend(cgroup.map(Output::Cgroup));
            }
        }
    }

    fn end(&mut self, id: CgroupId, out: &mut Vec<Output>) {
        let entry = self.cgroups.get_mut(&id);
        if let Some(Class::Container(instance)) = entry.map(|entry| &mut entry.class)
            && !instance.ended
        {
            instance.ended = true;
            let container = instance.container.clone();
            out.push(Output::Change(Change::Removed(container)));
        }
    }

    pub(super) fn ask_again(&mut self, id: CgroupId, out: &mut Vec<Output>) {
        let Some(cgroup) = self.cgroup(id) else {
            return;
        };
        let entry = self.cgroups.get_mut(&id);
        if let Some(Class::Container(instance)) = entry.map(|entry| &mut entry.class)
            && !instance.ended
            && instance.incomplete()
            && instance.rounds < ROUNDS
        {
            instance.rounds += 1;
            out.push(Output::Ask(Question {
                cgroup,
                creator: None,
                id: Some(instance.container.id.clone()),
                round: instance.rounds,
            }));
        }
    }

    /// The cgroups of every running instance with this container id.
    fn instances_named(&self, id: &str) -> Vec<CgroupId> {
        let named = |cgroup: &&CgroupId| {
            self.instance(**cgroup)
                .is_some_and(|instance| !instance.ended && instance.container.id == id)
        };
        self.containers.iter().filter(named).copied().collect()
    }
}
