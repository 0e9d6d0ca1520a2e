//! The admin endpoint: what an operator of running stages sees and can do, over HTTP.
//!
//! | | |
//! |---|---|
//! | `GET /metrics` | Prometheus' text format |
//! | `GET /healthz` `/livez` | 200 while all workers live |
//! | `GET /readyz` | 200, or 503 with the reasons |
//! | `GET /partitions` | how each partition stands, and what it waits for |
//! | `POST /pause` `/resume` `/limits` | what [`Levers`](crate::service::Levers) does |
//!
//! With `?stage=NAME` each is for that stage only. Posts need the token, if there is one, and
//! `content-type: application/json`. What a browser sends from another page is refused. Errors are RFC 9457
//! problem documents.

#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod guard;
mod listen;
mod metrics;
mod partitions;
mod problem;
mod route;

use crate::service::StartError;
use crate::telemetry::Observed;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A listener that stages can be looked at through; clones are the same one. It ends with the last of
/// them, and a service that has one keeps it up as long as it runs.
///
/// ```
/// use stage_sdk::Service;
/// use stage_sdk::admin::Endpoint;
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// let endpoint = Endpoint::open("127.0.0.1:0".parse().unwrap(), None)?;
/// println!("curl http://{}/metrics", endpoint.address());
/// let service = Service { admin: Some(endpoint), ..Service::default() };
/// # drop(service);
/// # let others = Endpoint::open("0.0.0.0:0".parse().unwrap(), None);
/// # assert!(others.is_err(), "whom others reach has a token");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    desk: Arc<Desk>,
    closed: Arc<Notify>,
}

/// What the routes answer from.
struct Desk {
    address: SocketAddr,
    token: Option<String>,
    stages: Mutex<Vec<Observed>>,
}

impl Endpoint {
    /// Listens on `address`; when this returns it answers, on a thread of its own. `token`: what posts
    /// must bring as `authorization: Bearer …`.
    ///
    /// # Errors
    /// The address is not free, or others can reach it and there is no token.
    pub fn open(address: SocketAddr, token: Option<String>) -> Result<Endpoint, StartError> {
        let token = token.filter(|token| !token.is_empty());
        if token.is_none() && !address.ip().is_loopback() {
            return Err(StartError::Usage(format!(
                "the admin endpoint on {address} can be reached by others and there is no token: set STAGE_ADMIN_TOKEN, or listen on 127.0.0.1:{}",
                address.port()
            )));
        }
        let listener = TcpListener::bind(address).map_err(|error| {
            StartError::Usage(format!(
                "the admin endpoint cannot listen on {address}: {error}; give a free address with --admin"
            ))
        })?;
        let failed = |error: std::io::Error| StartError::Runtime(format!("admin: {error}"));
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let desk = Arc::new(Desk { address, token, stages: Mutex::default() });
        let closed = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (runtime, served, told) = (runtime.map_err(failed)?, desk.clone(), closed.clone());
        let serve = move || runtime.block_on(listen::serve(listener, served, told));
        std::thread::Builder::new().name("admin".into()).spawn(serve).map_err(failed)?;
        Ok(Endpoint(Arc::new(Inner { address, desk, closed })))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What `GET /metrics` answers now.
    pub fn metrics(&self) -> String {
        metrics::text(&self.0.desk.stages())
    }

    /// Shows a stage from now on, in place of one of its name that has ended.
    pub(crate) fn add(&self, stage: Observed) {
        let mut stages = self.0.desk.stages();
        let is_before = |known: &Observed| known.stage == stage.stage && known.has_ended();
        stages.retain(|known| !is_before(known));
        stages.push(stage);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.0.address).finish()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.notify_one();
    }
}

impl Desk {
    fn stages(&self) -> MutexGuard<'_, Vec<Observed>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
