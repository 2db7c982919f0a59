//! One run of one container.

use std::sync::Arc;

use crate::cgroup::Cgroup;
use crate::container::Container;
use crate::evidence::{self, Evidence};
use crate::facts::Source;

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) evidence: Vec<Evidence>,
    pub(super) container: Arc<Container>,
    /// Its removal was told; the cgroup may still be there.
    pub(super) ended: bool,
    /// How often the sources were asked for what was missing.
    pub(super) rounds: u8,
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
    pub(super) fn new(cgroup: Option<&Cgroup>, evidence: Vec<Evidence>) -> Self {
        Self {
            container: Arc::new(evidence::merge(cgroup, &evidence)),
            evidence,
            ended: false,
            rounds: 0,
        }
    }

    pub(super) fn hear(&mut self, cgroup: Option<&Cgroup>, mut word: Evidence) -> Heard {
        let said = word.process.as_ref().map(|process| process.pid);
        let known = self.container.pid;
        match (self.ended, said) {
            (true, Some(pid)) if known != Some(pid) => {
                *self = Self::new(cgroup, vec![word]);
                return Heard::Restarted;
            }
            (true, _) => return Heard::Nothing,
            // The one being watched counts while it lives.
            (false, Some(pid)) if known.is_some_and(|known| known != pid) => word.process = None,
            (false, _) => {}
        }
        evidence::add(&mut self.evidence, word);
        let merged = evidence::merge(cgroup, &self.evidence);
        if merged == *self.container {
            return Heard::Nothing;
        }
        self.container = Arc::new(merged);
        Heard::More
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
