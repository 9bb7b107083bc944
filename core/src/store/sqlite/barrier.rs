//! Reports of the system that the file was opened, and a barrier that delays newcomers during a commit. Only Linux has
//! both.
//!
//! A library that opens the file takes its first lock before it reads, for a moment, on the "pending" byte of the file
//! format. The barrier locks that byte for an open file and not for the process, which delays other processes and other
//! libraries of this process alike. They try again, and a commit takes a millisecond.

#[cfg(target_os = "linux")]
pub(super) use linux::{Barrier, Openings, Raised};
#[cfg(not(target_os = "linux"))]
pub(super) use none::{Barrier, Openings, Raised};

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use nix::errno::Errno;
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc::{F_UNLCK, F_WRLCK, SEEK_SET, flock};
    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

    use crate::failure::StoreError;

    const PENDING_BYTE: i64 = 0x4000_0000;
    /// The most attempts at the lock. A library that opens the file holds the byte for microseconds.
    const ATTEMPTS: u32 = 200;
    const PAUSE: Duration = Duration::from_micros(100);

    /// The openings of the file. The system reports each before `open` returns, so an opening that this process has
    /// finished is never missed.
    #[derive(Debug)]
    pub(in super::super) struct Openings(Inotify);

    impl Openings {
        pub(in super::super) fn of(path: &Path) -> Option<Self> {
            let openings = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok()?;
            openings.add_watch(path, AddWatchFlags::IN_OPEN).ok()?;
            Some(Self(openings))
        }

        /// Whether the file was opened since the last call.
        pub(in super::super) fn any(&self) -> bool {
            let mut any = false;
            while self.0.read_events().is_ok_and(|events| !events.is_empty()) {
                any = true;
            }
            any
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct Barrier(File);

    impl Barrier {
        /// Makes a barrier for the file at `path`, without raising it.
        pub(in super::super) fn before(path: &Path) -> Option<Self> {
            File::options().read(true).write(true).open(path).ok().map(Self)
        }

        pub(in super::super) fn descriptor(&self) -> u32 {
            self.0.as_raw_fd().unsigned_abs()
        }

        /// Raises the barrier until the result is dropped.
        pub(in super::super) fn raise(self: Arc<Self>) -> Result<Raised, StoreError> {
            for _ in 0..ATTEMPTS {
                match self.lock(F_WRLCK) {
                    Ok(_) => return Ok(Raised(self)),
                    Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) => std::thread::sleep(PAUSE),
                    // The file system has no such locks, so the check alone must do.
                    Err(_) => return Ok(Raised(self)),
                }
            }
            Err(StoreError::Conflict("the file is being opened by others all the time".into()))
        }

        fn lock(&self, kind: i32) -> nix::Result<i32> {
            let lock =
                flock { l_type: kind as i16, l_whence: SEEK_SET as i16, l_start: PENDING_BYTE, l_len: 1, l_pid: 0 };
            fcntl(&self.0, FcntlArg::F_OFD_SETLK(&lock))
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct Raised(Arc<Barrier>);

    impl Drop for Raised {
        fn drop(&mut self) {
            // This process holds the lock, and a release can't fail.
            let _ = self.0.lock(F_UNLCK);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod none {
    use std::convert::Infallible;
    use std::path::Path;
    use std::sync::Arc;

    use crate::failure::StoreError;

    #[derive(Debug)]
    pub(in super::super) struct Openings(Infallible);

    impl Openings {
        pub(in super::super) fn of(_path: &Path) -> Option<Self> {
            None
        }

        pub(in super::super) fn any(&self) -> bool {
            match self.0 {}
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct Barrier(Infallible);

    #[derive(Debug)]
    pub(in super::super) struct Raised(Infallible);

    impl Barrier {
        pub(in super::super) fn before(_path: &Path) -> Option<Self> {
            None
        }

        pub(in super::super) fn descriptor(&self) -> u32 {
            match self.0 {}
        }

        pub(in super::super) fn raise(self: Arc<Self>) -> Result<Raised, StoreError> {
            match self.0 {}
        }
    }
}
