//! Several access tokens in cookies of one name: those that verify count, if all of them are of the same user.

use crate::token::TokenError;
use crate::token::claims::AccessClaims;

/// A token whose signature is valid.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its claims, as they were read.
    pub claims: AccessClaims,
    /// The token itself.
    pub token: String,
}

/// The result of several tokens.
#[derive(Debug)]
pub enum Choice {
    /// Tokens of the same user, the youngest first.
    Good(Vec<Candidate>),
    /// None is valid any more; these have expired, all of the same user.
    Expired(Vec<Candidate>),
    /// Valid tokens of different users.
    Conflict,
    /// None is a token of ours.
    Bad(TokenError),
}

/// Judges tokens in the order in which they were sent. `verify` says whether a token with a good signature is expired.
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
    // An expired token grants nothing, so a planted one has no effect and must not displace a valid one.
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
