//! Which nodes take part, and how they do.

use std::collections::HashMap;

use traceherd_crds::{ClusterTraceSpec, NodeCounts, NodePhase};

use super::{Fleet, Node, Report, Wanted};

/// The nodes of one trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nodes {
    /// Whether any node has an agent at all.
    pub has_agents: bool,
    /// Nodes that the trace selects and that have an agent.
    pub desired: u32,
    /// Of these, nodes that do as the spec says, as far as nobody said otherwise.
    pub ready: u32,
    /// Of these, nodes whose part of the trace is over.
    pub completed: u32,
    /// Nodes whose report is old: their agent is not ready, or gone.
    pub stale: u32,
    /// Nodes that cannot trace, with what they say.
    pub failed: Vec<(String, String)>,
}

impl Nodes {
    /// Counts nodes, by the reports of this run. What a report says of an older generation does
    /// not count: it is about to change.
    pub fn of(
        wanted: &Wanted,
        refused: bool,
        reports: &HashMap<&str, &Report>,
        nodes: &Fleet,
    ) -> Self {
        let mut counted = Self::default();
        for (name, node) in nodes {
            let Some(ready) = node.agent_ready else {
                continue;
            };
            counted.has_agents = true;
            if !selects(&wanted.spec, name, node) {
                continue;
            }
            counted.desired += 1;
            let status = reports.get(name.as_str()).map(|report| &report.status);
            let current =
                status.is_none_or(|status| status.observed_generation >= wanted.generation);
            match status.filter(|_| current).and_then(|status| status.phase) {
                Some(NodePhase::Failed) => {
                    let told = status.map(|status| status.message.clone());
                    counted
                        .failed
                        .push((name.clone(), told.unwrap_or_default()));
                }
                phase => {
                    counted.ready += u32::from(ready && current && !refused);
                    counted.completed += u32::from(phase == Some(NodePhase::Completed));
                }
            }
        }
        let agent = |name: &str| nodes.get(name).and_then(|node| node.agent_ready);
        let stale = reports.keys().filter(|name| agent(name) != Some(true));
        counted.stale = number(stale.count());
        counted
    }

    /// As the status has them.
    pub fn counts(&self) -> NodeCounts {
        NodeCounts {
            desired: self.desired,
            ready: self.ready,
            stale: self.stale,
            failed: number(self.failed.len()),
        }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn selects(spec: &ClusterTraceSpec, name: &str, node: &Node) -> bool {
    let Some(has) = &node.labels else {
        return false;
    };
    let wanted = spec.node_name.as_deref().unwrap_or_default();
    let named = wanted.is_empty() || wanted == name;
    let mut labels = spec.node_selector.iter();
    named && labels.all(|(key, value)| has.get(key) == Some(value))
}
