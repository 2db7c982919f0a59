//! What the API server says of pods, step by step.

use super::*;
use crate::container::Owner;
use crate::pods::PodFacts;

const UID: &str = "0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d";
const OTHER: &str = "ffffffff-7a3e-4d52-9c0b-1e2f3a4b5c6d";

/// The kubelet's name for the container's cgroup.
fn in_pod(uid: &str, id: &str) -> String {
    format!("/kubepods/besteffort/pod{uid}/{id}")
}

/// The bundle says: container `web` of pod `shop/cart-0`.
fn of_pod(uid: &str, id: &str, sandbox: bool) -> Evidence {
    let mut word = said(Source::Oci, id, None, Some(&in_pod(uid, id)), None);
    word.facts.runtime = Some(Runtime::Containerd);
    word.facts.runtime_namespace = Some("k8s.io".into());
    word.facts.sandbox = sandbox;
    word.facts.pod = Some(Pod {
        namespace: "shop".into(),
        name: "cart-0".into(),
        uid: uid.into(),
        container: (!sandbox).then(|| "web".into()),
        ..Pod::default()
    });
    word
}

fn early(id: u64, evidence: Evidence) -> Input {
    Input::Answered {
        cgroup: CgroupId(id),
        evidence: vec![evidence],
        last: false,
    }
}

fn pod(uid: &str, namespace: &str, name: &str, app: &str) -> PodFacts {
    PodFacts {
        uid: uid.into(),
        namespace: namespace.into(),
        name: name.into(),
        labels: [("app".to_owned(), app.to_owned())].into(),
        ..PodFacts::default()
    }
}

fn set(pod: PodFacts) -> Input {
    Input::PodSet(pod)
}

/// Pod, its label `app` and whether it is confirmed.
fn known(state: &State, id: u64) -> (String, Option<String>, bool) {
    let container = state.resolve(Instant::now(), CgroupId(id)).unwrap();
    let pod = container.pod.clone().unwrap_or_default();
    let from_api = container.origins.pod == Some(Source::Kubernetes);
    assert_eq!(from_api, pod.confirmed);
    assert_eq!(pod.labels.is_some(), pod.confirmed);
    let app = pod
        .labels
        .and_then(|mut labels: BTreeMap<_, _>| labels.remove("app"));
    (
        format!("{}/{}", pod.namespace, pod.name),
        app,
        pod.confirmed,
    )
}

fn told_by_api(pod: &str, app: &str) -> (String, Option<String>, bool) {
    (pod.into(), Some(app.into()), true)
}

fn unconfirmed() -> (String, Option<String>, bool) {
    ("shop/cart-0".into(), None, false)
}

/// With somebody who will tell of pods.
fn play_with_pods(scenario: &str, steps: Vec<(Input, &[&str])>) -> State {
    play_on(State::new("/", true), scenario, steps)
}

#[test]
fn a_container_of_a_pod_waits_for_the_pods_confirmation() {
    let a = id('a');
    let path = in_pod(UID, &a);
    let pending: (Input, &[&str]) = (created(2, &path), &["2 pending", "ask 2"]);
    let word = || early(2, of_pod(UID, &a, false));
    let last = || answered(2, vec![of_pod(UID, &a, false)]);
    let ours = || pod(UID, "shop", "cart-0", "cart");

    let state = play_with_pods(
        "the pod is known already",
        vec![
            (set(ours()), &[]),
            pending.clone(),
            (word(), &["2 is web", "added web"]),
            (nobody(2), &["ask 2 again"]),
            (Input::Overdue(CgroupId(2)), &[]),
        ],
    );
    assert_eq!(known(&state, 2), told_by_api("shop/cart-0", "cart"));

    let state = play_with_pods(
        "the pod is told before the deadline",
        vec![
            pending.clone(),
            (word(), &[]),
            (last(), &[]),
            (set(pod(OTHER, "other", "cart-0", "x")), &[]),
            (set(ours()), &["2 is web", "added web", "ask 2 again"]),
            (Input::Overdue(CgroupId(2)), &[]),
        ],
    );
    assert_eq!(known(&state, 2), told_by_api("shop/cart-0", "cart"));

    let state = play_with_pods(
        "the pod is told after the deadline",
        vec![
            pending.clone(),
            (last(), &[]),
            (
                Input::Overdue(CgroupId(2)),
                &["2 is web", "added web", "ask 2 again"],
            ),
        ],
    );
    assert_eq!(known(&state, 2), unconfirmed());
    let state = play_on(
        state,
        "late",
        vec![(
            Input::PodsListed(vec![pod(OTHER, "b", "x", "x"), ours()]),
            &["2 is web", "updated web"],
        )],
    );
    assert_eq!(known(&state, 2), told_by_api("shop/cart-0", "cart"));

    play_with_pods(
        "it ends while it waits",
        vec![
            pending.clone(),
            (word(), &[]),
            (gone(2), &[]),
            (
                set(ours()),
                &["2 is web", "added web", "removed web", "2 gone"],
            ),
            (set(pod(UID, "shop", "cart-0", "later")), &[]),
        ],
    );
    play_with_pods(
        "it ends while it waits, and nobody confirms it",
        vec![
            pending.clone(),
            (last(), &[]),
            (gone(2), &[]),
            (
                Input::Overdue(CgroupId(2)),
                &["2 is web", "added web", "removed web", "2 gone"],
            ),
        ],
    );
    play_with_pods(
        "a sandbox waits as well",
        vec![
            pending.clone(),
            (early(2, of_pod(UID, &a, true)), &[]),
            (set(ours()), &["2 is ?", "added ?"]),
        ],
    );
    play_with_pods(
        "what is above is not known when the time is over",
        vec![
            (created(3, "/kubepods"), &["3 pending", "ask 3"]),
            pending.clone(),
            (last(), &[]),
            (Input::Overdue(CgroupId(2)), &[]),
            (
                nobody(3),
                &["3 host", "2 is web", "added web", "ask 2 again"],
            ),
        ],
    );
    play(
        "where nobody will tell of pods",
        vec![
            pending,
            (word(), &["2 is web", "added web"]),
            (set(ours()), &[]),
            (Input::PodsListed(vec![ours()]), &[]),
            (Input::PodRemoved(UID.into()), &[]),
        ],
    );
}

#[test]
fn a_pods_changes_reach_each_of_its_containers_once() {
    let (a, b, c) = (id('a'), id('b'), id('c'));
    let start = |id: u64, container: &str, uid: &str| {
        located(id, &in_pod(uid, container), {
            let mut word = of_pod(uid, container, false);
            word.process = Some(Process {
                pid: u32::try_from(id).unwrap(),
                namespaces: None,
                started_at: None,
            });
            word
        })
    };
    let ours = |app: &str| pod(UID, "shop", "cart-0", app);
    let owned = PodFacts {
        owner: Some(Owner {
            kind: "Deployment".into(),
            name: "cart".into(),
        }),
        ..ours("new")
    };
    let state = play_with_pods(
        "changes",
        vec![
            (
                Input::PodsListed(vec![ours("old"), pod(OTHER, "b", "x", "x")]),
                &[],
            ),
            (
                start(2, &a, UID),
                &["2 pending", "ask 2", "2 is web", "added web", "watch 2"],
            ),
            (
                start(3, &b, UID),
                &["3 pending", "ask 3", "3 is web", "added web", "watch 3"],
            ),
            (
                start(4, &c, OTHER),
                &["4 pending", "ask 4", "4 is web", "added web", "watch 4"],
            ),
            (set(ours("old")), &[]),
            (
                set(ours("new")),
                &["2 is web", "updated web", "3 is web", "updated web"],
            ),
            (
                set(owned.clone()),
                &["2 is web", "updated web", "3 is web", "updated web"],
            ),
            (
                Input::PodsListed(vec![owned.clone(), pod(OTHER, "b", "x", "x")]),
                &[],
            ),
            // Its end was told; its cgroup is still there.
            (exited(2, &in_pod(UID, &a), &a, 2), &["removed web"]),
            (
                set(ours("newest")),
                &["2 is web", "3 is web", "updated web"],
            ),
            (gone(2), &["2 gone"]),
            // The API server has neither any more; who runs is still of its pod.
            (Input::PodRemoved(UID.into()), &[]),
            (Input::PodsListed(vec![]), &[]),
            (
                Input::Said(docker(&b, "other", None)),
                &["3 is web", "updated web"],
            ),
            (gone(4), &["removed web", "4 gone"]),
            (set(pod(OTHER, "b", "x", "y")), &[]),
        ],
    );
    assert_eq!(known(&state, 3), told_by_api("shop/cart-0", "newest"));
    assert_eq!(known(&state, 4), told_by_api("b/x", "x"));
}

#[test]
fn a_pod_that_was_just_removed_still_confirms_and_is_forgotten_in_time() {
    let a = id('a');
    let path = in_pod(UID, &a);
    let mut steps: Vec<(Input, &[&str])> = vec![
        (set(pod(UID, "shop", "cart-0", "cart")), &[]),
        (Input::PodRemoved(UID.into()), &[]),
        (Input::PodRemoved(UID.into()), &[]),
        (created(2, &path), &["2 pending", "ask 2"]),
        (early(2, of_pod(UID, &a, false)), &["2 is web", "added web"]),
    ];
    for number in 0..300 {
        steps.push((set(pod(&format!("uid-{number}"), "x", "y", "z")), &[]));
    }
    steps.push((Input::PodsListed(vec![]), &[]));
    let b = in_pod(UID, &id('b'));
    steps.push((created(3, &b), &["3 pending", "ask 3"]));
    steps.push((early(3, of_pod(UID, &id('b'), false)), &[]));
    let state = play_with_pods("removed", steps);
    assert_eq!(known(&state, 2), told_by_api("shop/cart-0", "cart"));
}

#[test]
fn only_the_pod_that_is_meant_confirms() {
    let a = id('a');
    let hash = "0123456789abcdef0123456789abcdef";
    let mirror = |uid: &str, namespace: &str| PodFacts {
        other_uids: vec![hash.into()],
        ..pod(uid, namespace, "cart-0", namespace)
    };
    let web = |uid: &str| {
        vec![
            (created(2, &in_pod(uid, &a)), &["2 pending", "ask 2"][..]),
            (
                answered(2, vec![of_pod(uid, &a, false)]),
                &["2 is web", "added web", "ask 2 again"][..],
            ),
        ]
    };
    let told_after = |pods: Vec<PodFacts>, steps: Vec<(Input, &'static [&'static str])>| {
        let listed: (Input, &[&str]) = (Input::PodsListed(pods), &[]);
        let all = std::iter::once(listed).chain(steps).collect();
        known(&play_with_pods("meant", all), 2)
    };
    // The runtime may be told of it under another name; the uid tells.
    let renamed = told_after(vec![pod(UID, "truth", "real", "x")], web(UID));
    assert_eq!(renamed, told_by_api("truth/real", "x"));
    // A static pod has a uid of the kubelet's own.
    let of_static = told_after(vec![mirror(OTHER, "shop")], web(hash));
    assert_eq!(of_static, told_by_api("shop/cart-0", "shop"));
    // Anybody may give a pod of his own the annotation.
    let both = vec![mirror(UID, "evil"), mirror(OTHER, "shop")];
    assert_eq!(
        told_after(both, web(hash)),
        told_by_api("shop/cart-0", "shop")
    );
    let impostor = vec![PodFacts {
        other_uids: vec![UID.into()],
        ..pod(OTHER, "shop", "cart-0", "evil")
    }];
    let real = pod(UID, "shop", "cart-0", "real");
    let with_real = [impostor, vec![real]].concat();
    assert_eq!(
        told_after(with_real, web(UID)),
        told_by_api("shop/cart-0", "real")
    );
    let nobodys = |pods: Vec<PodFacts>, word: Evidence, path: &str| {
        let steps: Vec<(Input, &[&str])> = vec![
            (Input::PodsListed(pods), &[]),
            (created(2, path), &["2 pending", "ask 2"]),
            (
                answered(2, vec![word]),
                &["2 is web", "added web", "ask 2 again"],
            ),
        ];
        known(&play_with_pods("nobody's", steps), 2)
    };
    let victim = || vec![pod(UID, "shop", "cart-0", "cart")];
    let mut labelled = docker(&a, "web", None);
    labelled.facts.pod = of_pod(UID, &a, false).facts.pod;
    let none = ("/".to_owned(), None, false);
    let plain = (format!("/docker/{a}"), unconfirmed());
    for (path, forged_tells) in [plain, (in_pod(OTHER, &a), none.clone())] {
        assert_eq!(nobodys(victim(), labelled.clone(), &path), none);
        let mut forged = of_pod(UID, &a, false);
        (forged.facts.cgroup_path, forged.facts.name) = (Some(path.clone()), Some("web".into()));
        assert_eq!(nobodys(victim(), forged, &path), forged_tells);
    }
    let nameless = of_pod("", &a, false);
    let path = nameless.facts.cgroup_path.clone().unwrap();
    let empty = vec![pod("", "shop", "cart-0", "cart")];
    assert_eq!(nobodys(empty, nameless, &path), unconfirmed());
}

#[test]
fn a_claim_that_becomes_another_is_confirmed_anew() {
    let a = id('a');
    let path = format!("/k8s.io/{a}");
    let claim = |uid: &str| {
        let mut word = of_pod(uid, &a, false);
        word.facts.origin = Source::Containerd;
        word.facts.cgroup_path = Some(path.clone());
        word
    };
    let pods = vec![pod(UID, "a", "one", "1"), pod(OTHER, "b", "two", "2")];
    let named: &[&str] = &["2 is web", "added web", "ask 2 again"];
    let state = play_with_pods(
        "claims",
        vec![
            (Input::PodsListed(pods), &[]),
            (created(2, &path), &["2 pending", "ask 2"]),
            (answered(2, vec![claim(UID)]), named),
            (
                answered(2, vec![claim(OTHER)]),
                &["2 is web", "updated web", "ask 2 again"],
            ),
            // Nobody asks for what the first says any more.
            (set(pod(UID, "a", "one", "3")), &[]),
            (
                set(pod(OTHER, "b", "two", "4")),
                &["2 is web", "updated web"],
            ),
            (gone(2), &["removed web", "2 gone"]),
            (set(pod(OTHER, "b", "two", "5")), &[]),
        ],
    );
    assert!(state.pods.is_some_and(|pods| pods.is_unclaimed()));
}
