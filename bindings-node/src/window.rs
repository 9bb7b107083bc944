//! A counter of the core as memory that JavaScript reads without a call.

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use napi::bindgen_prelude::{Null, ToNapiValue};
use napi::{Status, sys};

/// An `ArrayBuffer` of four bytes over a counter, which lives as long as either side refers to it. JavaScript must not
/// write to it. Null if the engine accepts no memory but its own, as engines with a memory cage do.
pub struct Window(pub Arc<AtomicU32>);

impl ToNapiValue for Window {
    unsafe fn to_napi_value(env: sys::napi_env, Self(counter): Self) -> napi::Result<sys::napi_value> {
        let counter = Arc::into_raw(counter).cast_mut().cast::<c_void>();
        let mut buffer = ptr::null_mut();
        // SAFETY: the caller vouches for `env`; the memory stays until `release`, and an atomic may be written to while
        // it is read.
        let status = Status::from(unsafe {
            sys::napi_create_external_arraybuffer(
                env,
                counter,
                size_of::<AtomicU32>(),
                Some(release),
                counter,
                &raw mut buffer,
            )
        });
        if status == Status::Ok {
            return Ok(buffer);
        }
        // SAFETY: the engine has not taken the memory over.
        drop(unsafe { Arc::from_raw(counter.cast::<AtomicU32>()) });
        // SAFETY: as above.
        unsafe { Null::to_napi_value(env, Null) }
    }
}

/// Frees the counter; the engine calls it when the memory is no longer reachable.
unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, counter: *mut c_void) {
    // SAFETY: the pointer comes from `Arc::into_raw`, and the engine calls this function once.
    drop(unsafe { Arc::from_raw(counter.cast::<AtomicU32>()) });
}
