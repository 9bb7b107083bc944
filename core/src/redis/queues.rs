//! Queues of attempts, each under the name of the bucket that the attempts wait for. An empty queue is removed.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex as Turn, MutexGuard};

use crate::cache::memory::MAX_WAITING;
use crate::sync::Mutex;

/// All queues of one process.
#[derive(Default)]
pub(super) struct Queues(Mutex<HashMap<String, Arc<Turn<()>>>>);

/// A place in a queue. Dropping it leaves the queue.
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

    /// Takes a place in the queue for `name`, or returns `None` when [`MAX_WAITING`] wait there.
    pub fn join(&self, name: &str) -> Option<Queue<'_>> {
        let mut queues = self.0.lock();
        let turn = Arc::clone(queues.entry(name.to_owned()).or_default());
        // Beside the table and this function, every place holds a reference.
        (Arc::strong_count(&turn) - 2 < MAX_WAITING).then(|| Queue { queues: self, name: name.to_owned(), turn })
    }
}

impl Queue<'_> {
    /// Waits until all earlier attempts have left the queue.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        let mut queues = self.queues.0.lock();
        // Only the table and this place hold the queue, so nobody else waits.
        if Arc::strong_count(&self.turn) == 2 {
            queues.remove(&self.name);
        }
    }
}
