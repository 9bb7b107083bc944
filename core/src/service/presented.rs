//! Chooses among several refresh tokens in one request. A browser may hold cookies of the same name for several domains
//! or paths, and a neighbouring site may have planted some.

use super::Realm;
use super::refresh::check_host_revocation;
use crate::failure::Failure;
use crate::session::{RefreshVerdict, judge_refresh};
use crate::store::model::SessionState;
use crate::token::{RefreshClaims, TokenError};

/// The verdict on all refresh tokens of a request together.
#[derive(Debug)]
pub enum PresentedTokens {
    /// The token that counts.
    One(String, RefreshClaims),
    /// None of the tokens is valid. This token has the most precise error.
    None(String),
    /// The valid tokens belong to different users.
    Conflict,
}

/// A token that verifies, with its session.
struct Candidate {
    token: String,
    claims: RefreshClaims,
    state: SessionState,
    verdict: RefreshVerdict,
}

impl Candidate {
    /// Orders tokens by verdict, then by the start of the session, then by generation; the greatest is the best.
    fn order(&self) -> (u8, i64, i64) {
        (self.verdict.precedence(), self.state.session.created_at, self.claims.generation)
    }
}

/// Chooses among the tokens that verify, also those of ended sessions. They must belong to the same user. A token of a
/// live session is preferred. A deleted session does not name its user, so its token is left out. `fits` says which
/// sessions may be chosen.
///
/// # Errors
/// The store's failures; `SERVICE_UNAVAILABLE` while the signing keys are not loaded.
pub async fn choose(realm: &Realm, tokens: &[String], fits: impl Fn(&str) -> bool) -> Result<PresentedTokens, Failure> {
    let (mut good, mut expired) = (Vec::new(), None);
    for token in tokens {
        match realm.keys.require()?.verify_refresh(token, realm.now()) {
            Ok(claims) => good.push((token.clone(), claims)),
            Err(TokenError::Expired) => expired = expired.or(Some(token)),
            Err(TokenError::Invalid(_)) => {}
        }
    }
    if good.len() < 2 {
        let bad = || expired.or(tokens.iter().find(|token| !token.is_empty())).cloned().unwrap_or_default();
        return Ok(good
            .pop()
            .map_or_else(|| PresentedTokens::None(bad()), |(token, claims)| PresentedTokens::One(token, claims)));
    }
    let first = good[0].clone();
    let mut candidates = look_up(realm, good).await?;
    if candidates.windows(2).any(|two| two[0].state.session.user_id != two[1].state.session.user_id) {
        return Ok(PresentedTokens::Conflict);
    }
    candidates.retain(|candidate| fits(&candidate.claims.session_id));
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.order()));
    let at = first_live(realm, &candidates).await;
    let taken = if candidates.is_empty() { None } else { Some(candidates.swap_remove(at)) };
    let (token, claims) = taken.map_or(first, |candidate| (candidate.token, candidate.claims));
    Ok(PresentedTokens::One(token, claims))
}

async fn look_up(realm: &Realm, tokens: Vec<(String, RefreshClaims)>) -> Result<Vec<Candidate>, Failure> {
    let mut candidates: Vec<Candidate> = Vec::with_capacity(tokens.len());
    for (token, claims) in tokens {
        let known = candidates.iter().find(|known| known.claims.session_id == claims.session_id);
        let state = match known {
            Some(known) => Some(known.state.clone()),
            None => realm.store.find_session(&claims.session_id).await?,
        };
        if let Some(state) = state {
            let (generation, iat) = (claims.generation, claims.iat);
            let verdict = judge_refresh(&state.session, generation, iat, &realm.config.session, realm.now());
            candidates.push(Candidate { token, claims, state, verdict });
        }
    }
    Ok(candidates)
}

/// Returns the index of the first live session that the host has not revoked, or else 0.
async fn first_live(realm: &Realm, candidates: &[Candidate]) -> usize {
    for (at, candidate) in candidates.iter().enumerate() {
        let is_live = candidate.verdict.is_live();
        if is_live && check_host_revocation(realm, &candidate.claims.session_id).await.is_ok() {
            return at;
        }
    }
    0
}
