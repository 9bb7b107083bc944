//! Gets a server ready: migrates the tables and loads the keys.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::timeout;

use super::AuthServer;
use crate::error::Error;
use crate::failure::{Failure, StoreError};
use crate::service::{self, keys};

/// The longest time for which a request or a call waits while this process brings the tables up to date, which may take
/// hours.
const PATIENCE: Duration = Duration::from_secs(10);

impl AuthServer {
    /// Creates or updates the tables and makes the first key. It is safe to repeat and to run in many processes at
    /// once. It makes a single attempt; the calls `migrate` and `ready` of [`AuthServer::call`] wait for a database
    /// that is starting.
    ///
    /// # Errors
    /// `SERVICE_UNAVAILABLE`, `CONFIGURATION_ERROR`, `INTERNAL_ERROR`.
    pub async fn migrate(&self) -> Result<(), Error> {
        self.migrate_once().await.map_err(|failure| self.public(failure))
    }

    /// Checks the tables and loads the keys, unless that is done. Every call that needs them does so by itself.
    ///
    /// # Errors
    /// `CONFIGURATION_ERROR` that names `migrate()` if the tables are missing; `SERVICE_UNAVAILABLE` if the database
    /// can't be reached.
    pub async fn ready(&self) -> Result<(), Error> {
        if self.0.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        let ready = if self.is_waiting() {
            Err(StoreError::Unavailable("the start still waits for the database".into()).into())
        } else {
            self.get_ready_soon().await
        };
        ready.map_err(|failure| self.public(failure))
    }

    pub(super) async fn migrate_once(&self) -> Result<(), Failure> {
        let _held = self.0.getting_ready.lock().await;
        let realm = self.realm();
        realm.store.migrate(realm.now()).await?;
        self.become_ready().await
    }

    /// Gets ready, for a start. It waits until a migration of this process ends.
    pub(super) async fn get_ready(&self) -> Result<(), Failure> {
        self.become_ready_alone(self.0.getting_ready.lock().await).await
    }

    /// Gets ready as [`AuthServer::get_ready`] does, for a request or a call, which can't wait for hours.
    async fn get_ready_soon(&self) -> Result<(), Failure> {
        let busy = |_| StoreError::Unavailable("the tables are being brought up to date".into());
        let held = timeout(PATIENCE, self.0.getting_ready.lock()).await.map_err(busy)?;
        self.become_ready_alone(held).await
    }

    async fn become_ready_alone(&self, _held: MutexGuard<'_, ()>) -> Result<(), Failure> {
        if self.0.ready.load(Ordering::Acquire) {
            return Ok(());
        }
        self.realm().store.check().await?;
        self.become_ready().await
    }

    async fn become_ready(&self) -> Result<(), Failure> {
        let realm = self.realm();
        keys::load(realm).await?;
        if let (false, Some(broadcast)) = (self.0.ready.swap(true, Ordering::AcqRel), &realm.broadcast) {
            broadcast.listen(Arc::new(service::RevocationListener(Arc::downgrade(realm))));
        }
        Ok(())
    }
}
