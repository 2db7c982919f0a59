//! Sharing a terminal's width out among columns.

/// What a column would like and what it puts up with, in terminal cells: `min` ≤ `wished` ≤ `max`.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    pub wished: usize,
    pub min: usize,
    pub max: usize,
}

/// The widths of the columns, with one cell between neighbours, on a terminal `total` wide.
///
/// Where the wishes fit, the columns that may grow take the rest in proportion to them; where they
/// do not, the columns that may shrink give in proportion to what they can. Where not even the
/// least widths fit, columns at the right are left out, and a single one takes what there is. So the
/// result has at most as many entries as `shares`, and never takes more than `total`.
pub fn fit(shares: &[Share], total: usize) -> Vec<usize> {
    let mut shown = shares.len();
    while shown > 1 && least(&shares[..shown]) > total {
        shown -= 1;
    }
    let shares = &shares[..shown];
    let room = total.saturating_sub(shown.saturating_sub(1));
    let mut widths: Vec<usize> = shares.iter().map(|share| share.wished).collect();
    let wished: usize = widths.iter().sum();
    if least(shares) > total {
        return shares.iter().map(|_| room).collect();
    }
    if wished > room {
        shrink(shares, &mut widths, wished - room);
    } else {
        grow(shares, &mut widths, room - wished);
    }
    widths
}

fn least(shares: &[Share]) -> usize {
    let gaps = shares.len().saturating_sub(1);
    shares.iter().map(|share| share.min).sum::<usize>() + gaps
}

/// Takes `excess` away, which is at most what the columns can give together.
fn shrink(shares: &[Share], widths: &mut [usize], mut excess: usize) {
    let slack: usize = shares.iter().map(|share| share.wished - share.min).sum();
    let whole = excess;
    for (share, width) in shares.iter().zip(widths.iter_mut()) {
        let given = whole * (share.wished - share.min) / slack.max(1);
        *width -= given;
        excess -= given;
    }
    // What rounding left: fewer cells than columns that can give.
    for (share, width) in shares.iter().zip(widths.iter_mut()).rev() {
        if excess > 0 && *width > share.min {
            *width -= 1;
            excess -= 1;
        }
    }
}

/// Shares `extra` out until it is gone or every column is as wide as it may be.
fn grow(shares: &[Share], widths: &mut [usize], mut extra: usize) {
    while extra > 0 {
        let may_grow = |i: usize, widths: &[usize]| widths[i] < shares[i].max;
        let weight: usize = (0..shares.len())
            .filter(|i| may_grow(*i, widths))
            .map(|i| shares[i].wished.max(1))
            .sum();
        if weight == 0 {
            return;
        }
        let whole = extra;
        for i in 0..shares.len() {
            if may_grow(i, widths) {
                // At least one cell, so that every round ends nearer.
                let part = (whole * shares[i].wished.max(1) / weight).max(1);
                let part = part.min(shares[i].max - widths[i]).min(extra);
                widths[i] += part;
                extra -= part;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn share(wished: usize, min: usize, max: usize) -> Share {
        Share { wished, min, max }
    }

    #[test]
    fn widths_are_shared_out_between_least_and_most() {
        let any = usize::MAX;
        let cases: [(&[Share], usize, &[usize]); 11] = [
            (&[], 80, &[]),
            (&[share(10, 5, any)], 80, &[80]),
            (&[share(10, 5, 20)], 80, &[20]),
            (&[share(10, 5, 20)], 3, &[3]),
            (&[share(10, 5, 20)], 0, &[0]),
            (&[share(10, 10, 10), share(10, 5, any)], 41, &[10, 30]),
            (&[share(10, 2, any), share(20, 4, any)], 61, &[20, 40]),
            (&[share(10, 2, any), share(20, 4, any)], 19, &[6, 12]),
            (&[share(10, 10, 10), share(20, 4, any)], 19, &[10, 8]),
            (&[share(10, 10, 10), share(20, 4, any)], 14, &[10]),
            (
                &[share(3, 1, any), share(3, 1, any), share(3, 1, any)],
                7,
                &[2, 2, 1],
            ),
        ];
        for (shares, total, expected) in cases {
            assert_eq!(fit(shares, total), expected, "{shares:?} in {total}");
        }
    }

    proptest! {
        #[test]
        fn never_wider_than_the_terminal_and_never_beyond_what_a_column_allows(
            wishes in prop::collection::vec((0usize..40, 0usize..40, 0usize..60), 0..20),
            total in 0usize..400,
        ) {
            let shares: Vec<Share> = wishes
                .into_iter()
                .map(|(a, b, c)| share(a.max(b), b, a.max(b) + c))
                .collect();
            let widths = fit(&shares, total);
            let used = widths.iter().sum::<usize>() + widths.len().saturating_sub(1);
            prop_assert!(used <= total);
            if widths.len() > 1 {
                for (share, width) in shares.iter().zip(&widths) {
                    prop_assert!((share.min..=share.max).contains(width));
                }
                let full = widths.iter().zip(&shares).all(|(w, s)| *w == s.max);
                prop_assert!(used == total || full);
            }
        }
    }
}
