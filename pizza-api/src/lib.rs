//! The HTTP API of the pizza shop: takes orders, and gathers finished pizzas.

pub mod cluster;

pub mod config;

pub mod http;

pub mod order;

pub mod problem;

pub mod publish;

pub mod resolve;

pub mod store;

pub mod view;

pub use config::{Args, Config};

use http::{Counts, Shop};
use publish::Publisher;
use stage_sdk::StartError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::{OpenError, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The largest record the API sends is a pizza.
const LIMIT: usize = 1_000_000;

/// Between two looks at what is pending or too old, and before the view is begun again.
const AGAIN: Duration = Duration::from_secs(2);

/// How long requests may take to end at a stop.
const STOP: Duration = Duration::from_secs(5);

/// An open shop. Dropping it does not close it.
#[derive(Debug)]
pub struct Running {
    url: String,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes no more requests, ends those that run within 5 s, commits and leaves the group.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            tokio::time::timeout(STOP, task).await.ok();
        }
    }
}

/// Opens the shop: when this returns it answers. It opens without a broker, and says so.
///
/// # Errors
/// The database cannot be opened, or the address cannot be listened on.
pub async fn open(config: Config) -> Result<Running, StartError> {
    let store = Store::open(&config.database_url).await.map_err(|error| match error {
        OpenError::Usage(text) => StartError::Usage(text),
        OpenError::Away(text) => StartError::Runtime(text),
    })?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        StartError::Usage(format!(
            "cannot listen on {}: {error}; give a free address with --listen",
            config.listen
        ))
    })?;
    let runtime = |error: std::io::Error| StartError::Runtime(error.to_string());
    let url = format!("http://{}", listener.local_addr().map_err(runtime)?);
    let publisher =
        Publisher::start(config.broker.clone(), config.first.clone(), LIMIT).map_err(runtime)?;
    let view_runs = Arc::new(AtomicBool::new(false));
    let shop = Shop {
        store: store.clone(),
        publisher,
        max_count: config.max_count,
        view_runs: view_runs.clone(),
        counts: Arc::new(Counts::default()),
    };
    let (stop, stopped) = watch::channel(false);
    let tasks = vec![
        tokio::spawn(serve(listener, shop, stopped.clone())),
        tokio::spawn(keep_view(config.clone(), store.clone(), view_runs, stopped.clone())),
        tokio::spawn(tidy(config, store, stopped)),
    ];
    Ok(Running { url, stop, tasks })
}

async fn serve(listener: TcpListener, shop: Shop, mut stopped: watch::Receiver<bool>) {
    let until = async move { told(&mut stopped).await };
    let served = axum::serve(listener, http::routes(shop)).with_graceful_shutdown(until).await;
    if let Err(error) = served {
        tracing::error!(%error, "the listener ended");
    }
}

/// Comes back when the shop is to stop.
async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody can tell us any more.
    stopped.wait_for(|stop| *stop).await.ok();
}

/// Keeps the view, and begins it again when it ends: without a broker, or fenced.
async fn keep_view(
    config: Config,
    store: Store,
    runs: Arc<AtomicBool>,
    mut stopped: watch::Receiver<bool>,
) {
    while !*stopped.borrow() {
        let (service, store) = (config.view.clone(), store.clone());
        let (topic, runtime) = (service.input.clone(), tokio::runtime::Handle::current());
        let sink = move || view::ViewSink {
            store: store.clone(),
            topic: topic.clone(),
            runtime: runtime.clone(),
        };
        let started =
            tokio::task::spawn_blocking(move || service.start_sink(view::gather, sink)).await;
        match started {
            Ok(Ok(running)) => {
                runs.store(true, Ordering::Relaxed);
                let handle = running.stop_handle();
                let mut ended = tokio::task::spawn_blocking(move || running.wait());
                let result = tokio::select! {
                    result = &mut ended => result,
                    () = told(&mut stopped) => {
                        handle.stop();
                        ended.await
                    }
                };
                runs.store(false, Ordering::Relaxed);
                if let Ok(Err(text)) = result {
                    tracing::warn!("the view ended and begins again: {text}");
                }
            }
            Ok(Err(error)) => tracing::warn!("the view cannot begin: {error}"),
            Err(error) => tracing::error!(%error, "the view"),
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = told(&mut stopped) => {}
        }
    }
}

/// Resolves what is pending, and forgets what is old.
async fn tidy(config: Config, store: Store, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        if let Err(error) = resolve::resolve(&store, &config.broker, &config.first).await {
            tracing::warn!("pending orders are resolved later: {error:#}");
        }
        if let Err(error) = store.forget(config.keep_orders).await {
            tracing::warn!("old orders are forgotten later: {error:#}");
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = told(&mut stopped) => {}
        }
    }
}
