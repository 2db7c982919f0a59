//! Whose a cgroup is said to be.

use super::*;

#[test]
fn a_pending_cgroup_becomes_somebodys() {
    let a = id('a');
    let path = format!("/docker/{a}");
    let pending: (Input, &[&str]) = (created(2, &path), &["2 pending", "ask 2"]);
    let again = |id: u64, path: &str| created(id, path);
    play(
        "a runtime names it",
        vec![
            pending.clone(),
            (
                answered(2, vec![docker(&a, "hi", Some(7))]),
                &["2 is hi", "added hi", "watch 7"],
            ),
            (again(2, &path), &[]),
        ],
    );
    play(
        "named at once, its process later",
        vec![
            pending.clone(),
            (
                answered(2, vec![docker(&a, "hi", None)]),
                &["2 is hi", "added hi", "ask 2 again"],
            ),
            (
                located(2, &path, docker(&a, "hi", Some(7))),
                &["2 is hi", "updated hi", "watch 7"],
            ),
            (located(2, &path, docker(&a, "hi", Some(7))), &[]),
            (nobody(2), &[]),
        ],
    );
    play(
        "a word that is not the last waits for the others",
        vec![
            pending.clone(),
            (
                Input::Answered {
                    cgroup: CgroupId(2),
                    evidence: vec![said(Source::Oci, &a, None, Some(&path), None)],
                    last: false,
                },
                &[],
            ),
            (
                answered(2, vec![docker(&a, "hi", Some(7))]),
                &["2 is hi", "added hi", "watch 7"],
            ),
        ],
    );
    play(
        "nobody knows it, but its name looks like a container's",
        vec![
            pending,
            (nobody(2), &["2 is ?", "added ?", "ask 2 again"]),
            (nobody(2), &["ask 2 again"]),
            (nobody(2), &["ask 2 again"]),
            (nobody(2), &[]),
            (
                answered(2, vec![docker(&a, "hi", Some(7))]),
                &["2 is hi", "updated hi", "watch 7"],
            ),
        ],
    );
    play(
        "nobody knows it: the host's; known late after all",
        vec![
            (created(2, "/default/web"), &["2 pending", "ask 2"]),
            (nobody(2), &["2 host"]),
            (
                located(
                    2,
                    "/default/web",
                    said(
                        Source::Containerd,
                        "web",
                        Some("web"),
                        Some("/default/web"),
                        Some(7),
                    ),
                ),
                &["2 is web", "added web", "watch 7"],
            ),
        ],
    );
    play(
        "the root is the host's and stays so",
        vec![
            (created(1, "/"), &["1 host"]),
            (located(1, "/", docker(&id('b'), "bare", Some(7))), &[]),
        ],
    );
}

#[test]
fn a_name_in_a_pod_needs_no_other_word() {
    let mut word = said(Source::Oci, &id('a'), None, None, None);
    word.facts.pod = Some(Pod {
        container: Some("web".into()),
        ..Pod::default()
    });
    let early = Input::Answered {
        cgroup: CgroupId(2),
        evidence: vec![word],
        last: false,
    };
    let path = format!("/kubepods/pod1/{}", id('a'));
    play(
        "pod",
        vec![
            (created(2, &path), &["2 pending", "ask 2"]),
            (early, &["2 is web", "added web"]),
        ],
    );
}

#[test]
fn the_outermost_container_counts() {
    let (a, b) = (id('a'), id('b'));
    let path = format!("/docker/{a}");
    let nested = format!("{path}/docker/{b}");
    let hi = || answered(2, vec![docker(&a, "hi", Some(7))]);
    let named: &[&str] = &["2 is hi", "added hi", "watch 7"];

    let state = play(
        "below a container, by parent, by grandparent, by path",
        vec![
            (created(2, &path), &["2 pending", "ask 2"]),
            (hi(), named),
            (child(3, &format!("{path}/docker"), 2), &["3 in hi"]),
            (child(4, &nested, 3), &["4 in hi"]),
            (child(5, &format!("{path}/x/y"), 777), &["5 in hi"]),
            (located(4, &nested, docker(&b, "imitation", Some(8))), &[]),
            (answered(4, vec![docker(&b, "imitation", Some(8))]), &[]),
            (gone(5), &[]),
            (gone(2), &["removed hi", "2 gone"]),
        ],
    );
    let found = state.resolve(Instant::now(), CgroupId(4));
    assert_eq!(
        found.and_then(|found| found.name.clone()).as_deref(),
        Some("hi")
    );

    play(
        "children made while their parent is pending",
        vec![
            (created(2, &path), &["2 pending", "ask 2"]),
            (
                child(3, &format!("{path}/docker"), 2),
                &["3 pending", "ask 3"],
            ),
            (child(4, &nested, 3), &["4 pending", "ask 4"]),
            (answered(4, vec![docker(&b, "imitation", None)]), &[]),
            (nobody(3), &[]),
            (
                hi(),
                &["2 is hi", "added hi", "watch 7", "3 in hi", "4 in hi"],
            ),
        ],
    );
    play(
        "the parent is the host's: the children's answers count",
        vec![
            (created(2, "/kubepods"), &["2 pending", "ask 2"]),
            (
                child(3, &format!("/kubepods/{b}"), 2),
                &["3 pending", "ask 3"],
            ),
            (child(4, "/kubepods/burstable", 2), &["4 pending", "ask 4"]),
            (answered(3, vec![docker(&b, "in", Some(8))]), &[]),
            (nobody(4), &[]),
            (
                nobody(2),
                &["2 host", "3 is in", "added in", "watch 8", "4 host"],
            ),
        ],
    );
    play(
        "the outer one is known only after what is in it",
        vec![
            (created(2, "/default/dind"), &["2 pending", "ask 2"]),
            (nobody(2), &["2 host"]),
            (
                child(3, &format!("/default/dind/{b}"), 2),
                &["3 pending", "ask 3"],
            ),
            (nobody(3), &["3 is ?", "added ?", "ask 3 again"]),
            (
                located(
                    2,
                    "/default/dind",
                    said(
                        Source::Containerd,
                        "dind",
                        Some("dind"),
                        Some("/default/dind"),
                        Some(7),
                    ),
                ),
                &[
                    "removed ?",
                    "2 is dind",
                    "added dind",
                    "watch 7",
                    "3 in dind",
                ],
            ),
            (nobody(3), &[]),
        ],
    );
}

#[test]
fn an_imitated_id_is_not_believed() {
    let a = id('a');
    let real = format!("/docker/{a}");
    let fake = format!("/user.slice/{a}");
    play(
        "while the real one runs",
        vec![
            (created(2, &real), &["2 pending", "ask 2"]),
            (
                answered(2, vec![docker(&a, "hi", Some(7))]),
                &["2 is hi", "added hi", "watch 7"],
            ),
            (created(3, &fake), &["3 pending", "ask 3"]),
            (
                answered(3, vec![docker(&a, "hi", None)]),
                &["3 is ?", "added ?", "ask 3 again"],
            ),
        ],
    );
    play(
        "before the real one runs",
        vec![
            (created(3, &fake), &["3 pending", "ask 3"]),
            (
                answered(3, vec![docker(&a, "hi", None)]),
                &["3 is hi", "added hi", "ask 3 again"],
            ),
            (
                located(2, &real, docker(&a, "hi", Some(7))),
                &[
                    "2 pending",
                    "ask 2",
                    "removed hi",
                    "3 host",
                    "2 is hi",
                    "added hi",
                    "watch 7",
                ],
            ),
        ],
    );
    play(
        "a spec that means another cgroup",
        vec![
            (created(2, "/elsewhere/web"), &["2 pending", "ask 2"]),
            (
                answered(
                    2,
                    vec![said(
                        Source::Containerd,
                        "web",
                        Some("web"),
                        Some("/default/web"),
                        None,
                    )],
                ),
                &["2 host"],
            ),
        ],
    );
}

#[test]
fn late_words_update() {
    let a = id('a');
    let path = format!("/docker/{a}");
    let renamed = |name: &str| Input::Said(docker(&a, name, None));
    play(
        "a rename by id, once",
        vec![
            (
                located(2, &path, docker(&a, "hi", Some(7))),
                &["2 pending", "ask 2", "2 is hi", "added hi", "watch 7"],
            ),
            (renamed("ho"), &["2 is ho", "updated ho"]),
            (renamed("ho"), &[]),
            (
                answered(
                    2,
                    vec![said(Source::Containerd, &a, Some(&a), Some(&path), Some(7))],
                ),
                &[],
            ),
        ],
    );
}
