//! Medians, and how far figures lie apart.

/// Figures of the same thing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The one in the middle, or between the two there.
    pub median: f64,
    /// The least.
    pub lowest: f64,
    /// The most.
    pub highest: f64,
    /// A quarter of the figures lies below, and a quarter above.
    pub quartiles: [f64; 2],
}

impl Spread {
    /// Of those that are numbers; none where there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().filter(|value| !value.is_nan()).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let part = |quarters: usize| {
            let at = quarters as f64 * last as f64 / 4.0;
            let (low, high) = (at.floor() as usize, at.ceil() as usize);
            values[low] + (values[high] - values[low]) * at.fract()
        };
        Some(Self {
            median: part(2),
            lowest: values[0],
            highest: values[last],
            quartiles: [part(1), part(3)],
        })
    }

    /// Median, lowest and highest.
    #[must_use]
    pub fn text(&self) -> String {
        let Self {
            median,
            lowest,
            highest,
            ..
        } = *self;
        if lowest == highest {
            return short(median);
        }
        format!("{} ({}–{})", short(median), short(lowest), short(highest))
    }
}

/// Three digits that matter, or all before the point.
#[must_use]
pub fn short(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_ends() {
        assert_eq!(Spread::of([]), None);
        let spread = Spread::of([5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!(
            spread.map(|spread| (spread.text(), spread.quartiles)),
            Some(("3.00 (1.00–5.00)".into(), [2.0, 4.0]))
        );
        assert_eq!(
            Spread::of([1.0, 2.0]).map(|spread| spread.median),
            Some(1.5)
        );
        assert_eq!(
            Spread::of([7.0]).map(|spread| spread.text()),
            Some("7.00".into())
        );
    }

    #[test]
    fn three_digits_matter() {
        for (value, text) in [
            (0.0, "0"),
            (0.4567, "0.46"),
            (45.67, "45.7"),
            (4567.8, "4568"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
