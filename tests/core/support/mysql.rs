//! A MySQL or MariaDB database of a test's own, gone with it.
#![allow(dead_code, reason = "shared by several test binaries, each using a part")]

use mysql_async::prelude::Queryable as _;
use sentri_core::crypto::make_id;

/// Where the tests find MySQL or MariaDB.
pub fn mysql_url() -> String {
    std::env::var("MYSQL_URL").unwrap_or_else(|_| "mysql://root@127.0.0.1:3306/test".into())
}

async fn connect(url: &str) -> Result<mysql_async::Conn, mysql_async::Error> {
    let opts = mysql_async::OptsBuilder::from_opts(mysql_async::Opts::from_url(url).unwrap()).prefer_socket(false);
    mysql_async::Conn::new(opts).await
}

/// Runs statements, divided by semicolons, on a connection of the test's own.
pub async fn run(url: &str, sql: &str) {
    let mut connection = connect(url).await.expect("MySQL answers: run the tests by `make test`, or set MYSQL_URL");
    let result = connection.query_iter(sql).await.unwrap();
    result.drop_result().await.unwrap();
    connection.disconnect().await.unwrap();
}

/// The first row that a statement answers, as texts.
pub async fn first(url: &str, sql: &str) -> Vec<String> {
    answers(url, sql).await.expect("a row")
}

/// The same of a server that may be away.
pub async fn answers(url: &str, sql: &str) -> Option<Vec<String>> {
    let mut connection = connect(url).await.ok()?;
    let row: Option<mysql_async::Row> = connection.query_first(sql).await.ok()?;
    connection.disconnect().await.ok()?;
    Some(row?.unwrap().into_iter().map(|value| mysql_async::from_value_opt(value).unwrap_or_default()).collect())
}

/// A database with a random name.
pub struct MysqlDatabase {
    server: String,
    name: String,
}

impl MysqlDatabase {
    pub async fn new() -> Self {
        Self::on(mysql_url()).await
    }

    /// On the server known by a URL.
    pub async fn on(server: String) -> Self {
        let name = format!("sentri_{}", make_id().replace('-', ""));
        run(&server, &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await;
        Self { server, name }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn url(&self) -> String {
        self.url_over(&self.server)
    }

    /// Empties the tables that a migration has made, which takes much less than to make them.
    pub async fn clear(&self) {
        let tables = format!(
            "SELECT GROUP_CONCAT(table_name) FROM information_schema.tables \
             WHERE table_schema = '{}' AND table_name <> 'sentri_migrations'",
            self.name
        );
        let tables = first(&self.url(), &tables).await.remove(0);
        let mut connection = connect(&self.url()).await.unwrap();
        connection.query_drop("SET SESSION foreign_key_checks = 0").await.unwrap();
        for table in tables.split(',').filter(|table| !table.is_empty()) {
            connection.query_drop(format!("DELETE FROM {table}")).await.unwrap();
        }
        connection.disconnect().await.unwrap();
    }

    /// The URL of this database on a server known by another URL.
    pub fn url_over(&self, server: &str) -> String {
        let (base, query) = server.split_once('?').map_or((server, None), |(base, query)| (base, Some(query)));
        let (base, _) = base.rsplit_once('/').unwrap();
        format!("{base}/{}{}", self.name, query.map(|query| format!("?{query}")).unwrap_or_default())
    }
}

impl Drop for MysqlDatabase {
    fn drop(&mut self) {
        let (server, name) = (std::mem::take(&mut self.server), std::mem::take(&mut self.name));
        // A thread with a runtime of its own, since the test's may be ending.
        let work = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(run(&server, &format!("DROP DATABASE {name}")));
        });
        work.join().unwrap();
    }
}
