use super::*;
use crate::container::Runtime;
use crate::fake_runtime::Told as Heard;
use tokio::task::JoinHandle;
use traceherd_e2e::executable;

#[test]
fn what_could_not_be_seen_is_looked_for() {
    let program = FileId::at(Path::new("/")).unwrap();
    let opened = Seen::Opened { pid: 7, program };
    for (seen, followed, step) in [
        (opened, 0, Step::Follow(7, program)),
        (opened, FOLLOWED - 1, Step::Follow(7, program)),
        (opened, FOLLOWED, Step::Look),
        (Seen::Lost, 0, Step::Look),
        (Seen::Lost, FOLLOWED, Step::Look),
        (Seen::Replaced, 0, Step::Mark),
    ] {
        assert_eq!(called_for(seen, followed), step, "{seen:?}");
    }
}

struct Followed {
    heard: Heard,
    task: JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Watches the runc that the tests' runtimes use.
fn follow() -> Followed {
    let runtimes = traceherd_e2e::Runtimes::get().expect("the tests' runtimes");
    let source = Arc::new(RuncFanotify::new(RuncOptions {
        binaries: vec![runtimes.folder().join("bin/runc")],
    }));
    let (sender, receiver) = mpsc::channel(64);
    let task = tokio::spawn(source.run(sender));
    Followed {
        heard: Heard(receiver),
        task,
    }
}

fn start() -> traceherd_e2e::Runc {
    traceherd_e2e::Runc::start().expect("containers of the test's own (needs root)")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_plain_runc_is_told_with_name_pid_and_annotations() {
    let real = start();
    let mut source = follow();
    source.heard.listed().await;
    let annotations = [("org.example", "yes")];
    for name in ["plain-1", "plain-2"] {
        real.run_detached(name, &annotations, &["sleep", "1000"])
            .unwrap();
        let facts = source.heard.known(|facts| facts.id == name).await;
        assert_eq!(facts.name.as_deref(), Some(name));
        assert_eq!(facts.pid, Some(real.container_pid(name).unwrap()));
        assert_eq!(facts.runtime, Some(Runtime::Runc));
        assert_eq!(facts.labels["org.example"], "yes");
        assert_eq!(facts.origin, Source::RuncFanotify);
    }
    // runc's own further steps make no container.
    real.exec("plain-1", &["true"]).unwrap();
    real.rm("plain-2").unwrap();
    let again = source
        .heard
        .known(|facts| facts.id == "plain-1" || facts.id == "plain-2");
    let again = timeout(Duration::from_millis(500), again).await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_containerd_is_told_by_its_id() {
    let real =
        traceherd_e2e::Containerd::start().expect("a containerd of the test's own (needs root)");
    let mut source = follow();
    source.heard.listed().await;
    real.run_detached("hi", &["sleep", "1000"]).unwrap();
    let facts = source.heard.known(|facts| facts.id == "hi").await;
    assert_eq!(facts.name.as_deref(), Some("hi"));
    assert_eq!(facts.pid, Some(real.container_pid("hi").unwrap()));
    assert_eq!(facts.runtime, Some(Runtime::Containerd));
    assert_eq!(facts.runtime_namespace.as_deref(), Some(real.namespace()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_of_docker_is_told_without_the_name_only_docker_knows() {
    let real = traceherd_e2e::Docker::start().expect("a docker of the test's own (needs root)");
    let mut source = follow();
    source.heard.listed().await;
    let id = real.run_detached("hi", &["sleep", "1000"]).unwrap();
    let facts = source.heard.known(|facts| facts.id == id).await;
    assert_eq!(facts.name, None);
    assert_eq!(facts.pid, Some(real.container_pid("hi").unwrap()));
    assert_eq!(facts.runtime, Some(Runtime::Docker));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_second_look_what_was_told_is_still_listed() {
    let real = start();
    let runtimes = traceherd_e2e::Runtimes::get().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let late = folder.path().join("runc");
    let source = Arc::new(RuncFanotify::new(RuncOptions {
        binaries: vec![runtimes.folder().join("bin/runc"), late.clone()],
    }));
    let (sender, receiver) = mpsc::channel(64);
    let task = tokio::spawn(source.run(sender));
    let mut heard = Heard(receiver);
    heard.listed().await;
    real.run_detached("one", &[], &["sleep", "1000"]).unwrap();
    let pid = heard.known(|facts| facts.id == "one").await.pid;
    // A program that appears is marked, and what ran before the mark is looked for.
    executable::copy("/bin/true", &late).unwrap();
    let listed = heard.listed().await;
    assert!(
        listed
            .iter()
            .any(|facts| facts.id == "one" && facts.pid == pid),
        "{listed:?}"
    );
    real.rm("one").unwrap();
    executable::copy("/bin/true", folder.path().join("fresh")).unwrap();
    std::fs::rename(folder.path().join("fresh"), &late).unwrap();
    let listed = heard.listed().await;
    assert!(!listed.iter().any(|facts| facts.id == "one"), "{listed:?}");
    task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runc_replaced_by_rename_is_still_seen() {
    let real = start();
    let runtimes = traceherd_e2e::Runtimes::get().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("runc");
    let fresh = folder.path().join("fresh");
    executable::copy(runtimes.folder().join("bin/runc"), &program).unwrap();
    let source = Arc::new(RuncFanotify::new(RuncOptions {
        binaries: vec![program.clone()],
    }));
    let (sender, receiver) = mpsc::channel(64);
    let task = tokio::spawn(source.run(sender));
    let mut heard = Heard(receiver);
    heard.listed().await;
    // For its bundle.
    real.run_detached("one", &[], &["sleep", "1000"]).unwrap();
    real.rm("one").unwrap();
    let bundle = real.root().with_file_name("bundles").join("one");

    for name in ["before", "after"] {
        let mut command = runtimes.command("busybox");
        command
            .arg("env")
            .arg(&program)
            .arg("--root")
            .arg(real.root());
        command.args(["run", "--detach", "--bundle"]).arg(&bundle);
        let null = std::process::Stdio::null;
        command
            .arg(name)
            .stdin(null())
            .stdout(null())
            .stderr(null());
        assert!(command.status().unwrap().success());
        let facts = heard.known(|facts| facts.id == name).await;
        assert_eq!(facts.pid, Some(real.container_pid(name).unwrap()));
        real.rm(name).unwrap();

        executable::copy(&program, &fresh).unwrap();
        std::fs::rename(&fresh, &program).unwrap();
        heard.listed().await;
    }
    task.abort();
}
