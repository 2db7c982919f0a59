use super::*;

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
    world.says(0).updated_at = Some(MicroTime(at(20)));
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
    world.says(0).updated_at = Some(MicroTime(at(500)));
    world.step();
    assert_eq!(world.status.departed_reports, ["uid-b"]);
}

#[test]
fn counts_stay_within_what_a_status_may_say() {
    let mut world = World::new();
    let most = (1 << 53) - 1;
    world.reports = vec![report("a", most), report("b", most)];
    world.step();
    assert_eq!(world.status.events.delivered, most);
}

#[test]
fn what_an_agent_tells_at_once_after_the_end_counts_once() {
    let mut world = World::new();
    world.wanted.spec.duration = Some(seconds(60));
    world.wanted.spec.report_retention = seconds(0);
    world.reports = vec![report("a", 10)];
    world.step();
    world.now = 60;
    let ended = world.step();
    assert_eq!(ended.again, Some(Duration::from_millis(10_010)));
    world.now = 62;
    world.says(0).phase = Some(NodePhase::Completed);
    world.says(0).events.delivered = 12;
    world.step();
    assert_eq!(world.status.departed_reports, Vec::<String>::new());
    world.now = 70;
    world.step();
    world.step();
    assert_eq!(world.reports, Vec::new());
    assert_eq!(world.status.events.delivered, 12);
}
