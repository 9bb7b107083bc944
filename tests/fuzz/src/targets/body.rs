//! JSON bodies. What is taken is what another reader reads, and no name stands twice in it.

use sentri_core::http::body::{is_about_encoding, read};
use sentri_core::http::{Body, MAX_BODY};
use sentri_core::json::parse_strict;

use crate::reading::Node;

/// A text that no error repeats.
const CANARY: &str = "canary-canary";

pub fn check(data: &[u8]) {
    let taken = read(&Body::Raw(data.to_vec()), None);
    let json = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    let reading = Node::read(json).filter(|node| !node.repeats());
    match &taken {
        Ok(value) if json.trim_ascii().is_empty() => assert_eq!(value.to_string(), "{}"),
        Ok(value) => {
            assert_eq!(Some(value), reading.map(|node| node.value()).as_ref());
            // Fractions of many digits are read to the last bit but one.
            let again = parse_strict(value.to_string().as_bytes());
            assert!(again.as_ref() == Ok(value) || value.to_string().contains(['.', 'e']), "written and read again");
        }
        Err(error) => {
            assert!(reading.is_none() || data.len() > MAX_BODY, "{:?} is refused", String::from_utf8_lossy(data));
            assert_eq!((error.status, error.code.as_ref()), (400, "VALIDATION_ERROR"));
        }
    }
    let encoded = read(&Body::Raw(data.to_vec()), Some("gzip"));
    assert_eq!(encoded.is_ok(), taken.is_ok(), "only what is no JSON is looked upon as encoded");
    assert!(encoded.is_ok() || data.len() > MAX_BODY || encoded.is_err_and(|error| is_about_encoding(&error)));
    let mut marked = CANARY.as_bytes().to_vec();
    marked.extend_from_slice(data);
    let refused = read(&Body::Raw(marked), None).expect_err("a text that begins so is no JSON");
    assert!(!format!("{refused:?}").contains(CANARY));
}
