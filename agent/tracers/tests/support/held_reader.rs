//! The ring's reader, held for as long as a test says.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

use traceherd_containers::WatchGuard;

use super::{recorder::eventually, stage::Stage};

const FREE: u8 = 0;
/// To be held as soon as the kernel tells of a cgroup.
const HOLD: u8 = 1;
const HELD: u8 = 2;
/// To end when the kernel tells of one.
const DIE: u8 = 3;

pub struct HeldReader {
    state: Arc<AtomicU8>,
    _watch: WatchGuard,
}

impl HeldReader {
    pub fn of(stage: &Stage) -> Self {
        let state = Arc::new(AtomicU8::new(FREE));
        let theirs = Arc::clone(&state);
        // Called by the reader, where it is the kernel that tells of a cgroup.
        let watch = stage.containers.watch_cgroups(move |_| {
            if thread::current().name() != Some("traceherd-ring") {
                return;
            }
            assert_ne!(theirs.load(Ordering::Relaxed), DIE, "the reader is to end");
            while theirs.load(Ordering::Relaxed) != FREE {
                // It may be free again already.
                let _ = theirs.compare_exchange(HOLD, HELD, Ordering::Relaxed, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(1));
            }
        });
        Self {
            state,
            _watch: watch,
        }
    }

    /// Has it told of a cgroup that goes, and waits until it is held.
    pub fn hold(&self, stage: &Stage) {
        self.state.store(HOLD, Ordering::Relaxed);
        fs::remove_dir(stage.ground()).unwrap();
        eventually(|| (self.state.load(Ordering::Relaxed) == HELD).then_some(()));
    }

    pub fn release(&self) {
        self.state.store(FREE, Ordering::Relaxed);
    }

    /// Has it told of a cgroup that goes, and end of that.
    pub fn end(&self, stage: &Stage) {
        self.state.store(DIE, Ordering::Relaxed);
        fs::remove_dir(stage.ground()).unwrap();
    }
}
