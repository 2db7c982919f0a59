//! What `make test-kernels` checks on each kernel: run in a machine of its own, where nobody else
//! traces, it says for each check in one line whether it holds.
//!
//! `CHECK<tab>NAME<tab>ok|FAILED<tab>figures, or what is wrong`

mod checks;
mod log;

use std::{process::ExitCode, thread::sleep, time::Duration};

use checks::{CHECKS, Failure};
use log::KernelLog;
use traceherd_e2e::kernel;

fn main() -> ExitCode {
    let mut failed = false;
    let mut tell = |name, outcome: Result<String, Failure>| {
        let (word, said) = match outcome {
            Ok(figures) => ("ok", figures),
            Err(failure) => ("FAILED", failure.to_string()),
        };
        failed |= word == "FAILED";
        println!("CHECK\t{name}\t{word}\t{}", said.replace('\n', " | "));
    };
    let before = KernelLog::now();
    for (name, check) in CHECKS {
        tell(name, check());
    }
    tell("nothing stays", nothing_stays());
    tell("kernel log", before.and_then(|log| log.nothing_bad_since()));
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Programs, maps and links of anybody's: there is nobody else.
fn nothing_stays() -> Result<String, Failure> {
    // The kernel frees what was let go of a little later.
    let mut left = kernel::objects()?;
    for _ in 0..600 {
        if left == kernel::Objects::default() {
            return Ok("no program, map or link".into());
        }
        sleep(Duration::from_millis(50));
        left = kernel::objects()?;
    }
    Err(format!("{left:?}").into())
}
