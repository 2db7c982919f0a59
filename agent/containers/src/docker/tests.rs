use super::*;
use crate::fake_runtime::{FakeRuntime, Manner, Told as Heard};
use tokio::task::JoinHandle;

struct Source {
    docker: Arc<Docker>,
    heard: Heard,
    task: JoinHandle<()>,
}

impl Drop for Source {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn source(socket: &std::path::Path) -> Source {
    let docker = Arc::new(Docker::new(socket.to_owned()));
    let (sender, receiver) = mpsc::channel(64);
    let task = tokio::spawn(Arc::clone(&docker).run(sender));
    Source {
        docker,
        heard: Heard(receiver),
        task,
    }
}

fn start() -> traceherd_e2e::Docker {
    traceherd_e2e::Docker::start().expect("a docker of the test's own (needs root)")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_listed_and_what_happens_is_told() {
    let real = start();
    let id = real.run_detached("before", &["sleep", "1000"]).unwrap();
    let mut source = source(real.socket());
    assert_eq!(
        source.heard.next().await,
        SourceEvent::Up(crate::facts::Source::Docker)
    );
    let listed = source.heard.listed().await;
    let [facts] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    assert_eq!((&facts.id, facts.name.as_deref()), (&id, Some("before")));
    assert_eq!(facts.pid, Some(real.container_pid("before").unwrap()));
    assert_eq!(facts.runtime, Some(Runtime::Docker));
    assert!(facts.image.as_ref().unwrap().name.starts_with("busybox"));

    let options = ["--detach", "--label", "app=cart"];
    let id = real
        .run_with("hi", &options, &["sleep", "1000"])
        .unwrap()
        .trim()
        .to_owned();
    let created = source.heard.known(|facts| facts.id == id).await;
    assert_eq!((created.name.as_deref(), created.pid), (Some("hi"), None));
    assert_eq!(created.labels["app"], "cart");
    let started = source
        .heard
        .known(|facts| facts.id == id && facts.pid.is_some())
        .await;
    let pid = real.container_pid("hi").unwrap();
    assert_eq!(started.pid, Some(pid));
    assert!(started.started_at.is_some());

    real.rename("hi", "ho").unwrap();
    let renamed = source
        .heard
        .known(|facts| facts.name.as_deref() == Some("ho"))
        .await;
    assert_eq!((renamed.id, renamed.pid), (id.clone(), Some(pid)));
    let found = source
        .docker
        .lookup(&id, "/docker/x")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.name.as_deref(), found.pid), (Some("ho"), Some(pid)));
    assert_eq!(found.labels["app"], "cart");

    real.restart("ho").unwrap();
    assert_eq!(source.heard.ended(&id).await, Some(pid));
    let again = source
        .heard
        .known(|facts| facts.id == id && facts.pid.is_some())
        .await;
    assert_eq!(again.pid, Some(real.container_pid("ho").unwrap()));

    real.rm("ho").unwrap();
    source.heard.ended(&id).await;
    assert_eq!(
        source.docker.lookup(&"ab".repeat(32), "/x").await.unwrap(),
        None
    );
    assert_eq!(source.docker.lookup("not an id", "/x").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_that_comes_late_and_goes_and_comes_is_followed() {
    let real = start();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let mut source = source(&socket);
    let why = source.heard.down().await;
    assert!(why.contains("No such file"), "{why}");
    assert!(matches!(
        source.docker.lookup(&"ab".repeat(32), "/x").await,
        Err(DockerError::NotConnected(_))
    ));
    source.heard.silence(Duration::from_secs(1)).await;

    for name in ["one", "two"] {
        let door = FakeRuntime::listen(&socket, Manner::Door(real.socket().to_owned()));
        let up = source.heard.next().await;
        assert_eq!(up, SourceEvent::Up(crate::facts::Source::Docker));
        source.heard.listed().await;
        let id = real.run_detached(name, &["sleep", "1000"]).unwrap();
        source.heard.known(|facts| facts.id == id).await;
        assert!(source.docker.lookup(&id, "/x").await.unwrap().is_some());
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
        (0..8)
            .map(|n| {
                runner
                    .run_detached(&format!("c{n}"), &["sleep", "1000"])
                    .unwrap()
            })
            .collect::<Vec<_>>()
    });
    // Each connects at another moment of it.
    let mut sources = Vec::new();
    for _ in 0..8 {
        sources.push(source(real.socket()));
        sleep(Duration::from_millis(200)).await;
    }
    let ids = running.await.unwrap();
    for mut source in sources {
        let mut missing: std::collections::BTreeSet<_> = ids.iter().cloned().collect();
        while !missing.is_empty() {
            match source.heard.next().await {
                SourceEvent::Listed { all, .. } => all.iter().for_each(|facts| {
                    missing.remove(&facts.id);
                }),
                SourceEvent::Known(facts) => {
                    missing.remove(&facts.id);
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_that_stops_holds_a_lookup_up_for_a_second_at_most() {
    let real = start();
    let id = real.run_detached("hi", &["sleep", "1000"]).unwrap();
    let mut source = source(real.socket());
    source.heard.listed().await;
    let daemon = nix::unistd::Pid::from_raw(real.pid().try_into().unwrap());
    nix::sys::signal::kill(daemon, nix::sys::signal::Signal::SIGSTOP).unwrap();
    let before = Instant::now();
    let answer = source.docker.lookup(&id, "/x").await;
    let took = before.elapsed();
    nix::sys::signal::kill(daemon, nix::sys::signal::Signal::SIGCONT).unwrap();
    assert!(
        matches!(answer, Err(DockerError::Late { .. })),
        "{answer:?}"
    );
    assert!(took < Duration::from_millis(1500), "{took:?}");
    assert!(source.docker.lookup(&id, "/x").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_docker_that_never_answers_is_told_once_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let _silent = FakeRuntime::listen(&socket, Manner::Silent);
    let mut source = source(&socket);
    let why = source.heard.down().await;
    assert!(why.contains("no answer"), "{why}");
    source.heard.silence(Duration::from_secs(600)).await;
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_told_once() {
    let http = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let cases = [
        Manner::Says(b"\0\xff\xfe garbage".to_vec()),
        Manner::Says(Vec::new()),
        Manner::Says(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n".to_vec()),
        Manner::Says(http("[[[[")),
        Manner::Says(http(r#"{"Components":7}"#)),
        Manner::Says(endless),
        Manner::Floods(vec![b'x'; 65536]),
    ];
    for manner in cases {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let _fake = FakeRuntime::listen(&socket, manner.clone());
        let mut source = source(&socket);
        source.heard.down().await;
        source.heard.silence(Duration::from_secs(20)).await;
    }
}
