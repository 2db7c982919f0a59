//! Files of container runtimes that are not the JSON they should be: each is told once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::warn;

use super::OciError;
use crate::facts::reason;

/// So many are told of. Whoever may start processes and make cgroups can make more of them.
const MOST: usize = 32;

static TOLD: Mutex<Told> = Mutex::new(Told(BTreeSet::new()));

#[derive(Debug)]
struct Told(BTreeSet<PathBuf>);

#[derive(Debug, Eq, PartialEq)]
enum Word {
    First,
    /// The first, and the last that there is room for.
    Last,
    Again,
}

impl Told {
    fn of(&mut self, path: &Path) -> Word {
        if self.0.len() >= MOST || !self.0.insert(path.to_owned()) {
            Word::Again
        } else if self.0.len() == MOST {
            Word::Last
        } else {
            Word::First
        }
    }
}

/// Tells of the file at `path`, unless it was told of before.
pub(super) fn tell(path: &Path, error: &OciError) {
    let word = TOLD.lock().unwrap_or_else(PoisonError::into_inner).of(path);
    if word == Word::Again {
        return;
    }
    let reason = reason(error);
    warn!(reason, "a container runtime's file is of no use");
    if word == Word::Last {
        warn!("{MOST} such files were told of; more will not be");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_is_told_once_and_not_endlessly_many() {
        let mut told = Told(BTreeSet::new());
        let paths: Vec<_> = (0..MOST + 2)
            .map(|n| PathBuf::from(n.to_string()))
            .collect();
        for path in &paths[..MOST - 1] {
            assert_eq!(told.of(path), Word::First);
            assert_eq!(told.of(path), Word::Again);
        }
        assert_eq!(told.of(&paths[MOST - 1]), Word::Last);
        for path in &paths {
            assert_eq!(told.of(path), Word::Again);
        }
        assert_eq!(told.0.len(), MOST);
    }
}
