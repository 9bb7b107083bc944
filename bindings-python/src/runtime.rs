//! The runtime of this process. Threads do not survive a fork, so a child gets a runtime of its own, and a server that
//! worked before the fork says that it can't go on: its connections belong to the parent.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use sentri_core::Error;
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// A panic of ours becomes an error with its cause; it has no business on the host's stderr too.
pub fn keep_panics_quiet() {
    HOOK.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

/// The runtime, made at first use.
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
    // Leaked: a parent's runtime would wait at its end for threads that the child does not have.
    let runtime: &'static Runtime = Box::leak(Box::new(made));
    *slot = Some((pid, runtime));
    Ok(runtime.handle().clone())
}

/// The process in which something first did work.
#[derive(Debug, Default)]
pub struct Home(AtomicU32);

impl Home {
    /// Settles here at first use.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` in a process forked after the first use.
    pub fn settle(&self) -> Result<(), Error> {
        let here = std::process::id();
        match self.0.compare_exchange(0, here, Ordering::Relaxed, Ordering::Relaxed) {
            Err(settled) if settled != here => Err(Error::configuration(
                "this auth server was used before the process was forked, and its connections belong to the parent: \
                 make it in the child, or do not use it before the fork",
            )),
            _ => Ok(()),
        }
    }
}
