//! Values on the command line.

use traceherd_crds::{MAX_RATE, RateLimit};

/// Reads a label, `key=value`.
///
/// # Errors
/// That it is none.
pub fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as key=value".to_owned()),
    }
}

/// Reads a rate limit, `events per second` or `events per second:burst`; the burst is a second's
/// events where none is given.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn rate_limit(text: &str) -> Result<RateLimit, String> {
    let number = |text: &str| {
        let number = text.parse().ok();
        number.filter(|number| (1..=MAX_RATE).contains(number))
    };
    let (rate, burst) = text.split_once(':').unwrap_or((text, text));
    match (number(rate), number(burst)) {
        (Some(events_per_second), Some(burst)) => Ok(RateLimit {
            events_per_second,
            burst,
        }),
        _ => Err(format!(
            "write EVENTS or EVENTS:BURST, as in 500 or 500:5000, each from 1 to {MAX_RATE}"
        )),
    }
}

/// A regular expression over an argument's bytes.
#[derive(Clone, Debug)]
pub struct Pattern(pub regex::bytes::Regex);

/// Reads a regular expression that matches something.
///
/// # Errors
/// What is wrong with it, for a person.
pub fn pattern(text: &str) -> Result<Pattern, String> {
    let pattern = regex::bytes::Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        format!("not a regular expression: {reason}")
    })?;
    if pattern.is_match(b"") {
        return Err("it matches the empty text, and so nothing in particular".to_owned());
    }
    Ok(Pattern(pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_key_and_value() {
        let pair = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(label("app=cart").ok(), pair("app", "cart"));
        assert_eq!(label("a=b=c").ok(), pair("a", "b=c"));
        assert_eq!(label("a=").ok(), pair("a", ""));
        assert_eq!(label("a").ok(), None);
        assert_eq!(label("=a").ok(), None);
    }

    #[test]
    fn a_pattern_matches_something() {
        for (text, right) in [
            ("secret=[^ ]+", true),
            ("(?i)^Bearer .+", true),
            ("", false),
            ("x*", false),
            ("(", false),
            ("(?<=a)b", false),
        ] {
            assert_eq!(pattern(text).is_ok(), right, "{text:?}");
        }
    }

    #[test]
    fn a_rate_limit_is_events_and_a_burst() {
        for (text, wanted) in [
            ("500", Some((500, 500))),
            ("500:5000", Some((500, 5000))),
            ("1000000:1", Some((1_000_000, 1))),
            ("1000001", None),
            ("0", None),
            ("5:0", None),
            ("5:", None),
            (":5", None),
            ("5:6:7", None),
            ("-5", None),
            ("5/s", None),
            ("", None),
        ] {
            let read = rate_limit(text).ok();
            let read = read.map(|limit| (limit.events_per_second, limit.burst));
            assert_eq!(read, wanted, "{text:?}");
        }
    }
}
