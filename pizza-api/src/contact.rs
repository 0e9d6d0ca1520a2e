//! What is known of the broker: whether it answers, and whether it is the one we belong to.

mod catch_up;

mod client;

use crate::config::Config;
use crate::store::Store;
use catch_up::CatchUp;
use client::{Client, Found};
use stage_sdk::StartError;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks.
const AGAIN: Duration = Duration::from_secs(2);

/// How long a topic that was just made may stay unseen.
const UNSEEN: Duration = Duration::from_secs(3);

/// What the last look showed.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    /// What is wrong, in words for whoever asks; none: nothing is.
    pub trouble: Option<String>,
    /// Whether the broker has answered and is of the cluster this database belongs to. Before,
    /// nothing is sent and nothing is read.
    pub is_ours: bool,
    /// Records the view still has to read of those that were there at the start.
    pub behind: Option<i64>,
}

/// Looks at the broker from time to time.
pub(crate) struct Looking {
    client: Arc<Client>,
    store: Store,
    view: String,
    catch_up: CatchUp,
    tell: watch::Sender<Contact>,
}

impl Looking {
    /// Looks for the first time. Without a broker it is too early to say what is wrong.
    ///
    /// # Errors
    /// The broker is of another cluster, or the topic for orders is missing.
    pub(crate) async fn begin(
        config: &Config,
        store: &Store,
    ) -> Result<(Looking, watch::Receiver<Contact>), StartError> {
        let view = config.view.input.clone();
        let client = Client::new(&config.broker, &config.first, &view)
            .map_err(|error| StartError::Runtime(error.to_string()))?;
        let (tell, told) = watch::channel(Contact::default());
        let (store, catch_up) = (store.clone(), CatchUp::default());
        let mut looking = Looking { client: Arc::new(client), store, view, catch_up, tell };
        let until = tokio::time::Instant::now() + UNSEEN;
        while let Err(wrong) = looking.look().await {
            if tokio::time::Instant::now() > until {
                return Err(StartError::Usage(wrong));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok((looking, told))
    }

    /// Goes on looking until it is told to stop.
    pub(crate) async fn go_on(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let again = if self.tell.borrow().is_ours { AGAIN } else { AGAIN / 10 };
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
            // Told already; a broker may also mend.
            self.look().await.ok();
        }
    }

    /// Looks once, and tells what it sees; an error is something only an operator mends.
    async fn look(&mut self) -> Result<(), String> {
        let client = self.client.clone();
        let found = tokio::task::spawn_blocking(move || client.ask()).await;
        let before = self.tell.borrow().clone();
        let mut seen = Contact { trouble: None, ..before.clone() };
        let mut wrong = Ok(());
        match found.unwrap_or(Found::Away) {
            Found::Away => {
                seen.trouble = Some("the broker does not answer".into());
                self.client = self.client.again().map_or(self.client.clone(), Arc::new);
            }
            Found::Wrong(text) => wrong = Err(text),
            Found::Cluster(id) if !seen.is_ours => {
                match self.store.cluster_of(&self.view, &id).await {
                    Ok(known) if known == id => seen.is_ours = true,
                    Ok(known) => {
                        wrong = Err(format!(
                            "the database has orders of cluster {known}, and the broker is of cluster {id}; give another database with --database-url or --data, or the brokers it belongs to"
                        ));
                    }
                    Err(_) => seen.trouble = Some("the database does not answer".into()),
                }
            }
            Found::Cluster(_) => {}
        }
        if let Err(text) = &wrong {
            seen.trouble = Some(text.clone());
        }
        if seen.is_ours && seen.trouble.is_none() && !self.catch_up.is_done() {
            seen.behind = self.catch_up.look(&self.client, &self.store, &self.view).await;
        }
        if seen.trouble != before.trouble {
            match &seen.trouble {
                Some(text) => tracing::warn!("{text}"),
                None => tracing::info!("the broker answers"),
            }
        }
        self.tell.send_replace(seen);
        wrong
    }
}
