//! The same events as a table, as JSON, and filtered.

use traceherd_columns::{Columns, Encoder, Encoding, Filter, Table, terminal_width};

#[derive(Columns)]
struct Exec {
    #[column(width = 7, fixed, align = right)]
    pid: u32,
    #[column(width = 8, max_width = 16)]
    comm: &'static str,
    #[column(width = 40, min_width = 10)]
    args: Vec<&'static str>,
}

fn exec(pid: u32, args: &[&'static str]) -> Exec {
    let (comm, args) = (args[0], args.to_vec());
    Exec { pid, comm, args }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events = [
        exec(42, &["curl", "https://example.org/a/rather/long/path"]),
        exec(310, &["sh", "-c", "printf '\x1b[31m'"]),
        exec(311, &["true"]),
    ];
    let columns = Exec::columns();
    let mut table = Table::new(&columns);
    let json = Encoder::new(&columns, Encoding::Json);
    let filter = Filter::parse(&columns, ["pid:>=100", "comm:!true"])?;

    let mut out = String::new();
    table.fit(terminal_width());
    table.write_header(&mut out);
    events.iter().for_each(|e| table.write_row(e, &mut out));
    let kept = events.iter().filter(|event| filter.matches(event));
    kept.for_each(|event| json.write(event, &mut out));
    print!("{out}");
    Ok(())
}
