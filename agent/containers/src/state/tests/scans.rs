//! What a scan, a list and a snapshot say.

use super::*;

#[test]
fn lost_events_are_made_up_for_by_a_scan() {
    let (a, b, c) = (id('a'), id('b'), id('c'));
    let [pa, pb, pc] = [&a, &b, &c].map(|id| format!("/docker/{id}"));
    play(
        "scan",
        vec![
            (created(1, "/"), &["1 host"]),
            (created(2, "/docker"), &["2 pending", "ask 2"]),
            (nobody(2), &["2 host"]),
            (created(3, &pa), &["3 pending", "ask 3"]),
            (
                answered(3, vec![docker(&a, "hi", Some(7))]),
                &["3 is hi", "added hi", "watch 7"],
            ),
            (Input::ScanBegan, &[]),
            // Made and removed while cgroupfs is read, after resp. before it was read there.
            (created(5, &pc), &["5 pending", "ask 5"]),
            (gone(6), &[]),
            (
                Input::Scanned(vec![
                    cg(1, "/"),
                    cg(2, "/docker"),
                    cg(4, &pb),
                    cg(6, "/docker/six"),
                ]),
                &["removed hi", "3 gone", "4 pending", "ask 4"],
            ),
            (Input::ScanBegan, &[]),
            (Input::Scanned(vec![cg(1, "/")]), &["2 gone"]),
            // Those that were pending are named first.
            (
                answered(4, vec![docker(&b, "ho", None)]),
                &["4 is ho", "added ho", "removed ho", "4 gone"],
            ),
        ],
    );
}

#[test]
fn a_list_after_a_reconnect_puts_the_vanished_in_question() {
    let a = id('a');
    let path = format!("/docker/{a}");
    let listed = |ids: &[&String]| Input::Listed {
        source: Source::Docker,
        ids: ids.iter().map(|id| (*id).clone()).collect(),
    };
    play(
        "list",
        vec![
            (created(2, &path), &["2 pending", "ask 2"]),
            (
                answered(2, vec![docker(&a, "hi", None)]),
                &["2 is hi", "added hi", "ask 2 again"],
            ),
            (listed(&[&a]), &[]),
            (listed(&[]), &["probe 2"]),
            (Input::Empty(CgroupId(2)), &["removed hi"]),
            (listed(&[]), &[]),
        ],
    );
    play(
        "a process that lives is not put in question",
        vec![
            (
                located(2, &path, docker(&a, "hi", Some(7))),
                &["2 pending", "ask 2", "2 is hi", "added hi", "watch 7"],
            ),
            (listed(&[]), &[]),
        ],
    );
}

#[test]
fn a_snapshot_tells_every_class_parents_first() {
    let a = id('a');
    let state = play(
        "snapshot",
        vec![
            (created(1, "/"), &["1 host"]),
            (
                located(9, &format!("/docker/{a}"), docker(&a, "hi", Some(7))),
                &["9 pending", "ask 9", "9 is hi", "added hi", "watch 7"],
            ),
            (child(10, &format!("/docker/{a}/x"), 9), &["10 in hi"]),
            (created(11, "/docker"), &["11 pending", "ask 11"]),
        ],
    );
    let snapshot = state.snapshot().into_iter().map(Output::Cgroup);
    let words: Vec<String> = snapshot.map(|output| told(&output)).collect();
    assert_eq!(words, ["1 host", "11 pending", "9 is hi"]);
}

#[test]
fn nested_cgroups_are_remembered_in_bounded_number() {
    let a = id('a');
    let path = format!("/docker/{a}");
    let mut state = State::new("/", false);
    let now = Instant::now();
    state.apply(now, located(2, &path, docker(&a, "hi", Some(7))));
    for id in 10..20_000 {
        let outputs = state.apply(now, child(id, &format!("{path}/{id}"), 2));
        assert_eq!(outputs.len(), 1);
    }
    assert!(state.cgroups.len() <= MOST_INSIDE + 1);
    state.apply(now, gone(2));
    assert!(state.cgroups.is_empty() && state.by_path.is_empty() && state.inside == 0);
}
