//! The schema of every bounded value, in one place.
//!
//! Every string, list and map has a bound: it keeps hostile objects small, and the API server
//! refuses CEL rules over values without one for their cost.

use std::time::Duration;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

/// The longest argument block that a trace may ask for, in bytes: as much as a record has room for.
pub const MAX_ARGS_BYTES: u32 = 32_768;

/// The longest duration that a field accepts: 30 days.
pub const MAX_DURATION: Duration = Duration::from_secs(720 * 60 * 60);

/// The largest count: what JSON readers hold exactly.
pub(crate) const MAX_COUNT: u64 = (1 << 53) - 1;

const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
const DNS_SUBDOMAIN: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
const NODE_NAME: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$";
const CONTAINER_NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";
const IMAGE: &str = "^[A-Za-z0-9][A-Za-z0-9_./:@-]*$";
/// What a duration looks like: Go's notation without signs, and short enough to add up.
pub(crate) const GO_DURATION: &str = "^([0-9]{1,9}([.][0-9]{1,9})?(ms|s|m|h))+$";
const LABEL_KEY: &str =
    "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
/// A label key is at most a 253-byte prefix, a slash and a 63-byte name.
const LABEL_KEY_LENGTH: u32 = 317;

/// What a pattern of the schema asks for, in words: by itself, an API server shows the pattern.
pub fn form(pattern: &str) -> Option<&'static str> {
    let words = match pattern {
        DNS_LABEL => "a DNS label: a-z, 0-9 and -, with neither end a -, as in shop",
        DNS_SUBDOMAIN | NODE_NAME => "a DNS name: a-z, 0-9, - and ., as in cart-0",
        CONTAINER_NAME => "a container's name: letters, digits, _, . and -, as in web",
        IMAGE => "an image: repository, repository:tag or digest, as in nginx:1.25",
        GO_DURATION => "a duration: numbers with units h, m, s or ms, as in 90s, 10m or 1h30m",
        LABEL_KEY => "a label's key: [prefix/]name, as in app or app.kubernetes.io/name",
        LABEL_VALUE => {
            "a label's value: letters, digits, -, _ and ., with a letter or digit at both ends"
        }
        _ => return None,
    };
    Some(words)
}

/// The schema of a namespace's name.
pub fn namespace() -> Schema {
    text(1, 63, DNS_LABEL)
}

/// The schema of a label's value.
pub fn label_value() -> Schema {
    worded(0, 63, LABEL_VALUE)
}

fn text(min: u32, max: u32, pattern: &str) -> Schema {
    json_schema!({"type": "string", "minLength": min, "maxLength": max, "pattern": pattern})
}

/// Text that people write: what the pattern asks for is also said in words. Both are RE2.
fn worded(min: u32, max: u32, pattern: &str) -> Schema {
    let mut schema = text(min, max, pattern);
    if let Some(form) = form(pattern) {
        let rule = json!([{
            "rule": format!("self.matches(r'{pattern}')"),
            "message": format!("must be {form}"),
        }]);
        schema.insert("x-kubernetes-validations".to_owned(), rule);
    }
    schema
}

/// A list whose items must differ (`x-kubernetes-list-type: set`).
fn set(max: u32, item: Schema) -> Schema {
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": max, "items": item,
        "x-kubernetes-list-type": "set",
    })
}

/// A pod's name.
pub(crate) fn pod_name(_: &mut SchemaGenerator) -> Schema {
    worded(1, 253, DNS_SUBDOMAIN)
}

/// A node's name; empty is the same as absent.
pub(crate) fn node_name(_: &mut SchemaGenerator) -> Schema {
    worded(0, 253, NODE_NAME)
}

/// Names of namespaces.
pub(crate) fn namespaces(_: &mut SchemaGenerator) -> Schema {
    set(64, worded(1, 63, DNS_LABEL))
}

/// Names of containers: those of Kubernetes, and the freer ones that docker and containerd allow,
/// because the same manifest works on a host without a cluster.
pub(crate) fn container_names(_: &mut SchemaGenerator) -> Schema {
    set(64, worded(1, 253, CONTAINER_NAME))
}

/// Images: repository, repository:tag or digest.
pub(crate) fn images(_: &mut SchemaGenerator) -> Schema {
    set(64, worded(1, 512, IMAGE))
}

/// Column filters. Their syntax is checked by who runs them: no schema can say it.
pub(crate) fn filters(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": 32, "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "minLength": 1, "maxLength": 512},
    })
}

/// A map of labels, each pair to be matched exactly.
pub(crate) fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object", "maxProperties": 32,
        "additionalProperties": label_value(),
        "x-kubernetes-validations": [{
            "rule": format!("self.all(key, size(key) <= {LABEL_KEY_LENGTH} && key.matches('{LABEL_KEY}'))"),
            "message": "a key is not a label key: write [prefix/]name, as in app or app.kubernetes.io/name",
        }],
    })
}

/// A label's key.
pub(crate) fn label_key(_: &mut SchemaGenerator) -> Schema {
    worded(1, LABEL_KEY_LENGTH, LABEL_KEY)
}

/// A label's values.
pub(crate) fn label_values(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": 32, "x-kubernetes-list-type": "atomic",
        "items": label_value(),
    })
}

/// The text that starts a finished trace again when it changes.
pub(crate) fn run(_: &mut SchemaGenerator) -> Schema {
    label_value()
}

/// A duration of at least a second.
pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    go_duration("1s")
}

/// A duration that may be zero.
pub(crate) fn retention(_: &mut SchemaGenerator) -> Schema {
    go_duration("0s")
}

fn go_duration(least: &str) -> Schema {
    let most = format!("{}h", MAX_DURATION.as_secs() / 3600);
    json_schema!({
        "type": "string", "minLength": 2, "maxLength": 32,
        "pattern": GO_DURATION,
        "x-kubernetes-validations": [{
            "rule": format!("duration(self) >= duration('{least}') && duration(self) <= duration('{most}')"),
            "message": format!("must be from {least} to {most}, as in 90s, 10m or 1h30m"),
        }],
    })
}

/// A generation; -1 for none.
pub(crate) fn observed_generation(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": -1, "maximum": MAX_COUNT})
}

/// A count of anything.
pub(crate) fn count(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_COUNT})
}

/// A process's or user's id.
pub(crate) fn id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX})
}

/// A point in time.
pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time", "maxLength": 64})
}

/// One word for programs, as conditions have it.
pub(crate) fn word(_: &mut SchemaGenerator) -> Schema {
    text(1, 128, "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")
}

/// The name of an event's node.
pub(crate) fn told_node_name(_: &mut SchemaGenerator) -> Schema {
    text(0, 253, NODE_NAME)
}

/// The name of a node that must be there.
pub(crate) fn present_node_name(_: &mut SchemaGenerator) -> Schema {
    text(1, 253, DNS_SUBDOMAIN)
}

/// A trace's name.
pub(crate) fn dns_label(_: &mut SchemaGenerator) -> Schema {
    namespace()
}

/// An object's uid.
pub(crate) fn uid(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": 64})
}

/// Uids of reports.
pub(crate) fn uids(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": 256, "items": uid(generator),
        "x-kubernetes-list-type": "set",
    })
}

/// Arguments as a status shows them.
pub(crate) fn summary_args(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array", "maxItems": 64, "x-kubernetes-list-type": "atomic",
        "items": {"type": "string", "maxLength": 1024},
    })
}
