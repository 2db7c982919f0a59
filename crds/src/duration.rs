//! Durations as people write them.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use crate::bounds::{GO_DURATION, MAX_DURATION};

static FORM: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(GO_DURATION).ok());

/// Reads a duration from a command line as a manifest has it: `90s`, `10m`, `1h30m`, longer than
/// nothing and at most [`MAX_DURATION`].
///
/// # Errors
/// What is wrong with it, for a person.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let well_formed = text.len() <= 32 && FORM.as_ref().is_some_and(|form| form.is_match(text));
    let parsed: Option<kube::core::Duration> = if well_formed { text.parse().ok() } else { None };
    match parsed.map(Duration::from) {
        None => Err("write it with units: 90s, 10m, 1h30m".to_owned()),
        Some(duration) if duration.is_zero() => Err("must be longer than nothing".to_owned()),
        Some(duration) if duration > MAX_DURATION => {
            Err(format!("at most {}h", MAX_DURATION.as_secs() / 3600))
        }
        Some(duration) => Ok(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_in_a_manifest() {
        for (text, wanted) in [
            ("90s", Some(90_000)),
            ("1h30m", Some(5_400_000)),
            ("1.5s", Some(1500)),
            ("250ms", Some(250)),
            ("720h", Some(720 * 3_600_000)),
            ("721h", None),
            ("999999999h999999999h999999999h", None),
            ("0s", None),
            ("10", None),
            ("-1s", None),
            ("", None),
            ("1e3s", None),
        ] {
            let wanted = wanted.map(Duration::from_millis);
            assert_eq!(parse_duration(text).ok(), wanted, "{text:?}");
        }
    }
}
