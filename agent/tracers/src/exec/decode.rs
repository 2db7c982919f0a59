//! From a record of the ring to an event.

use std::{mem, sync::Arc};

use nix::time::{ClockId, clock_gettime};
use traceherd_containers::{CgroupId, Container};
use traceherd_ebpf_common::{Exec, exec_flags};

use super::{
    arguments::{ArgumentList, Arguments},
    event::ExecEvent,
    text::Name,
};

/// Turns the kernel's time into wall-clock time. Taken anew for each batch of events, so that a
/// clock that is set does not stay wrong.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// Wall-clock time at boot, nanoseconds since 1970.
    booted: u64,
}

impl Clock {
    /// As it is now.
    pub fn now() -> Self {
        Self {
            booted: nanoseconds(ClockId::CLOCK_REALTIME)
                .saturating_sub(nanoseconds(ClockId::CLOCK_BOOTTIME)),
        }
    }

    /// The kernel's time now, in nanoseconds.
    pub fn since_boot() -> u64 {
        nanoseconds(ClockId::CLOCK_BOOTTIME)
    }
}

fn nanoseconds(clock: ClockId) -> u64 {
    // Both clocks exist on every Linux that is supported.
    clock_gettime(clock).map_or(0, |time| {
        let (seconds, nanoseconds) = (time.tv_sec() as u64, time.tv_nsec() as u64);
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds)
    })
}

/// Makes an event of a record.
pub fn decode(
    exec: &Exec<'_>,
    clock: Clock,
    node: Option<&Arc<str>>,
    container: Option<&Arc<Container>>,
) -> ExecEvent {
    let mut event = ExecEvent::default();
    decode_into(&mut event, exec, clock, node, container);
    event
}

/// The same in place of another event, whose memory is used again.
pub fn decode_into(
    event: &mut ExecEvent,
    exec: &Exec<'_>,
    clock: Clock,
    node: Option<&Arc<str>>,
    container: Option<&Arc<Container>>,
) {
    let header = exec.header;
    let has = |flag| header.flags & flag != 0;
    let mut file = mem::take(&mut event.file);
    file.clear();
    file.extend_from_slice(exec.file);
    let room = mem::take(&mut event.args);
    *event = ExecEvent {
        node: node.cloned(),
        container: container.cloned(),
        kind: "normal",
        timestamp: clock.booted.saturating_add(header.boot_ns),
        boottime: header.boot_ns,
        pid: header.pid,
        tid: (header.tid != header.pid).then_some(header.tid),
        nspid: header.ns_pid,
        ppid: header.ppid,
        uid: header.uid,
        gid: header.gid,
        euid: header.euid,
        loginuid: known(header.loginuid),
        sessionid: known(header.sessionid),
        sid: header.sid,
        tty: (header.tty[0] != 0).then_some(Name(header.tty)),
        comm: Name(header.comm),
        pcomm: Name(header.pcomm),
        file,
        file_unreadable: has(exec_flags::FILE_UNREADABLE),
        exepath: path(
            event.exepath.take().unwrap_or_default(),
            exec.path,
            has(exec_flags::PATH_CUT),
            has(exec_flags::PATH_ANONYMOUS),
        ),
        exepath_cut: has(exec_flags::PATH_CUT),
        interpreter: (!exec.interpreter.is_empty()).then(|| exec.interpreter.to_vec()),
        ret: header.ret,
        args: if exec.failed {
            Arguments::from_vector(
                room,
                exec.args,
                header.argc,
                if has(exec_flags::ARGV_UNREADABLE) {
                    ArgumentList::Unreadable
                } else if has(exec_flags::ARGC_CUT) {
                    ArgumentList::Cut
                } else {
                    ArgumentList::Whole
                },
            )
        } else {
            Arguments::from_block(
                room,
                exec.args,
                header.argc,
                header.args_total,
                header.args_offset,
                header.args_absent,
            )
        },
        cgroupid: CgroupId(header.cgroup),
        mountnsid: header.mountnsid,
    };
}

/// The kernel's word for a number that was never set.
fn known(number: u32) -> Option<u32> {
    (number != u32::MAX).then_some(number)
}

/// From components, last first and each closed by NUL, to a path. A cut one lacks its start, and
/// one outside the file tree (a memfd) has none. `path` is the room for it.
fn path(mut path: Vec<u8>, components: &[u8], cut: bool, anonymous: bool) -> Option<Vec<u8>> {
    let components = components.strip_suffix(&[0])?;
    path.clear();
    path.reserve_exact(components.len() + 1);
    for component in components.rsplit(|&byte| byte == 0) {
        if !(path.is_empty() && (cut || anonymous)) {
            path.push(b'/');
        }
        path.extend_from_slice(component);
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use traceherd_ebpf_common::ExecHeader;
    use zerocopy::FromZeros as _;

    use super::*;

    #[test]
    fn an_event_in_place_of_another_has_nothing_of_it() {
        let mut header = ExecHeader::new_zeroed();
        header.args_total = 9;
        let whole = Exec {
            header: &header,
            failed: false,
            file: b"./run",
            interpreter: b"/bin/sh",
            path: b"run\0opt\0",
            args: b"run\0fast\0",
        };
        let bare = Exec {
            failed: true,
            file: b"x",
            interpreter: b"",
            path: b"",
            args: b"",
            ..whole
        };
        let (clock, node) = (Clock::now(), Arc::from("node"));
        for (first, second) in [(&whole, &bare), (&bare, &whole), (&whole, &whole)] {
            let mut event = decode(first, clock, Some(&node), Some(&Arc::default()));
            decode_into(&mut event, second, clock, None, None);
            let fresh = decode(second, clock, None, None);
            assert_eq!(format!("{event:?}"), format!("{fresh:?}"));
        }
    }

    #[test]
    fn components_become_a_path() {
        let assert = |components: &str, cut, anonymous, expected: Option<&str>| {
            let found = path(b"/old".to_vec(), components.as_bytes(), cut, anonymous);
            assert_eq!(
                found.as_deref(),
                expected.map(str::as_bytes),
                "{components:?}"
            );
        };
        assert("", false, false, None);
        assert("true\0bin\0usr\0", false, false, Some("/usr/bin/true"));
        assert("init\0", false, false, Some("/init"));
        assert("x\0y\0", true, false, Some("y/x"));
        assert("memfd:prog\0", false, true, Some("memfd:prog"));
    }

    #[test]
    fn the_clock_is_the_wall_clock() {
        let clock = Clock::now();
        let now = clock.booted + nanoseconds(ClockId::CLOCK_BOOTTIME);
        let wall = nanoseconds(ClockId::CLOCK_REALTIME);
        assert!(now.abs_diff(wall) < 50_000_000, "{now} {wall}");
    }
}
