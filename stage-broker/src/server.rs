//! Takes connections, at most as many as are allowed, and serves each on its own task.

use crate::api::Cx;
use crate::connection;
use crate::node::Node;
use kafka_protocol::protocol::StrBytes;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long to wait when the system has no place for another connection.
const FULL: Duration = Duration::from_millis(100);

/// Counts open connections.
#[derive(Clone, Default)]
struct Open(Rc<Cell<i64>>);

/// One of them; dropped, it no longer counts.
struct Place(Open);

impl Open {
    fn one(&self) -> Place {
        self.0.set(self.0.get() + 1);
        Place(self.clone())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

/// Takes connections. Does not return.
pub(crate) async fn serve(node: Rc<Node>, listener: TcpListener) {
    let open = Open::default();
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(FULL).await;
                continue;
            }
        };
        if open.0.get() >= node.number("max.connections") {
            tracing::warn!(%peer, "refused: max.connections are open");
            continue;
        }
        let place = open.one();
        let node = Rc::clone(&node);
        tokio::task::spawn_local(async move {
            match one(node, socket, peer).await {
                Ok(()) => tracing::debug!(%peer, "closed"),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    tracing::warn!(%peer, %error, "connection closed");
                }
                Err(error) if error.kind() == io::ErrorKind::Other => {
                    tracing::error!(%peer, %error, "an answer could not be written");
                }
                Err(error) => tracing::debug!(%peer, %error, "connection closed"),
            }
            drop(place);
        });
    }
}

async fn one(node: Rc<Node>, socket: TcpStream, peer: SocketAddr) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let (host, port) = match advertised(&node.setting("advertised.listeners")) {
        Some(address) => address,
        None => {
            let local = socket.local_addr()?;
            (local.ip().to_canonical().to_string(), i32::from(local.port()))
        }
    };
    let cx = Cx::new(node, socket, peer.ip().to_canonical(), StrBytes::from_string(host), port);
    connection::serve(cx).await
}

/// Host and port of `PLAINTEXT://host:port`, the first of a list.
pub(crate) fn advertised(setting: &str) -> Option<(String, i32)> {
    let first = setting.split(',').next()?.trim();
    let address = first.split_once("://").map_or(first, |(_, address)| address);
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), port.parse::<u16>().ok()?.into())).filter(|_| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_is_read_as_kafka_writes_it() {
        assert_eq!(advertised(""), None);
        assert_eq!(advertised("PLAINTEXT://kafka.local:9092"), Some(("kafka.local".into(), 9092)));
        assert_eq!(advertised("[::1]:9, PLAINTEXT://b:1"), Some(("::1".into(), 9)));
        assert_eq!(advertised("host:port"), None);
    }
}
