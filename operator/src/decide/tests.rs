use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use traceherd_crds::{Condition, ConditionStatus, EventCounts, EventSummary, NodePhase, Phase};

use super::*;

mod judging;
mod latest;
mod life;
mod nodes;
mod totals;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        kind: TraceKind::Trace,
        generation: 1,
        spec: serde_json::from_str(r#"{"gadget": "exec"}"#).unwrap(),
    }
}

fn node(name: &str, agent_ready: Option<bool>) -> (String, Node) {
    let labels = BTreeMap::from([("name".to_owned(), name.to_owned())]);
    let node = Node {
        labels: Some(Arc::new(labels)),
        agent_ready,
    };
    (name.to_owned(), node)
}

fn seconds(seconds: u64) -> traceherd_crds::Duration {
    Duration::from_secs(seconds).into()
}

fn report(node: &str, delivered: u64) -> Arc<Report> {
    Arc::new(Report {
        name: format!("trace.t.{node}"),
        uid: format!("uid-{node}"),
        node: node.to_owned(),
        status: TraceReportStatus {
            observed_generation: 1,
            phase: Some(NodePhase::Running),
            events: EventCounts {
                observed: delivered,
                delivered,
                ..EventCounts::default()
            },
            ..TraceReportStatus::default()
        },
    })
}

struct World {
    wanted: Wanted,
    ceilings: Ceilings,
    status: TraceStatus,
    reports: Vec<Arc<Report>>,
    nodes: Fleet,
    now: i64,
}

impl World {
    fn new() -> Self {
        Self {
            wanted: wanted(),
            ceilings: Ceilings::default(),
            status: TraceStatus::default(),
            reports: Vec::new(),
            nodes: Fleet::from([node("a", Some(true)), node("b", Some(true))]),
            now: 0,
        }
    }

    /// Decides, takes the status for written and the deletions for done. Deciding once more
    /// changes nothing but what the deletions do.
    fn step(&mut self) -> Decision {
        let decision = self.look();
        self.status = decision.status.clone();
        self.reports
            .retain(|report| !decision.delete.contains(report));
        decision
    }

    fn look(&self) -> Decision {
        decide(Seen {
            wanted: &self.wanted,
            ceilings: &self.ceilings,
            status: &self.status,
            reports: &self.reports,
            nodes: &self.nodes,
            now: at(self.now),
        })
    }

    fn agent(&mut self, node: &str, ready: Option<bool>) {
        self.nodes.get_mut(node).unwrap().agent_ready = ready;
    }

    /// What the node's agent says.
    fn says(&mut self, index: usize) -> &mut TraceReportStatus {
        &mut Arc::make_mut(&mut self.reports[index]).status
    }

    fn phase(&mut self) -> Phase {
        self.step().status.phase.unwrap()
    }

    fn condition(&self, type_: &str) -> (ConditionStatus, String) {
        let mut all = self.status.conditions.iter();
        let found: &Condition = all.find(|one| one.type_ == type_).unwrap();
        (found.status, found.reason.clone())
    }
}

const YES: ConditionStatus = ConditionStatus::True;
const NO: ConditionStatus = ConditionStatus::False;
