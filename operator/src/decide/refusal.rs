//! What no schema can say of a spec, and what the administrator says.

use regex::Regex;
use traceherd_crds::Ceilings;

use super::Wanted;

/// Why a spec is not followed, with the fields and the remedies; `None` when it is.
pub fn refusal(wanted: &Wanted, ceilings: &Ceilings) -> Option<String> {
    let mut filters = wanted.spec.filter.iter().enumerate();
    let filter = filters.find_map(|(index, filter)| {
        let problem = problem(filter)?;
        Some(format!("spec.filter[{index}]: {filter:?}: {problem}"))
    });
    let ceiling = ceilings.refusal(wanted.kind, &wanted.spec);
    let all: Vec<_> = [filter, ceiling].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join("; "))
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
