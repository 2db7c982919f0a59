//! What the API server asks of every resource's labels and annotations.

use serde_json::Value as Json;

use super::place::{Place, Problem};
use super::schema::Checked;

const NAME_LENGTH: usize = 63;
const PREFIX_LENGTH: usize = 253;
/// Bytes of all annotations together, keys included.
const ANNOTATIONS: usize = 256 << 10;

/// Checks the keys of labels and annotations; the schema has what their values may be.
///
/// # Errors
/// The first violation.
pub fn check(checked: &Checked) -> Result<(), Problem> {
    for (key, _) in fields(checked, "labels") {
        if let Some(problem) = key_problem(key) {
            let message = format!("{key:?} is not a label's key: {problem}");
            return refuse(checked, "metadata.labels", key, message);
        }
    }
    let mut bytes = 0;
    for (key, value) in fields(checked, "annotations") {
        // Theirs may have capitals in the prefix too.
        if let Some(problem) = key_problem(&key.to_lowercase()) {
            let message = format!("{key:?} is not an annotation's key: {problem}");
            return refuse(checked, "metadata.annotations", key, message);
        }
        bytes += key.len() + value.as_str().map_or(0, str::len);
    }
    if bytes > ANNOTATIONS {
        let message = format!("{bytes} bytes in all: at most {ANNOTATIONS} are allowed");
        return refuse(checked, "metadata.annotations", "", message);
    }
    Ok(())
}

fn fields<'a>(checked: &'a Checked, name: &str) -> impl Iterator<Item = (&'a String, &'a Json)> {
    let metadata = checked.json.get("metadata");
    let fields = metadata.and_then(|all| all.get(name)?.as_object());
    fields.into_iter().flatten()
}

fn refuse(checked: &Checked, path: &str, key: &str, message: String) -> Result<(), Problem> {
    let places = &checked.places;
    let place = places.get(&format!("{path}.{key}")).or(places.get(path));
    Err(Problem {
        place: place.copied().unwrap_or(Place::START),
        path: path.to_owned(),
        message,
    })
}

/// What keeps a text from being a qualified name.
fn key_problem(key: &str) -> Option<String> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    let length = name.chars().count();
    if length > NAME_LENGTH {
        return Some(format!(
            "its name has {length} characters, at most {NAME_LENGTH} are allowed"
        ));
    }
    if prefix.is_some_and(|prefix| prefix.len() > PREFIX_LENGTH) {
        return Some(format!(
            "its prefix has more than {PREFIX_LENGTH} characters"
        ));
    }
    let right = is_name(name) && prefix.is_none_or(is_dns_name);
    (!right).then(|| "write [prefix/]name, as in app or app.kubernetes.io/name".to_owned())
}

/// Letters, digits, `-`, `_` and `.`, with a letter or digit at both ends.
fn is_name(text: &str) -> bool {
    has_ends(text, |byte| byte.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// DNS labels, which are lower case, joined by dots.
fn is_dns_name(text: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.split('.').all(|label| {
        has_ends(label, small) && label.bytes().all(|byte| small(byte) || byte == b'-')
    })
}

fn has_ends(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    let ends = [text.bytes().next(), text.bytes().next_back()];
    ends.iter().all(|end| end.is_some_and(&allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_qualified_names() {
        let (name, prefix) = ("n".repeat(63), "p".repeat(253));
        for right in [
            "a",
            "1",
            "A_b.c-9",
            "a/b",
            "app.kubernetes.io/name",
            "1.2-3.x/Y",
            &name,
            &format!("{prefix}/{name}"),
        ] {
            assert_eq!(key_problem(right), None, "{right}");
        }
        for wrong in [
            "",
            "a b",
            "-a",
            "a-",
            "_a",
            "a.",
            "a!",
            "ä",
            "/",
            "/a",
            "a/",
            "a/b/c",
            "A.b/c",
            "a..b/c",
            ".a/b",
            "a_b/c",
            "-a/b",
            "a\n",
            &format!("{name}n"),
            &format!("{prefix}p/a"),
        ] {
            assert!(key_problem(wrong).is_some(), "{wrong}");
        }
    }
}
