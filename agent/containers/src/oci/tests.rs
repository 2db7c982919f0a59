use super::*;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::{Event, Level, Metadata, span};

/// Counts the warnings of a thread.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }
    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// A process that waits, with an OCI runtime's command line.
fn creator(name: &str, words: &[&str]) -> Child {
    let child = Command::new("/bin/sh")
        .arg0(name)
        // The parser takes -c for an option with a value, as crun has one.
        .args(["-c", "read line"])
        .args(words)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    while command_line(child.id()).is_none_or(|line| !line.starts_with(name.as_bytes())) {
        std::thread::yield_now();
    }
    child
}

fn end(mut child: Child) -> u32 {
    drop(child.stdin.take());
    child.wait().unwrap();
    child.id()
}

#[test]
fn the_creators_bundle_is_read_while_it_lives() {
    let bundle = tempfile::tempdir().unwrap();
    let json = r#"{"linux":{"cgroupsPath":"/x/abc"},"annotations":{"a":"b"}}"#;
    std::fs::write(bundle.path().join("config.json"), json).unwrap();
    let path = bundle.path().to_str().unwrap();
    let words = ["create", "--bundle", path, "abc"];
    let runtime = creator("runc", &words);
    let facts = creator_bundle(runtime.id()).unwrap();
    assert_eq!((facts.id.as_str(), facts.origin), ("abc", Source::Oci));
    assert_eq!(facts.cgroup_path.as_deref(), Some("/x/abc"));
    assert_eq!(facts.labels["a"], "b");
    assert_eq!(creator_bundle(end(runtime)), None);

    let other = creator("systemd", &words);
    assert_eq!(creator_bundle(other.id()), None);
    end(other);
}

#[test]
fn a_bundle_in_its_place_is_believed_where_it_names_the_cgroup() {
    let parent = tempfile::tempdir().unwrap();
    let bundles = || {
        let namespaces = ["moby", "k8s.io"].into_iter();
        namespaces.map(|name| parent.path().join(name).join("abc"))
    };
    let bundle = parent.path().join("k8s.io/abc");
    std::fs::create_dir_all(&bundle).unwrap();
    assert_eq!(first_bundle(bundles(), "abc", "/x/abc"), None);
    let json = r#"{"linux":{"cgroupsPath":"/x/abc"},"annotations":{"a":"b"}}"#;
    std::fs::write(bundle.join("config.json"), json).unwrap();
    let facts = first_bundle(bundles(), "abc", "/x/abc").unwrap();
    assert_eq!((facts.id.as_str(), &*facts.labels["a"]), ("abc", "b"));
    assert_eq!(first_bundle(bundles(), "abc", "/y/abc"), None);
    assert_eq!(usual_bundle("../abc", "/x/abc"), None);
}

#[test]
fn a_bundle_that_is_nonsense_says_nothing_and_is_told_once() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let bundle = tempfile::tempdir().unwrap();
    let path = bundle.path().to_str().unwrap();
    let runtime = creator("runc", &["create", "--bundle", path, "abc"]);
    assert_eq!(creator_bundle(runtime.id()), None);
    let config = bundle.path().join("config.json");
    let huge = vec![b' '; JSON_LIMIT as usize + 1];
    for content in [&b"{"[..], b"\xff\xfe", br#"{"annotations":[1]}"#, &huge] {
        std::fs::write(&config, content).unwrap();
        assert_eq!(creator_bundle(runtime.id()), None);
    }
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1);
    std::fs::remove_file(&config).unwrap();
    nix::unistd::mkfifo(&config, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert_eq!(creator_bundle(runtime.id()), None);
    end(runtime);
}

#[test]
fn a_state_that_is_nonsense_says_nothing_and_is_told_once() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let root = tempfile::tempdir().unwrap();
    assert!(state_told(root.path(), "abc").is_none());
    for file in ["state.json", "status"] {
        let folder = root.path().join(format!("of-{file}"));
        std::fs::create_dir(&folder).unwrap();
        let id = folder.file_name().unwrap().to_str().unwrap();
        for content in [&b"{"[..], b"\xff\xfe", b"7"] {
            std::fs::write(folder.join(file), content).unwrap();
            assert!(state_told(root.path(), id).is_none());
        }
    }
    assert_eq!(warnings.0.load(Ordering::Relaxed), 2);
}

#[test]
fn cruns_state_says_what_its_bundle_says() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let state = folder.path().join("crun/abc");
    for folder in [&bundle, &state] {
        std::fs::create_dir_all(folder).unwrap();
    }
    let status = format!(
        r#"{{"pid":42,"process-start-time":777,"cgroup-path":"/a.slice/crio-abc.scope/container","bundle":"{}"}}"#,
        bundle.display()
    );
    std::fs::write(state.join("status"), status).unwrap();
    let read = || {
        state_below(&folder.path().join("crun"), "abc")
            .unwrap()
            .unwrap()
    };
    // What the bundle would have said.
    assert_eq!(read().facts.pod, None);
    let config = r#"{"annotations":{"io.kubernetes.cri-o.KubeName":"cart-0","io.kubernetes.cri-o.Namespace":"shop",
        "io.kubernetes.pod.uid":"u1","io.kubernetes.container.name":"web"}}"#;
    std::fs::write(bundle.join("config.json"), config).unwrap();
    let state = read();
    let pod = state.facts.pod.unwrap();
    assert_eq!(
        (&*pod.namespace, &*pod.name, &*pod.uid),
        ("shop", "cart-0", "u1")
    );
    assert_eq!(state.facts.name.as_deref(), Some("web"));
    assert_eq!(state.facts.origin, Source::RuncState);
    assert!(
        state
            .cgroup_paths
            .contains(&"/a.slice/crio-abc.scope".to_owned())
    );
    assert_eq!(state.init.unwrap().pid, 42);
}

#[test]
fn a_real_containers_state_proves_its_cgroup_and_no_other() {
    let real =
        traceherd_e2e::Containerd::start().expect("a containerd of the test's own (needs root)");
    real.run_detached("hi", &["sleep", "1000"]).unwrap();
    let path = format!("{}/hi", real.cgroup_parent());
    let facts = state_files("hi", &path).unwrap();
    assert_eq!(facts.cgroup_path.as_deref(), Some(path.as_str()));
    assert_eq!(facts.pid, Some(real.container_pid("hi").unwrap()));
    assert_eq!(facts.runtime_namespace.as_deref(), Some(real.namespace()));
    assert_eq!(state_files("hi", "/elsewhere/hi"), None);
    assert_eq!(state_files("../hi", &path), None);
}
