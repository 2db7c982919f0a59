//! A node's own part of the hierarchy.

use super::*;

#[test]
fn what_is_outside_of_the_nodes_own_cgroup_is_nobodys() {
    let (a, b) = (id('a'), id('b'));
    let ours = format!("/node/{a}");
    let theirs = format!("/other/{b}");
    let mut all = vec![cg(1, "/"), cg(7, "/node"), cg(8, "/nodes"), cg(9, &theirs)];
    all.push(cg(2, &ours));
    let state = play_on(
        State::new("/node", false),
        "root",
        vec![
            (created(1, "/"), &[]),
            (created(9, &theirs), &[]),
            (created(7, "/node"), &["7 host"]),
            (created(8, "/nodes"), &[]),
            (located(9, &theirs, docker(&b, "theirs", Some(9))), &[]),
            (located(7, "/node", docker(&b, "node", Some(9))), &[]),
            (child(2, &ours, 7), &["2 pending", "ask 2"]),
            (
                answered(2, vec![docker(&a, "ours", Some(7))]),
                &["2 is ours", "added ours", "watch 7"],
            ),
            (Input::ScanBegan, &[]),
            (Input::Scanned(all), &[]),
            (gone(9), &[]),
        ],
    );
    let told: Vec<String> = state
        .snapshot()
        .into_iter()
        .map(|change| told(&Output::Cgroup(change)))
        .collect();
    assert_eq!(told, ["7 host", "2 is ours"]);
}

#[test]
fn a_path_is_told_from_where_this_process_sees_the_hierarchy() {
    let a = id('a');
    let state = play(
        "from further up",
        vec![
            (created(1, "/"), &["1 host"]),
            (
                child(2, &format!("/outer/node/{a}"), 1),
                &["2 pending", "ask 2"],
            ),
            (
                answered(2, vec![docker(&a, "hi", Some(7))]),
                &["2 is hi", "added hi", "watch 7"],
            ),
            (child(3, &format!("/outer/node/{a}/x"), 2), &["3 in hi"]),
        ],
    );
    let container = state.resolve(Instant::now(), CgroupId(3)).unwrap();
    let cgroup = container.cgroup.clone().unwrap();
    assert_eq!(cgroup.path, format!("/{a}"));
}
