//! What is told, step by step.

use std::time::{Duration, Instant};

mod pods;
mod root;

use super::*;
use crate::container::{Pod, Runtime};
use crate::facts::{Facts, Source};
use crate::process::Process;

/// 64 hexadecimal digits.
fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn cg(id: u64, path: &str) -> Cgroup {
    Cgroup {
        id: CgroupId(id),
        path: path.into(),
    }
}

fn created(id: u64, path: &str) -> Input {
    Input::Created {
        cgroup: cg(id, path),
        parent: None,
        creator: Some(99),
    }
}

fn child(id: u64, path: &str, parent: u64) -> Input {
    Input::Created {
        cgroup: cg(id, path),
        parent: Some(CgroupId(parent)),
        creator: Some(99),
    }
}

fn gone(id: u64) -> Input {
    Input::Gone(CgroupId(id))
}

/// docker knows `id` as `name`; with a pid the process was seen in the cgroup.
fn docker(id: &str, name: &str, pid: Option<u32>) -> Evidence {
    said(Source::Docker, id, Some(name), None, pid)
}

fn said(
    origin: Source,
    id: &str,
    name: Option<&str>,
    path: Option<&str>,
    pid: Option<u32>,
) -> Evidence {
    let runtime = match origin {
        Source::Docker => Some(Runtime::Docker),
        _ => None,
    };
    Evidence {
        facts: Facts {
            name: name.map(str::to_owned),
            cgroup_path: path.map(str::to_owned),
            runtime,
            pid,
            ..Facts::new(origin, id)
        },
        process: pid.map(|pid| Process {
            pid,
            namespaces: None,
            started_at: None,
        }),
    }
}

fn answered(id: u64, evidence: Vec<Evidence>) -> Input {
    Input::Answered {
        cgroup: CgroupId(id),
        evidence,
        last: true,
    }
}

fn nobody(id: u64) -> Input {
    answered(id, Vec::new())
}

fn located(id: u64, path: &str, evidence: Evidence) -> Input {
    Input::Located {
        cgroup: cg(id, path),
        evidence,
    }
}

fn exited(id: u64, path: &str, container: &str, pid: u32) -> Input {
    Input::Exited(Watched {
        cgroup: Some(cg(id, path)),
        id: container.into(),
        pid,
    })
}

fn ended(id: &str, pid: Option<u32>) -> Input {
    Input::Ended { id: id.into(), pid }
}

/// One word per output.
fn told(output: &Output) -> String {
    let name = |container: &Container| {
        let name = container.name.as_deref();
        name.unwrap_or("?").to_owned()
    };
    match output {
        Output::Change(Change::Added(container)) => format!("added {}", name(container)),
        Output::Change(Change::Updated(container)) => format!("updated {}", name(container)),
        Output::Change(Change::Removed(container)) => format!("removed {}", name(container)),
        Output::Cgroup(CgroupChange::Pending(cgroup)) => format!("{} pending", cgroup.id),
        Output::Cgroup(CgroupChange::Host(cgroup)) => format!("{} host", cgroup.id),
        Output::Cgroup(CgroupChange::Container(cgroup, container)) => {
            format!("{} is {}", cgroup.id, name(container))
        }
        Output::Cgroup(CgroupChange::Inside { cgroup, container }) => {
            format!("{} in {}", cgroup.id, name(container))
        }
        Output::Cgroup(CgroupChange::Gone(id)) => format!("{id} gone"),
        Output::Ask(question) if question.round > 0 => format!("ask {} again", question.cgroup.id),
        Output::Ask(question) => format!("ask {}", question.cgroup.id),
        Output::Watch(watched) => format!("watch {}", watched.pid),
        Output::Probe(cgroup) => format!("probe {}", cgroup.id),
    }
}

/// Applies each input and compares what it tells.
fn play(scenario: &str, steps: Vec<(Input, &[&str])>) -> State {
    play_on(State::new("/", false), scenario, steps)
}

fn play_on(mut state: State, scenario: &str, steps: Vec<(Input, &[&str])>) -> State {
    for (number, (input, expected)) in steps.into_iter().enumerate() {
        let step = format!("{scenario}, step {number}: {input:?}");
        let outputs = state.apply(Instant::now(), input);
        assert_eq!(
            outputs.iter().map(told).collect::<Vec<_>>(),
            expected,
            "{step}"
        );
        let unanswered = state
            .cgroups
            .values()
            .filter(|entry| matches!(&entry.class, Class::Pending(pending) if !pending.answered));
        assert_eq!(unanswered.count(), state.unanswered, "{step}");
    }
    state
}

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
