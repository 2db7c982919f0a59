//! Why docker could not be asked.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bollard::errors::Error as ApiError;
use thiserror::Error;

#[derive(Debug, Error)]
pub(crate) enum DockerError {
    #[error("not connected to {0}")]
    NotConnected(PathBuf),
    #[error("{socket}: {operation}")]
    Api {
        socket: PathBuf,
        operation: &'static str,
        source: Box<ApiError>,
    },
    #[error("{socket}: {operation}: no answer within {limit:?}")]
    Late {
        socket: PathBuf,
        operation: &'static str,
        limit: Duration,
    },
    #[error("{0}: the event stream ended")]
    Ended(PathBuf),
}

impl DockerError {
    /// Nobody listens at the socket.
    pub(super) fn is_absence(&self) -> bool {
        let Self::Api { source, .. } = self else {
            return false;
        };
        let ApiError::IOError { err } = &**source else {
            return false;
        };
        matches!(
            err.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
        )
    }
}
