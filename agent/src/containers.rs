//! `traceherd containers`.

use std::sync::Arc;

use nix::unistd::geteuid;
use traceherd_columns::{ColumnSet, Columns};
use traceherd_containers::{Change, Container, RuncOptions};

use crate::cli::{ContainersArgs, Runtimes};
use crate::failure::Failure;
use crate::format::{Format, Renderer};
use crate::listing::Line;
use crate::signals::Signals;
use crate::{sources, stdout};

/// Lists the containers of this host, and with `--watch` every change until the end is asked for.
///
/// # Errors
/// A bad choice of columns, no cgroups to tell containers apart by, or a closed standard output.
pub fn containers(args: &ContainersArgs, runtimes: &Runtimes) -> Result<(), Failure> {
    let columns = columns(args.watch);
    let in_table = matches!(args.output.format, Format::Columns(_));
    let mut renderer = Renderer::new(&columns, &args.output.format).map_err(Failure::usage)?;
    if !geteuid().is_root() {
        eprintln!("traceherd: not root: this list may be incomplete, run it with sudo to see all");
    }
    sources::tokio()?.block_on(async {
        let mut signals = Signals::catch().map_err(Failure::runtime)?;
        // No tracer tells of cgroups here, so runc is watched.
        let starting = sources::collection(runtimes)
            .runc(RuncOptions::default())
            .start();
        let collection = tokio::select! {
            started = starting => started.map_err(Failure::runtime)?,
            () = signals.asked_to_end() => return Ok(()),
        };
        let shown = |container: &Arc<Container>| args.sandboxes || !container.sandbox;
        if !args.watch {
            let containers = collection.containers().into_iter().filter(shown);
            let lines: Vec<_> = containers
                .map(|it| Line::of(&Change::Added(it), in_table))
                .collect();
            return show(&mut renderer, &lines);
        }
        let mut changes = collection.subscribe();
        show(&mut renderer, &[])?;
        loop {
            tokio::select! {
                change = changes.next() => match change {
                    Some(change) if shown(change.container()) => {
                        show(&mut renderer, &[Line::of(&change, in_table)])?;
                    }
                    Some(_) => {}
                    None => return Ok(()),
                },
                () = signals.asked_to_end() => return Ok(()),
                () = stdout::nobody_reads() => return Ok(()),
            }
        }
    })
}

/// The columns of the list; what happened is of interest only to a watcher.
fn columns(watch: bool) -> ColumnSet<Line> {
    let all = Line::columns();
    if watch {
        return all;
    }
    let of_a_list = all.iter().filter(|column| column.name() != "change");
    ColumnSet::new(of_a_list.cloned().collect())
}

fn show(renderer: &mut Renderer<Line>, lines: &[Line]) -> Result<(), Failure> {
    let mut text = String::new();
    renderer.begin(&mut text);
    lines
        .iter()
        .for_each(|line| renderer.write(line, &mut text));
    stdout::write_all(&text).map_err(Failure::stdout)
}
