//! Whether the API server still knows a kind.

use std::time::{Duration, Instant};

use kube::{Client, Resource};
use tokio::time::timeout;

/// How long a kind must be away before it counts as gone: its definition may be replaced.
const LONG_ENOUGH: Duration = Duration::from_secs(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Since when a kind is away.
#[derive(Debug, Default)]
pub struct Absence {
    since: Option<Instant>,
}

impl Absence {
    /// Takes in what was just seen of the kind: there, not there, or `None` where nobody could be
    /// asked. Returns whether it counts as gone.
    pub fn is_gone(&mut self, there: Option<bool>, now: Instant) -> bool {
        match there {
            Some(true) => self.since = None,
            Some(false) => {
                let since = *self.since.get_or_insert(now);
                return now.duration_since(since) >= LONG_ENOUGH;
            }
            None => {}
        }
        false
    }
}

/// Asks the API server for its kinds. `None` where it does not answer, or not with a list.
pub async fn is_there<K: Resource<DynamicType = ()>>(client: &Client) -> Option<bool> {
    let version = K::api_version(&());
    let asked = timeout(PATIENCE, client.list_api_group_resources(&version)).await;
    match asked.ok()? {
        Ok(list) => Some(list.resources.iter().any(|one| one.name == K::plural(&()))),
        Err(kube::Error::Api(status)) if status.code == 404 => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_gone_when_it_was_away_for_long_enough() {
        let start = Instant::now();
        let mut absence = Absence::default();
        for (second, there, gone) in [
            (0, Some(false), false),
            (9, Some(false), false),
            (10, Some(false), true),
            (11, None, false),
            (12, Some(false), true),
            (13, Some(true), false),
            (14, Some(false), false),
            (20, None, false),
            (23, Some(false), false),
            (24, Some(false), true),
        ] {
            let now = start + Duration::from_secs(second);
            assert_eq!(absence.is_gone(there, now), gone, "{second} s");
        }
    }
}
