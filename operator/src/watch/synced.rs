//! Whether everything has been seen once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

/// What is still to be seen.
#[derive(Debug)]
pub struct Synced {
    missing: Mutex<BTreeSet<&'static str>>,
    all: Notify,
}

impl Synced {
    /// All of these are still to be seen.
    pub fn new(missing: impl IntoIterator<Item = &'static str>) -> Self {
        Self {
            missing: Mutex::new(missing.into_iter().collect()),
            all: Notify::new(),
        }
    }

    /// This has been seen.
    pub fn set(&self, what: &str) {
        let mut missing = self.lock();
        missing.remove(what);
        if missing.is_empty() {
            self.all.notify_waiters();
        }
    }

    /// What has not been seen.
    pub fn missing(&self) -> Vec<&'static str> {
        self.lock().iter().copied().collect()
    }

    /// Until everything has been seen.
    pub async fn wait(&self) {
        loop {
            let all = self.all.notified();
            if self.lock().is_empty() {
                return;
            }
            all.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
