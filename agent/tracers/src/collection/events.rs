//! The events of one trace.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::Stream;
use tokio::sync::mpsc::Receiver;

use crate::exec::ExecEvent;

/// The events of one trace, as a [`Stream`]. It ends when the trace is removed or has had its last
/// event. Dropping it ends the trace's account.
#[derive(Debug)]
pub struct Events {
    pub(crate) receiver: Receiver<Arc<ExecEvent>>,
}

impl Stream for Events {
    type Item = Arc<ExecEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context)
    }
}

impl Events {
    /// The events for a thread that may wait for them.
    ///
    /// # Panics
    /// The iterator does, within an asynchronous task: use the stream there.
    pub fn blocking(mut self) -> impl Iterator<Item = Arc<ExecEvent>> {
        std::iter::from_fn(move || self.receiver.blocking_recv())
    }
}
