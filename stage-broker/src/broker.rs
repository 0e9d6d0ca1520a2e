//! A running broker: started, addressed, stopped by dropping.

use crate::config::{Config, Storage};
use crate::log::place::Place;
use crate::node::Node;
use crate::owner::{Owner, Refused};
use crate::server;
use crate::time;
#[cfg(target_os = "linux")]
use nix::sys::signal::{SigSet, Signal};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::LocalSet;

/// A running broker. Dropping it stops it, and returns when its files are closed; the data stays.
#[derive(Debug)]
pub struct Broker {
    address: SocketAddr,
    cluster: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why a broker did not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Listen(String, io::Error),
    /// Another process uses the directory: its id, if that can be read.
    InUse(PathBuf, Option<u32>),
    /// The directory cannot be made, or not be written.
    Directory(PathBuf, io::Error),
    /// The data cannot be read or written.
    Data(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Listen(address, error) => {
                write!(f, "{address} cannot be listened on: {error}. Choose another address")
            }
            StartError::InUse(path, owner) => {
                write!(f, "the data directory {} is in use by ", path.display())?;
                match owner {
                    Some(pid) => write!(f, "process {pid}")?,
                    None => f.write_str("another process")?,
                }
                f.write_str(". Stop that one, or choose another directory")
            }
            StartError::Directory(path, error) => write!(
                f,
                "the data directory {} cannot be used: {error}. Choose another directory",
                path.display()
            ),
            StartError::Data(error) => write!(f, "the broker's data cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::Listen(_, error)
            | StartError::Directory(_, error)
            | StartError::Data(error) => Some(error),
            StartError::InUse(..) => None,
        }
    }
}

/// What a broker that has started tells.
type Started = Result<(SocketAddr, String), StartError>;

impl Broker {
    /// Starts a broker on a thread of its own; it listens when this returns. Any runtime can await
    /// it, and so can [`Broker::start_blocking`].
    ///
    /// # Errors
    /// Address or data cannot be had.
    pub async fn start(config: Config) -> Result<Broker, StartError> {
        let (told, started) = oneshot::channel();
        let (stop, thread) = spawn(config, told)?;
        Broker::running(started.await.ok(), stop, thread)
    }

    /// The same, for where nothing is async.
    ///
    /// # Errors
    /// Address or data cannot be had.
    pub fn start_blocking(config: Config) -> Result<Broker, StartError> {
        let (told, started) = oneshot::channel();
        let (stop, thread) = spawn(config, told)?;
        Broker::running(started.blocking_recv().ok(), stop, thread)
    }

    fn running(
        started: Option<Started>,
        stop: oneshot::Sender<()>,
        thread: JoinHandle<()>,
    ) -> Result<Broker, StartError> {
        let ended = || Err(StartError::Data(io::Error::other("the broker's thread ended")));
        let (address, cluster) = started.unwrap_or_else(ended)?;
        Ok(Broker { address, cluster, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens: what a client takes as `bootstrap.servers`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its cluster, which stays with the data.
    pub fn cluster_id(&self) -> &str {
        &self.cluster
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the broker's thread panicked");
        }
    }
}

fn spawn(
    config: Config,
    told: oneshot::Sender<Started>,
) -> Result<(oneshot::Sender<()>, JoinHandle<()>), StartError> {
    let (stop, stopped) = oneshot::channel();
    let run = move || {
        // A client that goes while it is sent something is an error there, also in a program that wants SIGPIPE.
        #[cfg(target_os = "linux")]
        if let Err(error) = SigSet::from(Signal::SIGPIPE).thread_block() {
            return drop(told.send(Err(StartError::Data(error.into()))));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => LocalSet::new().block_on(&runtime, run(config, told, stopped)),
            Err(error) => drop(told.send(Err(StartError::Data(error)))),
        }
    };
    let builder = std::thread::Builder::new().name("stage-broker".to_owned());
    Ok((stop, builder.spawn(run).map_err(StartError::Data)?))
}

/// Opens, listens, serves until it is told to stop, closes.
async fn run(config: Config, told: oneshot::Sender<Started>, stopped: oneshot::Receiver<()>) {
    let (node, listener, address) = match open(&config).await {
        Ok(open) => open,
        Err(error) => return drop(told.send(Err(error))),
    };
    let _ = told.send(Ok((address, node.cluster.clone())));
    tokio::select! {
        _ = stopped => {}
        () = server::serve(Rc::clone(&node), listener) => {}
        () = node.flush.keep() => {}
        () = time::deadlines(Rc::clone(&node)) => {}
        () = time::left_transactions(Rc::clone(&node)) => {}
        () = time::old_segments(Rc::clone(&node)) => {}
        () = time::old_values(Rc::clone(&node)) => {}
    }
    node.close();
}

async fn open(config: &Config) -> Result<(Rc<Node>, TcpListener, SocketAddr), StartError> {
    let refused = |error| StartError::Listen(config.listen.clone(), error);
    let listener = TcpListener::bind(&config.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "not loopback: whoever reaches this address may read and write all");
    }
    let (place, owner) = match &config.storage {
        Storage::Memory => (Place::Nowhere, None),
        Storage::Directory(path) => {
            let owner = Owner::of(path).map_err(|refused| match refused {
                Refused::Taken(pid) => StartError::InUse(path.clone(), pid),
                Refused::Io(error) => StartError::Directory(path.clone(), error),
            })?;
            (Place::Disk(path.clone()), Some(owner))
        }
    };
    let node = Rc::new(Node::open(config, place, owner).map_err(StartError::Data)?);
    // What was decided before a crash is done before anybody can ask.
    node.open_transactions().await;
    Ok((node, listener, address))
}
