//! Word of revocations to the other processes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Client, cmd};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::{interval, sleep, timeout};

use super::Redis;
use super::link::Link;
use crate::cache::{Broadcast, Listener, Revocation};

const CHANNEL: &str = "sentri:revoked";
/// After which pause a lost subscription is made again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// How often the subscription is asked whether it still lives, and how long it may take to say so.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// The [`Broadcast`] through Redis. Messages hold ids of users and sessions, of which no token can be made.
pub struct RedisBroadcast {
    client: Client,
    link: Arc<Link>,
}

impl fmt::Debug for RedisBroadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisBroadcast(..)")
    }
}

impl RedisBroadcast {
    /// A broadcast through `redis`.
    #[must_use]
    pub fn new(redis: &Redis) -> Self {
        Self { client: redis.client.clone(), link: Arc::clone(&redis.link) }
    }
}

#[async_trait]
impl Broadcast for RedisBroadcast {
    async fn publish(&self, revocation: &Revocation) {
        let message = match revocation {
            Revocation::Sessions(ids) => json!({ "sessions": ids }),
            Revocation::User(id) => json!({ "user": id }),
        };
        // Not heard when Redis is away: the others look at the row when their last look is older than they allow.
        let _ = self.link.command::<i64>(cmd("PUBLISH").arg(CHANNEL).arg(message.to_string())).await;
    }

    fn listen(&self, listener: Arc<dyn Listener>) {
        let (client, link) = (self.client.clone(), Arc::clone(&self.link));
        tokio::spawn(async move {
            while listener.is_there() && !link.is_closed() {
                hear(&client, &link, &*listener).await;
                sleep(AGAIN_AFTER).await;
            }
        });
    }

    fn close(&self) {
        self.link.close();
    }
}

/// Listens until the subscription or the listener ends.
async fn hear(client: &Client, link: &Link, listener: &dyn Listener) {
    let Ok(Ok(subscription)) = timeout(CONNECT_LIMIT, client.get_async_pubsub()).await else { return };
    let (mut sink, mut messages) = subscription.split();
    if !matches!(timeout(CONNECT_LIMIT, sink.subscribe(CHANNEL)).await, Ok(Ok(()))) {
        return;
    }
    // Whatever was said before is missed.
    listener.missed();
    let mut ticks = interval(ASKED_EVERY);
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return listener.missed() };
                match serde_json::from_slice(message.get_payload_bytes()).ok().and_then(|value| read(&value)) {
                    Some(revocation) => listener.heard(&revocation),
                    None => listener.missed(),
                }
            }
            _ = ticks.tick() => {
                if !listener.is_there() || link.is_closed() {
                    return;
                }
                if !matches!(timeout(ASKED_EVERY, sink.ping::<::redis::Value>()).await, Ok(Ok(_))) {
                    return listener.missed();
                }
            }
        }
    }
}

fn read(message: &Value) -> Option<Revocation> {
    if let Some(user) = message["user"].as_str() {
        return Some(Revocation::User(user.to_owned()));
    }
    let ids = message["sessions"].as_array()?.iter().map(|id| id.as_str().map(str::to_owned));
    ids.collect::<Option<Vec<_>>>().map(Revocation::Sessions)
}
