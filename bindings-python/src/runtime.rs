//! The Tokio runtime of this process. Threads do not survive a fork, so a child gets a runtime of its own. A server
//! that worked before the fork is made anew in the child, since its connections belong to the parent.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use sentri_core::Error;
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// Keeps panics from being printed on the host's standard error, since each of them becomes an error with its cause.
pub fn keep_panics_quiet() {
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

/// Returns the runtime of this process, which is made at first use.
pub fn handle() -> Result<Handle, Error> {
    keep_panics_quiet();
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let pid = std::process::id();
    if let Some((owner, runtime)) = *slot
        && owner == pid
    {
        return Ok(runtime.handle().clone());
    }
    let made = Builder::new_multi_thread().enable_all().thread_name("sentri").build();
    let made = made.map_err(|error| Error::configuration(format!("no threads can be started: {error}")))?;
    // The runtime is leaked. In a child, dropping the parent's runtime would wait for threads that the child does not
    // have.
    let runtime: &'static Runtime = Box::leak(Box::new(made));
    *slot = Some((pid, runtime));
    Ok(runtime.handle().clone())
}

/// The process in which an object first did work; 0 until then.
#[derive(Debug, Default)]
pub struct Home(AtomicU32);

impl Home {
    /// The home of objects that are made in this process and used at once.
    pub fn here() -> Self {
        Self(AtomicU32::new(std::process::id()))
    }

    /// Makes this process the home, if there is none yet.
    pub fn settle(&self) {
        if self.0.load(Ordering::Relaxed) == 0 {
            let _ = self.0.compare_exchange(0, std::process::id(), Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// Whether this process is the home, or there is none yet.
    pub fn is_here(&self) -> bool {
        let settled = self.0.load(Ordering::Relaxed);
        settled == 0 || settled == std::process::id()
    }
}
