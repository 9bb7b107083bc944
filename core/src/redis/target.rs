//! Finds the server of a link and opens a connection to it.

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind, Value, cmd};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::access::{Access, NAMES};
use super::patience::LONGEST;
use crate::tls;

/// The server that a link leads to.
pub(super) enum Target {
    /// The server that the URL or the cluster names.
    Server(Client),
    /// The server that sentinels name as the master.
    Master(Sentinels),
}

/// Sentinels, and the name of the master that they watch.
pub(super) struct Sentinels {
    pub(super) clients: Vec<Client>,
    pub(super) name: String,
    pub(super) access: Access,
}

/// An open connection.
pub(super) struct Opened {
    pub(super) connection: MultiplexedConnection,
    /// Opens further connections to the same server.
    pub(super) client: Client,
    /// Whether the server is part of a cluster.
    pub(super) is_in_cluster: bool,
}

impl Target {
    /// Opens a connection to a server that can work, or returns the reason why there is none.
    pub(super) async fn open(&self) -> Result<Opened, String> {
        let (client, mut connection) = match self {
            Self::Server(client) => (client.clone(), connect(client).await.map_err(|error| explain(&error))?),
            Self::Master(sentinels) => sentinels.find_master().await?,
        };
        let is_in_cluster = asks_for_slots(&mut connection).await?;
        Ok(Opened { connection, client, is_in_cluster })
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    // The link has limits of its own, which distinguish a busy machine from an outage.
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(LONGEST)).set_response_timeout(Some(LONGEST));
    client.get_multiplexed_async_connection_with_config(&config).await
}

fn explain(error: &RedisError) -> String {
    error.to_string() + &tls::cure(error, &NAMES)
}

/// Whether the server works, but refuses this command.
fn refuses_the_command(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError | ServerErrorKind::NoPerm))
}

/// Whether the server is part of a cluster that works.
async fn asks_for_slots(connection: &mut MultiplexedConnection) -> Result<bool, String> {
    match cmd("CLUSTER").arg("INFO").query_async::<String>(connection).await {
        Ok(info) if info.contains("cluster_state:fail") => Err("the cluster is down".to_owned()),
        Ok(info) => Ok(info.contains("cluster_state:")),
        Err(error) if refuses_the_command(&error) => Ok(false),
        Err(error) => Err(explain(&error)),
    }
}

impl Sentinels {
    /// Asks all sentinels at once, since some may be away. The first answer that leads to a server in the role of a
    /// master wins.
    async fn find_master(&self) -> Result<(Client, MultiplexedConnection), String> {
        let mut asked: FuturesUnordered<_> = self.clients.iter().map(|sentinel| self.ask(sentinel)).collect();
        let mut cause = String::new();
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(found) => return Ok(found),
                Err(error) => cause = error,
            }
        }
        Err(cause)
    }

    async fn ask(&self, sentinel: &Client) -> Result<(Client, MultiplexedConnection), String> {
        let of_sentinel = |error: &RedisError| format!("a sentinel: {}", explain(error));
        let mut connection = connect(sentinel).await.map_err(|error| of_sentinel(&error))?;
        let question = cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name).to_owned();
        let address = question.query_async::<Option<(String, u16)>>(&mut connection).await;
        let Some((host, port)) = address.map_err(|error| of_sentinel(&error))? else {
            return Err(format!("the sentinels of redisUrl know no master named {}", self.name));
        };
        let client = self.access.client(&host, port).map_err(|error| error.message)?;
        let of_master = |error: &RedisError| format!("the master {host}:{port}: {}", explain(error));
        let mut connection = connect(&client).await.map_err(|error| of_master(&error))?;
        match cmd("ROLE").query_async::<Vec<Value>>(&mut connection).await {
            Ok(role) if role.first() != Some(&Value::BulkString(b"master".to_vec())) => {
                Err(format!("{host}:{port} is no master yet"))
            }
            Err(error) if !refuses_the_command(&error) => Err(of_master(&error)),
            // If the user may not run `ROLE`, the first command shows whether the server is a master.
            Ok(_) | Err(_) => Ok((client, connection)),
        }
    }
}
