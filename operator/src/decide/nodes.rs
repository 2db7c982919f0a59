//! Which nodes take part, and how they do.

use traceherd_crds::{NodeCounts, NodePhase};

use super::{Node, Report, Wanted};

/// The nodes of one trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nodes {
    /// Nodes that the trace selects and that have an agent.
    pub desired: u32,
    /// Of these, nodes that do as the spec says, as far as anybody said otherwise.
    pub ready: u32,
    /// Of these, nodes whose part of the trace is over.
    pub completed: u32,
    /// Nodes whose report is old: their agent is not ready, or gone.
    pub stale: u32,
    /// Nodes that cannot trace, with what they say.
    pub failed: Vec<(String, String)>,
}

impl Nodes {
    /// Counts nodes, by the reports of this run.
    pub fn of(wanted: &Wanted, reports: &[&Report], nodes: &[Node]) -> Self {
        let mut counted = Self::default();
        for node in nodes {
            let report = reports.iter().find(|report| report.node == node.name);
            if report.is_some() && node.agent_ready != Some(true) {
                counted.stale += 1;
            }
            let Some(ready) = node.agent_ready.filter(|_| selects(wanted, node)) else {
                continue;
            };
            counted.desired += 1;
            let Some(report) = report else {
                counted.ready += u32::from(ready);
                continue;
            };
            let current = report.status.observed_generation >= wanted.generation;
            match report.status.phase {
                Some(NodePhase::Failed) => {
                    let told = (node.name.clone(), report.status.message.clone());
                    counted.failed.push(told);
                }
                phase => {
                    counted.ready += u32::from(ready && current);
                    counted.completed += u32::from(phase == Some(NodePhase::Completed));
                }
            }
        }
        counted
    }

    /// As the status has them.
    pub fn counts(&self) -> NodeCounts {
        NodeCounts {
            desired: self.desired,
            ready: self.ready,
            stale: self.stale,
            failed: u32::try_from(self.failed.len()).unwrap_or(u32::MAX),
        }
    }
}

fn selects(wanted: &Wanted, node: &Node) -> bool {
    let named = wanted.node_name.is_empty() || wanted.node_name == node.name;
    let mut labels = wanted.node_selector.iter();
    named && labels.all(|(key, value)| node.labels.get(key) == Some(value))
}
