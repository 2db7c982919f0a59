//! Labels and annotations say that a container is a pod's.

use std::process::Command;

use serde_json::{Value, json};
use traceherd_e2e::{Runtimes, traceherd::Options};

use crate::stage::{Stage, assert_none, marked, name, wait_for};

/// Whom they name.
const CLAIMS: [(&str, &str); 6] = [
    ("io.kubernetes.container.name", "web"),
    ("io.kubernetes.pod.name", "cart-0"),
    ("io.kubernetes.pod.namespace", "shop"),
    (
        "io.kubernetes.pod.uid",
        "0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d",
    ),
    ("io.cri-containerd.kind", "container"),
    ("nerdctl/name", "web"),
];
const ANNOTATIONS: [&str; 4] = [
    "io.kubernetes.cri.container-name=web",
    "io.kubernetes.cri.sandbox-name=cart-0",
    "io.kubernetes.cri.sandbox-namespace=shop",
    "io.kubernetes.cri.sandbox-uid=0f4b2c1d-7a3e-4d52-9c0b-1e2f3a4b5c6d",
];
const IMAGE: &str = "localhost/claims:1";

pub fn labels_and_annotations(stage: &Stage) {
    let trace = |args: &[&str]| {
        let options = Options::exec(args).unwrap().docker(&stage.docker);
        options.containerd(stage.containerd()).start().unwrap()
    };
    let deceived = [
        trace(&["-c", "web"]),
        trace(&["-n", "shop"]),
        trace(&["-p", "cart-0"]),
    ];
    let everyones = trace(&[]);

    let names = ["image-label", "label", "ctr-image-label", "ctr-annotation"].map(name);
    let [image_label, label, ctr_image_label, ctr_annotation] =
        names.each_ref().map(String::as_str);
    docker_containers(stage, image_label, label);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("claims.tar");
    let file = file.to_string_lossy();
    image_that_claims(&file);
    let containerd = stage.containerd();
    containerd.ctr(&["images", "import", &file]).unwrap();
    let fifos = folder.path().to_string_lossy();
    let own = ["run", "--cpu-shares=0", "--fifo-dir", &fifos, "--detach"];
    let run = |options: &[&str], name: &str| {
        let command = [IMAGE, name, "sh", "-c", &says(name)].map(str::to_owned);
        let command: Vec<_> = command.iter().map(String::as_str).collect();
        containerd
            .ctr(&[&own[..], options, &command].concat())
            .unwrap();
    };
    run(&[], ctr_image_label);
    let annotations: Vec<_> = ANNOTATIONS
        .iter()
        .flat_map(|it| ["--annotation", it])
        .collect();
    run(&annotations, ctr_annotation);

    let marks = [image_label, label, ctr_image_label, ctr_annotation];
    wait_for(&everyones, &marks);
    let everyones = everyones.stop().unwrap();
    for mark in marks {
        for event in marked(&everyones.events, mark) {
            assert_eq!(event["container"], mark, "{event:#}");
            assert_eq!(
                (&event["namespace"], &event["pod"]),
                (&Value::Null, &Value::Null),
                "{event:#}"
            );
        }
    }
    for traceherd in deceived {
        assert_none(&traceherd.stop().unwrap(), &marks);
    }
    for name in [image_label, label] {
        stage.docker.rm(name).unwrap();
    }
    for name in [ctr_image_label, ctr_annotation] {
        containerd.rm(name).unwrap();
    }
}

/// Says its own name, again and again: later, when everybody has been asked, too.
fn says(name: &str) -> String {
    format!("while true; do /bin/echo {name}; sleep 0.2; done")
}

/// One of an image with the labels, and one that is given them.
fn docker_containers(stage: &Stage, of_image: &str, of_user: &str) {
    let source = &*name("source");
    stage.sleeps(source);
    let change = CLAIMS.map(|(key, value)| format!("--change=LABEL {key}={value}"));
    let mut commit = vec!["commit"];
    commit.extend(change.iter().map(String::as_str));
    stage
        .docker
        .docker(&[&commit[..], &[source, IMAGE]].concat())
        .unwrap();
    let run = ["run", "--detach", "--network=none", "--name"];
    let command = ["sh", "-c", &says(of_image)].map(str::to_owned);
    let command: Vec<_> = command.iter().map(String::as_str).collect();
    stage
        .docker
        .docker(&[&run[..], &[of_image, IMAGE], &command].concat())
        .unwrap();
    let labels = CLAIMS.map(|(key, value)| format!("--label={key}={value}"));
    let mut options = vec!["--detach"];
    options.extend(labels.iter().map(String::as_str));
    stage
        .docker
        .run_with(of_user, &options, &["sh", "-c", &says(of_user)])
        .unwrap();
}

/// The usual image, with the labels, in an archive.
fn image_that_claims(file: &str) {
    let labels: serde_json::Map<_, _> = CLAIMS
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    let labels = Value::from(labels);
    let change = format!(r#"s|"Cmd":|"Labels":{labels},"Cmd":|"#);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/busybox-image.sh");
    let runtimes = Runtimes::get().unwrap();
    let status = Command::new(script)
        .arg(runtimes.folder())
        .args([file, IMAGE, &change])
        .status();
    assert!(status.unwrap().success());
}
