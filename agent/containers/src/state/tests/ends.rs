//! How containers end, and how they come back.

use super::*;

#[test]
fn a_container_is_removed_once_whoever_tells_first() {
    let a = id('a');
    let path = format!("/docker/{a}");
    let pidfd = || exited(2, &path, &a, 7);
    let runtime = || ended(&a, Some(7));
    let late = || ended(&a, None);
    let removed: &[&str] = &["removed hi"];
    let orders: Vec<Vec<(Input, &[&str])>> = vec![
        vec![
            (pidfd(), removed),
            (runtime(), &[]),
            (late(), &[]),
            (gone(2), &["2 gone"]),
        ],
        vec![
            (runtime(), removed),
            (pidfd(), &[]),
            (gone(2), &["2 gone"]),
            (late(), &[]),
        ],
        vec![
            (late(), &[]),
            (gone(2), &["removed hi", "2 gone"]),
            (pidfd(), &[]),
            (runtime(), &[]),
        ],
        vec![
            (gone(2), &["removed hi", "2 gone"]),
            (runtime(), &[]),
            (pidfd(), &[]),
            (gone(2), &[]),
        ],
        // Of the run before.
        vec![
            (ended(&a, Some(6)), &[]),
            (exited(2, &path, &a, 6), &[]),
            (pidfd(), removed),
        ],
    ];
    for order in orders {
        let mut steps: Vec<(Input, &[&str])> = vec![(
            located(2, &path, docker(&a, "hi", Some(7))),
            &["2 pending", "ask 2", "2 is hi", "added hi", "watch 7"],
        )];
        steps.extend(order);
        // Late words on what is over change nothing.
        steps.push((answered(2, vec![docker(&a, "renamed", None)]), &[]));
        play("removal", steps);
    }
    play(
        "without a known process the cgroup is looked at",
        vec![
            (created(2, &path), &["2 pending", "ask 2"]),
            (
                answered(2, vec![docker(&a, "hi", None)]),
                &["2 is hi", "added hi", "ask 2 again"],
            ),
            (runtime(), &["probe 2"]),
            (Input::Empty(CgroupId(2)), removed),
            (Input::Empty(CgroupId(2)), &[]),
            (gone(2), &["2 gone"]),
        ],
    );
    play(
        "removed while pending: what it did is still told under its name",
        vec![
            (created(2, &path), &["2 pending", "ask 2"]),
            (gone(2), &[]),
            (gone(2), &[]),
            (
                answered(2, vec![docker(&a, "hi", None)]),
                &["2 is hi", "added hi", "removed hi", "2 gone"],
            ),
            (located(2, &path, docker(&a, "hi", Some(7))), &[]),
            (gone(2), &[]),
        ],
    );
    play(
        "removed while pending, and it was nobody's",
        vec![
            (created(2, "/system.slice/x"), &["2 pending", "ask 2"]),
            (gone(2), &[]),
            (nobody(2), &["2 host", "2 gone"]),
        ],
    );
    play(
        "removed while pending, and another took its path",
        vec![
            (created(2, &path), &["2 pending", "ask 2"]),
            (created(3, &path), &["3 pending", "ask 3"]),
            (
                answered(2, vec![docker(&a, "hi", None)]),
                &["2 is hi", "added hi", "removed hi", "2 gone"],
            ),
            (
                answered(3, vec![docker(&a, "hi", None)]),
                &["3 is hi", "added hi", "ask 3 again"],
            ),
        ],
    );
}

#[test]
fn a_restart_is_a_new_instance() {
    let a = id('a');
    let path = format!("/docker/{a}");
    let first: (Input, &[&str]) = (
        located(2, &path, docker(&a, "hi", Some(7))),
        &["2 pending", "ask 2", "2 is hi", "added hi", "watch 7"],
    );
    play(
        "in a new cgroup, though the old one's end was not told",
        vec![
            first.clone(),
            (
                created(3, &path),
                &["removed hi", "2 gone", "3 pending", "ask 3"],
            ),
            (
                answered(3, vec![docker(&a, "hi", Some(8))]),
                &["3 is hi", "added hi", "watch 8"],
            ),
            (gone(2), &[]),
            (exited(2, &path, &a, 7), &[]),
            (ended(&a, Some(7)), &[]),
            (exited(3, &path, &a, 8), &["removed hi"]),
        ],
    );
    play(
        "in the cgroup that was left standing",
        vec![
            first,
            (exited(2, &path, &a, 7), &["removed hi"]),
            (located(2, &path, docker(&a, "hi", Some(7))), &[]),
            (
                located(2, &path, docker(&a, "hi", Some(8))),
                &["2 is hi", "added hi", "watch 8"],
            ),
            (gone(2), &["removed hi", "2 gone"]),
        ],
    );
}

#[test]
fn a_container_without_a_cgroup_lives_with_its_process() {
    let bare = |pid| Input::Homeless(said(Source::Docker, "x", Some("bare"), None, pid));
    let end = |pid| {
        Input::Exited(Watched {
            cgroup: None,
            id: "x".into(),
            pid,
        })
    };
    let state = play(
        "bare",
        vec![
            (bare(None), &[]),
            (bare(Some(7)), &["watch 7", "added bare"]),
            (bare(Some(7)), &[]),
            (end(6), &[]),
            (end(7), &["removed bare"]),
            (end(7), &[]),
        ],
    );
    assert!(state.containers().is_empty());
}

#[test]
fn what_is_gone_stays_resolvable_for_a_while() {
    let a = id('a');
    let path = format!("/docker/{a}");
    let start = Instant::now();
    let mut state = State::new("/", false);
    state.apply(start, located(2, &path, docker(&a, "hi", Some(7))));
    state.apply(start, child(3, &format!("{path}/below"), 2));
    state.apply(start, exited(2, &path, &a, 7));
    assert!(state.containers().is_empty());
    assert!(state.resolve(start, CgroupId(2)).is_some());
    state.apply(start, gone(2));
    let at = |seconds| start + Duration::from_secs(seconds);
    for id in [2, 3] {
        assert!(state.resolve(at(4), CgroupId(id)).is_some(), "{id}");
        assert!(state.resolve(at(6), CgroupId(id)).is_none(), "{id}");
    }
}
