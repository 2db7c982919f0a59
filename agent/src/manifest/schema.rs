//! Checks a YAML tree against the schema of a CustomResourceDefinition, as the API server does.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value as Json};
use traceherd_crds::form;

use super::place::{Place, Problem};
use super::scalar::Scalar;
use super::tree::{Entry, Node, Value};

/// What a check gives: the resource as JSON, and where each of its fields stands.
#[derive(Debug)]
pub struct Checked {
    /// The resource, without the fields that were null.
    pub json: Json,
    /// The place of every field by its path.
    pub places: HashMap<String, Place>,
}

/// Checks `node` against `schema`.
///
/// `elsewhere` may explain an unknown field, given the path of the map it is in and its name.
///
/// # Errors
/// The first violation.
pub fn check(
    schema: &Json,
    node: &Node,
    elsewhere: &dyn Fn(&str, &str) -> Option<String>,
) -> Result<Checked, Problem> {
    let mut checker = Checker {
        places: HashMap::new(),
        elsewhere,
    };
    let json = checker.value(schema, node, "")?;
    Ok(Checked {
        json,
        places: checker.places,
    })
}

/// The schema of the field at `path`, below `schema`.
pub fn at_path<'a>(schema: &'a Json, path: &str) -> Option<&'a Json> {
    path.split('.')
        .filter(|name| !name.is_empty())
        .try_fold(schema, |schema, name| schema.get("properties")?.get(name))
}

struct Checker<'a> {
    places: HashMap<String, Place>,
    elsewhere: &'a dyn Fn(&str, &str) -> Option<String>,
}

fn refuse<T>(node: &Node, path: &str, message: impl Into<String>) -> Result<T, Problem> {
    Err(Problem {
        place: node.place,
        path: path.to_owned(),
        message: message.into(),
    })
}

impl Checker<'_> {
    fn value(&mut self, schema: &Json, node: &Node, path: &str) -> Result<Json, Problem> {
        self.places.insert(path.to_owned(), node.place);
        let kind = schema
            .get("type")
            .and_then(Json::as_str)
            .unwrap_or_default();
        let json = match (kind, &node.value) {
            ("object", Value::Map(entries)) => self.map(schema, node, entries, path)?,
            ("array", Value::List(items)) => self.list(schema, node, items, path)?,
            ("string", Value::Scalar(Scalar::Text(text), _)) => {
                if let Some(problem) = string_problem(schema, text) {
                    return refuse(node, path, problem);
                }
                Json::from(text.as_str())
            }
            ("boolean", Value::Scalar(Scalar::Bool(value), _)) => Json::from(*value),
            ("integer", Value::Scalar(scalar, _)) if whole(scalar).is_some() => {
                let value = whole(scalar).unwrap_or_default();
                if let Some(problem) = range_problem(schema, value) {
                    return refuse(node, path, problem);
                }
                Json::from(value)
            }
            _ => return refuse(node, path, wrong_type(kind, &node.value)),
        };
        Ok(json)
    }

    fn map(
        &mut self,
        schema: &Json,
        node: &Node,
        entries: &[Entry],
        path: &str,
    ) -> Result<Json, Problem> {
        if let Some(most) = limit(schema, "maxProperties").filter(|most| entries.len() > *most) {
            return refuse(
                node,
                path,
                format!("has {} entries: at most {most} are allowed", entries.len()),
            );
        }
        let mut map = Map::new();
        for entry in entries {
            let below = join(path, &entry.key);
            let property = schema
                .get("properties")
                .and_then(|known| known.get(&entry.key));
            let Some(property) = property.or_else(|| schema.get("additionalProperties")) else {
                let message = self.unknown(schema, path, &entry.key);
                return Err(Problem {
                    place: entry.place,
                    path: below,
                    message,
                });
            };
            let null = matches!(entry.node.value, Value::Scalar(Scalar::Null, _));
            if null && property.get("nullable").is_some() {
                continue;
            }
            let value = self.value(property, &entry.node, &below)?;
            self.places.insert(below, entry.node.place);
            map.insert(entry.key.clone(), value);
        }
        let required = schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten();
        for name in required.filter_map(Json::as_str) {
            if !map.contains_key(name) {
                let property = schema.get("properties").and_then(|known| known.get(name));
                let message = match property.map(choices).as_deref() {
                    Some([only]) => format!("is missing: write {name}: {only}"),
                    Some([_, ..]) => format!(
                        "is missing: one of {}",
                        choices(property.unwrap_or(&Json::Null)).join(", ")
                    ),
                    _ => "is missing".to_owned(),
                };
                return refuse(node, &join(path, name), message);
            }
        }
        Ok(Json::Object(map))
    }

    fn unknown(&self, schema: &Json, path: &str, name: &str) -> String {
        let known: Vec<&str> = schema
            .get("properties")
            .and_then(Json::as_object)
            .map(|known| known.keys().map(String::as_str).collect())
            .unwrap_or_default();
        if let Some(explanation) = (self.elsewhere)(path, name) {
            return format!("no such field: {explanation}");
        }
        match nearest(name, &known) {
            Some(near) => format!("no such field: did you mean {near}?"),
            None => format!("no such field: the fields here are {}", known.join(", ")),
        }
    }

    fn list(
        &mut self,
        schema: &Json,
        node: &Node,
        items: &[Node],
        path: &str,
    ) -> Result<Json, Problem> {
        if let Some(least) = limit(schema, "minItems").filter(|least| items.len() < *least) {
            let count = items.len();
            return refuse(
                node,
                path,
                format!("has {count} items: give at least {least}, or remove the field"),
            );
        }
        if let Some(most) = limit(schema, "maxItems").filter(|most| items.len() > *most) {
            return refuse(
                node,
                path,
                format!("has {} items: at most {most} are allowed", items.len()),
            );
        }
        let is_set = schema
            .get("x-kubernetes-list-type")
            .is_some_and(|kind| kind == "set");
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let below = format!("{path}[{index}]");
            let value = self.value(schema.get("items").unwrap_or(&Json::Null), item, &below)?;
            if is_set && list.contains(&value) {
                return refuse(
                    item,
                    &below,
                    format!("{value} is in the list twice: remove one"),
                );
            }
            list.push(value);
        }
        Ok(Json::Array(list))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn limit(schema: &Json, name: &str) -> Option<usize> {
    schema
        .get(name)?
        .as_u64()
        .and_then(|limit| usize::try_from(limit).ok())
}

fn whole(scalar: &Scalar) -> Option<i64> {
    match scalar {
        Scalar::Int(value) => Some(*value),
        // 1e3 is a whole number to Kubernetes. Beyond 2^53 a double no longer says which.
        Scalar::Float(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
            Some(*value as i64)
        }
        _ => None,
    }
}

fn choices(schema: &Json) -> Vec<&str> {
    let values = schema.get("enum").and_then(Json::as_array);
    values
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect()
}

fn string_problem(schema: &Json, text: &str) -> Option<String> {
    let allowed = choices(schema);
    if !allowed.is_empty() && !allowed.contains(&text) {
        return Some(format!(
            "{text:?} is not allowed: one of {}",
            allowed.join(", ")
        ));
    }
    let length = text.chars().count();
    if let Some(least) = limit(schema, "minLength").filter(|least| length < *least) {
        return Some(if length == 0 {
            "is empty: give a value, or remove the field".to_owned()
        } else {
            format!("{text:?} is too short: at least {least} characters")
        });
    }
    if let Some(most) = limit(schema, "maxLength").filter(|most| length > *most) {
        return Some(format!(
            "is {length} characters long: at most {most} are allowed"
        ));
    }
    let pattern = schema.get("pattern").and_then(Json::as_str)?;
    let matches = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
    (!matches).then(|| match form(pattern) {
        Some(form) => format!("{text:?} is not {form}"),
        None => format!("{text:?} is not of the form {pattern}"),
    })
}

fn range_problem(schema: &Json, value: i64) -> Option<String> {
    let bound = |name| {
        schema
            .get(name)
            .and_then(Json::as_f64)
            .map(|bound| bound as i64)
    };
    let (least, most) = (bound("minimum"), bound("maximum"));
    let inside = least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most);
    (!inside).then(|| match (least, most) {
        (Some(least), Some(most)) => format!("{value} is out of bounds: from {least} to {most}"),
        (Some(least), None) => format!("{value} is out of bounds: at least {least}"),
        (_, most) => format!(
            "{value} is out of bounds: at most {}",
            most.unwrap_or(i64::MAX)
        ),
    })
}

fn wrong_type(wanted: &str, value: &Value) -> String {
    let (name, example) = match wanted {
        "object" => ("a map", "key: value lines below it"),
        "array" => ("a list", "its items below it, each after a dash"),
        "string" => ("a string", "it in quotes"),
        "boolean" => ("a boolean", "true or false"),
        _ => ("a whole number", "digits without quotes"),
    };
    let found = match value {
        Value::Map(_) => "a map".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Scalar(Scalar::Null, _) => {
            return format!("has no value: must be {name}, or remove the field");
        }
        Value::Scalar(Scalar::Text(text), _) => format!("the string {text:?}"),
        Value::Scalar(Scalar::Bool(value), raw) => match raw {
            Some(raw) if raw.parse() != Ok(*value) => {
                format!("the boolean {value}, which is what {raw} means without quotes")
            }
            _ => format!("the boolean {value}"),
        },
        Value::Scalar(Scalar::Float(_), raw) if wanted == "integer" => {
            return format!("must be {name}, not {}", raw.as_deref().unwrap_or_default());
        }
        Value::Scalar(_, raw) => format!("the number {}", raw.as_deref().unwrap_or_default()),
    };
    format!("must be {name}, not {found}: write {example}")
}

/// The known name that `name` is most likely a misspelling of.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance =
        |other: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &other.to_lowercase());
    known
        .iter()
        .copied()
        .min_by_key(|other| distance(other))
        .filter(|other| distance(other) <= 2)
}
