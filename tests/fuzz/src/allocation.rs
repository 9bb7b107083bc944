//! Counts what a thread allocates, so that a target can say how much an input may take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The bytes that any input may take, where its reader has no greater bound of its own.
pub const BASE: isize = 2 << 20;
/// The bytes that it may take for each of its own.
const PER_BYTE: isize = 256;

/// The system's allocator, with a count for each thread.
pub struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(change: isize) {
    // A thread that ends has no count any more.
    let _ = HELD.try_with(|held| {
        let now = held.get() + change;
        held.set(now);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now)));
    });
}

// SAFETY: every call goes to the system's allocator as it is; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Runs `run` over an input of `length` bytes, which may take `base` bytes and some for each of its own.
///
/// # Panics
/// Panics if more is held at one time than an input of this length may take.
pub fn bounded(base: isize, length: usize, run: impl FnOnce()) {
    let before = HELD.get();
    PEAK.set(before);
    run();
    let taken = PEAK.get() - before;
    let allowed = base + PER_BYTE * length.cast_signed();
    assert!(taken <= allowed, "{length} bytes of input took {taken} bytes of memory, more than {allowed}");
}
