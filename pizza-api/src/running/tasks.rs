//! What runs beside the requests: the view, and tidying up.

use crate::config::Config;
use crate::contact::Contact;
use crate::gauges::ViewGauge;
use crate::resolve;
use crate::store::Store;
use crate::view::{ViewSink, gather};
use stage_sdk::Service;
use stage_sdk::service::StopHandle;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

/// Between two looks at what is pending or too old, and before the view is begun again.
const AGAIN: Duration = Duration::from_secs(2);

/// Comes back when the shop is to stop.
pub(crate) async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that nobody can tell us any more.
    stopped.wait_for(|stop| *stop).await.ok();
}

/// Whether there is still something to do after a while.
async fn again(stopped: &mut watch::Receiver<bool>) -> bool {
    tokio::time::timeout(AGAIN, told(stopped)).await.is_err()
}

/// The view, begun again whenever it ends: fenced, or without a broker.
pub(super) struct View {
    pub(super) service: Service,
    pub(super) store: Store,
    pub(super) gauge: ViewGauge,
}

impl View {
    pub(super) async fn keep(
        self,
        mut contact: watch::Receiver<Contact>,
        mut stopped: watch::Receiver<bool>,
    ) {
        // A start waits long for a broker, and cannot be called off: so not before one is there.
        tokio::select! {
            _ = contact.wait_for(|contact| contact.is_ours) => {}
            () = told(&mut stopped) => return,
        }
        loop {
            match self.run(&mut stopped).await {
                Ok(()) => {}
                Err(text) => tracing::warn!("the view ended and begins again: {text}"),
            }
            if !again(&mut stopped).await {
                return;
            }
        }
    }

    async fn run(&self, stopped: &mut watch::Receiver<bool>) -> Result<(), String> {
        let (service, store) = (self.service.clone(), self.store.clone());
        let (topic, runtime) = (service.input.clone(), tokio::runtime::Handle::current());
        let sink = move || ViewSink {
            store: store.clone(),
            topic: topic.clone(),
            runtime: runtime.clone(),
        };
        let started = spawn_blocking(move || service.start_sink(gather, sink)).await;
        let running = started.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        self.gauge.set(Some(running.gauge()));
        let stop = StopsWithUs { handle: running.stop_handle(), gauge: self.gauge.clone() };
        let mut ended = spawn_blocking(move || running.wait());
        let result = tokio::select! {
            result = &mut ended => result,
            () = told(stopped) => {
                stop.handle.stop();
                ended.await
            }
        };
        result.map_err(|error| error.to_string())?
    }
}

/// Cut off, we leave no workers behind.
struct StopsWithUs {
    handle: StopHandle,
    gauge: ViewGauge,
}

impl Drop for StopsWithUs {
    fn drop(&mut self) {
        self.handle.stop();
        self.gauge.set(None);
    }
}

/// Resolves what is pending, and forgets what is old.
pub(super) async fn tidy(
    config: Config,
    store: Store,
    contact: watch::Receiver<Contact>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let usable = contact.borrow().is_ours && contact.borrow().trouble.is_none();
        if usable && let Err(error) = resolve::resolve(&store, &config.broker, &config.first).await
        {
            tracing::warn!("pending orders are resolved later: {error:#}");
        }
        loop {
            match store.forget(config.keep_orders).await {
                Ok(0) => break,
                Ok(_) if *stopped.borrow() => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!("old orders are forgotten later: {error:#}");
                    break;
                }
            }
        }
        if !again(&mut stopped).await {
            return;
        }
    }
}
