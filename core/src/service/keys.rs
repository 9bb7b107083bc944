//! The signing keys of a realm: loaded or made once, reloaded at intervals, replaced with overlap.
//!
//! A new key is published before it signs and long enough for every verifier to have it, and an old key is kept until
//! the last token under it has expired; so no rotation ever fails a verification (RFC 7517, 5; OpenID Connect Core,
//! 10.1.1).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use super::Realm;
use crate::audit::{Author, Change};
use crate::clock::{Iso, Millis};
use crate::config::{KeyRules, Signing};
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::failure::{Failure, StoreError};
use crate::store::Store;
use crate::store::model::StoredKey;
use crate::token::key::SigningKey;
use crate::token::keyring::KeyRing;

mod ring;

pub use ring::Keys;

/// From publication to first use. A verifier asks at most once in 30 s for a key that it does not know.
pub const PUBLISH_BEFORE_USE: Millis = 35_000;

/// The longest time between two looks for keys that another process made; well below [`PUBLISH_BEFORE_USE`].
const RELOAD_AFTER: Millis = 15_000;

/// A look that is older than this may miss a key that signs already: between the two constants above.
const BEHIND_AFTER: Millis = 30_000;

/// The longest wait of a request, after such a pause, for the next look. The database may be away.
const CATCH_UP: Duration = Duration::from_millis(250);

/// The time for which a retired key is kept and published after its last token, for clocks that differ.
const SLACK: Millis = 60_000;

/// Loads the ring, making the first key where there is none.
///
/// # Errors
/// The store's, or `CONFIGURATION_ERROR` if `encryptionKey` does not open the stored keys.
pub async fn load(realm: &Realm) -> Result<(), Failure> {
    match &realm.config.signing {
        Signing::Fixed(_) => Ok(()),
        Signing::Ephemeral(rules) => {
            if realm.keys.get().is_none() {
                let now = realm.now();
                let key = make_key(rules, now, now).await?;
                realm.keys.set(open_ring(&[key], rules)?, now);
            }
            Ok(())
        }
        Signing::Stored(rules) => load_stored(realm, rules).await,
    }
}

async fn load_stored(realm: &Realm, rules: &KeyRules) -> Result<(), Failure> {
    let now = realm.now();
    let mut stored = realm.store.list_keys().await?;
    if stored.is_empty() {
        let first = make_key(rules, now, now).await?;
        realm.store.add_key(&first, None).await?;
        stored = realm.store.list_keys().await?;
    }
    if let Some(newest) = stored.first()
        && is_due(newest, rules, now)
    {
        let successor = make_key(rules, now, now + PUBLISH_BEFORE_USE).await?;
        if noting_key(realm, &successor, &Author::default())?.add_key(&successor, Some(&newest.kid)).await? {
            realm.note_in_background(Event::new(EventName::KeysRotated).with("kid", successor.kid.as_str()));
        }
        stored = realm.store.list_keys().await?;
    }
    if realm.keys.set(open_ring(&stored, rules)?, now) {
        // Results verified under a deleted key are void, in every cache.
        realm.freshness.forget_all();
    }
    Ok(())
}

/// The store that a further key is written by.
fn noting_key(realm: &Realm, key: &StoredKey, author: &Author) -> Result<Arc<dyn Store>, Failure> {
    realm.noting(author, || Ok([Change::of_nobody(EventName::KeysRotated).with("kid", key.kid.as_str())]))
}

/// A key is due for replacement when its time is over, or when the configured algorithm is another one.
fn is_due(newest: &StoredKey, rules: &KeyRules, now: Millis) -> bool {
    newest.algorithm != rules.algorithm.as_str()
        || rules.rotate_every.is_some_and(|every| now >= newest.active_from.saturating_add(every))
}

/// A stored key without its secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedKey {
    kid: String,
    algorithm: String,
    created_at: Iso,
    active_from: Iso,
    retired_at: Option<Iso>,
}

impl From<StoredKey> for ListedKey {
    fn from(StoredKey { kid, algorithm, created_at, active_from, retired_at, .. }: StoredKey) -> Self {
        let (created_at, active_from) = (Iso(created_at), Iso(active_from));
        Self { kid, algorithm, created_at, active_from, retired_at: retired_at.map(Iso) }
    }
}

/// The new signing key: `{kid, activeFrom}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RotatedKey {
    /// The id of the key.
    pub kid: String,
    /// The time from which it signs.
    pub active_from: Iso,
}

/// Replaces the signing key. The new one is published at once and signs after [`PUBLISH_BEFORE_USE`].
///
/// # Errors
/// `CONFIGURATION_ERROR` when the key is the configured `secret` or per process; the store's.
pub async fn rotate(realm: &Realm, author: &Author) -> Result<RotatedKey, Failure> {
    let Signing::Stored(rules) = &realm.config.signing else {
        let message = "rotateKeys() needs keys stored in the database: leave out secret and keys: 'ephemeral'";
        return Err(Error::configuration(message).into());
    };
    for _ in 0..5 {
        let now = realm.now();
        let newest = realm.store.list_keys().await?.into_iter().next();
        let from = if newest.is_some() { now + PUBLISH_BEFORE_USE } else { now };
        let key = make_key(rules, now, from).await?;
        if noting_key(realm, &key, author)?.add_key(&key, newest.as_ref().map(|k| k.kid.as_str())).await? {
            load_stored(realm, rules).await?;
            return Ok(RotatedKey { kid: key.kid, active_from: Iso(key.active_from) });
        }
    }
    Err(StoreError::Conflict("keys are being rotated by other processes".to_owned()).into())
}

/// Whether the last look for keys that other processes made is old.
#[must_use]
pub fn are_old(realm: &Realm) -> bool {
    is_older(realm, RELOAD_AFTER)
}

/// Whether the ring is so old that another process may sign with a key that is not in it: no request came for a while.
#[must_use]
pub fn are_behind(realm: &Realm) -> bool {
    is_older(realm, BEHIND_AFTER)
}

fn is_older(realm: &Realm, age: Millis) -> bool {
    matches!(realm.config.signing, Signing::Stored(_))
        // A look in the future is of a clock that was put right since.
        && !(0..age).contains(&(realm.now() - realm.keys.loaded_at.load(Ordering::Relaxed)))
        && realm.keys.get().is_some()
}

/// [`reload_if_old`], and waits for its result if the ring may lack a key. Time alone decides, never a token.
pub async fn catch_up(realm: &Arc<Realm>) {
    let looked = realm.keys.looked.notified();
    reload_if_old(realm);
    if are_behind(realm) {
        let _ = timeout(CATCH_UP, looked).await;
    }
}

/// Looks for keys that other processes made, off the caller's path, when the last look is old. Needs a runtime.
pub fn reload_if_old(realm: &Arc<Realm>) {
    if !are_old(realm) || realm.keys.reloading.swap(true, Ordering::SeqCst) {
        return;
    }
    let realm = Arc::clone(realm);
    tokio::spawn(async move {
        // An outage is no reason to forget the keys at hand; a request in a second tries again.
        if load(&realm).await.is_err() {
            realm.keys.loaded_at.store(realm.now() - RELOAD_AFTER + 1_000, Ordering::SeqCst);
        }
        realm.keys.reloading.store(false, Ordering::SeqCst);
        realm.keys.looked.notify_waiters();
    });
}

/// The public key set (RFC 7517), or `None` with a symmetric algorithm.
#[must_use]
pub fn jwks(realm: &Realm) -> Option<serde_json::Value> {
    realm.keys.get()?.jwks(realm.now(), realm.config.access_ttl + SLACK)
}

/// The time for which the signing key in use has signed, or `None` with the option `secret`.
#[must_use]
pub fn signing_age(realm: &Realm) -> Option<Millis> {
    let now = realm.now();
    // A first key may have its start in the future, by the clock of the process that made it.
    realm.keys.get()?.signing_since(now).map(|since| now.saturating_sub(since).max(0))
}

/// Deletes keys under which no refresh token can be alive any more.
///
/// # Errors
/// The store's.
pub async fn delete_expired(realm: &Realm) -> Result<(), Failure> {
    if matches!(realm.config.signing, Signing::Stored(_)) {
        let longest = realm.config.session.idle.max(realm.config.access_ttl);
        realm.store.delete_keys(realm.now() - longest - SLACK).await?;
    }
    Ok(())
}

async fn make_key(rules: &KeyRules, now: Millis, active_from: Millis) -> Result<StoredKey, Failure> {
    let (algorithm, bits) = (rules.algorithm, rules.key_size as usize);
    let made = tokio::task::spawn_blocking(move || SigningKey::generate(algorithm, bits));
    let (key, pem) = made
        .await
        .map_err(|error| Failure::Internal(format!("key generation: {error}")))?
        .map_err(|error| Failure::Internal(format!("key generation: {error}")))?;
    let kid = key.kid().unwrap_or_default().to_owned();
    let private_key = match &rules.encryption_key {
        Some(wrapping) => wrapping.wrap(pem.expose(), &kid).map_err(|error| Failure::Internal(error.to_string()))?,
        None => pem,
    };
    Ok(StoredKey {
        kid,
        algorithm: algorithm.as_str().to_owned(),
        private_key,
        created_at: now,
        active_from,
        retired_at: None,
    })
}

fn open_ring(stored: &[StoredKey], rules: &KeyRules) -> Result<KeyRing, Failure> {
    Ok(KeyRing::from_stored(stored, rules.encryption_key.as_deref())?)
}
