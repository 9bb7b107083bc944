//! The JWS header of the tokens that sentri signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::Algorithm;

/// Returns the header `{"alg", "typ", "kid"}` in base64url. `kid` is left out if there is none.
pub(super) fn encode_header(algorithm: Algorithm, typ: &str, kid: Option<&str>) -> String {
    let mut header = serde_json::Map::new();
    header.insert("alg".to_owned(), algorithm.as_str().into());
    header.insert("typ".to_owned(), typ.into());
    if let Some(kid) = kid {
        header.insert("kid".to_owned(), kid.into());
    }
    URL_SAFE_NO_PAD.encode(serde_json::Value::Object(header).to_string())
}
