//! The public keys.

use super::description::answers;
use super::schema::reference;
use super::value::{Access, Endpoint, Needs, Shows};
use crate::error::Error;
use crate::failure::Failure;
use crate::http::Response;
use crate::http::call::Call;
use crate::http::envelope::bare;
use crate::service::keys;

/// The answer may be cached, but for less time than a new key is published before it signs.
const CACHE_CONTROL: &str = "public, max-age=15";

/// `GET /keys`
pub static KEYS: Endpoint = Endpoint {
    name: "keys",
    method: "GET",
    pattern: "/keys",
    access: Access::Public,
    needs: Needs::Nothing,
    shows: Shows::Nothing,
    story: None,
    describe: || answers("The public keys (RFC 7517)", 200, "The key set", reference("JwkSet")).bare(),
    serve: |call| Box::pin(async { serve(call) }),
};

fn serve(call: &Call<'_>) -> Result<Response, Failure> {
    let set = keys::jwks(call.realm).map(|set| bare(&set, CACHE_CONTROL));
    set.ok_or_else(|| Error::not_found("There are no public keys: the algorithm is symmetric").into())
}
