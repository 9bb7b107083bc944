//! Queues of attempts that wait for one thing, by its name. They exist as long as somebody is in them.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex as Turn, MutexGuard};

use crate::cache::memory::MAX_WAITING;
use crate::sync::Mutex;

/// All queues of one process.
#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<String, Arc<Turn<()>>>>);

/// A place in a queue, left when it is dropped.
pub(super) struct Queue<'a> {
    queues: &'a Queues,
    name: String,
    turn: Arc<Turn<()>>,
}

impl Queues {
    /// Whether anybody waits for `name`.
    pub fn has(&self, name: &str) -> bool {
        self.0.lock().contains_key(name)
    }

    /// A place in the queue for `name`; `None` when [`MAX_WAITING`] wait there.
    pub fn join(&self, name: &str) -> Option<Queue<'_>> {
        let mut queues = self.0.lock();
        let turn = Arc::clone(queues.entry(name.to_owned()).or_default());
        // Every place holds the turn beside the table and this function.
        (Arc::strong_count(&turn) - 2 < MAX_WAITING).then(|| Queue { queues: self, name: name.to_owned(), turn })
    }
}

impl Queue<'_> {
    /// Waits until everybody who came before has left.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.0.lock();
        // The table and this place hold it: nobody else does.
        if Arc::strong_count(&self.turn) == 2 {
            queues.remove(&self.name);
        }
    }
}
