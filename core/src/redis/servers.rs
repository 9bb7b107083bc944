//! The servers behind a `redisUrl`: a single server, the master that sentinels name, or the servers of a cluster.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::redis::{Cmd, FromRedisValue, Value, cmd};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep};

use super::access::Access;
use super::call::Call;
use super::health::Listener;
use super::link::{Away, Link, LinkFailure, Live, TRIED_EVERY, host_of};
use super::slots::{Address, Slots, slot_of};
use super::target::Target;

/// The most times that an operation is sent, counting redirections and new connections.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(20);

pub struct Servers {
    access: Access,
    /// The links to the servers that the URL names.
    seeds: Vec<Arc<Link>>,
    /// Whether the URL asks for a cluster.
    wants_cluster: bool,
    is_closed: AtomicBool,
    cluster: Mutex<Cluster>,
    looking: AsyncMutex<()>,
    listener: Arc<OnceLock<Listener>>,
}

#[derive(Default)]
struct Cluster {
    /// The slots of the cluster; `None` if no cluster is known.
    slots: Option<Arc<Slots<Arc<Link>>>>,
    links: HashMap<Address, Arc<Link>>,
    looked_at: Option<Instant>,
}

/// The destination of an operation.
enum Way {
    ByKey,
    To(Address),
    Asking(Address),
}

impl Servers {
    pub(super) fn new(access: Access, targets: Vec<Target>, wants_cluster: bool) -> Self {
        let listener = Arc::default();
        let seeds = targets.into_iter().map(|target| Arc::new(Link::new(target, Arc::clone(&listener)))).collect();
        let (is_closed, cluster, looking) = (AtomicBool::new(false), Mutex::default(), AsyncMutex::new(()));
        Self { access, seeds, wants_cluster, is_closed, cluster, looking, listener }
    }

    pub(super) fn on_change(&self, listener: Listener) {
        // A second listener finds the place taken: there is room for one.
        drop(self.listener.set(listener));
    }

    pub(super) fn close(&self) {
        self.is_closed.store(true, Ordering::Release);
        self.links().iter().for_each(|link| link.close());
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Runs the call that `make` returns for the number of a connection. Returns the answer, that number, and the value
    /// that `make` returned beside the call. A call without an answer is sent again, so a script must be safe to run
    /// twice.
    pub(super) async fn run<'a, T: FromRedisValue, X>(
        self: &Arc<Self>,
        key: &str,
        make: impl Fn(u64) -> (Call<'a>, X),
    ) -> Result<(T, u64, X), Away> {
        let mut way = Way::ByKey;
        for _ in 0..TRIES {
            let link = match &way {
                Way::ByKey => self.owner(key).await?,
                Way::To(address) | Way::Asking(address) => self.link_to(address).ok_or(Away)?,
            };
            let Ok(live) = link.connection().await else { return Err(self.away()) };
            let (call, extra) = make(live.number);
            let answer = match way {
                Way::Asking(_) => link.run_asking(&live, &call.by_source()).await,
                Way::ByKey | Way::To(_) => match link.run(&live, &call.by_digest()).await {
                    Err(LinkFailure::NoScript) => link.run(&live, &call.by_source()).await,
                    answer => answer,
                },
            };
            way = match answer {
                Ok(answer) => return Ok((answer, live.number, extra)),
                Err(LinkFailure::Moved(address)) => {
                    self.look_later();
                    Way::To(address)
                }
                Err(LinkFailure::Ask(address)) => Way::Asking(address),
                Err(LinkFailure::Lost) => Way::ByKey,
                Err(LinkFailure::Later | LinkFailure::NoScript) => {
                    sleep(PAUSE).await;
                    Way::ByKey
                }
                Err(LinkFailure::Away) => return Err(self.away()),
            };
        }
        Err(self.away())
    }

    /// Runs a command without a key on any server that answers.
    pub(super) async fn run_anywhere<T: FromRedisValue>(self: &Arc<Self>, command: &Cmd) -> Result<T, Away> {
        let _ = self.owner("").await?;
        for link in self.links() {
            for _ in 0..2 {
                let Ok(live) = link.connection().await else { break };
                match link.run(&live, command).await {
                    Ok(answer) => return Ok(answer),
                    Err(LinkFailure::Lost) => {}
                    Err(_) => break,
                }
            }
        }
        Err(self.away())
    }

    /// Returns a connection to any server that is there, and its link.
    pub(super) async fn anywhere(self: &Arc<Self>) -> Result<(Live, Arc<Link>), Away> {
        let _ = self.owner("").await?;
        for link in self.links() {
            if let Ok(live) = link.connection().await {
                return Ok((live, link));
            }
        }
        Err(self.away())
    }

    /// Returns a phrase that names the servers, or the reason why none answers.
    pub(super) async fn describe(self: &Arc<Self>) -> Result<String, String> {
        let script = cmd("EVAL").arg("return 1").arg(0).to_owned();
        if self.run_anywhere::<i64>(&script).await.is_err() {
            let causes = self.links().into_iter().find_map(|link| link.health.cause());
            return Err(causes.unwrap_or_else(|| "no server answers".to_owned()));
        }
        let slots = self.cluster.lock().slots.clone();
        let Some(slots) = slots else {
            return Ok(self.seeds.iter().map(|seed| seed.describe()).collect());
        };
        let mut masters: Vec<_> = slots.servers().map(|link| link.describe()).collect();
        masters.sort();
        masters.dedup();
        Ok(format!("a cluster of {} masters: {}", masters.len(), masters.join(", ")))
    }

    /// Whether `link` is still in use and still has the connection of that number.
    pub(super) fn is_current(&self, link: &Arc<Link>, number: u64) -> bool {
        link.number() == Some(number) && self.links().iter().any(|known| Arc::ptr_eq(known, link))
    }

    /// Returns the number of the connection that an operation on `key` would use.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.known_owner(key)?.number()
    }

    /// Whether no server is known to be away.
    pub(super) fn is_up(&self) -> bool {
        self.links().iter().all(|link| link.health.away_for().is_none())
    }

    /// Returns how long the server of `key` has been away, or `None` if it is not.
    pub(super) fn away_for(&self, key: &str) -> Option<Duration> {
        match self.known_owner(key) {
            Some(link) => link.health.away_for(),
            None => self.seeds.iter().filter_map(|link| link.health.away_for()).max(),
        }
    }

    /// Returns the links to all known servers. The servers that the URL names come last.
    fn links(&self) -> Vec<Arc<Link>> {
        let cluster = self.cluster.lock();
        let mut links: Vec<_> = cluster.links.values().cloned().collect();
        drop(cluster);
        links.sort_by_key(|link| link.number().is_none());
        links.extend(self.seeds.iter().cloned());
        links
    }

    fn known_owner(&self, key: &str) -> Option<Arc<Link>> {
        let slots = self.cluster.lock().slots.clone();
        match slots {
            Some(slots) => slots.owner(slot_of(key)).cloned(),
            None => (!self.wants_cluster && self.seeds.len() == 1).then(|| Arc::clone(&self.seeds[0])),
        }
    }

    async fn owner(self: &Arc<Self>, key: &str) -> Result<Arc<Link>, Away> {
        if self.cluster.lock().slots.is_none() {
            for seed in &self.seeds {
                match seed.connection().await {
                    Ok(live) if live.is_in_cluster => {
                        self.look().await;
                        break;
                    }
                    Ok(_) if self.wants_cluster => {
                        seed.health.stumble(
                            Instant::now(),
                            "redisUrl asks for a cluster, but the server is in none: use redis://",
                        );
                    }
                    Ok(_) => return Ok(Arc::clone(seed)),
                    Err(Away) => {}
                }
            }
        }
        let slots = self.cluster.lock().slots.clone().ok_or(Away)?;
        slots.owner(slot_of(key)).cloned().ok_or_else(|| self.away())
    }

    fn link_to(&self, address: &Address) -> Option<Arc<Link>> {
        let mut cluster = self.cluster.lock();
        if let Some(link) = cluster.links.get(address) {
            return Some(Arc::clone(link));
        }
        let client = self.access.client(&address.0, address.1).ok()?;
        let link = Arc::new(Link::new(Target::Server(client), Arc::clone(&self.listener)));
        cluster.links.insert(address.clone(), Arc::clone(&link));
        Some(link)
    }

    /// Notes that a server did not answer: in a cluster another server may have taken over.
    fn away(self: &Arc<Self>) -> Away {
        self.look_later();
        Away
    }

    fn look_later(self: &Arc<Self>) {
        let cluster = self.cluster.lock();
        let is_due = cluster.looked_at.is_some_and(|then| then.elapsed() >= TRIED_EVERY);
        if cluster.slots.is_some() && is_due && !self.is_closed() {
            drop(cluster);
            let servers = Arc::clone(self);
            tokio::spawn(async move { servers.look().await });
        }
    }

    /// Asks all servers of the cluster for the table of slots, and uses the first answer.
    async fn look(&self) {
        let before = Instant::now();
        let _held = self.looking.lock().await;
        if self.cluster.lock().looked_at.is_some_and(|then| then >= before) {
            return;
        }
        let question = cmd("CLUSTER").arg("SLOTS").to_owned();
        let ask = async |link: Arc<Link>| {
            let live = link.connection().await.ok()?;
            Some((link.run::<Value>(&live, &question).await.ok()?, host_of(&live.client)))
        };
        let mut answers: FuturesUnordered<_> = self.links().into_iter().map(ask).collect();
        while let Some(answer) = answers.next().await {
            if let Some((answer, host)) = answer
                && let Some(slots) = Slots::read(&answer, &host, |address| self.link_to(address))
            {
                self.take_over(slots);
                break;
            }
        }
        self.cluster.lock().looked_at = Some(Instant::now());
    }

    fn take_over(&self, slots: Slots<Arc<Link>>) {
        let mut cluster = self.cluster.lock();
        let is_used = |link: &Arc<Link>| slots.servers().any(|used| Arc::ptr_eq(used, link));
        let retired: Vec<_> = cluster.links.values().filter(|link| !is_used(link)).cloned().collect();
        cluster.links.retain(|_, link| is_used(link));
        cluster.slots = Some(Arc::new(slots));
        drop(cluster);
        retired.iter().for_each(|link| link.retire());
    }
}
