//! What no schema can say of a spec.

use regex::Regex;

use super::Wanted;

/// Why a spec cannot be followed, with the field and the remedy; `None` when it can.
pub fn refusal(wanted: &Wanted) -> Option<String> {
    let mut filters = wanted.filter.iter().enumerate();
    filters.find_map(|(index, filter)| {
        let problem = problem(filter)?;
        Some(format!("spec.filter[{index}]: {filter:?}: {problem}"))
    })
}

/// The columns' names are the agents' to judge: what is judged here is the form.
fn problem(filter: &str) -> Option<String> {
    let Some((column, condition)) = filter.split_once(':') else {
        return Some("write column:value, as in uid:0".to_owned());
    };
    if column.is_empty() {
        return Some("the column is missing: write column:value, as in uid:0".to_owned());
    }
    let condition = condition.strip_prefix('!').unwrap_or(condition);
    let pattern = condition.strip_prefix('~')?;
    let error = Regex::new(pattern).err()?.to_string();
    let reason = error.lines().last().unwrap_or_default();
    let reason = reason.strip_prefix("error: ").unwrap_or(reason);
    Some(format!("not a regular expression: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn a_filter_is_a_column_and_a_condition() {
        for right in [
            "uid:0",
            "comm:!cat",
            "comm:~^(ba)?sh$",
            "args:!~a:b",
            "pid:>=1",
            "comm:",
        ] {
            assert_eq!(problem(right), None, "{right}");
        }
        for (wrong, told) in [
            ("uid", "write column:value, as in uid:0"),
            (
                ":0",
                "the column is missing: write column:value, as in uid:0",
            ),
            ("comm:~(", "not a regular expression: unclosed group"),
            (
                "comm:!~[",
                "not a regular expression: unclosed character class",
            ),
        ] {
            assert_eq!(problem(wrong).as_deref(), Some(told), "{wrong}");
        }
    }
}
