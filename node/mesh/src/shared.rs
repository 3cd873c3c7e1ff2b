use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use mucura_runtime::Runtime;
use mucura_types::{NodeId, SiteId, StoreId};
use quinn::Endpoint;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::book::Book;
use crate::config::Limits;
use crate::connections::Connections;
use crate::endpoint::{Seeds, Transports};
use crate::service::{JoinHandler, Service};
use crate::tls::Tls;

/// What the tasks of one mesh have in common.
pub(crate) struct Shared {
    pub(crate) site: SiteId,
    pub(crate) node: NodeId,
    pub(crate) store: StoreId,
    pub(crate) build: String,
    pub(crate) limits: Limits,
    pub(crate) runtime: Runtime,
    pub(crate) endpoint: Endpoint,
    pub(crate) transports: Transports,
    pub(crate) seeds: Seeds,
    pub(crate) tls: RwLock<Arc<Tls>>,
    pub(crate) book: Book,
    pub(crate) connections: Arc<Connections>,
    pub(crate) service: RwLock<Option<Arc<dyn Service>>>,
    pub(crate) join_handler: RwLock<Option<Arc<dyn JoinHandler>>>,
    pub(crate) tasks: TaskTracker,
    /// Asks all tasks to end.
    pub(crate) cancel: CancellationToken,
    /// Set when connections are no longer accepted, for whatever reason.
    pub(crate) stopped: CancellationToken,
}

impl Shared {
    /// Runs a task that ends with the mesh.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            // Ended early or not, nothing is left to do.
            cancel.run_until_cancelled(work).await;
        });
    }

    pub(crate) fn tls(&self) -> Arc<Tls> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn service(&self) -> Option<Arc<dyn Service>> {
        self.service.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn join_handler(&self) -> Option<Arc<dyn JoinHandler>> {
        self.join_handler.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn client_config(&self, peer: SocketAddr) -> quinn::ClientConfig {
        let mut config = self.seeds.client(self.tls().client.clone());
        config.transport_config(self.transports.towards(peer));
        config
    }

    pub(crate) fn server_config(&self, peer: SocketAddr) -> quinn::ServerConfig {
        let mut config = self.seeds.server(&self.tls());
        config.transport_config(self.transports.towards(peer));
        config
    }
}

/// The lock of what stays consistent even if a holder panicked.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
