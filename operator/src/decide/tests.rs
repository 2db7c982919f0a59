use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use traceherd_crds::{Condition, ConditionStatus, EventCounts, EventSummary, NodePhase, Phase};

use super::*;

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

#[test]
fn a_new_trace_runs_where_agents_are() {
    let mut world = World::new();
    world.nodes.extend([node("no-agent", None)]);
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
    assert_eq!(world.step().change, Change::Matters);
    world.now = 5;
    world.step();
    assert_eq!(world.step().change, Change::Counts);
    let before = world.status.clone();
    world.now = 9;
    let again = world.step();
    assert_eq!(again.status, before);
    assert_eq!((again.change, again.again), (Change::None, None));
}

#[test]
fn nodes_are_selected_by_name_and_label() {
    let mut world = World::new();
    world.wanted.spec.node_name = Some("a".to_owned());
    assert_eq!(world.step().status.nodes.desired, 1);
    world.wanted.spec.node_name = Some("elsewhere".to_owned());
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.condition("Ready"), (YES, "NothingMatches".to_owned()));
    world.wanted.spec.node_name = None;
    world.wanted.spec.node_selector = BTreeMap::from([("name".to_owned(), "b".to_owned())]);
    assert_eq!(world.step().status.nodes.desired, 1);
}

#[test]
fn agents_that_are_away_leave_stale_reports() {
    let mut world = World::new();
    world.reports = vec![report("a", 3), report("b", 4)];
    world.step();
    world.agent("b", Some(false));
    assert_eq!(world.phase(), Phase::Running);
    let nodes = world.status.nodes;
    assert_eq!((nodes.desired, nodes.ready, nodes.stale), (2, 1, 1));
    assert_eq!(world.condition("Ready"), (NO, "NodesNotReady".to_owned()));
    world.agent("a", Some(false));
    assert_eq!(world.phase(), Phase::Pending);
    world.agent("b", None);
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
    world.says(0).observed_generation = 2;
    world.step();
    assert_eq!(world.status.nodes.ready, 2);
}

#[test]
fn what_is_refused_stalls_and_a_valid_edit_heals() {
    let mut world = World::new();
    world.wanted.spec.filter = vec!["uid:0".to_owned(), "comm:~(".to_owned()];
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
    world.wanted.spec.filter.pop();
    world.now = 7;
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(7))));
    assert_eq!(world.condition("Stalled").0, NO);
}

#[test]
fn it_fails_when_every_node_does() {
    let mut world = World::new();
    world.reports = vec![report("a", 0), report("b", 0)];
    world.says(0).phase = Some(NodePhase::Failed);
    world.says(0).message = "no BTF".to_owned();
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.nodes.failed, 1);
    world.says(1).phase = Some(NodePhase::Failed);
    assert_eq!(world.phase(), Phase::Failed);
    assert_eq!(world.condition("Stalled"), (YES, "NodesFailed".to_owned()));
    assert_eq!(world.status.conditions[1].message, "a: no BTF");
}

#[test]
fn a_duration_counts_from_the_start_and_a_finished_trace_stays_finished() {
    let mut world = World::new();
    world.wanted.spec.duration = Some(seconds(60));
    let decision = world.step();
    assert_eq!(decision.again, Some(Duration::from_millis(60_010)));
    world.now = 61;
    assert_eq!(world.phase(), Phase::Completed);
    // When it ended, not when somebody looked.
    assert_eq!(world.status.completion_time, Some(Time(at(60))));
    assert_eq!(world.condition("Ready"), (YES, "Completed".to_owned()));
    world.wanted.spec.duration = Some(seconds(600));
    world.wanted.generation = 2;
    assert_eq!(world.phase(), Phase::Completed);
    assert_eq!(world.status.observed_generation, 2);
}

#[test]
fn another_run_starts_from_nothing() {
    let mut world = World::new();
    world.wanted.spec.duration = Some(seconds(60));
    world.reports = vec![report("a", 5)];
    world.step();
    world.now = 60;
    world.step();
    assert_eq!(world.status.events.delivered, 5);
    world.wanted.spec.run = Some("2".to_owned());
    world.now = 100;
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(100))));
    assert_eq!(world.status.completion_time, None);
    // The report is still of the run before.
    assert_eq!(world.status.events.delivered, 0);
    world.says(0).run = Some("2".to_owned());
    world.says(0).events.delivered = 1;
    world.step();
    assert_eq!(world.status.events.delivered, 1);
}

#[test]
fn it_is_over_when_it_is_over_on_every_node() {
    let mut world = World::new();
    world.reports = vec![report("a", 5), report("b", 5)];
    world.says(0).phase = Some(NodePhase::Completed);
    assert_eq!(world.phase(), Phase::Running);
    world.says(1).phase = Some(NodePhase::Completed);
    world.now = 4;
    assert_eq!(world.phase(), Phase::Completed);
    assert_eq!(world.status.completion_time, Some(Time(at(4))));
}

#[test]
fn a_held_trace_is_ready_and_begins_when_it_is_let_go() {
    let mut world = World::new();
    world.wanted.spec.suspend = true;
    world.wanted.spec.duration = Some(seconds(60));
    assert_eq!(world.phase(), Phase::Suspended);
    assert_eq!(world.condition("Ready"), (YES, "Suspended".to_owned()));
    assert_eq!(world.status.start_time, None);
    world.now = 100;
    world.wanted.spec.suspend = false;
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
    world.says(1).events.delivered = 6;
    world.step();
    assert_eq!(world.status.events.delivered, 16);
}

#[test]
fn a_node_that_goes_is_counted_once_and_its_report_deleted_after() {
    let mut world = World::new();
    world.reports = vec![report("a", 10), report("b", 5)];
    world.step();
    world.nodes.remove("b");
    // Written down first: a crash here counts nothing twice.
    let first = world.look();
    assert_eq!(first.delete, Vec::new());
    assert_eq!(first.status.departed.delivered, 5);
    assert_eq!(world.look(), first);
    world.status = first.status;
    let second = world.look();
    assert_eq!(second.delete, [world.reports[1].clone()]);
    assert_eq!(second.status.departed.delivered, 5);
    world.step();
    world.step();
    assert_eq!(world.status.departed_reports, Vec::<String>::new());
    world.says(0).events.delivered = 11;
    world.step();
    assert_eq!(world.status.events.delivered, 16);
}

#[test]
fn reports_go_after_their_retention_and_their_counts_stay() {
    let mut world = World::new();
    world.wanted.spec.duration = Some(seconds(60));
    world.wanted.spec.report_retention = seconds(100);
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
    world.says(0).unattributed = 2;
    world.step();
    assert_eq!(
        world.condition("Lossless"),
        (NO, "EventsUnattributed".to_owned())
    );
    world.says(0).gaps = 1;
    world.step();
    assert_eq!(world.condition("Lossless"), (NO, "AgentWasAway".to_owned()));
    world.says(0).events.lost = 3;
    world.step();
    assert_eq!(world.condition("Lossless"), (NO, "EventsLost".to_owned()));
}

#[test]
fn what_was_missed_stays_told_in_its_run() {
    let mut world = World::new();
    world.reports = vec![report("a", 10)];
    world.says(0).gaps = 1;
    world.step();
    world.reports.clear();
    world.step();
    assert_eq!(world.condition("Lossless"), (NO, "AgentWasAway".to_owned()));
    world.wanted.spec.duration = Some(seconds(60));
    world.now = 60;
    world.step();
    world.wanted.spec.run = Some("2".to_owned());
    world.step();
    assert_eq!(world.condition("Lossless"), (YES, "NothingLost".to_owned()));
}

#[test]
fn what_is_above_a_ceiling_is_refused_until_it_is_over() {
    let mut world = World::new();
    world.ceilings.max_duration = Some(Duration::from_secs(60));
    assert_eq!(world.phase(), Phase::Failed);
    assert_eq!(world.condition("Stalled"), (YES, "Refused".to_owned()));
    assert_eq!(world.status.nodes.ready, 0);
    world.wanted.spec.duration = Some(seconds(60));
    assert_eq!(world.phase(), Phase::Running);
    world.now = 60;
    assert_eq!(world.phase(), Phase::Completed);
    world.ceilings.max_duration = Some(Duration::from_secs(30));
    assert_eq!(world.phase(), Phase::Completed);
    assert_eq!(world.condition("Stalled"), (NO, "Accepted".to_owned()));
}

#[test]
fn without_any_agent_it_waits() {
    let mut world = World::new();
    world.nodes = Fleet::from([node("a", None)]);
    assert_eq!(world.phase(), Phase::Pending);
    assert_eq!(world.condition("Ready"), (NO, "NoAgents".to_owned()));
}

#[test]
fn what_a_report_says_of_an_older_spec_decides_nothing() {
    for phase in [NodePhase::Failed, NodePhase::Completed] {
        let mut world = World::new();
        world.nodes.remove("b");
        world.reports = vec![report("a", 3)];
        world.says(0).phase = Some(phase);
        world.wanted.generation = 2;
        assert_eq!(world.phase(), Phase::Pending, "{phase:?}");
        assert_eq!(world.condition("Ready"), (NO, "NodesNotReady".to_owned()));
        assert_eq!(world.condition("Stalled").0, NO);
    }
}

#[test]
fn a_report_that_is_only_just_made_says_nothing() {
    let mut world = World::new();
    world.step();
    world.reports = vec![report("a", 0)];
    *world.says(0) = TraceReportStatus::default();
    assert_eq!(world.look().change, Change::None);
}

#[test]
fn some_nodes_that_fail_are_named() {
    let mut world = World::new();
    world.reports = vec![report("b", 0)];
    world.says(0).phase = Some(NodePhase::Failed);
    world.says(0).message = "no BTF".to_owned();
    world.step();
    let ready = &world.status.conditions[0];
    assert_eq!(
        ready.message,
        "1 of 2 nodes are ready; b cannot trace: no BTF"
    );
}

#[test]
fn a_run_that_ended_unnoticed_is_over_before_the_next() {
    // By its duration.
    let mut world = World::new();
    world.wanted.spec.duration = Some(seconds(60));
    world.step();
    world.now = 100;
    world.wanted.spec.run = Some("2".to_owned());
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(100))));
    // On its nodes.
    let mut world = World::new();
    world.nodes.remove("b");
    world.step();
    world.reports = vec![report("a", 3)];
    world.says(0).phase = Some(NodePhase::Completed);
    world.now = 100;
    world.wanted.generation = 2;
    world.wanted.spec.run = Some("2".to_owned());
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(100))));
}

#[test]
fn a_run_that_is_not_over_goes_on_under_another_name() {
    let mut world = World::new();
    world.wanted.spec.duration = Some(seconds(60));
    world.step();
    world.now = 30;
    world.wanted.spec.run = Some("2".to_owned());
    assert_eq!(world.phase(), Phase::Running);
    assert_eq!(world.status.start_time, Some(Time(at(0))));
    assert_eq!(world.status.run.as_deref(), Some("2"));
}

#[test]
fn how_it_ended_stays_whatever_becomes_of_the_nodes() {
    let mut world = World::new();
    world.wanted.spec.duration = Some(seconds(60));
    world.reports = vec![report("a", 3)];
    world.step();
    world.now = 60;
    world.step();
    world.agent("a", Some(false));
    world.agent("b", None);
    assert_eq!(world.look().change, Change::None);
    // What was on its way still counts.
    world.says(0).events.delivered = 4;
    assert_eq!(world.step().change, Change::Counts);
    assert_eq!(world.status.events.delivered, 4);
}

#[test]
fn a_report_stays_while_somebody_may_write_it() {
    let mut world = World::new();
    world.reports = vec![report("b", 5)];
    world.step();
    // The node's object is gone; its agent is not, yet.
    world.nodes.get_mut("b").unwrap().labels = None;
    world.step();
    assert_eq!(world.status.departed_reports, Vec::<String>::new());
    assert_eq!(world.status.nodes.desired, 1);
    world.nodes.remove("b");
    world.says(0).updated_at = Some(Time(at(20)));
    world.now = 25;
    let waiting = world.step();
    assert_eq!(waiting.status.departed_reports, Vec::<String>::new());
    assert_eq!(waiting.status.nodes.stale, 1);
    assert_eq!(waiting.again, Some(Duration::from_millis(5_010)));
    world.now = 31;
    world.step();
    assert_eq!(world.status.departed.delivered, 5);
    // A clock that is ahead keeps nothing.
    world.status.departed_reports.clear();
    world.says(0).updated_at = Some(Time(at(500)));
    world.step();
    assert_eq!(world.status.departed_reports, ["uid-b"]);
}

#[test]
fn what_matters_is_told_from_what_only_counts() {
    let mut world = World::new();
    world.reports = vec![report("a", 3)];
    world.step();
    world.says(0).events.delivered = 4;
    assert_eq!(world.step().change, Change::Counts);
    world.says(0).events.lost = 1;
    assert_eq!(world.step().change, Change::Matters);
    world.says(0).events.lost = 2;
    assert_eq!(world.step().change, Change::Counts);
    world.agent("a", Some(false));
    assert_eq!(world.step().change, Change::Matters);
    // Conditions that somebody else wrote are not ours.
    let mut other = world.status.conditions[0].clone();
    other.type_ = "Weird".to_owned();
    world.status.conditions.push(other);
    assert_eq!(world.look().change, Change::None);
}

#[test]
fn counts_stay_within_what_a_status_may_say() {
    let mut world = World::new();
    let most = (1 << 53) - 1;
    world.reports = vec![report("a", most), report("b", most)];
    world.step();
    assert_eq!(world.status.events.delivered, most);
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
    world.says(0).latest = (0..20).rev().map(|n| event(2 * n, "x")).collect();
    world.says(1).latest = (0..20).rev().map(|n| event(2 * n + 1, "x")).collect();
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
    world.says(0).latest = (50..60)
        .rev()
        .map(|n| event(n, &"x".repeat(1000)))
        .collect();
    world.step();
    let bytes = serde_json::to_vec(&world.status.latest).unwrap().len();
    assert!(bytes <= 8 << 10, "{bytes}");
    assert!(world.status.latest.len() >= 6);

    // One that is too large hides no other.
    world.says(0).latest = vec![event(90, &"x".repeat(9000)), event(80, "x")];
    world.step();
    assert_eq!(world.status.latest[0], event(80, "x"));
}

#[test]
fn no_events_stay_in_a_status_that_is_to_have_none() {
    let mut world = World::new();
    world.reports = vec![report("a", 1)];
    world.says(0).latest = vec![event(1, "x")];
    world.step();
    assert_eq!(world.status.latest.len(), 1);
    // The report still has it: its node has not seen the edit.
    world.wanted.spec.outputs = vec![Output::Log];
    world.step();
    assert_eq!(world.status.latest, Vec::new());
    world.wanted.spec.outputs = vec![Output::Status];
    world.step();
    assert_eq!(world.status.latest.len(), 1);
    world.wanted.spec.status_events = 0;
    world.step();
    assert_eq!(world.status.latest, Vec::new());
}
