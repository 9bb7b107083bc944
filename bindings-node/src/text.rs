//! Texts that every request converts. Each conversion takes a single call of the JavaScript engine.

use std::ptr;

use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, TypeName, ValidateNapiValue};
use napi::{Status, ValueType, sys};

/// The bytes of the first buffer, enough for most tokens. A longer token is read a second time.
const USUAL: usize = 1023;

/// A string from JavaScript, with U+FFFD in place of malformed UTF-16.
pub struct Text(pub String);

impl TypeName for Text {
    fn type_name() -> &'static str {
        "String"
    }

    fn value_type() -> ValueType {
        ValueType::String
    }
}

impl ValidateNapiValue for Text {}

impl FromNapiValue for Text {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: the caller vouches for `env` and `value`.
        let mut bytes = unsafe { read(env, value, USUAL) }?;
        // The engine leaves out no character that fits, so the text is complete if four bytes are to spare.
        if bytes.len() + 4 > USUAL {
            let mut length = 0;
            // SAFETY: as above; without a buffer the engine only counts.
            check(unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &raw mut length) })?;
            // SAFETY: as above.
            bytes = unsafe { read(env, value, length) }?;
        }
        String::from_utf8(bytes).map(Self).map_err(|_| napi::Error::from_status(Status::StringExpected))
    }
}

/// Reads up to `length` bytes of a string.
unsafe fn read(env: sys::napi_env, value: sys::napi_value, length: usize) -> napi::Result<Vec<u8>> {
    let mut bytes = Vec::<u8>::with_capacity(length + 1);
    let mut written = 0;
    // SAFETY: the buffer has room for `length` bytes and the NUL that the engine puts after them.
    check(unsafe {
        sys::napi_get_value_string_utf8(env, value, bytes.as_mut_ptr().cast(), length + 1, &raw mut written)
    })?;
    // SAFETY: the engine has written that many bytes.
    unsafe { bytes.set_len(written.min(length)) };
    Ok(bytes)
}

impl ToNapiValue for Text {
    unsafe fn to_napi_value(env: sys::napi_env, Self(text): Self) -> napi::Result<sys::napi_value> {
        // ASCII is Latin-1, which the engine takes without decoding.
        let create = if text.is_ascii() { sys::napi_create_string_latin1 } else { sys::napi_create_string_utf8 };
        let mut value = ptr::null_mut();
        // SAFETY: the caller vouches for `env`; pointer and length are those of a living string.
        check(unsafe { create(env, text.as_ptr().cast(), text.len().cast_signed(), &raw mut value) })?;
        Ok(value)
    }
}

fn check(status: sys::napi_status) -> napi::Result<()> {
    match Status::from(status) {
        Status::Ok => Ok(()),
        refused => Err(napi::Error::new(refused, "a string is expected")),
    }
}
