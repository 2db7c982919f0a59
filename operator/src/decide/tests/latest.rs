use super::*;

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
