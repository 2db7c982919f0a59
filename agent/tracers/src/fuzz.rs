//! What the fuzzer calls.

use traceherd_columns::{Columns, Encoder, Encoding, Filter, Table};
use traceherd_ebpf_common::Record;
use zerocopy::IntoBytes as _;

use crate::exec::{Clock, ExecEvent, decode};

/// A record of the ring, up to what is shown of it.
pub fn record(bytes: &[u8]) {
    if let Some(event) = event(bytes) {
        let columns = ExecEvent::columns();
        let mut table = String::new();
        Table::new(&columns).write_row(&event, &mut table);
        let mut text = table.trim_end_matches('\n').chars();
        assert!(!text.any(char::is_control), "{table:?}");
        for encoding in [Encoding::Json, Encoding::Yaml] {
            let mut out = String::new();
            Encoder::new(&columns, encoding).write(&event, &mut out);
        }
    }
}

/// A column filter, on the event that follows its first line.
pub fn filter(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |&byte| byte == b'\n');
    let condition = parts.next().and_then(|line| std::str::from_utf8(line).ok());
    let columns = ExecEvent::columns();
    let Ok(filter) = Filter::parse(&columns, condition) else {
        return;
    };
    if let Some(event) = event(parts.next().unwrap_or_default()) {
        filter.matches(&event);
    }
}

fn event(bytes: &[u8]) -> Option<ExecEvent> {
    // As in the ring: at a multiple of 8.
    let mut aligned = vec![0_u64; bytes.len().div_ceil(8)];
    aligned.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
    match Record::decode(&aligned.as_bytes()[..bytes.len()]) {
        Ok(Record::Exec(exec)) => Some(decode(&exec, Clock::now(), None, None)),
        _ => None,
    }
}
