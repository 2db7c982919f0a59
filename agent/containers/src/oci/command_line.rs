//! The command line of runc, crun or youki: `[global options] create|run [options] ID`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// A runtime's command line that makes a container. Paths are as given: relative ones are the
/// process's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Creation {
    /// The container's id, fit to be a file name.
    pub id: String,
    /// `--bundle`; by default the process's working directory.
    pub bundle: PathBuf,
    /// `--pid-file`.
    pub pid_file: Option<PathBuf>,
    /// `--root`: where the runtime keeps its state.
    pub root: Option<PathBuf>,
}

/// Options with a value, of runc 1.x, crun 1.x and youki together, global ones and those of
/// `create` and `run`. Go's flag package takes them with one dash or two.
const WITH_VALUE: &[&str] = &[
    "b",
    "bundle",
    "c",
    "cgroup-manager",
    "config",
    "console-socket",
    "criu",
    "f",
    "l",
    "log",
    "log-format",
    "log-level",
    "p",
    "pid-file",
    "pidfd-socket",
    "preserve-fds",
    "r",
    "root",
    "rootless",
];

impl Creation {
    /// Of a container whose bundle is known without a command line.
    pub(crate) fn of(id: &str, bundle: PathBuf) -> Self {
        Self {
            id: id.to_owned(),
            bundle,
            pid_file: None,
            root: None,
        }
    }

    /// Reads a `/proc/PID/cmdline`. `None` where it is not an OCI runtime's `create` or `run`.
    pub(crate) fn parse(cmdline: &[u8]) -> Option<Self> {
        let mut words = cmdline.split(|byte| *byte == 0);
        let program = words.next()?;
        if !is_runtime(program) {
            return None;
        }
        let mut bundle = None;
        let mut pid_file = None;
        let mut root = None;
        let mut positional = Vec::new();
        let mut options_ended = false;
        while let Some(word) = words.next() {
            let Some(option) = word.strip_prefix(b"-").filter(|_| !options_ended) else {
                positional.push(word);
                continue;
            };
            if option == b"-" {
                options_ended = true;
                continue;
            }
            let (name, mut value) = split_option(option);
            if value.is_none() && WITH_VALUE.iter().any(|known| known.as_bytes() == name) {
                value = words.next();
            }
            let path = || value.map(|value| PathBuf::from(OsString::from_vec(value.to_vec())));
            match name {
                b"bundle" | b"b" => bundle = path(),
                b"pid-file" | b"p" => pid_file = path(),
                b"root" | b"r" => root = path(),
                _ => {}
            }
        }
        // The block ends in a NUL, so the last word is empty.
        let mut positional = positional.into_iter().filter(|word| !word.is_empty());
        if !matches!(positional.next()?, b"create" | b"run") {
            return None;
        }
        let id = String::from_utf8(positional.next()?.to_vec()).ok()?;
        is_container_id(&id).then(|| Self {
            id,
            bundle: bundle.unwrap_or_else(|| PathBuf::from(".")),
            pid_file,
            root,
        })
    }
}

/// `-name`, `--name`, `--name=value`, and crun's `-bDIR`.
fn split_option(option: &[u8]) -> (&[u8], Option<&[u8]>) {
    let long = option.strip_prefix(b"-");
    let name = long.unwrap_or(option);
    if let Some(at) = name.iter().position(|byte| *byte == b'=') {
        return (&name[..at], Some(&name[at + 1..]));
    }
    let known = WITH_VALUE.iter().any(|known| known.as_bytes() == name);
    if long.is_none() && !known && name.len() > 1 && matches!(name[0], b'b' | b'f') {
        return (&name[..1], Some(&name[1..]));
    }
    (name, None)
}

fn is_runtime(program: &[u8]) -> bool {
    let name = program
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or(program);
    let name = OsStr::from_bytes(name).to_string_lossy();
    // docker-runc, runc.amd64, nvidia's wrappers and memfd clones keep the name inside theirs.
    ["runc", "crun", "youki"]
        .iter()
        .any(|known| name.contains(known))
}

/// The characters runc and containerd allow, so that an id is one path component and no more.
pub(crate) fn is_container_id(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 255
        && id != "."
        && id != ".."
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Option<Creation> {
        let mut cmdline = words.join("\0").into_bytes();
        cmdline.push(0);
        Creation::parse(&cmdline)
    }

    #[test]
    fn create_and_run_are_understood_as_each_runtime_is_called() {
        let shim: &[&str] = &[
            "runc",
            "--root",
            "/run/containerd/runc/default",
            "--log",
            "/b/log.json",
            "--log-format",
            "json",
            "--systemd-cgroup",
            "create",
            "--bundle",
            "/b",
            "--pid-file",
            "/b/init.pid",
            "--no-new-keyring",
            "hi",
        ];
        let crun: &[&str] = &[
            "/usr/bin/crun",
            "--cgroup-manager=systemd",
            "--root=/run/containerd/runc/default",
            "create",
            "-b/b",
            "hi",
            "--pid-file=/b/init.pid",
        ];
        let go: &[&str] = &[
            "/usr/sbin/runc",
            "-root",
            "/run/containerd/runc/default",
            "run",
            "-d",
            "-bundle=/b",
            "-pid-file",
            "/b/init.pid",
            "--",
            "hi",
        ];
        for words in [shim, crun, go] {
            let creation = parse(words).expect("a creation");
            assert_eq!(creation.id, "hi", "{words:?}");
            assert_eq!(creation.bundle, PathBuf::from("/b"), "{words:?}");
            assert_eq!(
                creation.pid_file,
                Some(PathBuf::from("/b/init.pid")),
                "{words:?}"
            );
            assert_eq!(
                creation.root,
                Some(PathBuf::from("/run/containerd/runc/default")),
                "{words:?}"
            );
        }
    }

    #[test]
    fn what_is_not_said_takes_the_runtimes_defaults() {
        let creation = parse(&["runc", "run", "hi"]).expect("a creation");
        assert_eq!(creation.bundle, PathBuf::from("."));
        assert_eq!((creation.pid_file, creation.root), (None, None));
    }

    #[test]
    fn other_commands_and_programs_make_no_container() {
        let cases: &[&[&str]] = &[
            &["runc", "init"],
            &["runc", "--root", "create", "start", "hi"],
            &["runc", "exec", "hi", "create"],
            &["runc", "create"],
            &["runc", "create", "--bundle", "/b"],
            &["runc", "create", "--bundle"],
            &["runc", "create", "../../etc"],
            &["runc", "create", ".."],
            &["runc", "create", "a b"],
            &["sh", "create", "hi"],
            &["", "create", "hi"],
            &["runc"],
            &[],
        ];
        for words in cases {
            assert_eq!(parse(words), None, "{words:?}");
        }
        assert_eq!(Creation::parse(b""), None);
        assert_eq!(Creation::parse(b"runc\0create\0\xff\xfe\0"), None);
    }
}
