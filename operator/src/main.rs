//! Traceherd's operator.

use clap::Parser;
use traceherd_operator::{Args, logging, run};

// One thread: there is little to do, and much of it waits.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    logging::begin(args.log_level, args.log_format);
    run(args).await
}
