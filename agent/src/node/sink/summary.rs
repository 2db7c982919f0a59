//! An event in few words, as a status has it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use traceherd_crds::EventSummary;
use traceherd_tracers::{ArgumentList, ExecEvent};

use crate::node::readable::readable;
use crate::node::redact::Redactor;

/// Arguments, and bytes of all of them together.
const ARGUMENTS: usize = 64;
const ARGUMENT_BYTES: usize = 1024;

/// The event in few words: readable text without control characters, within the schema's bounds.
pub fn summary(event: &ExecEvent, redactor: &Redactor) -> EventSummary {
    let container = event.container.as_deref();
    let pod = container.and_then(|container| container.pod.as_ref());
    let name = container.map(|found| found.name.as_deref().unwrap_or(&found.id));
    let (args, args_cut) = arguments(event, redactor);
    let time = i128::from(event.timestamp);
    EventSummary {
        timestamp: MicroTime(Timestamp::from_nanosecond(time).unwrap_or(Timestamp::MAX)),
        node: event.node.as_deref().unwrap_or_default().to_owned(),
        namespace: word(pod.map_or("", |pod| &pod.namespace), 63),
        pod: word(pod.map_or("", |pod| &pod.name), 253),
        container: word(name.unwrap_or_default(), 253),
        pid: event.pid,
        uid: event.uid,
        comm: readable(event.comm.as_bytes(), 64).0,
        args,
        args_cut,
        ret: event.ret.clamp(-4095, 0),
    }
}

fn arguments(event: &ExecEvent, redactor: &Redactor) -> (Vec<String>, bool) {
    let list = event.args.list();
    let recorded = event.args.iter().len();
    let mut cut = event.args.cut_bytes().is_some_and(|bytes| bytes > 0)
        || matches!(list, ArgumentList::Cut | ArgumentList::Unreadable)
        || event.args.iter().any(|argument| argument.cut)
        || (list != ArgumentList::Unasked && recorded < event.args.count() as usize);
    let mut left = ARGUMENT_BYTES;
    let mut args = Vec::new();
    for argument in redactor.arguments(&event.args) {
        if args.len() == ARGUMENTS || left == 0 {
            cut = true;
            break;
        }
        let (text, was_cut) = readable(&argument, left);
        cut |= was_cut;
        left -= text.len();
        args.push(text);
    }
    (args, cut)
}

/// The start of a name that somebody outside of the cluster chose.
fn word(text: &str, most: usize) -> String {
    readable(text.as_bytes(), most).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_when_it_is_not_all() {
        let redactor = Redactor::new([regex::bytes::Regex::new("s3cret").unwrap()]);
        let long = vec![b'x'; 2000];
        let many: Vec<&[u8]> = vec![b"a"; 100];
        for (args, lengths, cut) in [
            (vec![&b"sh"[..], b"-c"], vec![2, 2], false),
            (vec![b"pw=s3cret"], vec!["pw=[redacted]".len()], false),
            (vec![b"sh", &long], vec![2, 1022], true),
            (vec![&long, b"x"], vec![1024], true),
            (many, vec![1; 64], true),
            (vec![], vec![], false),
        ] {
            let event = ExecEvent {
                args: args.into_iter().collect(),
                ..super::super::an_event(7)
            };
            let summary = summary(&event, &redactor);
            let found: Vec<_> = summary.args.iter().map(String::len).collect();
            assert_eq!((found, summary.args_cut), (lengths, cut));
        }
    }
}
