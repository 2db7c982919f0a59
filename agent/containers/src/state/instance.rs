//! One run of one container.

use std::sync::Arc;

use super::pods::Pods;
use crate::cgroup::Cgroup;
use crate::claim::claim;
use crate::container::Container;
use crate::evidence::{self, Evidence};
use crate::facts::Source;
use crate::pods::PodFacts;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) evidence: Vec<Evidence>,
    pub(super) container: Arc<Container>,
    /// Its removal was told; the cgroup may still be there.
    pub(super) ended: bool,
    /// How often the sources were asked for what was missing.
    pub(super) rounds: u8,
    /// The uid of the pod that it is said to be of.
    pub(super) claimed: Option<String>,
    /// That pod, as the API server last had it.
    confirmed: Option<Arc<PodFacts>>,
}

/// What a word changed.
#[derive(Debug)]
pub(super) enum Heard {
    Nothing,
    More,
    /// Another run began; the one before, unless its removal was told.
    Restarted,
}

impl Instance {
    pub(super) fn new(
        root: &str,
        cgroup: Option<&Cgroup>,
        evidence: Vec<Evidence>,
        pods: Option<&Pods>,
    ) -> Self {
        let mut instance = Self {
            container: Arc::default(),
            evidence,
            ended: false,
            rounds: 0,
            claimed: None,
            confirmed: None,
        };
        instance.refresh(root, cgroup, pods);
        instance
    }

    /// Works out anew what is known of it. Returns whether that differs from before.
    pub(super) fn refresh(
        &mut self,
        root: &str,
        cgroup: Option<&Cgroup>,
        pods: Option<&Pods>,
    ) -> bool {
        let mut merged = evidence::merge(root, cgroup, &self.evidence);
        if let (Some(pods), Some(cgroup)) = (pods, cgroup) {
            let claim = claim(root, &cgroup.path, &self.evidence);
            let uid = claim.map(|claim| claim.uid.clone());
            let before = self.confirmed.take().filter(|_| uid == self.claimed);
            // What was confirmed stays so when the API server has the pod no more.
            self.confirmed = claim.and_then(|claim| pods.find(claim)).cloned().or(before);
            self.claimed = uid;
            if let (Some(claim), Some(pod)) = (claim, &self.confirmed) {
                evidence::confirm(&mut merged, claim, pod);
            }
        }
        let differs = merged != *self.container;
        if differs {
            self.container = Arc::new(merged);
        }
        differs
    }

    pub(super) fn hear(
        &mut self,
        root: &str,
        cgroup: Option<&Cgroup>,
        mut word: Evidence,
        pods: Option<&Pods>,
    ) -> Heard {
        let said = word.process.as_ref().map(|process| process.pid);
        let known = self.container.pid;
        match (self.ended, said) {
            (true, Some(pid)) if known != Some(pid) => {
                *self = Self::new(root, cgroup, vec![word], pods);
                return Heard::Restarted;
            }
            (true, _) => return Heard::Nothing,
            // The one being watched counts while it lives.
            (false, Some(pid)) if known.is_some_and(|known| known != pid) => word.process = None,
            (false, _) => {}
        }
        evidence::add(&mut self.evidence, word);
        if self.refresh(root, cgroup, pods) {
            Heard::More
        } else {
            Heard::Nothing
        }
    }

    /// True when a source has said something of it.
    pub(super) fn knows(&self, source: Source) -> bool {
        self.evidence
            .iter()
            .any(|known| known.facts.origin == source)
    }

    /// True while nothing but the likeness of a name ties it to its cgroup.
    pub(super) fn unproven(&self) -> bool {
        self.evidence
            .iter()
            .all(|known| known.process.is_none() && known.facts.cgroup_path.is_none())
    }

    /// True while sources may still add a name or a process.
    pub(super) fn incomplete(&self) -> bool {
        self.container.pid.is_none() || self.container.name.is_none() && !self.container.sandbox
    }
}
