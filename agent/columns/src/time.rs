//! Moments as text, always UTC.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

/// Appends RFC 3339 with nanoseconds, such as `2026-03-01T12:00:00.000000001Z`.
pub fn write_rfc3339(nanos: u64, out: &mut String) {
    // Every u64 of nanoseconds is a moment before the year 2555, which jiff has.
    let moment = Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::MAX);
    // Writing to a String cannot fail.
    let _ = PRINTER.print_timestamp(&moment, &mut *out);
}

/// Appends the time of day with milliseconds, such as `12:00:00.123`.
pub fn write_clock(nanos: u64, out: &mut String) {
    let millis = nanos / 1_000_000 % 86_400_000;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "{:02}:{:02}:{:02}.{millis:03}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
    );
}

/// Nanoseconds since the epoch of an RFC 3339 moment, where it is one and not before 1970.
pub fn parse(text: &str) -> Option<u64> {
    let moment: Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z", "00:00:00.000"),
            (
                1_772_366_399_123_456_789,
                "2026-03-01T11:59:59.123456789Z",
                "11:59:59.123",
            ),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z", "23:34:33.709"),
        ];
        for (nanos, rfc3339, clock) in cases {
            let (mut long, mut short) = (String::new(), String::new());
            write_rfc3339(nanos, &mut long);
            write_clock(nanos, &mut short);
            assert_eq!((long.as_str(), short.as_str()), (rfc3339, clock));
            assert_eq!(parse(rfc3339), Some(nanos));
        }
        assert_eq!(parse("1969-12-31T23:59:59Z"), None);
        assert_eq!(parse("yesterday"), None);
        assert_eq!(parse("1970-01-01T01:00:00+01:00"), Some(0));
    }
}
