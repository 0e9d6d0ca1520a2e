//! The kitchen, as the page shows it: where each order is, how fast each topic fills, what each stage has left.
//!
//! All of it is read from Kafka, wherever the stages run, and only while somebody watches; what Kafka does not know, such
//! as an open circuit, stages of the same process say themselves.

mod ask;
mod board;
mod follow;
mod map;
mod records;
mod second;
mod show;

pub(crate) use map::Map;
pub(crate) use records::{Record, newest};
pub(crate) use show::{Snapshot, Walk};

use crate::contact::Contact;
use crate::gauges::Gauges;
use crate::running::tasks::told;
use crate::store::{Store, Summary};
use ask::Asking;
use board::{Board, Standing};
use follow::Following;
use stage_sdk::Service;
use stage_sdk::broker::Broker;
use stage_sdk::chain::Chain;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

/// Between two looks at what has come, and between two questions to the broker.
const LOOK: Duration = Duration::from_millis(250);
const ASK: Duration = Duration::from_secs(1);

/// It is followed for as long after the last has gone: whoever reloads a page comes again.
const LINGER: Duration = Duration::from_secs(10);

/// How many may watch at once.
const WATCHERS: usize = 100;

/// What is known of the kitchen; clones share it.
#[derive(Clone, Debug)]
pub struct Kitchen(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    map: Map,
    board: Mutex<Board>,
    /// How many watch.
    watchers: watch::Sender<usize>,
    snapshot: watch::Sender<Arc<Snapshot>>,
}

/// What it is kept with.
pub(crate) struct Keeping {
    pub(crate) broker: Broker,
    /// Whose offsets are in the store.
    pub(crate) view: Service,
    pub(crate) store: Store,
    pub(crate) contact: watch::Receiver<Contact>,
    pub(crate) gauges: Gauges,
}

/// Somebody who watches, until it is dropped.
pub(crate) struct Watching {
    kitchen: Kitchen,
    changes: watch::Receiver<Arc<Snapshot>>,
}

impl Kitchen {
    /// Of a chain; nothing is asked yet.
    pub(crate) fn new(chain: &Chain) -> Kitchen {
        let map = Map::of(chain);
        let board = Mutex::new(Board::new(&map));
        Kitchen(Arc::new(Inner {
            map,
            board,
            watchers: watch::channel(0).0,
            snapshot: watch::channel(Arc::default()).0,
        }))
    }

    /// The chain, as it is drawn.
    pub(crate) fn map(&self) -> &Map {
        &self.0.map
    }

    /// From now on it is followed; none: too many watch already.
    pub(crate) fn watch(&self) -> Option<Watching> {
        let mut free = false;
        self.0.watchers.send_if_modified(|count| {
            free = *count < WATCHERS;
            *count += usize::from(free);
            free
        });
        free.then(|| Watching { kitchen: self.clone(), changes: self.0.snapshot.subscribe() })
    }

    /// How far an order has come, as far as was seen.
    pub(crate) fn walk(&self, order: Summary) -> Walk {
        show::walk(&self.0.map, &self.board(), &order)
    }

    /// Follows it whenever somebody watches, until it is told to stop.
    pub(crate) async fn keep(self, keeping: Keeping, mut stopped: watch::Receiver<bool>) {
        let mut watchers = self.0.watchers.subscribe();
        loop {
            tokio::select! {
                _ = watchers.wait_for(|count| *count > 0) => {}
                () = told(&mut stopped) => return,
            }
            self.follow(&keeping, &mut stopped).await;
        }
    }

    /// Until nobody has watched for a while.
    async fn follow(&self, keeping: &Keeping, stopped: &mut watch::Receiver<bool>) {
        *self.board() = Board::new(&self.0.map);
        let _following = Following::begin(self.clone(), &keeping.broker);
        let asking = Arc::new(Asking::new(&self.0.map, &keeping.broker));
        // A broker that is away is asked for seconds; what else is known is shown meanwhile.
        let mut question = self.ask(asking.clone(), Duration::ZERO);
        let (mut watched, mut shown, mut orders) = (Instant::now(), None, Vec::new());
        while watched.elapsed() < LINGER && !*stopped.borrow() {
            if *self.0.watchers.borrow() > 0 {
                watched = Instant::now();
            }
            if question.is_finished() {
                let mut standings = (&mut question).await.unwrap_or_default();
                ask::stored(&mut standings, &self.0.map, keeping).await;
                self.board().stand(standings);
                question = self.ask(asking.clone(), ASK);
            }
            let changes = self.board().changes();
            if shown != Some(changes) {
                shown = Some(changes);
                self.show(keeping, &mut orders).await;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = told(stopped) => return,
            }
        }
    }

    /// Asks after a while.
    fn ask(&self, asking: Arc<Asking>, after: Duration) -> JoinHandle<Vec<Standing>> {
        let kitchen = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            kitchen.board().ask();
            spawn_blocking(move || asking.ask()).await.unwrap_or_default()
        })
    }

    /// Shows what is known now. `orders`: the newest, as the store had them last.
    async fn show(&self, keeping: &Keeping, orders: &mut Vec<Summary>) {
        let mut trouble = keeping.contact.borrow().trouble.clone();
        match keeping.store.orders(show::ORDERS).await {
            Ok(newest) => *orders = newest,
            Err(_) => trouble = trouble.or_else(|| Some("the database does not answer".into())),
        }
        let here = |stage: &str| keeping.gauges.read(stage);
        let snapshot = show::snapshot(&self.0.map, &self.board(), orders, trouble, here);
        self.0.snapshot.send_replace(Arc::new(snapshot));
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// The kitchen after its next change. None: nobody keeps it any more.
    pub(crate) async fn next(&mut self) -> Option<Arc<Snapshot>> {
        self.changes.changed().await.ok()?;
        Some(self.changes.borrow_and_update().clone())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.kitchen.0.watchers.send_modify(|count| *count -= 1);
    }
}
