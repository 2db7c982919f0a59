use super::*;

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
