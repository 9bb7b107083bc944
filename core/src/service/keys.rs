//! The signing keys of a realm: loaded or made once, reloaded at intervals, replaced with overlap.
//!
//! A new key is published before it signs, long enough for every verifier to get it. An old key is kept until the last
//! token under it has expired. So no rotation makes a verification fail (RFC 7517, 5; OpenID Connect Core, 10.1.1).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use super::Realm;
use crate::audit::{Author, Change};
use crate::clock::{Iso, Millis};
use crate::config::{KEY_SLACK, KeyRules, Signing};
use crate::error::Error;
use crate::event::{Event, EventName};
use crate::failure::{Failure, StoreError};
use crate::store::Store;
use crate::store::model::StoredKey;
use crate::token::Algorithm;
use crate::token::key::SigningKey;
use crate::token::keyring::KeyRing;

mod ring;

pub use ring::Keys;

/// The time from the publication of a key to its first use, in milliseconds. A verifier asks at most once in 30 s for a
/// key that it does not know.
pub const PUBLISH_BEFORE_USE: Millis = 35_000;

/// The age from which the ring is reloaded, to find keys that another process made. It is well below
/// [`PUBLISH_BEFORE_USE`].
const RELOAD_AFTER: Millis = 15_000;

/// The age from which the ring may lack a key that signs already. It lies between the two constants above.
const BEHIND_AFTER: Millis = 30_000;

/// The longest time for which a request or a call waits for the reload of such a ring. The wait is short, since the
/// database may be away.
const CATCH_UP: Duration = Duration::from_millis(250);

/// Loads the key ring, and makes the first key if there is none.
///
/// # Errors
/// The store's failures, or `CONFIGURATION_ERROR` if `encryptionKey` does not open the stored keys.
pub async fn load(realm: &Realm) -> Result<(), Failure> {
    match &realm.config.signing {
        Signing::Fixed(_) => Ok(()),
        Signing::Ephemeral(rules) => {
            if realm.keys.get().is_none() {
                let now = realm.now();
                let key = make_key(rules, None, now, now).await?;
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
        let first = make_key(rules, None, now, now).await?;
        realm.store.add_key(&first, None).await?;
        stored = realm.store.list_keys().await?;
    }
    if let Some(newest) = stored.first()
        && is_due(&stored, rules, now, published_for(realm))
    {
        let successor = make_key(rules, Some(newest), now, now + PUBLISH_BEFORE_USE).await?;
        if noting_key(realm, &successor, &Author::default())?.add_key(&successor, Some(&newest.kid)).await? {
            realm.note_in_background(Event::new(EventName::KeysRotated).with("kid", successor.kid.as_str()));
        }
        stored = realm.store.list_keys().await?;
    }
    if realm.keys.set(open_ring(&stored, rules)?, now) {
        // Cached results that were verified under a deleted key are void.
        realm.freshness.forget_all();
    }
    Ok(())
}

/// Returns the store that writes a new key with its audit entry.
fn noting_key(realm: &Realm, key: &StoredKey, author: &Author) -> Result<Arc<dyn Store>, Failure> {
    realm.noting(author, || Ok([Change::of_nobody(EventName::KeysRotated).with("kid", key.kid.as_str())]))
}

/// Whether the newest key must be replaced: its time is over, or the options ask for another algorithm.
///
/// While a key of that algorithm is still published, another process has just replaced it by its own options, as in a
/// rolling deployment. Then the algorithm does not count, since each of the two would replace the other's key for ever.
fn is_due(stored: &[StoredKey], rules: &KeyRules, now: Millis, published_for: Millis) -> bool {
    let Some(newest) = stored.first() else { return false };
    let is_published = |key: &StoredKey| key.retired_at.is_none_or(|at| now < at.saturating_add(published_for));
    let has_published = |name: &str| stored.iter().any(|key| key.algorithm == name && is_published(key));
    rules.algorithm.is_some_and(|algorithm| !has_published(algorithm.as_str()))
        || rules.rotate_every.is_some_and(|every| now >= newest.active_from.saturating_add(every))
}

/// Returns the time for which a retired key is published.
fn published_for(realm: &Realm) -> Millis {
    realm.config.access_ttl + KEY_SLACK
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
    /// The time from which the key signs.
    pub active_from: Iso,
}

/// Replaces the signing key. The new key is published at once, and signs after [`PUBLISH_BEFORE_USE`].
///
/// # Errors
/// `CONFIGURATION_ERROR` if the keys are not stored in the database, as with `secret` or `keys: 'ephemeral'`; the
/// store's failures.
pub async fn rotate(realm: &Realm, author: &Author) -> Result<RotatedKey, Failure> {
    let Signing::Stored(rules) = &realm.config.signing else {
        let message = "rotateKeys() needs keys stored in the database: leave out secret and keys: 'ephemeral'";
        return Err(Error::configuration(message).into());
    };
    for _ in 0..5 {
        let now = realm.now();
        let newest = realm.store.list_keys().await?.into_iter().next();
        let from = if newest.is_some() { now + PUBLISH_BEFORE_USE } else { now };
        let key = make_key(rules, newest.as_ref(), now, from).await?;
        if noting_key(realm, &key, author)?.add_key(&key, newest.as_ref().map(|k| k.kid.as_str())).await? {
            load_stored(realm, rules).await?;
            return Ok(RotatedKey { kid: key.kid, active_from: Iso(key.active_from) });
        }
    }
    Err(StoreError::Conflict("keys are being rotated by other processes".to_owned()).into())
}

/// Whether the ring is old enough to be reloaded.
#[must_use]
pub fn are_old(realm: &Realm) -> bool {
    is_older(realm, RELOAD_AFTER)
}

/// Whether the ring is so old, after a time without requests, that another process may sign with a key that it lacks.
#[must_use]
pub fn are_behind(realm: &Realm) -> bool {
    is_older(realm, BEHIND_AFTER)
}

fn is_older(realm: &Realm, age: Millis) -> bool {
    matches!(realm.config.signing, Signing::Stored(_))
        // A load time in the future comes from a clock that was put right since, so the ring counts as old.
        && !(0..age).contains(&(realm.now() - realm.keys.loaded_at.load(Ordering::Relaxed)))
        && realm.keys.get().is_some()
}

/// Runs [`reload_if_old`], and waits for the reload if the ring may lack a key. The age of the ring alone decides this,
/// so no token can force a look at the database.
pub async fn catch_up(realm: &Arc<Realm>) {
    catch_up_within(realm, CATCH_UP).await;
}

/// [`catch_up`] of a caller with a patience of its own.
pub async fn catch_up_within(realm: &Arc<Realm>, patience: Duration) {
    let looked = realm.keys.looked.notified();
    reload_if_old(realm);
    if are_behind(realm) {
        let _ = timeout(patience, looked).await;
    }
}

/// Uses the stored keys of `before`, whose place this realm takes, until the next look.
pub fn take_over(realm: &Realm, before: &Realm) {
    if matches!(realm.config.signing, Signing::Stored(_)) {
        realm.keys.take_over(&before.keys);
    }
}

/// Reloads the ring in the background if it is old, to find keys that other processes made. Needs a runtime.
pub fn reload_if_old(realm: &Arc<Realm>) {
    if !are_old(realm) || realm.keys.reloading.swap(true, Ordering::SeqCst) {
        return;
    }
    let realm = Arc::clone(realm);
    tokio::spawn(async move {
        // The ring stays in use after a failure. A request after a second tries again.
        match load(&realm).await {
            Ok(()) => drop(realm.keys.note_trouble(None)),
            Err(failure) => {
                realm.keys.loaded_at.store(realm.now() - RELOAD_AFTER + 1_000, Ordering::SeqCst);
                report(&realm, &failure);
            }
        }
        realm.keys.reloading.store(false, Ordering::SeqCst);
        realm.keys.looked.notify_waiters();
    });
}

/// Reports once why the keys can't be read, such as an `encryptionKey` that other processes have and this one lacks.
/// An outage of the database is reported elsewhere.
fn report(realm: &Realm, failure: &Failure) {
    if matches!(failure, Failure::Store(StoreError::Unavailable(_) | StoreError::Conflict(_))) {
        return;
    }
    let cause = format!("the signing keys can't be read again, so those of before stay in use: {failure}");
    if realm.keys.note_trouble(Some(cause.clone())) {
        realm.note_in_background(Event::new(EventName::HookFailure).with("hook", "keys").with("cause", cause));
    }
}

/// Returns the public key set (RFC 7517, 5), or `None` for a symmetric algorithm or before the keys are loaded.
#[must_use]
pub fn jwks(realm: &Realm) -> Option<serde_json::Value> {
    realm.keys.get()?.jwks(realm.now(), published_for(realm))
}

/// Returns the time for which the present signing key has been in use, or `None` with the option `secret`.
#[must_use]
pub fn signing_age(realm: &Realm) -> Option<Millis> {
    let now = realm.now();
    // The first key may start in the future, by the clock of the process that made it.
    realm.keys.get()?.signing_since(now).map(|since| now.saturating_sub(since).max(0))
}

/// Deletes retired keys once no refresh token under them can be valid.
///
/// # Errors
/// The store's failures.
pub async fn delete_expired(realm: &Realm) -> Result<(), Failure> {
    if matches!(realm.config.signing, Signing::Stored(_)) {
        let longest = realm.config.session.idle.max(realm.config.access_ttl);
        realm.store.delete_keys(realm.now() - longest - KEY_SLACK).await?;
    }
    Ok(())
}

/// Makes a key of the configured algorithm, or else of that of the key `before` it.
async fn make_key(
    rules: &KeyRules,
    before: Option<&StoredKey>,
    now: Millis,
    active_from: Millis,
) -> Result<StoredKey, Failure> {
    let algorithm = rules.algorithm.or_else(|| Algorithm::from_name(&before?.algorithm)).unwrap_or(Algorithm::Rs256);
    let bits = rules.key_size as usize;
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
