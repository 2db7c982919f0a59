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
        kind: "exec",
        timestamp: 1_700_000_000_000_000_000,
        pid,
        file: b"/bin/sh".to_vec(),
        args: [&b"sh"[..], b"-c"].into_iter().collect(),
        ..traceherd_tracers::ExecEvent::default()
    }
}
