//! The names of [`crate::sync`] over shuttle. Taking a lock, releasing it, an atomic access and a wait are steps at
//! which another task may run.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::PoisonError;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use shuttle::future;
use shuttle::rand::{Rng as _, thread_rng};
pub use shuttle::sync::atomic;
use tokio::time::Instant;

use atomic::{AtomicBool, Ordering};

/// The most steps of its own that a timer takes before it fires.
const TIMER_STEPS: u32 = 24;

thread_local! {
    // All schedules of a run stay on one thread of the operating system.
    static TIMERS_FIRE: Cell<bool> = const { Cell::new(false) };
}

/// Sets whether timers fire in the schedules of this thread. If they do, each timer fires at a random step or not at
/// all. If they don't, a task that nobody wakes is a deadlock, which shuttle reports.
pub fn let_timers_fire(may: bool) {
    TIMERS_FIRE.set(may);
}

/// Lets another task run here.
pub fn step() {
    AtomicBool::new(false).load(Ordering::SeqCst);
}

/// A lock with the interface of parking_lot.
#[derive(Debug, Default)]
pub struct Mutex<T>(shuttle::sync::Mutex<T>);

/// A held lock.
#[derive(Debug)]
pub struct MutexGuard<'a, T>(Option<shuttle::sync::MutexGuard<'a, T>>);

impl<T> Mutex<T> {
    /// Makes a free lock.
    pub const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    /// Waits for the lock.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard(Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is held until it is dropped")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("it is held until it is dropped")
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.0 = None;
        // Shuttle lets other tasks run before a lock is released, but the code after the release may not be a step, so
        // one is added here.
        if !std::thread::panicking() {
            step();
        }
    }
}

/// A task with the interface of tokio.
#[derive(Debug)]
pub struct JoinHandle<T>(future::JoinHandle<Option<T>>);

/// A task that panicked.
#[derive(Debug)]
pub struct JoinError;

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let ended = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(ended.ok().flatten().ok_or(JoinError))
    }
}

/// Starts a task. A panic in it ends this task alone.
pub fn spawn<F: Future<Output: Send> + Send + 'static>(task: F) -> JoinHandle<F::Output> {
    JoinHandle(future::spawn(async { AssertUnwindSafe(task).catch_unwind().await.ok() }))
}

/// Starts a task that may block.
pub fn spawn_blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    JoinHandle(future::spawn(async { catch_unwind(AssertUnwindSafe(job)).ok() }))
}

/// A handle of the runtime, which always exists here.
#[derive(Debug)]
pub struct Handle;

impl Handle {
    /// Returns a handle of the runtime.
    #[must_use]
    pub const fn current() -> Self {
        Self
    }

    /// Returns a handle of the runtime.
    ///
    /// # Errors
    /// Never.
    pub fn try_current() -> Result<Self, NoRuntime> {
        Ok(Self)
    }

    /// Starts a task, see [`spawn`].
    pub fn spawn<F: Future<Output: Send> + Send + 'static>(&self, task: F) -> JoinHandle<F::Output> {
        spawn(task)
    }
}

/// The error that there is no runtime, which never occurs here.
#[derive(Debug)]
pub struct NoRuntime;

/// The error that a timer fired.
#[derive(Debug)]
pub struct Elapsed;

/// Returns the result of `wait`, or an error if its timer fires first.
///
/// # Errors
/// [`Elapsed`].
pub async fn timeout<F: Future>(_after: Duration, wait: F) -> Result<F::Output, Elapsed> {
    step();
    if !TIMERS_FIRE.get() || thread_rng().gen_bool(0.5) {
        return Ok(wait.await);
    }
    let steps = thread_rng().gen_range(0..TIMER_STEPS);
    let timer = future::spawn(async move { (0..steps).for_each(|_| step()) });
    match select(pin!(wait), timer).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(_) => Err(Elapsed),
    }
}

/// Waits as [`timeout`] does.
///
/// # Errors
/// [`Elapsed`].
pub async fn timeout_at<F: Future>(_deadline: Instant, wait: F) -> Result<F::Output, Elapsed> {
    timeout(Duration::ZERO, wait).await
}

/// Lets the other tasks run first, as far as the schedule is fair.
pub async fn sleep(_duration: Duration) {
    future::yield_now().await;
}
