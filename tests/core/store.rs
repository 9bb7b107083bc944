//! Every store does the same, whatever races, outages, kills and old tables it meets.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

#[path = "store/account.rs"]
mod account;
#[path = "store/adopted_mysql.rs"]
mod adopted_mysql;
#[path = "store/audit.rs"]
mod audit;
#[path = "store/conformance.rs"]
mod conformance;
#[path = "support/crowd.rs"]
mod crowd;
#[path = "store/disabling.rs"]
mod disabling;
#[path = "store/durability.rs"]
mod durability;
#[path = "store/executors.rs"]
mod executors;
#[path = "store/factors.rs"]
mod factors;
#[path = "store/fixture.rs"]
mod fixture;
#[path = "store/flows.rs"]
mod flows;
#[path = "support/galera.rs"]
mod galera;
#[path = "store/hosts.rs"]
mod hosts;
#[path = "store/imports.rs"]
mod imports;
#[path = "store/kysely.rs"]
mod kysely;
#[path = "store/long_migrations.rs"]
mod long_migrations;
#[path = "store/marks.rs"]
mod marks;
#[path = "store/memory.rs"]
mod memory;
#[path = "store/migrations.rs"]
mod migrations;
#[path = "store/misconfigured.rs"]
mod misconfigured;
#[path = "support/mysql.rs"]
mod mysql;
#[path = "store/names.rs"]
mod names;
#[path = "support/node.rs"]
mod node;
#[path = "store/opening.rs"]
mod opening;
#[path = "store/outage.rs"]
mod outage;
#[path = "store/pending.rs"]
mod pending;
#[path = "store/plans.rs"]
mod plans;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "store/recorder.rs"]
mod recorder;
#[path = "store/revoked.rs"]
mod revoked;
#[path = "store/sameness.rs"]
mod sameness;
#[path = "store/search.rs"]
mod search;
#[path = "support/servers.rs"]
mod servers;
#[path = "store/setup.rs"]
mod setup;
#[path = "store/sqlite.rs"]
mod sqlite;
#[path = "store/taken_back.rs"]
mod taken_back;
#[path = "store/tls.rs"]
mod tls;
#[path = "store/verified.rs"]
mod verified;

audit_conformance! {
    audit_on_sqlite_memory, crate::fixture::sqlite_memory;
    audit_on_sqlite_file, crate::fixture::sqlite_file;
    audit_on_sqlite_without_returning, crate::executors::sqlite_without_returning;
    audit_on_postgres, crate::fixture::postgres;
    audit_on_pgbouncer, crate::fixture::pgbouncer;
    audit_on_mysql, crate::fixture::mysql;
    audit_on_galera, crate::fixture::galera;
    audit_on_kysely_with_pg, crate::kysely::pg;
    audit_on_kysely_with_mysql2, crate::kysely::mysql2;
    audit_on_kysely_with_better_sqlite3, crate::kysely::better_sqlite3;
    audit_on_kysely_with_node_sqlite, crate::kysely::node_sqlite;
}

store_conformance!(on_memory, crate::fixture::memory);
store_conformance!(on_sqlite_memory, crate::fixture::sqlite_memory);
store_conformance!(on_sqlite_file, crate::fixture::sqlite_file);
store_conformance!(on_sqlite_without_returning, crate::executors::sqlite_without_returning);
store_conformance!(on_postgres, crate::fixture::postgres);
store_conformance!(on_pgbouncer, crate::fixture::pgbouncer);
store_conformance!(on_mysql, crate::fixture::mysql);
store_conformance!(on_galera, crate::fixture::galera);
store_conformance!(on_kysely_with_pg, crate::kysely::pg);
store_conformance!(on_kysely_with_mysql2, crate::kysely::mysql2);
store_conformance!(on_kysely_with_better_sqlite3, crate::kysely::better_sqlite3);
store_conformance!(on_kysely_with_node_sqlite, crate::kysely::node_sqlite);
