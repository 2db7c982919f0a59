//! Events that nobody has any more, to be filled anew. An event is made by one thread and given up by
//! another, which is where memory costs most.

use std::{collections::VecDeque, sync::Arc};

use crate::exec::ExecEvent;

/// As many as a storm leaves with a reader that keeps up.
const MOST: usize = 256;
/// The bytes of one with long arguments are rather given back.
const MOST_BYTES: usize = 4096;

/// The last events that were handed out, the oldest first: who has them gives them up in this order.
#[derive(Debug, Default)]
pub struct Spares {
    handed_out: VecDeque<Arc<ExecEvent>>,
}

impl Spares {
    /// An event that nobody else has, whatever is in it.
    pub fn take(&mut self) -> Arc<ExecEvent> {
        let oldest = self.handed_out.front_mut();
        let is_free = oldest.is_some_and(|oldest| Arc::get_mut(oldest).is_some());
        if is_free && let Some(free) = self.handed_out.pop_front() {
            return free;
        }
        Arc::default()
    }

    /// The event was handed out to all who want it.
    pub fn keep(&mut self, event: Arc<ExecEvent>) {
        if event.recorded_bytes() > MOST_BYTES {
            return;
        }
        if self.handed_out.len() == MOST {
            self.handed_out.pop_front();
        }
        self.handed_out.push_back(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spares: &mut Spares, pid: u32) -> Arc<ExecEvent> {
        let mut event = spares.take();
        Arc::get_mut(&mut event).expect("somebody has it").pid = pid;
        spares.keep(Arc::clone(&event));
        event
    }

    #[test]
    fn an_event_that_was_given_up_is_filled_again_and_no_other() {
        let mut spares = Spares::default();
        let [first, second] = [1, 2].map(|pid| told(&mut spares, pid));
        let place = Arc::as_ptr(&first);
        let weak = Arc::downgrade(&second);
        drop((first, second));
        assert_eq!(Arc::as_ptr(&told(&mut spares, 3)), place);
        // Who may ask for it later has it too.
        let third = told(&mut spares, 4);
        assert_eq!(weak.upgrade().map(|event| event.pid), Some(2));
        assert_eq!(third.pid, 4);
    }

    #[test]
    fn so_many_are_kept_and_none_with_long_arguments() {
        let mut spares = Spares::default();
        let kept: Vec<_> = (0..3 * MOST as u32)
            .map(|pid| told(&mut spares, pid))
            .collect();
        assert!((0..).zip(&kept).all(|(pid, event)| event.pid == pid));
        assert_eq!(spares.handed_out.len(), MOST);
        drop(kept);
        told(&mut spares, 0);
        assert_eq!(spares.handed_out.len(), MOST);

        let mut long = spares.take();
        Arc::get_mut(&mut long).unwrap().file = vec![0; MOST_BYTES + 1];
        spares.keep(long);
        assert_eq!(spares.handed_out.len(), MOST - 1);
    }
}
