//! Tells other processes of revocations.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::cmd;
use async_trait::async_trait;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::{interval, sleep, timeout};

use super::Redis;
use super::servers::Servers;
use crate::cache::{Broadcast, Listener, Revocation};

const CHANNEL: &str = "sentri:revoked";
/// The pause before a lost subscription is made again.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// The interval at which the subscription is asked whether it still lives, and the longest time for its answer.
const ASKED_EVERY: Duration = Duration::from_secs(1);

/// The [`Broadcast`] through Redis. Messages hold ids of users and sessions, from which no token can be made.
pub struct RedisBroadcast {
    servers: Arc<Servers>,
}

impl fmt::Debug for RedisBroadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RedisBroadcast(..)")
    }
}

impl RedisBroadcast {
    /// Returns a broadcast through `redis`.
    #[must_use]
    pub fn new(redis: &Redis) -> Self {
        Self { servers: Arc::clone(&redis.servers) }
    }
}

#[async_trait]
impl Broadcast for RedisBroadcast {
    async fn publish(&self, revocation: &Revocation) {
        let message = match revocation {
            Revocation::Sessions(ids) => json!({ "sessions": ids }),
            Revocation::User(id) => json!({ "user": id }),
        };
        // While Redis is away the message is lost. The other processes then read the session's row when their cached
        // read is older than they allow.
        let command = cmd("PUBLISH").arg(CHANNEL).arg(message.to_string()).to_owned();
        let _ = self.servers.run_anywhere::<i64>(&command).await;
    }

    fn listen(&self, listener: Arc<dyn Listener>) {
        let servers = Arc::clone(&self.servers);
        tokio::spawn(async move {
            while listener.is_there() && !servers.is_closed() {
                hear(&servers, &*listener).await;
                sleep(AGAIN_AFTER).await;
            }
        });
    }

    fn close(&self) {
        self.servers.close();
    }
}

/// Listens until the subscription or the listener ends, or until the server may no longer get all messages.
async fn hear(servers: &Arc<Servers>, listener: &dyn Listener) {
    let Ok((live, link)) = servers.anywhere().await else { return };
    let Ok(Ok(subscription)) = timeout(CONNECT_LIMIT, live.client.get_async_pubsub()).await else { return };
    let (mut sink, mut messages) = subscription.split();
    if !matches!(timeout(CONNECT_LIMIT, sink.subscribe(CHANNEL)).await, Ok(Ok(()))) {
        return;
    }
    // Messages from before the subscription are lost.
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
                if !listener.is_there() || servers.is_closed() {
                    return;
                }
                // Another master was chosen, or the server left its cluster.
                if !servers.is_current(&link, live.number) {
                    return listener.missed();
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
