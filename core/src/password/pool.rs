//! Where hashes are computed: few at once, never on the host's event loop, and with a queue that ends.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::failure::Failure;

/// How many may wait for a place.
pub const QUEUE: usize = 64;
/// How long one waits.
pub const WAIT: Duration = Duration::from_secs(5);

static SHARED: LazyLock<Arc<Pool>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, NonZero::get);
    Arc::new(Pool::new(cores, QUEUE, WAIT))
});

/// A bound on work that takes a whole core for a while.
#[derive(Debug)]
pub struct Pool {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    wait: Duration,
    running: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

impl Pool {
    /// The pool of this process: one place a core.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        Arc::clone(&SHARED)
    }

    /// A pool of `places`, where at most `queue` wait and each at most `wait`.
    #[must_use]
    pub fn new(places: usize, queue: usize, wait: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.max(1))),
            waiting: AtomicUsize::new(0),
            queue,
            wait,
            running: Arc::default(),
            peak: Arc::default(),
        }
    }

    /// Runs `job` on a thread for blocking work once there is a place. Who stops waiting for the result does not free
    /// the place: it belongs to the job until that is done, or abandoned requests could pile up without bound.
    ///
    /// # Errors
    /// [`Failure::HashQueueFull`] when the queue is full or the wait too long; [`Failure::Internal`] when the job
    /// panicked or the runtime is going down.
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        let permit = self.place().await?;
        let (running, peak) = (Arc::clone(&self.running), Arc::clone(&self.peak));
        let worker = spawn_blocking(move || {
            let _running = Running::new(running, &peak, permit);
            job()
        });
        worker.await.map_err(|_| Failure::Internal("a password hash was not finished".to_owned()))
    }

    /// How many jobs run at this moment.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// The most jobs that ever ran at once.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = Waiting::new(&self.waiting, self.queue)?;
        match timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Failure::HashQueueFull),
        }
    }
}

/// A place in the queue, given back however the wait ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize, most: usize) -> Result<Self, Failure> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::SeqCst) >= most { Err(Failure::HashQueueFull) } else { Ok(place) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A job that runs: counted, and holding its permit, until it ends or panics.
struct Running {
    count: Arc<AtomicUsize>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Running {
    fn new(count: Arc<AtomicUsize>, peak: &AtomicUsize, permit: OwnedSemaphorePermit) -> Self {
        peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self { count, permit: Some(permit) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Counted out before the next one can come in.
        self.count.fetch_sub(1, Ordering::SeqCst);
        drop(self.permit.take());
    }
}
