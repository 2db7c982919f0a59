//! The image's file, as far as it can be followed without building the image.

use std::fs;
use std::process::Command;

use crate::helm::tree;

/// The script that the build stage runs before the sources are there.
const SCRIPT: &str = "ebpf/install-tools.sh";

/// What the build stage has copied by the time that it runs the script.
fn copied(dockerfile: &str) -> Vec<&str> {
    let before = dockerfile
        .lines()
        .take_while(|line| !line.starts_with("RUN "));
    let copies = before.filter_map(|line| line.strip_prefix("COPY "));
    copies
        .flat_map(|line| {
            let mut files: Vec<_> = line.split_whitespace().collect();
            // The last is where to.
            files.pop();
            files
        })
        .collect()
}

/// The tree's files that a script names, by their paths from the tree's root.
fn named(script: &str) -> Vec<String> {
    let text = fs::read_to_string(tree().join(script)).unwrap();
    let code = text.lines().filter(|line| !line.trim().starts_with('#'));
    let is_path = |c: char| c.is_alphanumeric() || "-_./".contains(c);
    let words = code.flat_map(|line| line.split(move |c| !is_path(c)));
    let paths = words.map(|word| word.trim_start_matches(['.', '/']));
    let files = paths.filter(|path| path.contains('/') && tree().join(path).is_file());
    files.map(str::to_owned).collect()
}

#[test]
fn the_build_stage_has_what_its_first_script_needs() {
    let dockerfile = fs::read_to_string(tree().join("charts/image/Dockerfile")).unwrap();
    let copied = copied(&dockerfile);
    assert!(copied.contains(&SCRIPT), "{copied:?}");
    let stage = tempfile::tempdir().unwrap();
    for file in &copied {
        let to = stage.path().join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(tree().join(file), to).unwrap();
    }
    // By its interpreter: a process that another test forks meanwhile may hold the copy open.
    let script = stage.path().join(SCRIPT);
    let ran = Command::new("bash").arg(script).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}");

    // What this machine has already, the script did not have to get.
    for script in copied.iter().filter(|file| file.ends_with(".sh")) {
        for needed in named(script) {
            assert!(copied.contains(&needed.as_str()), "{script} needs {needed}");
        }
    }
}
