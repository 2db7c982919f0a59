//! What people are told to type, typed: README.md's "In a cluster" and the chart's notes.

use crate::identity::RELEASE;
use crate::scene::{Scene, restoring};

/// The image that everybody can pull, as it is called where no registry is.
const PULLED: (&str, &str) = ("busybox", "localhost/busybox:1");

/// What a shell on the node prints, in the folder of this tree.
fn typed(scene: &Scene, script: &str) -> String {
    let script = format!("set -e\n{script}");
    let mut shell = scene.on_node("sh", &["-c", &script]);
    shell.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A command of a page, and what it is shown to print.
struct Step {
    command: String,
    shown: String,
}

/// The first block of README.md's section about clusters.
fn readme() -> Vec<Step> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let section = page.split("\n## In a cluster\n").nth(1).unwrap();
    let block = section.split("\n```\n").nth(1).unwrap();
    let mut steps = Vec::<Step>::new();
    let mut goes_on = false;
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let command = command.to_owned();
            steps.push(Step {
                command,
                shown: String::new(),
            });
        } else {
            let step = steps.last_mut().unwrap();
            let text = if goes_on {
                &mut step.command
            } else {
                &mut step.shown
            };
            *text += &format!("\n{line}");
        }
        goes_on = line.ends_with('\\');
    }
    steps
}

/// Whether that was printed, but for white space, numbers, and what `…` stands for.
fn shows(printed: &str, shown: &str) -> bool {
    let (printed, shown) = (plain(printed), plain(shown));
    let mut rest = printed.as_str();
    shown.split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        let c = if c.is_ascii_digit() { '0' } else { c };
        if c != '0' || !plain.ends_with('0') {
            plain.push(c);
        }
    }
    plain
}

pub fn the_readme_is_true(scene: &Scene) {
    let gone = || {
        typed(
            scene,
            "kubectl delete namespace shop --wait=false --ignore-not-found",
        );
    };
    restoring(gone, || each_command_prints_what_is_shown(scene));
}

fn each_command_prints_what_is_shown(scene: &Scene) {
    let mut steps = readme();
    // The image and the release are there.
    steps.retain(|step| !step.command.starts_with("docker ") && !step.command.starts_with("helm "));
    assert!(steps.len() >= 9, "README.md has {} commands", steps.len());
    for Step { command, shown } in steps {
        let command = command.replace(&format!(" {} ", PULLED.0), &format!(" {} ", PULLED.1));
        let mut printed = typed(scene, &command);
        // What a person would look for again.
        if command.contains(" get ") || command.contains(" logs ") {
            scene.until(&format!("{command} shows{shown}"), || {
                printed = typed(scene, &command);
                shows(&printed, &shown)
            });
        }
        assert!(
            shows(&printed, &shown),
            "{command} printed {printed}not{shown}"
        );
    }
}

pub fn the_notes_lead_to_an_event(scene: &Scene) {
    let gone = || {
        let delete = ["delete", "trace/first", "pod/first", "--ignore-not-found"];
        scene.kubectl_in("default", &delete).unwrap();
    };
    restoring(gone, || follow_the_notes(scene));
}

fn follow_the_notes(scene: &Scene) {
    let notes = typed(scene, &format!("helm get notes {RELEASE} -n {RELEASE}"));
    let commands: Vec<_> = notes
        .lines()
        .filter_map(|line| line.strip_prefix("     "))
        .collect();
    let (image, here) = PULLED;
    let script = commands
        .join("\n")
        .replace(&format!("--image={image} "), &format!("--image={here} "));
    typed(scene, &script);
    let logs = commands.last().unwrap();
    assert!(logs.contains(" logs "), "{logs}");
    scene.until("the status and the log have it", || {
        let told = scene.kubectl_in("default", &["get", "trace", "first", "-o", "yaml"]);
        told.unwrap().contains("- seen") && typed(scene, logs).contains(r#""args":["echo","seen"]"#)
    });
}
