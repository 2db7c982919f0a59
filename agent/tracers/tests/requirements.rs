//! What tracing needs, and what is said where it is missing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::{error::Error as _, fs, thread};

use caps::{CapSet, Capability};
use support::{call::Call, child::Child, recorder::Recorder};
use traceherd_tracers::{ExecOptions, ExecTracer, KernelTypes, TracerError};

/// Starts a tracer with these capabilities only. They are a thread's own, so nobody else is bothered.
fn start_with(capabilities: &[Capability], options: ExecOptions) -> Result<(), TracerError> {
    thread::scope(|scope| {
        let attempt = || {
            let kept = capabilities.iter().copied().collect();
            caps::set(None, CapSet::Effective, &kept).unwrap();
            ExecTracer::start(options, drop).map(drop)
        };
        scope.spawn(attempt).join().unwrap()
    })
}

#[test]
fn missing_capabilities_are_named_and_so_is_the_remedy() {
    let cases: [(&[Capability], &str); 3] = [
        (&[], "missing: CAP_BPF, CAP_PERFMON"),
        (&[Capability::CAP_PERFMON], "missing: CAP_BPF."),
        (&[Capability::CAP_BPF], "missing: CAP_PERFMON."),
    ];
    for (capabilities, said) in cases {
        let error = start_with(capabilities, ExecOptions::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{capabilities:?}: {error}");
        assert!(error.contains("as root"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn the_two_capabilities_that_are_named_are_enough() {
    let needed = [Capability::CAP_BPF, Capability::CAP_PERFMON];
    start_with(&needed, ExecOptions::default()).unwrap();
    start_with(
        &needed,
        ExecOptions {
            include_failed: true,
            ..ExecOptions::default()
        },
    )
    .unwrap();
    start_with(&[Capability::CAP_SYS_ADMIN], ExecOptions::default()).unwrap();
}

#[test]
fn where_tracefs_is_not_mounted_it_is_mounted_for_failures_by_whoever_may() {
    let recorder = Recorder::plain();
    let call = Call::new("/bin/true", ["true"]);
    // In mounts of its own, without tracefs.
    let child = Child::fork(|| {
        use nix::mount::{MntFlags, MsFlags, mount, umount2};
        let none = None::<&str>;
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).unwrap();
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        while umount2("/sys/kernel/tracing", MntFlags::MNT_DETACH).is_ok() {}
        assert!(!fs::exists("/sys/kernel/tracing/events").unwrap());
        let options = ExecOptions {
            include_failed: true,
            ..ExecOptions::default()
        };
        let may_not_mount = [Capability::CAP_BPF, Capability::CAP_PERFMON];
        let error = start_with(&may_not_mount, options).unwrap_err();
        assert!(error.to_string().contains("mount -t tracefs"), "{error}");
        assert!(error.source().is_some());
        let tracer = ExecTracer::start(options, drop).unwrap();
        assert!(fs::exists("/sys/kernel/tracing/events").unwrap());
        drop(tracer);
        call.make()
    });
    recorder.only(child.succeeds());
}

#[test]
fn type_information_that_is_none_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(traceherd_tracers::KERNEL_BTF).unwrap();
    let mut wrong_magic = whole.clone();
    wrong_magic[0] ^= 0xff;
    let mut wild_header = whole.clone();
    wild_header[8..24].fill(0xff);
    let cases: [(&str, &[u8]); 6] = [
        ("empty", b""),
        ("short", &whole[..20]),
        ("cut", &whole[..whole.len() / 2]),
        (
            "text",
            b"this is no type information at all, whatever its name says",
        ),
        ("magic", &wrong_magic),
        ("header", &wild_header),
    ];
    for (name, content) in cases {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        // Parsing may be lazy: the offsets are what is needed.
        let error = match KernelTypes::from_file(&path) {
            Ok(types) => types.offsets().err(),
            Err(error) => {
                assert!(
                    error.to_string().contains(path.to_str().unwrap()),
                    "{error}"
                );
                assert!(
                    error.to_string().contains("CONFIG_DEBUG_INFO_BTF"),
                    "{error}"
                );
                assert!(error.source().is_some());
                Some(error)
            }
        };
        println!("{name}: {error:?}");
        assert!(error.is_some(), "{name} was believed");
    }
    let missing = folder.path().join("missing");
    let error = KernelTypes::from_file(&missing).err().unwrap();
    assert!(error.to_string().contains("missing"), "{error}");
}
