//! The open shop: what runs beside the requests, and how it stops.

pub(crate) mod tasks;

use crate::config::Config;
use crate::contact::Looking;
use crate::gauges::ViewGauge;
use crate::http::{self, Counts, Desk, Guard, LastKeys, Pace, Shop};
use crate::kitchen::{Keeping, Kitchen};
use crate::listen;
use crate::publish::Publisher;
use crate::store::{OpenError, Store};
use stage_sdk::{Service, StartError};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The largest record the API sends is a pizza.
const LIMIT: usize = 1_000_000;

/// How long a stop may take.
const STOP: Duration = Duration::from_secs(5);

/// An open shop. Dropping it closes it at once: what runs is cut off.
#[derive(Debug)]
pub struct Running {
    url: String,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Takes no more requests, ends those that run, commits and leaves the group; within 5 s.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(STOP, ended).await.ok();
    }
}

/// Opens the shop: when this returns it answers. Without a broker it opens after 2 s, and says so.
///
/// # Errors
/// The database cannot be opened, the address cannot be listened on, the broker is of another
/// cluster than the database, or the topic for orders is missing.
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
    let listen = listener.local_addr().map_err(runtime)?;
    let url = format!("http://{listen}");
    let (looking, contact) = Looking::begin(&config, &store).await?;
    let (broker, first) = (config.broker.clone(), config.first.clone());
    let publisher = Publisher::start(broker, first, LIMIT, contact.clone()).map_err(runtime)?;
    let (stop, stopped) = watch::channel(false);
    let kitchen = Kitchen::new(&config.chain);
    let view = ViewGauge::default();
    let shop = Shop {
        store: store.clone(),
        publisher,
        contact: contact.clone(),
        max_count: config.max_count,
        pace: Pace::new(config.orders_per_second),
        view: view.clone(),
        counts: Arc::new(Counts::default()),
        kitchen: kitchen.clone(),
        broker: config.broker.clone(),
        chain: Arc::new(config.chain.clone()),
        desk: Desk::default(),
        last_keys: LastKeys::default(),
        guard: Guard {
            token: config.admin_token.clone().map(Arc::from),
            listen,
            hosts: config.hosts.clone().into(),
        },
        stopped: stopped.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(listen::serve(listener, http::routes(shop), stopped.clone()));
    tasks.spawn(looking.go_on(stopped.clone()));
    let service = Service { watched: true, ..config.view.clone() };
    let view = tasks::View { service, store: store.clone(), gauge: view };
    tasks.spawn(view.keep(contact.clone(), stopped.clone()));
    let keeping = Keeping {
        broker: config.broker.clone(),
        view: config.view.clone(),
        store: store.clone(),
        contact: contact.clone(),
        gauges: config.gauges.clone(),
    };
    tasks.spawn(kitchen.keep(keeping, stopped.clone()));
    tasks.spawn(tasks::tidy(config, store, contact, stopped));
    Ok(Running { url, stop, tasks })
}
