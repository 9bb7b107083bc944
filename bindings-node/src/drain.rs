//! Draining: new connections are dropped while a listening socket is being closed.

#![cfg_attr(test, allow(dead_code, reason = "napi registers no functions under test"))]

use napi_derive::napi;

/// Makes the system drop new connections to the listening TCP socket with this descriptor. Connections that already
/// wait at the socket stay, so that they can be accepted before it is closed. A client whose connection was dropped
/// tries again a second later, and is refused then. Returns `false` if the system can't do it, as any system but Linux.
#[napi(catch_unwind)]
pub fn ignore_new_connections(descriptor: i32) -> bool {
    ignore(descriptor)
}

#[cfg(target_os = "linux")]
fn ignore(descriptor: i32) -> bool {
    use std::os::fd::BorrowedFd;

    use socket2::{SockFilter, SockRef};

    /// The classic BPF program (`linux/filter.h`) "drop packets with the SYN flag (RFC 9293, 3.1), keep all others".
    const DROP_SYN: [SockFilter; 4] = [
        SockFilter::new(0x30, 0, 0, 13),
        SockFilter::new(0x45, 0, 1, 0x02),
        SockFilter::new(0x06, 0, 0, 0),
        SockFilter::new(0x06, 0, 0, u32::MAX),
    ];
    if descriptor < 0 {
        return false;
    }
    // SAFETY: the descriptor is used within this call alone; the system answers EBADF for one that is not open.
    let socket = unsafe { BorrowedFd::borrow_raw(descriptor) };
    SockRef::from(&socket).attach_filter(&DROP_SYN).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn ignore(_: i32) -> bool {
    false
}
