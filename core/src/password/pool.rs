//! The pool that computes hashes. Few are computed at once, never on the host's event loop, and the others wait in a
//! bounded and fair queue.

use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::oneshot::{self, Sender};

use super::fair::{FairQueue, Push, Requester};
use crate::failure::Failure;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, spawn_blocking, timeout};

/// The most jobs that may wait for a place.
pub const QUEUE: usize = 64;
/// The longest time that a job waits.
pub const WAIT: Duration = Duration::from_secs(5);

static SHARED: LazyLock<Arc<Pool>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, NonZero::get);
    Arc::new(Pool::new(cores, QUEUE, WAIT))
});

/// A pool for jobs that each take a whole core for a while.
#[derive(Debug)]
pub struct Pool {
    places: Arc<Places>,
    queue: usize,
    wait: Duration,
    running: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

impl Pool {
    /// Returns the pool of this process, which has a place for each core.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        Arc::clone(&SHARED)
    }

    /// Makes a pool of `places`, in which at most `queue` jobs wait, each for at most `wait`.
    #[must_use]
    pub fn new(places: usize, queue: usize, wait: Duration) -> Self {
        let state = State { free: places.max(1), waiting: FairQueue::new(queue) };
        Self { places: Arc::new(Places(Mutex::new(state))), queue, wait, running: Arc::default(), peak: Arc::default() }
    }

    /// Runs `job` for the host itself, as [`Pool::run_for`] does.
    ///
    /// # Errors
    /// As [`Pool::run_for`].
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
        self.run_for(Requester::Host, job).await
    }

    /// Runs `job` on a thread for blocking work once there is a place. Networks take turns for places. The job holds
    /// its place until it is done, even if the caller no longer waits for the result, or abandoned requests could pile
    /// up without bound.
    ///
    /// # Errors
    /// [`Failure::HashQueueFull`] if the queue is full, the wait was too long, or a smaller network took the place;
    /// [`Failure::Internal`] if the job panicked or the runtime shuts down.
    pub async fn run_for<T: Send + 'static>(
        &self,
        requester: Requester,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let place = self.place(requester).await?;
        let (running, peak) = (Arc::clone(&self.running), Arc::clone(&self.peak));
        let worker = spawn_blocking(move || {
            let _running = Running::new(running, &peak, place);
            job()
        });
        worker.await.map_err(|_| Failure::Internal("a password hash was not finished".to_owned()))
    }

    /// Returns the number of jobs that run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// Returns the most jobs that ever ran at once.
    #[must_use]
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }

    /// Returns the number of jobs that wait for a place.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.places.0.lock().waiting.len()
    }

    /// Whether more than half of the places in the queue are taken.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.waiting() > self.queue / 2
    }

    async fn place(&self, requester: Requester) -> Result<Place, Failure> {
        let mut waiting = match self.places.enter(requester) {
            Entered::Place(place) => return Ok(place),
            Entered::Waiting(waiting) => waiting,
            Entered::Refused => return Err(Failure::HashQueueFull),
        };
        match timeout(self.wait, &mut waiting.place).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Failure::HashQueueFull),
        }
    }
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: FairQueue<Sender<Place>>,
}

#[derive(Debug)]
struct Places(Mutex<State>);

enum Entered {
    Place(Place),
    Waiting(Waiting),
    Refused,
}

impl Places {
    fn enter(self: &Arc<Self>, requester: Requester) -> Entered {
        let mut state = self.0.lock();
        if state.free > 0 {
            state.free -= 1;
            return Entered::Place(Place(Some(Arc::clone(self))));
        }
        let (sender, place) = oneshot::channel();
        // The sender of a displaced job is dropped, which ends the wait of its receiver.
        match state.waiting.push(requester, sender) {
            Push::Queued(id) | Push::Displaced(id, _) => {
                Entered::Waiting(Waiting { places: Arc::clone(self), id, place })
            }
            Push::Refused(_) => Entered::Refused,
        }
    }

    /// Passes a free place to the next job in turn that still waits.
    fn pass_on(self: &Arc<Self>) {
        loop {
            let mut state = self.0.lock();
            let Some(next) = state.waiting.pop() else {
                state.free += 1;
                return;
            };
            drop(state);
            match next.send(Place(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // That job waits no longer. The place is disarmed, since this loop passes it on itself.
                Err(mut place) => drop(place.0.take()),
            }
        }
    }
}

/// A place in which a job runs. It is passed on when it is dropped.
#[derive(Debug)]
struct Place(Option<Arc<Places>>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(places) = self.0.take() {
            places.pass_on();
        }
    }
}

/// A place in the queue. It is given back however the wait ends.
struct Waiting {
    places: Arc<Places>,
    id: u64,
    place: oneshot::Receiver<Place>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let removed = self.places.0.lock().waiting.remove(self.id);
        drop(removed);
    }
}

/// A running job. It is counted and holds its place until it ends or panics.
struct Running {
    count: Arc<AtomicUsize>,
    place: Option<Place>,
}

impl Running {
    fn new(count: Arc<AtomicUsize>, peak: &AtomicUsize, place: Place) -> Self {
        peak.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Self { count, place: Some(place) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The count is lowered before the next job can get the place.
        self.count.fetch_sub(1, Ordering::SeqCst);
        drop(self.place.take());
    }
}
