use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

const NAP: Duration = Duration::from_millis(1);
/// Threads that wake one another between what happens and a test that hears of it.
const STEPS: u32 = 4;

/// How late this machine wakes a thread that has slept, while the value lives. A bound on time is
/// meant for a machine that has a CPU free: on a busy one the test allows for what that costs.
#[derive(Debug)]
pub struct Lateness {
    worst_ns: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Lateness {
    /// Begins to look.
    #[must_use]
    pub fn watch() -> Self {
        let lateness = Self {
            worst_ns: Arc::default(),
            ended: Arc::default(),
        };
        let (worst_ns, ended) = (Arc::clone(&lateness.worst_ns), Arc::clone(&lateness.ended));
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let began = Instant::now();
                thread::sleep(NAP);
                let late = began.elapsed().saturating_sub(NAP).as_nanos() as u64;
                worst_ns.fetch_max(late, Ordering::Relaxed);
            }
        });
        lateness
    }

    /// What a bound may be exceeded by, for what was seen until now.
    #[must_use]
    pub fn allowance(&self) -> Duration {
        STEPS * Duration::from_nanos(self.worst_ns.load(Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
    }
}
