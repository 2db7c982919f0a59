//! Many traces on one set of programs: who gets which events, and how much of them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{
    collections::BTreeSet,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use support::{
    call::Call,
    child::Child,
    recorder::{assert_nothing_of_the_arguments, texts},
    stage::{Stage, assert_adds_up, on, since},
};
use traceherd_containers::{Change, Selector};
use traceherd_e2e::Lateness;
use traceherd_tracers::{ArgsMode, ExecEvent, ExecOptions, MAX_ARGS_BYTES, TraceError, TraceSpec};

fn pids(events: &[Arc<ExecEvent>]) -> Vec<u32> {
    events.iter().map(|event| event.pid).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_has_the_execs_of_its_containers_by_name_and_no_others() {
    let stage = Stage::new().await;
    let (first, on_first) = stage.traced("first", TraceSpec::default()).await;
    let (second, on_second) = stage.traced("second", TraceSpec::default()).await;
    let mut ours = [vec![], vec![]];
    for _ in 0..10 {
        ours[0].push(first.run_true());
        ours[1].push(second.run_true());
        Child::fork(|| Call::new("/bin/true", ["true"]).make()).succeeds();
    }
    for ((trace, name), ours) in [(on_first, first.name), (on_second, second.name)]
        .into_iter()
        .zip(&ours)
    {
        let (counts, events) = trace.end().await;
        let named = |event: &ExecEvent| event.container.as_ref()?.name.clone();
        assert!(
            events
                .iter()
                .all(|event| named(event).as_ref() == Some(&name))
        );
        // Before them comes the container's own first exec.
        assert_eq!(texts(&events[events.len() - 11]), [&b"sleep"[..], b"1000"]);
        assert_eq!(&pids(&events)[events.len() - 10..], ours);
        assert_eq!(counts.observed, counts.delivered);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_exec_of_a_short_container_arrives_with_its_name() {
    let stage = Stage::new().await;
    let names: Vec<String> = (0..10).map(|_| stage.name()).collect();
    let selector = Selector {
        names: names.clone(),
        ..Selector::default()
    };
    let spec = TraceSpec {
        selector,
        ..TraceSpec::default()
    };
    let mut events = stage.tracers.add("short", spec).await.unwrap();
    for name in &names {
        stage.run(name, &["echo", name]);
    }
    // Each is told when it is known: of two, the second may be so first.
    let mut missing: BTreeSet<&String> = names.iter().collect();
    while !missing.is_empty() {
        let next = tokio::time::timeout(Duration::from_secs(20), events.next());
        let event = next
            .await
            .unwrap_or_else(|_| panic!("{missing:?} of {names:?}"))
            .unwrap();
        if texts(&event)[0] != b"echo" {
            continue;
        }
        let name = event.container.as_ref().unwrap().name.as_ref().unwrap();
        assert_eq!(texts(&event), [b"echo", name.as_bytes()]);
        assert!(missing.remove(name), "{name} twice");
    }
    assert_eq!(stage.tracers.unattributed().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_tells_the_end_of_a_containers_cgroup_within_100_ms() {
    let stage = Stage::new().await;
    let (ground, _trace) = stage.traced("trace", TraceSpec::default()).await;
    let mut changes = stage.containers.subscribe();
    let name = ground.name.clone();
    let told = tokio::spawn(async move {
        loop {
            if let Change::Removed(container) = changes.next().await.unwrap()
                && container.name.as_ref() == Some(&name)
            {
                return Instant::now();
            }
        }
    });
    let (ended, machine) = (ground.end(), Lateness::watch());
    tokio::task::block_in_place(|| stage.remove(&ground.name));
    let told = tokio::time::timeout(Duration::from_secs(30), told);
    let told = told.await.unwrap().unwrap();
    let late = told.saturating_duration_since(ended.join().unwrap());
    let allowed = machine.allowance();
    assert!(
        late < Duration::from_millis(100) + allowed,
        "{late:?}, {allowed:?} allowed for the machine"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_given_once_and_must_be_known() {
    let stage = Stage::new().await;
    let spec = TraceSpec::default;
    assert!(
        matches!(stage.tracers.change("a", spec()).await, Err(TraceError::Unknown(id)) if id == "a")
    );
    assert!(matches!(stage.tracers.remove("a").await, Err(TraceError::Unknown(id)) if id == "a"));
    assert_eq!(stage.tracers.counts("a"), None);
    let _events = stage.tracers.add("a", spec()).await.unwrap();
    assert!(
        matches!(stage.tracers.add("a", spec()).await, Err(TraceError::Exists(id)) if id == "a")
    );
    stage.tracers.change("a", spec()).await.unwrap();
    stage.tracers.remove("a").await.unwrap();
    let _events = stage.tracers.add("a", spec()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_trace_is_given_all_that_happened_before() {
    let stage = Stage::new().await;
    for _ in 0..5 {
        let (ground, trace) = stage.traced("trace", TraceSpec::default()).await;
        let ours: Vec<u32> = (0..30).map(|_| ground.run_true()).collect();
        let (_, events) = trace.end().await;
        assert_eq!(&pids(&events)[events.len() - 30..], ours);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_trace_goes_from_one_container_to_another() {
    let stage = Stage::new().await;
    let (first, trace) = stage.traced("trace", TraceSpec::default()).await;
    // Somebody must hear of the second one too.
    let (second, _other) = stage.traced("other", TraceSpec::default()).await;
    first.run_true();
    let before = trace.counts().await;
    stage
        .tracers
        .change("trace", on(&second.name, TraceSpec::default()))
        .await
        .unwrap();
    first.run_true();
    let ours = second.run_true();
    assert_eq!(since(before, trace.counts().await).delivered, 1);
    stage
        .tracers
        .change("trace", on(&first.name, TraceSpec::default()))
        .await
        .unwrap();
    second.run_true();
    let last = first.run_true();
    let (_, events) = trace.end().await;
    assert_eq!(pids(&events)[events.len() - 2..], [ours, last]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_trace_has_as_much_of_the_arguments_as_it_asked_for() {
    let stage = Stage::new().await;
    let asking = |max_args_bytes, args| TraceSpec {
        exec: ExecOptions {
            max_args_bytes,
            args,
            ..ExecOptions::default()
        },
        ..TraceSpec::default()
    };
    let (ground, longest) = stage
        .traced("longest", asking(MAX_ARGS_BYTES, ArgsMode::Full))
        .await;
    let mut others = Vec::new();
    for most in [0, 1, 5, 100, 1000, 4096] {
        let id = most.to_string();
        let spec = on(&ground.name, asking(most, ArgsMode::Full));
        others.push((most as usize, stage.tracers.add(&id, spec).await.unwrap()));
    }
    let counting = on(&ground.name, asking(4096, ArgsMode::Count));
    let mut counting = stage.tracers.add("count", counting).await.unwrap();
    let none = on(&ground.name, asking(4096, ArgsMode::None));
    let mut none = stage.tracers.add("none", none).await.unwrap();

    let args: Vec<Vec<u8>> = [&b"true"[..], b"", &[b'x'; 600], &[b'y'; 20_000]]
        .map(Vec::from)
        .into();
    let total = args.iter().map(|arg| arg.len() + 1).sum::<usize>();
    ground.exec(&Call::new("/bin/true", &args)).succeeds();
    stage.tracers.flush().await;
    for (most, mut events) in others {
        let event = events.next().await.unwrap();
        let got = &event.args;
        assert_eq!(
            (got.count(), got.cut_bytes()),
            (4, Some((total - most) as u32)),
            "{most}"
        );
        let kept: usize = got
            .iter()
            .map(|arg| arg.bytes.len() + usize::from(!arg.cut))
            .sum();
        assert_eq!(kept, most);
        for (found, given) in got.iter().zip(&args) {
            assert!(given.starts_with(found.bytes), "{most}");
            assert!(found.cut || found.bytes == given, "{most}");
        }
    }
    let counted = counting.next().await.unwrap();
    assert_eq!((counted.args.count(), counted.args.iter().len()), (4, 0));
    assert_nothing_of_the_arguments(&none.next().await.unwrap());
    let (_, events) = longest.end().await;
    assert_eq!(texts(events.last().unwrap()), args);
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_a_trace_has_its_arguments_cut_as_if_it_were_not() {
    let stage = Stage::new().await;
    let (ground, trace) = stage.traced("trace", TraceSpec::default()).await;
    ground
        .exec(&Call::new("/bin/true", [&b"true"[..], &[b'x'; 20_000]]))
        .succeeds();
    let (_, events) = trace.end().await;
    let args = &events.last().unwrap().args;
    assert_eq!(args.cut_bytes(), Some(5 + 20_001 - 4096));
    assert_eq!(
        args.iter()
            .map(|arg| (arg.bytes.len(), arg.cut))
            .collect::<Vec<_>>(),
        [(4, false), (4091, true)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_go_to_those_who_asked_for_them() {
    let stage = Stage::new().await;
    let asking = TraceSpec {
        exec: ExecOptions {
            include_failed: true,
            ..ExecOptions::default()
        },
        ..TraceSpec::default()
    };
    let (ground, without) = stage.traced("without", TraceSpec::default()).await;
    let mut with = stage
        .tracers
        .add("with", on(&ground.name, asking))
        .await
        .unwrap();
    let before = without.counts().await;
    let missing = Call::new("/no/such/file", ["file"]);
    let pid = ground.exec(&missing).fails_with(nix::errno::Errno::ENOENT);
    let ran = ground.run_true();
    assert_eq!(since(before, without.counts().await).observed, 1);
    let counts = stage.tracers.remove("with").await.unwrap();
    assert_adds_up(&counts);
    assert_eq!(counts.delivered, 2);
    let first = with.next().await.unwrap();
    assert_eq!((first.pid, first.ret), (pid, -libc::ENOENT));
    assert_eq!(
        first.container.as_ref().unwrap().name.as_ref(),
        Some(&ground.name)
    );
    assert_eq!(with.next().await.unwrap().pid, ran);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_own_processes_are_for_those_who_ask() {
    let stage = Stage::new().await;
    let host = |names: Vec<String>| TraceSpec {
        selector: Selector {
            host: true,
            names,
            ..Selector::default()
        },
        queue: 100_000,
        ..TraceSpec::default()
    };
    let host_only = stage
        .tracers
        .add("host", host(vec!["no such container".into()]))
        .await
        .unwrap();
    let (ground, trace) = stage.traced("container", TraceSpec::default()).await;
    let both = stage
        .tracers
        .add("both", host(vec![ground.name.clone()]))
        .await
        .unwrap();
    let before = trace.counts().await;
    let inside = ground.run_true();
    let outside = Child::fork(|| Call::new("/bin/true", ["true"]).make()).succeeds();
    assert_eq!(since(before, trace.counts().await).observed, 1);
    for (id, events, expected) in [
        ("host", host_only, vec![outside]),
        ("both", both, vec![inside, outside]),
    ] {
        assert_adds_up(&stage.tracers.remove(id).await.unwrap());
        let events: Vec<_> = events.collect().await;
        let ours = events
            .iter()
            .filter(|event| event.comm.as_bytes() == b"true");
        let ours: Vec<_> = ours
            .filter(|event| [inside, outside].contains(&event.pid))
            .collect();
        assert_eq!(
            ours.iter().map(|event| event.pid).collect::<Vec<_>>(),
            expected,
            "{id}"
        );
        let named = ours
            .iter()
            .filter(|event| event.container.is_some())
            .count();
        assert_eq!(named, expected.len() - 1, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_makes_inside_its_cgroup_is_its_own() {
    let stage = Stage::new().await;
    let (ground, trace) = stage.traced("trace", TraceSpec::default()).await;
    let before = trace.counts().await;
    // Named as another container's would be.
    let nested = ground.nested(&"f".repeat(64));
    let pids: Vec<u32> = (0..5)
        .map(|_| {
            let procs = nested.join("cgroup.procs");
            let call = Call::new("/bin/true", ["true"]);
            Child::fork(|| {
                fs::write(&procs, "0").unwrap();
                call.make()
            })
            .succeeds()
        })
        .collect();
    assert_eq!(since(before, trace.counts().await).delivered, 5);
    fs::remove_dir(&nested).unwrap();
    let (_, events) = trace.end().await;
    assert_eq!(&self::pids(&events)[events.len() - 5..], pids);
    assert!(
        events
            .iter()
            .all(|event| event.container.as_ref().unwrap().name.as_ref() == Some(&ground.name))
    );
}
