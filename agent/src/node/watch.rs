//! What the API server tells: each watch is a task of its own, and all of them write to one inbox,
//! or to the container collection.

mod namespaces;
mod node;
mod pause;
mod pods;
mod presence;
mod stream;
mod traces;

use std::collections::BTreeMap;
use std::time::Duration;

use traceherd_crds::TraceKind;

use super::desired::Labels;
use super::which::Which;

pub use self::namespaces::watch_namespaces;
pub use self::node::watch_node;
pub use self::pause::Pause;
pub use self::pods::{Agents, watch_pods};
pub use self::traces::watch_traces;

/// Something that was learnt. The inbox is bounded: while it is full the watches wait, and what
/// comes meanwhile waits in their connections.
#[derive(Debug)]
pub enum Fact {
    /// Every trace of a kind that there is: others are gone.
    Traces(TraceKind, Vec<Sighting>),
    /// A trace is there, or has changed.
    Trace(Sighting),
    /// A trace is gone, if it is still that one.
    TraceGone(Which, String),
    /// What is told of a kind comes so late: meanwhile nothing could be heard of it.
    Late(TraceKind, Duration),
    /// The API server has no such kind any more.
    KindGone(TraceKind),
    /// This node's object in the API, and its labels.
    Node(String, Labels),
    /// This node has no object in the API any more, or another one of its name.
    NodeGone,
    /// No agent that was there before this one is on the node any more.
    Alone,
    /// Every namespace's labels.
    Namespaces(BTreeMap<String, Labels>),
}

/// What the metadata of a trace tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// Its name.
    pub which: Which,
    /// Its uid.
    pub uid: String,
    /// The generation of its spec.
    pub generation: i64,
    /// The version of the object, its status included.
    pub version: String,
}
