//! Where hashing runs: at most one hash a core in the whole process, a bounded queue before it, never the host's event
//! loop.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::failure::Failure;

/// How many may wait.
const QUEUE: usize = 64;

/// How long one may wait.
const MAX_WAIT: Duration = Duration::from_secs(5);

static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(cores()));

struct Pool {
    permits: Semaphore,
    waiting: AtomicUsize,
    running: AtomicUsize,
    most: AtomicUsize,
}

impl Pool {
    fn new(size: usize) -> Self {
        Self {
            permits: Semaphore::new(size),
            waiting: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }
}

/// How many hashes may run at once.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The most hashes that have run at once in this process.
#[must_use]
pub fn most_at_once() -> usize {
    POOL.most.load(Ordering::SeqCst)
}

/// Runs a job on the pool. A caller that goes away while waiting gives its place back; once the job runs it keeps its
/// permit until it is done, whoever still listens.
///
/// # Errors
/// [`Failure::HashQueueFull`] when the queue is full or the wait too long; `Internal` when the job panicked.
pub async fn run<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let pool: &'static Pool = &POOL;
    let permit = match pool.permits.try_acquire() {
        Ok(permit) => permit,
        Err(_) => wait(pool).await?,
    };
    let done = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let running = pool.running.fetch_add(1, Ordering::SeqCst) + 1;
        pool.most.fetch_max(running, Ordering::SeqCst);
        let _running = Leave(&pool.running);
        job()
    });
    done.await.map_err(|error| Failure::Internal(format!("hashing: {error}")))
}

async fn wait(pool: &'static Pool) -> Result<tokio::sync::SemaphorePermit<'static>, Failure> {
    if pool.waiting.fetch_add(1, Ordering::SeqCst) >= QUEUE {
        pool.waiting.fetch_sub(1, Ordering::SeqCst);
        return Err(Failure::HashQueueFull);
    }
    let _place = Leave(&pool.waiting);
    match tokio::time::timeout(MAX_WAIT, pool.permits.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(Failure::HashQueueFull),
    }
}

/// Counts down when it goes out of scope, also when the task is dropped while waiting.
struct Leave(&'static AtomicUsize);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
