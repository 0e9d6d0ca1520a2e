//! Connections: how many, how long they may be silent, and how large a request's head is.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// More than this wait to be accepted.
const CONNECTIONS: usize = 1_024;

/// A connection that sends no whole head for this long is closed, an idle one too.
const SILENT: Duration = Duration::from_secs(30);

/// A head larger than this is answered with 431. What is wrong with a head hyper answers by itself,
/// before any route: 400 or 431, without a body.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;

/// Serves until it is told to stop; then ends the requests that run, and takes no others.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    mut stopped: watch::Receiver<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SILENT);
    http.max_buf_size(HEAD).max_headers(HEADERS);
    let (free, graceful) = (Arc::new(Semaphore::new(CONNECTIONS)), GracefulShutdown::new());
    loop {
        let accept = async {
            // It is never closed, so this gives a permit.
            (free.clone().acquire_owned().await, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accept => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Often too many open files: others must close first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        stream.set_nodelay(true).ok();
        let service = TowerToHyperService::new(routes.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}
