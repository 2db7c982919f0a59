use traceherd_crds::Losses;

use super::*;

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
    let lost = |ring, log| EventCounts {
        lost: 3,
        losses: Losses {
            ring,
            log,
            ..Losses::default()
        },
        ..EventCounts::default()
    };
    for (events, message) in [
        (lost(0, 0), "3 events were lost"),
        (
            lost(2, 1),
            "3 events were lost (2 because the kernel's ring was full, \
             1 because the agent's log was slow or failed)",
        ),
    ] {
        world.says(0).events = events;
        world.step();
        assert_eq!(world.condition("Lossless"), (NO, "EventsLost".to_owned()));
        assert_eq!(world.status.conditions[2].message, message);
    }
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
