//! PostgreSQL through tokio-postgres and deadpool: every wait is bounded, so that an outage is an answer within two
//! seconds, and what timed out is thrown away instead of going back to the pool.

use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use rustls::ClientConfig;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::NoTls;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::dialect::Dialect;
use super::executor::{Exclusive, Executor, Outcome, Output, Row, Statement, Value};
use super::sqlite::meets;
use crate::clock::Millis;
use crate::failure::StoreError;

/// To get a connection, in all.
const CONNECT: Duration = Duration::from_millis(900);

/// For a batch, in all.
const RUN: Duration = Duration::from_millis(900);

/// For a migration, which may have to wait for other processes'.
const MIGRATE: Duration = Duration::from_secs(60);

/// 2000-01-01 in milliseconds since 1970: PostgreSQL's own epoch.
const POSTGRES_EPOCH: Millis = 946_684_800_000;

/// What `sslmode` or `ssl` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// In clear.
    Off,
    /// Encrypted when the server can; nobody is authenticated.
    Prefer,
    /// Encrypted; the certificate is not looked at (`no-verify`, `rejectUnauthorized: false`).
    Unverified,
    /// Encrypted; the certificate must be good for the host, by the platform's roots.
    Verified,
}

/// Where the server is.
pub struct PostgresConfig {
    /// Host, user, password, database and options.
    pub server: tokio_postgres::Config,
    /// Encryption.
    pub tls: Tls,
    /// Connections at most.
    pub max: usize,
}

impl std::fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (hosts, database) = (self.server.get_hosts(), self.server.get_dbname());
        write!(f, "PostgresConfig({hosts:?}, {database:?}, {:?}, max {})", self.tls, self.max)
    }
}

impl PostgresConfig {
    /// Reads a URL. `sslmode` may be `disable`, `prefer`, `no-verify`, or `require`, `verify-ca`, `verify-full`, which
    /// all verify: encryption to somebody unknown keeps nothing from them.
    ///
    /// # Errors
    /// A sentence without the URL, which may hold a password.
    pub fn from_url(url: &str, max: usize) -> Result<Self, String> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let mut tls = Tls::Prefer;
        let mut kept = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", mode)) => {
                    tls = match mode {
                        "disable" | "allow" => Tls::Off,
                        "prefer" => Tls::Prefer,
                        "no-verify" => Tls::Unverified,
                        "require" | "verify-ca" | "verify-full" => Tls::Verified,
                        _ => return Err("has an sslmode that does not exist".to_owned()),
                    }
                }
                _ => kept.push(pair),
            }
        }
        let url = if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
        let server = tokio_postgres::Config::from_str(&url)
            .map_err(|_| "is not a PostgreSQL URL such as postgres://user:password@host:5432/database".to_owned())?;
        Ok(Self { server, tls, max })
    }
}

/// The driver. Connections are made at first use.
pub struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// A driver for a server.
    ///
    /// # Errors
    /// A sentence, when TLS can't be set up on this machine.
    pub fn new(config: PostgresConfig) -> Result<Self, String> {
        let PostgresConfig { mut server, tls, max } = config;
        server.connect_timeout(CONNECT).keepalives_idle(Duration::from_secs(30));
        if server.get_application_name().is_none() {
            server.application_name("sentri");
        }
        server.ssl_mode(match tls {
            Tls::Off => tokio_postgres::config::SslMode::Disable,
            Tls::Prefer => tokio_postgres::config::SslMode::Prefer,
            Tls::Unverified | Tls::Verified => tokio_postgres::config::SslMode::Require,
        });
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if tls == Tls::Off {
            Manager::from_config(server, NoTls, recycling)
        } else {
            Manager::from_config(server, MakeRustlsConnect::new(client_config(tls)?), recycling)
        };
        let timeouts = Timeouts { wait: Some(CONNECT), create: Some(CONNECT), recycle: Some(CONNECT) };
        let pool = Pool::builder(manager)
            .max_size(max)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { pool })
    }

    async fn connection(&self) -> Result<Object, StoreError> {
        match tokio::time::timeout(CONNECT, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(deadpool_postgres::PoolError::Backend(error))) => Err(connect_error(&error)),
            Ok(Err(error)) => Err(StoreError::Unavailable(error.to_string())),
            Err(_) => Err(StoreError::Unavailable("no connection in time".to_owned())),
        }
    }
}

fn client_config(tls: Tls) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = if tls == Tls::Verified {
        builder.with_platform_verifier().map_err(|error| error.to_string())?.with_no_client_auth()
    } else {
        let anybody = Arc::new(Anybody(provider));
        builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth()
    };
    Ok(config)
}

/// Accepts every certificate: what `prefer` and `no-verify` mean.
#[derive(Debug)]
struct Anybody(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &rustls::pki_types::CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[async_trait]
impl Executor for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    async fn run(&self, batch: Vec<Statement>) -> Result<Outcome, StoreError> {
        let mut connection = self.connection().await?;
        match tokio::time::timeout(RUN, run_batch(&mut connection, &batch)).await {
            Ok(Err(error @ StoreError::Unavailable(_))) => {
                drop(Object::take(connection));
                Err(error)
            }
            Ok(done) => done,
            Err(_) => {
                // Its answer may still come; nobody else must get it.
                drop(Object::take(connection));
                Err(StoreError::Unavailable("no answer in time".to_owned()))
            }
        }
    }

    async fn exclusive(&self) -> Result<Box<dyn Exclusive>, StoreError> {
        let held = Held { connection: Some(self.connection().await?) };
        let begin = async {
            let connection = held.connection.as_ref().ok_or_else(gone)?;
            connection.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(8313463950)").await.map_err(classify)
        };
        tokio::time::timeout(MIGRATE, begin)
            .await
            .map_err(|_| StoreError::Unavailable("another process holds the migration lock".to_owned()))??;
        Ok(Box::new(held))
    }

    async fn close(&self) {
        self.pool.close();
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the connection is gone".to_owned())
}

/// A connection inside a transaction that holds the migration lock.
struct Held {
    connection: Option<Object>,
}

#[async_trait]
impl Exclusive for Held {
    async fn run(&mut self, statement: Statement) -> Result<Output, StoreError> {
        let connection = self.connection.as_ref().ok_or_else(gone)?;
        let run = run_one(connection, &statement);
        tokio::time::timeout(MIGRATE, run).await.map_err(|_| StoreError::Unavailable("no answer in time".to_owned()))?
    }

    async fn commit(mut self: Box<Self>) -> Result<(), StoreError> {
        let connection = self.connection.take().ok_or_else(gone)?;
        connection.batch_execute("COMMIT").await.map_err(classify)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            // Closing the connection rolls back; the pool makes another.
            drop(Object::take(connection));
        }
    }
}

async fn run_batch(connection: &mut Object, batch: &[Statement]) -> Result<Outcome, StoreError> {
    if let [statement] = batch {
        let output = run_one(connection, statement).await?;
        if meets(statement, &output) {
            return Ok(Outcome::Done(vec![output]));
        }
        if output.count == 0 {
            return Ok(Outcome::Unmet(0));
        }
        return Err(StoreError::Other("a single statement touched more rows than it may".to_owned()));
    }
    let transaction = connection.transaction().await.map_err(classify)?;
    let mut outputs = Vec::with_capacity(batch.len());
    for (index, statement) in batch.iter().enumerate() {
        let output = run_one_in(&transaction, statement).await?;
        if !meets(statement, &output) {
            transaction.rollback().await.map_err(classify)?;
            return Ok(Outcome::Unmet(index));
        }
        outputs.push(output);
    }
    transaction.commit().await.map_err(classify)?;
    Ok(Outcome::Done(outputs))
}

async fn run_one(connection: &Object, statement: &Statement) -> Result<Output, StoreError> {
    let sql = Dialect::Postgres.placeholders(&statement.sql);
    let types: Vec<Type> = statement.params.iter().map(Value::postgres_type).collect();
    let prepared = connection.prepare_typed_cached(&sql, &types).await.map_err(classify)?;
    let result = if prepared.columns().is_empty() {
        connection.execute_raw(&prepared, &statement.params).await.map(Found::Count)
    } else {
        connection.query(&prepared, &parameters(&statement.params)).await.map(Found::Rows)
    };
    finish(result)
}

async fn run_one_in(
    transaction: &deadpool_postgres::Transaction<'_>,
    statement: &Statement,
) -> Result<Output, StoreError> {
    let sql = Dialect::Postgres.placeholders(&statement.sql);
    let types: Vec<Type> = statement.params.iter().map(Value::postgres_type).collect();
    let prepared = transaction.prepare_typed_cached(&sql, &types).await.map_err(classify)?;
    let result = if prepared.columns().is_empty() {
        transaction.execute_raw(&prepared, &statement.params).await.map(Found::Count)
    } else {
        transaction.query(&prepared, &parameters(&statement.params)).await.map(Found::Rows)
    };
    finish(result)
}

enum Found {
    Count(u64),
    Rows(Vec<tokio_postgres::Row>),
}

fn parameters(params: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    params.iter().map(|param| param as &(dyn ToSql + Sync)).collect()
}

fn finish(result: Result<Found, tokio_postgres::Error>) -> Result<Output, StoreError> {
    match result.map_err(classify)? {
        Found::Count(count) => Ok(Output { rows: Vec::new(), count }),
        Found::Rows(rows) => {
            let read = |row: &tokio_postgres::Row| {
                let values = (0..row.len()).map(|index| row.try_get::<_, Value>(index).map_err(classify));
                values.collect::<Result<Vec<_>, _>>().map(Row)
            };
            let rows: Vec<Row> = rows.iter().map(read).collect::<Result<_, _>>()?;
            Ok(Output { count: rows.len() as u64, rows })
        }
    }
}

impl Value {
    const fn postgres_type(&self) -> Type {
        match self {
            Self::Int(_) => Type::INT8,
            Self::Text(_) => Type::TEXT,
            Self::Time(_) => Type::TIMESTAMP,
        }
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut tokio_postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Int(Some(number)) => postgres_protocol::types::int8_to_sql(*number, out),
            Self::Text(Some(text)) => postgres_protocol::types::text_to_sql(text, out),
            Self::Time(Some(time)) => {
                postgres_protocol::types::timestamp_to_sql((time - POSTGRES_EPOCH).saturating_mul(1000), out);
            }
            Self::Int(None) | Self::Text(None) | Self::Time(None) => return Ok(IsNull::Yes),
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::TIMESTAMP].contains(ty)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        use postgres_protocol::types as wire;
        Ok(match *ty {
            Type::INT8 => Self::Int(Some(wire::int8_from_sql(raw)?)),
            Type::INT4 => Self::Int(Some(wire::int4_from_sql(raw)?.into())),
            Type::INT2 => Self::Int(Some(wire::int2_from_sql(raw)?.into())),
            Type::BOOL => Self::Int(Some(wire::bool_from_sql(raw)?.into())),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => {
                Self::Time(Some(wire::timestamp_from_sql(raw)?.div_euclid(1000) + POSTGRES_EPOCH))
            }
            Type::VOID => Self::Text(None),
            _ => Self::Text(Some(std::str::from_utf8(raw)?.to_owned())),
        })
    }

    fn from_sql_null(ty: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *ty {
            Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL => Self::Int(None),
            Type::TIMESTAMP | Type::TIMESTAMPTZ => Self::Time(None),
            _ => Self::Text(None),
        })
    }

    fn accepts(ty: &Type) -> bool {
        [
            Type::INT8,
            Type::INT4,
            Type::INT2,
            Type::BOOL,
            Type::TIMESTAMP,
            Type::TIMESTAMPTZ,
            Type::TEXT,
            Type::VARCHAR,
            Type::NAME,
            Type::BPCHAR,
            Type::VOID,
            Type::UNKNOWN,
        ]
        .contains(ty)
    }
}

/// A server that refuses us is a matter of configuration; one that does not answer is away. Both are said in words
/// without the password.
fn connect_error(error: &tokio_postgres::Error) -> StoreError {
    let text = describe(error);
    StoreError::Unavailable(format!("PostgreSQL: {text}"))
}

fn classify(error: tokio_postgres::Error) -> StoreError {
    let text = describe(&error);
    let Some(code) = error.code() else {
        // No word from the server: the connection is broken, unless it was our own mistake.
        return if error.is_closed() || is_io(&error) {
            StoreError::Unavailable(text)
        } else {
            StoreError::Other(text)
        };
    };
    match code.code() {
        "23505" => StoreError::Unique(text),
        // 0A000 comes once for each cached statement after a migration: run again, it is prepared anew.
        "40001" | "40P01" | "0A000" | "55P03" => StoreError::Conflict(text),
        "42P01" | "42703" | "3F000" => StoreError::SchemaMissing(text),
        "57P01" | "57P02" | "57P03" | "57014" | "53300" | "25006" => StoreError::Unavailable(text),
        state if state.starts_with("08") || state.starts_with("53") => StoreError::Unavailable(text),
        _ => StoreError::Other(text),
    }
}

fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

/// The server's own words; values of a failed row are in its `DETAIL`, which is left out.
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => {
            let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        }
    }
}
