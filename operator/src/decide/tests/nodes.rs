use super::*;

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
