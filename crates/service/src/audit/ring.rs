//! The latest events, in memory: what `dev` has instead of files.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::event::Event;

/// Events kept. About a kilobyte each.
const EVENTS_MAX: usize = 1024;

/// A queue that forgets its oldest.
#[derive(Default)]
pub(super) struct Ring(Mutex<VecDeque<Vec<u8>>>);

impl Ring {
    pub(super) fn keep(&self, events: Vec<Event>) {
        let mut kept = self.lock();
        for event in events {
            if kept.len() == EVENTS_MAX {
                kept.pop_front();
            }
            kept.push_back(event.json);
        }
    }

    pub(super) fn recent(&self) -> Vec<String> {
        self.lock().iter().map(|json| String::from_utf8_lossy(json).into_owned()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
