//! Connections: how many, how long they may be silent, and how large a request's head is.

use super::{Desk, route};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

/// More than this wait to be accepted.
const CONNECTIONS: usize = 64;

/// A connection that sends no whole head for this long is closed, an idle one too.
const SILENT: Duration = Duration::from_secs(10);

/// A connection is closed after this long, whatever it does: who reads no answer keeps no place.
const LIFE: Duration = Duration::from_secs(60);

/// A head larger than this is answered with 431, without a body.
const HEAD: usize = 16 * 1024;
const HEADERS: usize = 64;

/// Serves until it is closed.
pub(super) async fn serve(listener: std::net::TcpListener, desk: Arc<Desk>, closed: Arc<Notify>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(%error, "the admin endpoint does not answer"),
    };
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed, so this gives a permit.
        let accept = async { (free.clone().acquire_owned().await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            accepted = accept => accepted,
            () = closed.notified() => return,
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
        let connection = connection(stream, desk.clone());
        tokio::spawn(async move {
            if let Ok(Err(error)) = tokio::time::timeout(LIFE, connection).await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(permit);
        });
    }
}

/// Answers what comes on a connection, until it is closed.
pub(super) async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    desk: Arc<Desk>,
) -> hyper::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SILENT);
    http.max_buf_size(HEAD).max_headers(HEADERS);
    let service = service_fn(move |request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(route::answer(&desk, request).await) }
    });
    http.serve_connection(TokioIo::new(stream), service).await
}
