//! From the traces that want a container to the kernel's verdict. Functions of values only.

use traceherd_ebpf_common::{Class, Verdict, gadget};

use super::spec::{RateLimit, TraceSpec};

/// The verdict of a cgroup of that class which the given traces want.
///
/// The kernel records what any of them asks for: the most bytes, the laxest limit, which is the
/// highest rate and the largest burst of any. Each trace cuts it to its own afterwards.
pub fn verdict<'a>(class: Class, wanted_by: impl IntoIterator<Item = &'a TraceSpec>) -> Verdict {
    let mut verdict = Verdict {
        class: class as u32,
        ..Verdict::default()
    };
    let mut laxest = Some(RateLimit {
        events_per_second: 0,
        burst: 0,
    });
    for spec in wanted_by {
        verdict.gadgets |= gadgets(spec);
        verdict.max_args = verdict.max_args.max(spec.exec.recorded_bytes());
        laxest = laxest.zip(spec.rate_limit).map(|(one, other)| RateLimit {
            events_per_second: one.events_per_second.max(other.events_per_second),
            burst: one.burst.max(other.burst),
        });
    }
    // Where nobody wants anything there is nothing to limit.
    if let Some(limit) = laxest.filter(|_| verdict.gadgets != 0) {
        verdict.interval_ns = limit.interval_ns();
        verdict.burst_ns = limit.burst_ns();
    }
    verdict
}

/// The kinds of events that a trace wants.
pub fn gadgets(spec: &TraceSpec) -> u32 {
    if spec.exec.include_failed {
        gadget::EXEC | gadget::EXEC_FAILED
    } else {
        gadget::EXEC
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{ArgsMode, ExecOptions};

    fn limited(events_per_second: u32, burst: u32) -> TraceSpec {
        TraceSpec {
            rate_limit: Some(RateLimit {
                events_per_second,
                burst,
            }),
            ..TraceSpec::default()
        }
    }

    fn options(exec: ExecOptions) -> TraceSpec {
        TraceSpec {
            exec,
            ..TraceSpec::default()
        }
    }

    #[test]
    fn nobody_wants_nothing() {
        let none = verdict(Class::Container, []);
        assert_eq!(
            (none.class, none.gadgets, none.max_args),
            (Class::Container as u32, 0, 0)
        );
    }

    #[test]
    fn the_most_of_everything_is_recorded() {
        let plain = TraceSpec::default();
        let failed = options(ExecOptions {
            include_failed: true,
            args: ArgsMode::Count,
            ..ExecOptions::default()
        });
        let long = options(ExecOptions {
            max_args_bytes: 8192,
            ..ExecOptions::default()
        });
        assert_eq!(verdict(Class::Host, [&failed]).max_args, 0);
        let all = verdict(Class::Host, [&plain, &failed, &long]);
        assert_eq!(all.gadgets, gadget::EXEC | gadget::EXEC_FAILED);
        assert_eq!(all.max_args, 8192);
    }

    #[test]
    fn the_laxest_limit_holds_and_none_is_laxer_than_any() {
        let (slow, fast, free) = (limited(1, 50), limited(1000, 10), TraceSpec::default());
        let alone = verdict(Class::Container, [&slow]);
        assert_eq!(
            (alone.interval_ns, alone.burst_ns),
            (1_000_000_000, 49_000_000_000)
        );
        for order in [[&slow, &fast], [&fast, &slow]] {
            let both = verdict(Class::Container, order);
            // 50 events at once, at the higher rate: not as many as there would be in 49 s of it.
            assert_eq!((both.interval_ns, both.burst_ns), (1_000_000, 49_000_000));
        }
        for order in [
            [&slow, &free, &fast],
            [&free, &slow, &fast],
            [&slow, &fast, &free],
        ] {
            assert_eq!(verdict(Class::Container, order).interval_ns, 0, "no limit");
        }
    }
}
