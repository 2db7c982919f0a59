//! Where a trace's events go.

mod log;
mod outlet;
mod summary;

pub use self::log::Log;
pub use self::outlet::{Flow, Outlet, OutletCounts, Printing};

/// An exec by nobody in particular.
#[cfg(test)]
fn an_event(pid: u32) -> traceherd_tracers::ExecEvent {
    traceherd_tracers::ExecEvent {
        node: Some("n1".into()),
        container: None,
        kind: "exec",
        timestamp: 1_700_000_000_000_000_000,
        boottime: 1,
        pid,
        tid: None,
        nspid: pid,
        ppid: 1,
        uid: 0,
        gid: 0,
        euid: 0,
        loginuid: None,
        sessionid: None,
        sid: 1,
        tty: None,
        comm: traceherd_tracers::Name::default(),
        pcomm: traceherd_tracers::Name::default(),
        file: b"/bin/sh".to_vec(),
        file_unreadable: false,
        exepath: None,
        exepath_cut: false,
        interpreter: None,
        ret: 0,
        args: [&b"sh"[..], b"-c"].into_iter().collect(),
        cgroupid: traceherd_containers::CgroupId(1),
        mountnsid: 1,
    }
}
