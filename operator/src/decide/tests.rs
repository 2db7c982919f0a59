use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use traceherd_crds::{Condition, ConditionStatus, EventCounts, EventSummary, NodePhase, Phase};

use super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn wanted() -> Wanted {
    Wanted {
        generation: 1,
        run: None,
        suspend: false,
        duration: None,
        retention: Duration::from_secs(3600),
        node_name: String::new(),
        node_selector: BTreeMap::new(),
        filter: Vec::new(),
    }
}

fn node(name: &str, agent_ready: Option<bool>) -> Node {
    Node {
        name: name.to_owned(),
        labels: BTreeMap::from([("name".to_owned(), name.to_owned())]),
        agent_ready,
    }
}

fn report(node: &str, delivered: u64) -> Report {
    Report {
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
    }
}

struct World {
    wanted: Wanted,
    status: TraceStatus,
    reports: Vec<Report>,
    nodes: Vec<Node>,
    now: i64,
}

impl World {
    fn new() -> Self {
        Self {
            wanted: wanted(),
            status: TraceStatus::default(),
            reports: Vec::new(),
            nodes: vec![node("a", Some(true)), node("b", Some(true))],
            now: 0,
        }
    }

    /// Decides, takes the status for written and the deletions for done. Deciding once more
    /// changes nothing but what the deletions do.
    fn step(&mut self) -> Decision {
        let decision = self.look();
        self.status = decision.status.clone();
        self.reports
            .retain(|report| !decision.delete.contains(&report.name));
        decision
    }

    fn look(&self) -> Decision {
        decide(Seen {
            wanted: &self.wanted,
            status: &self.status,
            reports: &self.reports,
            nodes: &self.nodes,
            now: at(self.now),
        })
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

#[test]
fn a_new_trace_runs_where_agents_are() {
    let mut world = World::new();
    world.nodes.push(node("no-agent", None));
    assert_eq!(world.phase(), Phase::Running);
    let status = &world.status;
    assert_eq!((status.nodes.desired, status.nodes.ready), (2, 2));
    assert_eq!(status.observed_generation, 1);
    assert_eq!(status.start_time, Some(Time(at(0))));
    assert_eq!(world.condition("Ready"), (YES, "Running".to_owned()));
    assert_eq!(world.condition("Stalled"), (NO, "Accepted".to_owned()));
    assert_eq!(world.condition("Lossless"), (YES, "NothingLost".to_owned()));
}

#[test]
fn deciding_again_changes_nothing() {
    let mut world = World::new();
    world.reports = vec![report("a", 3), report("gone", 4)];
    world.step();
    world.now = 5;
    world.step();
    let before = world.status.clone();
    world.now = 9;
    assert_eq!(world.step().status, before);
}

#[test]
fn nodes_are_selected_by_name_and_label() {
    let mut world = World::new();
    world.wanted.node_name = "a".to_owned();
    assert_eq!(world.step().status.nodes.desired, 1);
    world.wanted.node_name = "elsewhere".to_owned();
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.condition("Ready"), (YES, "NothingMatches".to_owned()));
    world.wanted.node_name.clear();
    world.wanted.node_selector = BTreeMap::from([("name".to_owned(), "b".to_owned())]);
    assert_eq!(world.step().status.nodes.desired, 1);
}

#[test]
fn agents_that_are_away_leave_stale_reports() {
    let mut world = World::new();
    world.reports = vec![report("a", 3), report("b", 4)];
    world.step();
    world.nodes[1].agent_ready = Some(false);
    assert_eq!(world.phase(), Phase::Running);
    let nodes = world.status.nodes;
    assert_eq!((nodes.desired, nodes.ready, nodes.stale), (2, 1, 1));
    assert_eq!(world.condition("Ready"), (NO, "NodesNotReady".to_owned()));
    world.nodes[0].agent_ready = Some(false);
    assert_eq!(world.phase(), Phase::Pending);
    world.nodes[1].agent_ready = None;
    world.step();
    let nodes = world.status.nodes;
    assert_eq!((nodes.desired, nodes.ready, nodes.stale), (1, 0, 2));
}

#[test]
fn an_edit_is_ready_once_every_node_follows_it() {
    let mut world = World::new();
    world.reports = vec![report("a", 3)];
    world.wanted.generation = 2;
    world.step();
    assert_eq!(world.status.nodes.ready, 1);
    world.reports[0].status.observed_generation = 2;
    world.step();
    assert_eq!(world.status.nodes.ready, 2);
}

#[test]
fn what_is_refused_stalls_and_a_valid_edit_heals() {
    let mut world = World::new();
    world.wanted.filter = vec!["uid:0".to_owned(), "comm:~(".to_owned()];
    assert_eq!(world.phase(), Phase::Failed);
    assert_eq!(world.condition("Stalled"), (YES, "Refused".to_owned()));
    assert_eq!(world.condition("Ready").0, NO);
    assert_eq!(world.status.start_time, None);
    let stalled = &world.status.conditions[1];
    assert!(
        stalled.message.starts_with("spec.filter[1]: "),
        "{}",
        stalled.message
    );
    world.wanted.filter.pop();
    world.now = 7;
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(7))));
    assert_eq!(world.condition("Stalled").0, NO);
}

#[test]
fn it_fails_when_every_node_does() {
    let mut world = World::new();
    world.reports = vec![report("a", 0), report("b", 0)];
    world.reports[0].status.phase = Some(NodePhase::Failed);
    world.reports[0].status.message = "no BTF".to_owned();
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.nodes.failed, 1);
    world.reports[1].status.phase = Some(NodePhase::Failed);
    assert_eq!(world.phase(), Phase::Failed);
    assert_eq!(world.condition("Stalled"), (YES, "NodesFailed".to_owned()));
    assert_eq!(world.status.conditions[1].message, "a: no BTF");
}

#[test]
fn a_duration_counts_from_the_start_and_a_finished_trace_stays_finished() {
    let mut world = World::new();
    world.wanted.duration = Some(Duration::from_secs(60));
    let decision = world.step();
    assert_eq!(decision.again, Some(Duration::from_millis(60_010)));
    world.now = 61;
    assert_eq!(world.phase(), Phase::Completed);
    // When it ended, not when somebody looked.
    assert_eq!(world.status.completion_time, Some(Time(at(60))));
    assert_eq!(world.condition("Ready"), (YES, "Completed".to_owned()));
    world.wanted.duration = Some(Duration::from_secs(600));
    world.wanted.generation = 2;
    assert_eq!(world.phase(), Phase::Completed);
    assert_eq!(world.status.observed_generation, 2);
}

#[test]
fn another_run_starts_from_nothing() {
    let mut world = World::new();
    world.wanted.duration = Some(Duration::from_secs(60));
    world.reports = vec![report("a", 5)];
    world.step();
    world.now = 60;
    world.step();
    assert_eq!(world.status.events.delivered, 5);
    world.wanted.run = Some("2".to_owned());
    world.now = 100;
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(100))));
    assert_eq!(world.status.completion_time, None);
    // The report is still of the run before.
    assert_eq!(world.status.events.delivered, 0);
    world.reports[0].status.run = Some("2".to_owned());
    world.reports[0].status.events.delivered = 1;
    world.step();
    assert_eq!(world.status.events.delivered, 1);
}

#[test]
fn it_is_over_when_it_is_over_on_every_node() {
    let mut world = World::new();
    world.reports = vec![report("a", 5), report("b", 5)];
    world.reports[0].status.phase = Some(NodePhase::Completed);
    assert_eq!(world.phase(), Phase::Running);
    world.reports[1].status.phase = Some(NodePhase::Completed);
    world.now = 4;
    assert_eq!(world.phase(), Phase::Completed);
    assert_eq!(world.status.completion_time, Some(Time(at(4))));
}

#[test]
fn a_held_trace_is_ready_and_begins_when_it_is_let_go() {
    let mut world = World::new();
    world.wanted.suspend = true;
    world.wanted.duration = Some(Duration::from_secs(60));
    assert_eq!(world.phase(), Phase::Suspended);
    assert_eq!(world.condition("Ready"), (YES, "Suspended".to_owned()));
    assert_eq!(world.status.start_time, None);
    world.now = 100;
    world.wanted.suspend = false;
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(100))));
}

#[test]
fn totals_never_go_down() {
    let mut world = World::new();
    world.reports = vec![report("a", 10), report("b", 5)];
    world.step();
    assert_eq!(world.status.events.delivered, 15);
    // Somebody deletes a report; its agent makes it again.
    let taken = world.reports.pop().unwrap();
    world.step();
    assert_eq!(world.status.events.delivered, 15);
    world.reports.push(taken);
    world.reports[1].status.events.delivered = 6;
    world.step();
    assert_eq!(world.status.events.delivered, 16);
}

#[test]
fn a_node_that_goes_is_counted_once_and_its_report_deleted_after() {
    let mut world = World::new();
    world.reports = vec![report("a", 10), report("b", 5)];
    world.step();
    world.nodes.pop();
    // Written down first: a crash here counts nothing twice.
    let first = world.look();
    assert_eq!(first.delete, Vec::<String>::new());
    assert_eq!(first.status.departed.delivered, 5);
    assert_eq!(world.look(), first);
    world.status = first.status;
    let second = world.look();
    assert_eq!(second.delete, ["trace.t.b"]);
    assert_eq!(second.status.departed.delivered, 5);
    world.step();
    world.step();
    assert_eq!(world.status.departed_reports, Vec::<String>::new());
    world.reports[0].status.events.delivered = 11;
    world.step();
    assert_eq!(world.status.events.delivered, 16);
}

#[test]
fn reports_go_after_their_retention_and_their_counts_stay() {
    let mut world = World::new();
    world.wanted.duration = Some(Duration::from_secs(60));
    world.wanted.retention = Duration::from_secs(100);
    world.reports = vec![report("a", 10)];
    world.step();
    world.now = 60;
    let ended = world.step();
    assert_eq!(ended.again, Some(Duration::from_millis(100_010)));
    world.now = 160;
    world.step();
    world.step();
    assert_eq!(world.reports, Vec::new());
    world.step();
    assert_eq!(world.status.events.delivered, 10);
    assert_eq!(world.status.phase, Some(Phase::Completed));
}

#[test]
fn what_was_missed_is_told() {
    let mut world = World::new();
    world.reports = vec![report("a", 10)];
    world.reports[0].status.unattributed = 2;
    world.step();
    assert_eq!(
        world.condition("Lossless"),
        (NO, "EventsUnattributed".to_owned())
    );
    world.reports[0].status.gaps = 1;
    world.step();
    assert_eq!(world.condition("Lossless"), (NO, "AgentWasAway".to_owned()));
    world.reports[0].status.events.lost = 3;
    world.step();
    assert_eq!(world.condition("Lossless"), (NO, "EventsLost".to_owned()));
}

fn event(second: i64, argument: &str) -> EventSummary {
    EventSummary {
        timestamp: MicroTime(at(second)),
        node: "a".to_owned(),
        namespace: "shop".to_owned(),
        pod: "cart-0".to_owned(),
        container: "web".to_owned(),
        pid: 1,
        uid: 0,
        comm: "sh".to_owned(),
        args: vec![argument.to_owned()],
        args_cut: false,
        ret: 0,
    }
}

#[test]
fn the_newest_events_are_few_and_small() {
    let mut world = World::new();
    world.reports = vec![report("a", 20), report("b", 20)];
    world.reports[0].status.latest = (0..20).rev().map(|n| event(2 * n, "x")).collect();
    world.reports[1].status.latest = (0..20).rev().map(|n| event(2 * n + 1, "x")).collect();
    world.step();
    let seconds: Vec<_> = world
        .status
        .latest
        .iter()
        .map(|one| one.timestamp.0)
        .collect();
    let newest: Vec<_> = (30..40).rev().map(at).collect();
    assert_eq!(seconds, newest);
    // They stay when the reports go.
    world.reports.clear();
    world.step();
    assert_eq!(world.status.latest.len(), 10);

    world.reports = vec![report("a", 20)];
    world.reports[0].status.latest = (50..60)
        .rev()
        .map(|n| event(n, &"x".repeat(1000)))
        .collect();
    world.step();
    let bytes = serde_json::to_vec(&world.status.latest).unwrap().len();
    assert!(bytes <= 8 << 10, "{bytes}");
    assert!(world.status.latest.len() >= 6);
}
