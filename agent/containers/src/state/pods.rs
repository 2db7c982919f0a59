//! What the API server says of this node's pods, and for which cgroups that is wanted.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use super::{Class, Output, State};
use crate::cgroup::CgroupId;
use crate::change::{CgroupChange, Change};
use crate::container::Pod;
use crate::pods::PodFacts;

/// How many pods are remembered that the API server has no more: a container that started just
/// before its pod was removed there is still that pod's, as uids are not used again.
const MOST_REMOVED: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Pods {
    known: HashMap<String, Arc<PodFacts>>,
    /// The uids of `known`, by other names.
    aliases: HashMap<String, BTreeSet<String>>,
    /// Those of `known` that the API server has no more, in the order of their going.
    removed: VecDeque<String>,
    /// The cgroups for which a pod's uid is claimed, by that.
    claims: HashMap<String, BTreeSet<CgroupId>>,
}

impl Pods {
    /// The pod that a runtime means. By another name than its own uid only where the rest agrees.
    pub(super) fn find(&self, claim: &Pod) -> Option<&Arc<PodFacts>> {
        self.known.get(&claim.uid).or_else(|| {
            let same = |pod: &&Arc<PodFacts>| {
                (&pod.namespace, &pod.name) == (&claim.namespace, &claim.name)
            };
            let named = self.aliases.get(&claim.uid)?;
            named
                .iter()
                .filter_map(|uid| self.known.get(uid))
                .find(same)
        })
    }

    /// A cgroup's claim has changed.
    pub(super) fn reclaim(&mut self, id: CgroupId, before: Option<&str>, now: Option<&str>) {
        if before == now {
            return;
        }
        if let Some(uid) = before
            && let Some(claimants) = self.claims.get_mut(uid)
        {
            claimants.remove(&id);
            if claimants.is_empty() {
                self.claims.remove(uid);
            }
        }
        if let Some(uid) = now {
            self.claims.entry(uid.to_owned()).or_default().insert(id);
        }
    }

    /// Takes in every pod there is. Returns the cgroups to which that may matter.
    fn list(&mut self, all: Vec<PodFacts>) -> BTreeSet<CgroupId> {
        let there: HashSet<&String> = all.iter().map(|pod| &pod.uid).collect();
        let missing = self.known.keys().filter(|uid| !there.contains(uid));
        let missing: Vec<String> = missing.cloned().collect();
        let mut concerned = BTreeSet::new();
        for pod in all {
            concerned.append(&mut self.set(pod));
        }
        for uid in missing {
            self.remove(&uid);
        }
        concerned
    }

    /// Takes in a pod. Returns the cgroups to which that may matter.
    fn set(&mut self, pod: PodFacts) -> BTreeSet<CgroupId> {
        let uid = pod.uid.clone();
        if uid.is_empty() {
            return BTreeSet::new();
        }
        self.removed.retain(|removed| *removed != uid);
        if self.known.get(&uid).is_some_and(|known| **known == pod) {
            return BTreeSet::new();
        }
        self.forget(&uid);
        for name in &pod.other_uids {
            let named = self.aliases.entry(name.clone()).or_default();
            named.insert(uid.clone());
        }
        let names = std::iter::once(&uid).chain(&pod.other_uids);
        let concerned = names.filter_map(|name| self.claims.get(name)).flatten();
        let concerned = concerned.copied().collect();
        self.known.insert(uid, Arc::new(pod));
        concerned
    }

    /// The API server has a pod no more.
    fn remove(&mut self, uid: &str) {
        if !self.known.contains_key(uid) || self.removed.iter().any(|removed| removed == uid) {
            return;
        }
        self.removed.push_back(uid.to_owned());
        if self.removed.len() > MOST_REMOVED
            && let Some(oldest) = self.removed.pop_front()
        {
            self.forget(&oldest);
        }
    }

    /// True while no cgroup's claim is remembered.
    #[cfg(test)]
    pub(super) fn is_unclaimed(&self) -> bool {
        self.claims.is_empty()
    }

    fn forget(&mut self, uid: &str) {
        let Some(pod) = self.known.remove(uid) else {
            return;
        };
        for name in &pod.other_uids {
            if let Some(named) = self.aliases.get_mut(name) {
                named.remove(uid);
                if named.is_empty() {
                    self.aliases.remove(name);
                }
            }
        }
    }
}

impl State {
    pub(super) fn pods_listed(&mut self, all: Vec<PodFacts>, out: &mut Vec<Output>) {
        let concerned = self.pods.as_mut().map(|pods| pods.list(all));
        self.confirm(concerned.unwrap_or_default(), out);
    }

    pub(super) fn pod_set(&mut self, pod: PodFacts, out: &mut Vec<Output>) {
        let concerned = self.pods.as_mut().map(|pods| pods.set(pod));
        self.confirm(concerned.unwrap_or_default(), out);
    }

    /// What was confirmed stays so: the containers are still that pod's.
    pub(super) fn pod_removed(&mut self, uid: &str) {
        if let Some(pods) = &mut self.pods {
            pods.remove(uid);
        }
    }

    /// Nobody will confirm the pod in time.
    pub(super) fn overdue(&mut self, id: CgroupId, out: &mut Vec<Output>) {
        if let Some(Class::Pending(pending)) =
            self.cgroups.get_mut(&id).map(|entry| &mut entry.class)
        {
            pending.overdue = true;
            self.decide(id, out);
        }
    }

    fn confirm(&mut self, concerned: BTreeSet<CgroupId>, out: &mut Vec<Output>) {
        for id in concerned {
            let Some(cgroup) = self.cgroup(id) else {
                continue;
            };
            match self.cgroups.get_mut(&id).map(|entry| &mut entry.class) {
                Some(Class::Pending(_)) => self.decide(id, out),
                Some(Class::Container(instance)) => {
                    if !instance.refresh(&self.root, Some(&cgroup), self.pods.as_ref()) {
                        continue;
                    }
                    let container = instance.container.clone();
                    let told = CgroupChange::Container(cgroup, container.clone());
                    out.push(Output::Cgroup(told));
                    if !instance.ended {
                        out.push(Output::Change(Change::Updated(container)));
                    }
                }
                _ => {}
            }
        }
    }
}
