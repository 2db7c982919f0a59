//! Events to standard output, in a thread of its own: when nobody reads there, only this thread
//! waits, and the trace's queue counts what it cannot hold.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::executor::block_on_stream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use traceherd_tracers::{Events, ExecEvent};

use crate::format::Renderer;
use crate::stdout;

/// Events that are written at once, when as many are there.
const BATCH: usize = 256;

/// How long a piece may take to be written to somebody who reads.
const PIECE: Duration = Duration::from_millis(100);

/// The running thread. It ends with the events, or when they cannot be written.
pub struct Writer {
    progress: Arc<Progress>,
    ended: oneshot::Receiver<io::Result<()>>,
}

/// How far the thread is. The two flags are each set before the other is looked at.
#[derive(Default)]
struct Progress {
    written: AtomicU64,
    /// A piece is being written, and not counted yet.
    busy: AtomicBool,
    /// No other is to follow.
    halted: AtomicBool,
}

impl Writer {
    /// Starts writing `events`.
    ///
    /// # Errors
    /// When the kernel refuses the thread.
    pub fn start(events: Events, renderer: Renderer<ExecEvent>) -> io::Result<Self> {
        let progress = Arc::<Progress>::default();
        let (end, ended) = oneshot::channel();
        let theirs = Arc::clone(&progress);
        thread::Builder::new()
            .name("stdout".to_owned())
            .spawn(move || {
                // Nobody may be left to hear it.
                let _ = end.send(write(events, renderer, &theirs));
            })?;
        Ok(Self { progress, ended })
    }

    /// Waits for its end; gives why, if it could not write. Cancel safe.
    pub async fn ended(&mut self) -> io::Result<()> {
        let ended = (&mut self.ended).await;
        ended.unwrap_or_else(|_| Err(io::Error::other("the writing thread has died")))
    }

    /// Waits for its end as long as somebody reads: until nothing was taken for so long. Cancel
    /// safe.
    pub async fn read_out(&mut self, patience: Duration) -> Option<io::Result<()>> {
        loop {
            let before = self.written();
            match timeout(patience, self.ended()).await {
                Ok(ended) => return Some(ended),
                Err(_) if self.written() == before => return None,
                Err(_) => {}
            }
        }
    }

    /// Lets it write nothing more, so that what it has written stays what it is.
    pub async fn halt(&self) {
        self.progress.halted.store(true, Ordering::SeqCst);
        let until = Instant::now() + PIECE;
        // One that waits for a full pipe has nothing of its piece in there.
        while self.progress.busy.load(Ordering::SeqCst) && Instant::now() < until {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Events that were written.
    pub fn written(&self) -> u64 {
        self.progress.written.load(Ordering::SeqCst)
    }
}

impl Progress {
    /// Writes a piece of so many events, unless it is halted. Returns whether it is not.
    fn piece(&self, text: &str, events: u64) -> io::Result<bool> {
        self.busy.store(true, Ordering::SeqCst);
        let goes_on = !self.halted.load(Ordering::SeqCst);
        if goes_on {
            stdout::write_all(text)?;
            self.written.fetch_add(events, Ordering::SeqCst);
        }
        self.busy.store(false, Ordering::SeqCst);
        Ok(goes_on)
    }
}

fn write(events: Events, mut renderer: Renderer<ExecEvent>, progress: &Progress) -> io::Result<()> {
    let (mut text, mut ends) = (String::new(), Vec::new());
    renderer.begin(&mut text);
    stdout::write_all(&text)?;
    let most = stdout::at_once();
    for batch in block_on_stream(events.ready_chunks(BATCH)) {
        text.clear();
        ends.clear();
        renderer.begin(&mut text);
        for event in &batch {
            renderer.write(event, &mut text);
            ends.push(text.len());
        }
        let mut start = 0;
        for (end, events) in pieces(&ends, most) {
            if !progress.piece(&text[start..end], events)? {
                return Ok(());
            }
            start = end;
        }
    }
    Ok(())
}

/// Where to cut text whose events end at `ends`, and how many events each piece has: whole ones,
/// of `most` bytes together where they fit.
fn pieces(ends: &[usize], most: usize) -> Vec<(usize, u64)> {
    let mut pieces: Vec<(usize, u64)> = Vec::new();
    let mut start = 0;
    for &end in ends {
        match pieces.last_mut() {
            Some((last, events)) if end - start <= most => {
                *last = end;
                *events += 1;
            }
            before => {
                start = before.map_or(0, |(last, _)| *last);
                pieces.push((end, 1));
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_as_many_whole_events_as_fit_and_one_at_least() {
        assert_eq!(pieces(&[], 100), []);
        assert_eq!(pieces(&[40, 80, 120], 100), [(80, 2), (120, 1)]);
        assert_eq!(pieces(&[40, 100, 150, 200], 100), [(100, 2), (200, 2)]);
        assert_eq!(
            pieces(&[300, 310, 700], 100),
            [(300, 1), (310, 1), (700, 1)]
        );
        assert_eq!(pieces(&[50, 60], usize::MAX), [(60, 2)]);
    }
}
