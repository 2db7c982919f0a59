//! The operator's own messages, on stderr.

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::cli::LogFormat;

/// Begins to log.
pub fn begin(level: Level, format: LogFormat) {
    let level = level.as_str().to_lowercase();
    // What goes wrong in the libraries is said here, once, in this program's words; their own
    // messages are for who looks for a fault.
    let filter = match level.as_str() {
        "debug" | "trace" => EnvFilter::new(level),
        _ => EnvFilter::new(format!("off,traceherd_operator={level}")),
    };
    let log = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.with_ansi(false).init(),
    }
}
