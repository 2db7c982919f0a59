//! Events to standard output, in a thread of its own: when nobody reads there, only this thread
//! waits, and the trace's queue counts what it cannot hold.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use futures::StreamExt;
use futures::executor::block_on_stream;
use tokio::sync::oneshot;
use traceherd_tracers::{Events, ExecEvent};

use crate::format::Renderer;
use crate::stdout;

/// Events that are written at once, when as many are there.
const BATCH: usize = 256;
/// Text that is written at once, in bytes, however few events it is of.
const CHUNK: usize = 64 << 10;

/// The running thread. It ends with the events, or when they cannot be written.
pub struct Writer {
    written: Arc<AtomicU64>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl Writer {
    /// Starts writing `events`.
    ///
    /// # Errors
    /// When the kernel refuses the thread.
    pub fn start(events: Events, renderer: Renderer<ExecEvent>) -> io::Result<Self> {
        let written = Arc::new(AtomicU64::new(0));
        let (end, ended) = oneshot::channel();
        let counter = Arc::clone(&written);
        thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(move || {
                // Nobody may be left to hear it.
                let _ = end.send(write(events, renderer, &counter));
            })?;
        Ok(Self { written, ended })
    }

    /// Waits for its end; gives why, if it could not write. Cancel safe.
    pub async fn ended(&mut self) -> io::Result<()> {
        let ended = (&mut self.ended).await;
        ended.unwrap_or_else(|_| Err(io::Error::other("the writing thread has died")))
    }

    /// Events that were written.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

fn write(events: Events, mut renderer: Renderer<ExecEvent>, written: &AtomicU64) -> io::Result<()> {
    let mut text = String::new();
    renderer.begin(&mut text);
    stdout::write_all(&text)?;
    for batch in block_on_stream(events.ready_chunks(BATCH)) {
        text.clear();
        renderer.begin(&mut text);
        let mut unwritten = 0;
        for event in &batch {
            renderer.write(event, &mut text);
            unwritten += 1;
            if text.len() >= CHUNK {
                stdout::write_all(&text)?;
                text.clear();
                written.fetch_add(std::mem::take(&mut unwritten), Ordering::Relaxed);
            }
        }
        stdout::write_all(&text)?;
        written.fetch_add(unwritten, Ordering::Relaxed);
    }
    Ok(())
}
