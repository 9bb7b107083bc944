//! Chooses among several access tokens in cookies of one name. Those that verify count, if all of them are of the same
//! user.

use crate::token::TokenError;
use crate::token::claims::AccessClaims;

/// A token whose signature is valid. It may have expired.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The claims of the token.
    pub claims: AccessClaims,
    /// The token itself.
    pub token: String,
}

/// The decision on several tokens.
#[derive(Debug)]
pub enum Choice {
    /// Tokens of the same user, the youngest first.
    Good(Vec<Candidate>),
    /// No token is valid; these tokens have expired, and are all of the same user.
    Expired(Vec<Candidate>),
    /// The tokens are of different users.
    Conflict,
    /// No token has a valid signature. The error is that of the first token.
    Bad(TokenError),
}

/// Judges tokens in the order in which they were sent. `verify` returns the claims of a token with a valid signature,
/// and whether it has expired.
#[must_use]
pub fn choose(tokens: Vec<String>, verify: impl Fn(&str) -> Result<(AccessClaims, bool), TokenError>) -> Choice {
    let (mut good, mut expired, mut bad) = (Vec::new(), Vec::new(), None);
    for token in tokens {
        match verify(&token) {
            Ok((claims, false)) => good.push(Candidate { claims, token }),
            Ok((claims, true)) => expired.push(Candidate { claims, token }),
            Err(error) => bad = bad.or(Some(error)),
        }
    }
    let is_of_one = |list: &[Candidate]| list.windows(2).all(|two| two[0].claims.id == two[1].claims.id);
    // An expired token grants nothing. So a planted expired token must not displace a valid token.
    if !good.is_empty() {
        good.sort_by_key(|candidate| std::cmp::Reverse(candidate.claims.iat));
        return if is_of_one(&good) { Choice::Good(good) } else { Choice::Conflict };
    }
    match bad {
        Some(error) if expired.is_empty() => Choice::Bad(error),
        _ if is_of_one(&expired) => Choice::Expired(expired),
        _ => Choice::Conflict,
    }
}
