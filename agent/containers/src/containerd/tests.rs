use super::*;
use crate::container::Runtime;
use crate::fake_runtime::{FakeRuntime, Manner, Told as Heard};
use std::path::Path;
use tokio::task::JoinHandle;

struct Followed {
    containerd: Arc<Containerd>,
    heard: Heard,
    task: JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn follow(socket: &Path) -> Followed {
    let containerd = Arc::new(Containerd::new(socket.to_owned()));
    let (sender, receiver) = mpsc::channel(64);
    let task = tokio::spawn(Arc::clone(&containerd).run(sender));
    Followed {
        containerd,
        heard: Heard(receiver),
        task,
    }
}

fn start() -> traceherd_e2e::Containerd {
    traceherd_e2e::Containerd::start().expect("a containerd of the test's own (needs root)")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_listed_and_what_happens_is_told() {
    let real = start();
    real.run_detached("before", &["sleep", "1000"]).unwrap();
    let mut source = follow(real.socket());
    assert_eq!(
        source.heard.next().await,
        SourceEvent::Up(Source::Containerd)
    );
    let listed = source.heard.listed().await;
    let [facts] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!(facts.name.as_deref(), Some("before"));
    assert_eq!(facts.pid, Some(real.container_pid("before").unwrap()));
    assert_eq!(facts.runtime, Some(Runtime::Containerd));
    assert_eq!(facts.runtime_namespace.as_deref(), Some(real.namespace()));
    let image = facts.image.as_ref().unwrap();
    assert_eq!(image.name, traceherd_e2e::BUSYBOX);

    // nerdctl gives both.
    let named = "nerdctl/name=hi";
    let options = ["--detach", "--label", named, "--annotation", named];
    real.run_with("abc", &options, &["sleep", "1000"]).unwrap();
    let created = source.heard.known(|facts| facts.id == "abc").await;
    assert_eq!(created.name.as_deref(), Some("hi"));
    assert!(
        created
            .image
            .unwrap()
            .digest
            .unwrap()
            .starts_with("sha256:")
    );
    let started = source
        .heard
        .known(|facts| facts.id == "abc" && facts.started_at.is_some())
        .await;
    let pid = real.container_pid("abc").unwrap();
    assert_eq!(
        (started.name.as_deref(), started.pid),
        (Some("hi"), Some(pid))
    );

    let path = started.cgroup_path.unwrap();
    assert!(path.ends_with("/abc"), "{path}");
    let found = source
        .containerd
        .lookup("abc", &path)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.name.as_deref(), found.pid), (Some("hi"), Some(pid)));
    assert_eq!(found.labels["nerdctl/name"], "hi");
    assert_eq!(
        source.containerd.lookup("nobody", "/nobody").await.unwrap(),
        None
    );
    assert_eq!(source.containerd.lookup("a b", "/x").await.unwrap(), None);

    real.exec("abc", &["true"]).unwrap();
    real.kill("abc").unwrap();
    let ended = source
        .heard
        .until(|event| match event {
            SourceEvent::Ended { id, pid, .. } if id == "abc" => Some(pid),
            _ => None,
        })
        .await;
    assert_eq!(ended, Some(pid), "the exec's end is not the container's");
    real.rm("abc").unwrap();
    source.heard.ended("abc").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_namespace_whose_spec_means_the_cgroup_counts() {
    let real = start();
    let runtimes = traceherd_e2e::Runtimes::get().unwrap();
    for (namespace, name) in [("one", "first"), ("two", "second")] {
        let ctr = |args: &[&str]| {
            let mut command = runtimes.command("ctr");
            command.arg("--address").arg(real.socket());
            let status = command.args(["--namespace", namespace]).args(args).status();
            assert!(status.unwrap().success(), "ctr {args:?}");
        };
        ctr(&["images", "import", &runtimes.image().to_string_lossy()]);
        let label = format!("nerdctl/name={name}");
        // ctr's cgroups are named for the namespace and the container.
        let options = ["--label", &label, "--annotation", &label];
        let create = ["containers", "create"];
        let container = [traceherd_e2e::BUSYBOX, "same", "true"];
        ctr(&[&create[..], &options, &container].concat());
    }
    let mut source = follow(real.socket());
    source.heard.listed().await;
    for (namespace, name) in [("one", "first"), ("two", "second")] {
        let path = format!("/{namespace}/same");
        let found = source
            .containerd
            .lookup("same", &path)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.name.as_deref(), Some(name));
        assert_eq!(found.cgroup_path.as_deref(), Some(path.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_containerd_that_comes_late_and_goes_and_comes_is_followed() {
    let real = start();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("containerd.sock");
    let mut source = follow(&socket);
    let why = source.heard.down().await;
    assert!(why.contains("No such file"), "{why}");
    assert!(matches!(
        source.containerd.lookup("abc", "/abc").await,
        Err(ContainerdError::NotConnected(_))
    ));
    source.heard.silence(Duration::from_secs(1)).await;
    for name in ["one", "two"] {
        let door = FakeRuntime::listen(&socket, Manner::Door(real.socket().to_owned()));
        assert_eq!(
            source.heard.next().await,
            SourceEvent::Up(Source::Containerd)
        );
        source.heard.listed().await;
        real.run_detached(name, &["sleep", "1000"]).unwrap();
        source.heard.known(|facts| facts.id == name).await;
        assert!(
            source
                .containerd
                .lookup(name, "/x")
                .await
                .unwrap()
                .is_some()
        );
        drop(door);
        source.heard.down().await;
    }
    let _door = FakeRuntime::listen(&socket, Manner::Door(real.socket().to_owned()));
    assert_eq!(source.heard.listed().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_it_connects_is_not_missed() {
    let real = Arc::new(start());
    let runner = Arc::clone(&real);
    let running = tokio::task::spawn_blocking(move || {
        for number in 0..8 {
            runner
                .run_detached(&format!("c{number}"), &["sleep", "1000"])
                .unwrap();
        }
    });
    // Each connects at another moment of it.
    let mut sources = Vec::new();
    for _ in 0..8 {
        sources.push(follow(real.socket()));
        sleep(Duration::from_millis(150)).await;
    }
    running.await.unwrap();
    for mut source in sources {
        let mut missing: std::collections::BTreeSet<_> = (0..8).map(|n| format!("c{n}")).collect();
        while !missing.is_empty() {
            match source.heard.next().await {
                SourceEvent::Listed { all, .. } => {
                    for facts in all.iter().filter(|facts| facts.pid.is_some()) {
                        missing.remove(&facts.id);
                    }
                }
                SourceEvent::Known(facts) if facts.pid.is_some() => {
                    missing.remove(&facts.id);
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_containerd_that_stops_holds_a_lookup_up_for_a_second_at_most() {
    let real = start();
    real.run_detached("hi", &["sleep", "1000"]).unwrap();
    let mut source = follow(real.socket());
    source.heard.listed().await;
    let daemon = nix::unistd::Pid::from_raw(real.pid().try_into().unwrap());
    nix::sys::signal::kill(daemon, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let before = Instant::now();
    let answer = source.containerd.lookup("hi", "/x").await;
    let took = before.elapsed();
    nix::sys::signal::kill(daemon, nix::sys::signal::Signal::SIGCONT).unwrap();
    assert!(
        matches!(answer, Err(ContainerdError::Late { .. })),
        "{answer:?}"
    );
    assert!(took < Duration::from_millis(1500), "{took:?}");
    assert!(
        source
            .containerd
            .lookup("hi", "/x")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn a_containerd_that_never_answers_is_told_once_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("containerd.sock");
    let _silent = FakeRuntime::listen(&socket, Manner::Silent);
    let mut source = follow(&socket);
    let why = source.heard.down().await;
    assert!(why.contains("no answer"), "{why}");
    source.heard.silence(Duration::from_secs(600)).await;
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_told_once() {
    let cases = [
        Manner::Says(b"\0\xff\xfe garbage".to_vec()),
        Manner::Says(Vec::new()),
        Manner::Says(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        Manner::Floods(vec![0; 65536]),
    ];
    for manner in cases {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("containerd.sock");
        let _fake = FakeRuntime::listen(&socket, manner.clone());
        let mut source = follow(&socket);
        source.heard.down().await;
        source.heard.silence(Duration::from_secs(20)).await;
    }
}
