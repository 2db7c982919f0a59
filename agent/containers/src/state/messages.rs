//! What the state machine takes and gives.

use std::collections::HashSet;

use crate::cgroup::{Cgroup, CgroupId};
use crate::change::{CgroupChange, Change};
use crate::evidence::Evidence;
use crate::facts::Source;
use crate::pods::PodFacts;

/// What happens to the collection.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// A cgroup was made.
    Created {
        cgroup: Cgroup,
        parent: Option<CgroupId>,
        /// Who made it, while it may be asked.
        creator: Option<u32>,
    },
    /// A cgroup was removed.
    Gone(CgroupId),
    /// cgroupfs is being read: what happens from now on is newer than what `Scanned` will say.
    ScanBegan,
    /// Every cgroup there is, parents first.
    Scanned(Vec<Cgroup>),
    /// A source knows a container, and its cgroup was found.
    Located { cgroup: Cgroup, evidence: Evidence },
    /// A source says more of a container by its id.
    Said(Evidence),
    /// A source knows a running container that has no cgroup of its own.
    Homeless(Evidence),
    /// Sources answered an [`Output::Ask`].
    Answered {
        cgroup: CgroupId,
        evidence: Vec<Evidence>,
        /// Nobody else will answer.
        last: bool,
    },
    /// What an answer was waited for beyond that has had its time: the pod is not confirmed.
    Overdue(CgroupId),
    /// Every pod of this node that the API server has.
    PodsListed(Vec<PodFacts>),
    /// A pod is new, or was changed.
    PodSet(PodFacts),
    /// The API server has the pod of this uid no more.
    PodRemoved(String),
    /// A watched init process ended.
    Exited(Watched),
    /// A runtime says that a container ended.
    Ended { id: String, pid: Option<u32> },
    /// No process is left in a cgroup that was probed.
    Empty(CgroupId),
    /// All that a source knows.
    Listed {
        source: Source,
        ids: HashSet<String>,
    },
}

/// What is to be told, or done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Output {
    Change(Change),
    Cgroup(CgroupChange),
    /// Ask everyone whose this cgroup is; [`Input::Answered`] follows in any case.
    Ask(Question),
    /// Watch this process until it ends.
    Watch(Watched),
    /// See whether any process is left in this cgroup.
    Probe(Cgroup),
}

/// Whose is this cgroup?
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Question {
    pub cgroup: Cgroup,
    pub creator: Option<u32>,
    /// The container's id, where somebody has told it.
    pub id: Option<String>,
    /// Asked for the n-th time, counted from 0: later rounds are not urgent.
    pub round: u8,
}

/// The init process of an instance.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub(crate) struct Watched {
    /// The instance's cgroup; `None` for a container without one.
    pub cgroup: Option<Cgroup>,
    /// The instance's container id.
    pub id: String,
    pub pid: u32,
}
