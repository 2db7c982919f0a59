//! The log: standard output, written by one thread. Whoever has something for it never waits:
//! what does not fit into the queue is refused, and counted by the trace that it was of.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::outlet::Outlet;

/// Texts that may wait.
const CHUNKS: usize = 1024;
/// Their bytes.
const BYTES: usize = 2 << 20;

/// Lines of one trace.
pub struct Chunk {
    /// The lines.
    pub text: String,
    /// How many.
    pub events: u64,
    /// Whose account they are put to.
    pub outlet: Arc<Outlet>,
}

/// The way to the log. When the last is dropped, what waits is written and the thread ends.
#[derive(Clone)]
pub struct Log {
    sender: SyncSender<Chunk>,
    /// Bytes that wait.
    waiting: Arc<AtomicUsize>,
}

/// The end of the writing thread.
pub struct LogEnd(oneshot::Receiver<()>);

impl Log {
    /// Starts the thread, which gives every text to `write`.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn start(
        write: impl FnMut(&str) -> io::Result<()> + Send + 'static,
    ) -> io::Result<(Self, LogEnd)> {
        let (sender, chunks) = sync_channel(CHUNKS);
        let (end, ended) = oneshot::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&waiting);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                write_all(&chunks, &theirs, write);
                // Nobody may be left to hear it.
                let _ = end.send(());
            })?;
        Ok((Self { sender, waiting }, LogEnd(ended)))
    }

    /// Takes lines if there is room for them; otherwise their trace has lost them.
    pub fn offer(&self, chunk: Chunk) {
        let (bytes, events) = (chunk.text.len(), chunk.events);
        let outlet = Arc::clone(&chunk.outlet);
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        // One text may be longer than all that may wait.
        let fits = waiting == 0 || waiting + bytes <= BYTES;
        if !fits || self.sender.try_send(chunk).is_err() {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            outlet.not_logged(events);
        }
    }
}

impl LogEnd {
    /// Waits until everything is written, but not for long.
    pub async fn wait(self, patience: Duration) {
        let _ = timeout(patience, self.0).await;
    }
}

fn write_all(
    chunks: &Receiver<Chunk>,
    waiting: &AtomicUsize,
    mut write: impl FnMut(&str) -> io::Result<()>,
) {
    let mut failing = false;
    for chunk in chunks {
        let written = write(&chunk.text);
        waiting.fetch_sub(chunk.text.len(), Ordering::Relaxed);
        match written {
            Ok(()) => chunk.outlet.logged(chunk.events),
            Err(error) => {
                chunk.outlet.not_logged(chunk.events);
                if !failing {
                    let cause = &error as &dyn std::error::Error;
                    tracing::error!(error = cause, "events cannot be logged");
                }
                failing = true;
                continue;
            }
        }
        failing = false;
    }
}
