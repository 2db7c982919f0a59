//! What a plain (unquoted) YAML scalar means to Kubernetes, which reads YAML 1.1.

use regex::Regex;
use std::sync::LazyLock;

/// A scalar's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// Nothing.
    Null,
    /// A truth value, which in YAML 1.1 may be spelt `yes` or `off`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number, or a whole one beyond 64 bits.
    Float(f64),
    /// Text.
    Text(String),
}

static FLOAT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$").ok());

/// Resolves a plain scalar as the Kubernetes tools do (`yes` is true, `010` is eight).
pub fn resolve(raw: &str) -> Scalar {
    match raw {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        _ => {}
    }
    if !raw.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Scalar::Text(raw.to_owned());
    }
    let digits = raw.replace('_', "");
    if let Some(int) = integer(&digits) {
        return Scalar::Int(int);
    }
    match digits.parse() {
        Ok(float) if FLOAT.as_ref().is_some_and(|form| form.is_match(&digits)) => {
            Scalar::Float(float)
        }
        _ => Scalar::Text(raw.to_owned()),
    }
}

fn integer(digits: &str) -> Option<i64> {
    let (negative, unsigned) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    if unsigned.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = if let Some(hex) = unsigned.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if let Some(binary) = unsigned.strip_prefix("0b") {
        i64::from_str_radix(binary, 2)
    } else if let Some(octal) = unsigned.strip_prefix("0o") {
        i64::from_str_radix(octal, 8)
    } else if unsigned.len() > 1 && unsigned.starts_with('0') {
        i64::from_str_radix(unsigned, 8)
    } else {
        unsigned.parse()
    };
    magnitude
        .ok()
        .map(|value| if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_they_mean_to_kubernetes() {
        for (raw, meaning) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("yes", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("n", Scalar::Bool(false)),
            ("1_000", Scalar::Int(1000)),
            ("-7", Scalar::Int(-7)),
            ("+7", Scalar::Int(7)),
            ("010", Scalar::Int(8)),
            ("0o10", Scalar::Int(8)),
            ("0x1F", Scalar::Int(31)),
            ("0b11", Scalar::Int(3)),
            ("0", Scalar::Int(0)),
            ("1.5", Scalar::Float(1.5)),
            ("1e3", Scalar::Float(1000.0)),
            ("99999999999999999999", Scalar::Float(1e20)),
            ("089", Scalar::Float(89.0)),
            (".inf", Scalar::Float(f64::INFINITY)),
            ("10m", Scalar::Text("10m".into())),
            ("+-7", Scalar::Text("+-7".into())),
            ("-", Scalar::Text("-".into())),
            ("1.2.3", Scalar::Text("1.2.3".into())),
            ("2026-01-01", Scalar::Text("2026-01-01".into())),
            ("shells", Scalar::Text("shells".into())),
            ("yEs", Scalar::Text("yEs".into())),
        ] {
            assert_eq!(resolve(raw), meaning, "{raw:?}");
        }
    }
}
