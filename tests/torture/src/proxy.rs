//! The way to one broker, through which all of its connections go, and what may happen to them there.

use crate::weather::Weather;
use anyhow::{Context, Result};
use rand::RngExt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The number of the request that ends a transaction.
const END_TXN: i16 = 26;

/// Kafka's own limit of a request.
const LONGEST: usize = 100 << 20;

/// Listens until it is dropped.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) weather: watch::Sender<Weather>,
    ends: Arc<Ends>,
    _runtime: Runtime,
}

/// How many of the next requests that end a transaction are to meet a reset: half-way, or once they have
/// arrived and before they are answered.
#[derive(Default)]
struct Ends {
    half: AtomicU32,
    unanswered: AtomicU32,
    met: AtomicU32,
}

impl Proxy {
    /// Leads to the broker that listens, or will listen, on this port of loopback.
    pub(crate) fn start(to: u16) -> Result<Proxy> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("start the proxy")?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let (weather, seen) = watch::channel(Weather::FAIR);
        let ends = Arc::new(Ends::default());
        let told = ends.clone();
        runtime.spawn(async move {
            for number in 0.. {
                // Out of file descriptors: somebody will close one.
                let Ok((client, _)) = listener.accept().await else { continue };
                let to = SocketAddr::from((Ipv4Addr::LOCALHOST, to));
                tokio::spawn(carry(client, to, number, seen.clone(), told.clone()));
            }
        });
        Ok(Proxy { port, weather, ends, _runtime: runtime })
    }

    /// Has the next requests that end a transaction fail: `half` of them cut in the middle, the others
    /// carried out and never answered.
    pub(crate) fn cut_ends(&self, half: u32, unanswered: u32) {
        self.ends.half.store(half, Ordering::Relaxed);
        self.ends.unanswered.store(unanswered, Ordering::Relaxed);
    }

    /// How many have met that.
    pub(crate) fn ends_cut(&self) -> u32 {
        self.ends.met.load(Ordering::Relaxed)
    }
}

/// Carries one connection until a side closes it, or the weather cuts it.
async fn carry(
    client: TcpStream,
    to: SocketAddr,
    number: u64,
    weather: watch::Receiver<Weather>,
    ends: Arc<Ends>,
) {
    let Ok(server) = TcpStream::connect(to).await else { return };
    for socket in [&client, &server] {
        socket.set_nodelay(true).ok();
        // Its end is a reset, not a goodbye.
        socket.set_zero_linger().ok();
    }
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mute = AtomicBool::new(false);
    tokio::select! {
        _ = requests(from_client, to_server, number, weather.clone(), (&ends, &mute)) => {}
        _ = answers(from_server, to_client, number, weather.clone(), &mute) => {}
        () = cut(number, weather) => {}
    }
}

/// Request by request, since what happens to one may depend on which it is.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    mut weather: watch::Receiver<Weather>,
    (ends, mute): (&Ends, &AtomicBool),
) -> std::io::Result<()> {
    let mut frame = Vec::new();
    loop {
        let length = from.read_u32().await?;
        frame.clear();
        frame.extend(length.to_be_bytes());
        frame.resize(4 + (length as usize).min(LONGEST), 0);
        from.read_exact(&mut frame[4..]).await?;
        passes(&mut weather, number, |weather| weather.up).await;
        let is_end = frame.get(4..6) == Some(&END_TXN.to_be_bytes());
        if is_end && takes_one(&ends.half) {
            ends.met.fetch_add(1, Ordering::Relaxed);
            return to.write_all(&frame[..frame.len() / 2]).await;
        }
        let unanswered = is_end && takes_one(&ends.unanswered);
        if unanswered {
            mute.store(true, Ordering::Relaxed);
        }
        to.write_all(&frame).await?;
        if unanswered {
            ends.met.fetch_add(1, Ordering::Relaxed);
            // The broker is to read it before the connection ends.
            let wait = rand::rng().random_range(0..5);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            return Ok(());
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: u64,
    mut weather: watch::Receiver<Weather>,
    mute: &AtomicBool,
) -> std::io::Result<()> {
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        passes(&mut weather, number, |weather| weather.down).await;
        if !mute.load(Ordering::Relaxed) {
            to.write_all(&piece[..length]).await?;
        }
    }
}

/// Waits as long as the weather says.
async fn passes(
    weather: &mut watch::Receiver<Weather>,
    number: u64,
    open: impl Fn(&Weather) -> bool,
) {
    loop {
        let now = *weather.borrow_and_update();
        if !now.meets(number) {
            return;
        }
        if open(&now) {
            return tokio::time::sleep(now.delay).await;
        }
        if weather.changed().await.is_err() {
            return;
        }
    }
}

/// Ends when the weather cuts this connection.
async fn cut(number: u64, mut weather: watch::Receiver<Weather>) {
    let begun = weather.borrow_and_update().cuts;
    loop {
        if weather.changed().await.is_err() {
            return std::future::pending().await;
        }
        let now = *weather.borrow_and_update();
        if now.cuts > begun && now.meets(number) {
            return;
        }
    }
}

/// Takes one off, if there is one.
fn takes_one(count: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
}
