//! Transactions: send, flush, offsets, commit, and what each error means.

use crate::core::Ended;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, TopicPartitionList};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// How long what is on its way is waited for when nothing more comes. The courier does nothing else meanwhile.
const HURRY: Duration = Duration::from_millis(100);

/// How long one window may take to reach the broker before it is aborted and goes again smaller.
/// Below the transaction time-out, so that the abort is ours.
const FLUSH: Duration = Duration::from_secs(4);

/// After this a call that was to take [`FLUSH`] at most is taken not to come back.
const OFFSETS: Duration = Duration::from_secs(8);

/// How long an abort or a commit that was asked for is asked for again. After that a new producer
/// ends the transaction, since this one may have lost its brokers for good.
const END: Duration = Duration::from_secs(8);

/// A failed message holds a native flush up until its report was served: so flush in slices.
const SLICE: Duration = Duration::from_millis(10);

/// Before an abort, for what is on its way to be acknowledged: else it is purged, and a new producer is due.
const GRACE: Duration = Duration::from_millis(50);

/// Gathers the reports of failed messages; successes report nothing.
#[derive(Default)]
struct Reports {
    failed: Mutex<Vec<RDKafkaErrorCode>>,
    /// A message was purged, which the broker may have nonetheless.
    purged: AtomicBool,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        // What librdkafka thinks of a setting that we chose helps nobody who runs a stage.
        let level = if facility == "CONFWARN" { RDKafkaLogLevel::Debug } else { level };
        DefaultClientContext.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "producer");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            if matches!(code, RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight) {
                self.purged.store(true, Ordering::Release);
            }
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).push(code);
        }
    }
}

/// One message, as bytes; it is copied when it is sent.
#[derive(Clone, Debug)]
pub struct Message<'m> {
    /// Where it goes.
    pub topic: &'m str,
    /// Which partition; none: by its key.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Option<&'m [u8]>,
    /// Its value; none: a tombstone.
    pub value: Option<&'m [u8]>,
    /// Its headers, packed.
    pub headers: crate::record::Headers<'m>,
    /// Milliseconds since the epoch; below 0: the time of sending.
    pub time: i64,
}

/// How soon librdkafka asks for a transaction coordinator again.
const COORDINATOR: Duration = Duration::from_millis(500);

/// A producer; transactional if its settings ([`Broker::producer`](crate::broker::Broker::producer))
/// have an identity. Dropping it forgets what is not flushed; an open transaction then ends by its
/// time-out, without effect.
///
/// ```no_run
/// use stage_sdk::broker::Broker;
/// use stage_sdk::producer::{Message, Producer};
/// use stage_sdk::record::Headers;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), rdkafka::error::KafkaError> {
/// let broker = Broker { servers: "127.0.0.1:9092".into(), ..Broker::default() };
/// let config = broker.producer(Some("orders-1"), 1_000_000, 1_000_000);
/// let producer = Producer::open(&config, Duration::from_secs(10))?;
/// producer.begin()?;
/// producer.send(Message {
///     topic: "orders",
///     partition: None,
///     key: Some(b"k"),
///     value: Some(b"1"),
///     headers: Headers::new(&[]),
///     time: -1,
/// })?;
/// println!("{:?}, {:?}", producer.flush(), producer.commit());
/// # Ok(())
/// # }
/// ```
pub struct Producer {
    base: Arc<BaseProducer<Reports>>,
    /// The thread that sends offsets; none: no transactions.
    offsets: Option<mpsc::Sender<Call>>,
}

type Call = Box<dyn FnOnce() + Send>;

impl Producer {
    /// Makes the client. A transactional one has fenced its predecessors, and ended what they left
    /// open, when this returns; any other asks nobody.
    ///
    /// # Errors
    /// A setting is wrong, or a transactional one had no answer within `wait`.
    pub fn open(config: &ClientConfig, wait: Duration) -> KafkaResult<Producer> {
        let base: BaseProducer<Reports> = config.create_with_context(Reports::default())?;
        let mut offsets = None;
        if config.get("transactional.id").is_some() {
            // Asked before a broker is connected, librdkafka looks for the coordinator again only after half
            // a second (`rd_kafka_txn_coord_query`). The cluster's id comes as soon as one is.
            base.client().fetch_cluster_id(wait.min(COORDINATOR));
            base.init_transactions(wait)?;
            let (calls, made) = mpsc::channel::<Call>();
            let run = move || made.into_iter().for_each(|call| call());
            std::thread::Builder::new().name("offsets".into()).spawn(run).map_err(|error| {
                KafkaError::ClientCreation(format!("no thread to send offsets: {error}"))
            })?;
            offsets = Some(calls);
        }
        Ok(Producer { base: Arc::new(base), offsets })
    }

    /// Opens a transaction; asks nobody. Without transactions it does nothing.
    ///
    /// # Errors
    /// The producer is unusable, or a transaction is open already.
    pub fn begin(&self) -> KafkaResult<()> {
        if self.is_broken() {
            return Err(KafkaError::Canceled);
        }
        if self.is_transactional() { self.base.begin_transaction() } else { Ok(()) }
    }

    /// Queues a message.
    ///
    /// # Errors
    /// It is larger than any topic takes, or the transaction has failed already.
    pub fn send(&self, message: Message<'_>) -> KafkaResult<()> {
        let mut record = BaseRecord::<[u8], [u8]>::to(message.topic);
        record.partition = message.partition;
        record.key = message.key;
        record.payload = message.value;
        record.timestamp = Some(message.time).filter(|time| *time >= 0);
        let mut headers: Option<OwnedHeaders> = None;
        for (key, value) in message.headers {
            headers = Some(headers.unwrap_or_default().insert(Header { key, value }));
        }
        record.headers = headers;
        self.base.send(record).map_err(|(error, _)| error)
    }

    /// Waits until all that was sent is acknowledged.
    ///
    /// # Errors
    /// How it ended instead, after at most 4 s; the transaction is not aborted yet.
    pub fn flush(&self) -> Result<(), Ended> {
        let until = Instant::now() + FLUSH;
        loop {
            let flushed = native_flush(&self.base, SLICE);
            self.base.poll(Duration::ZERO);
            let failed = std::mem::take(&mut *self.reports());
            if failed.iter().any(is_content) {
                return Err(Ended::Refused);
            }
            if let Some(code) = failed.first() {
                tracing::debug!(%code, messages = failed.len(), "messages failed");
                // A purge does not keep it from ending the transaction, which a new producer would wait for.
                return Err(if self.is_fatal() { Ended::Broken } else { Ended::Aborted });
            }
            if flushed {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(Ended::TimedOut);
            }
        }
    }

    /// Whether something that was sent is neither acknowledged nor failed.
    pub(crate) fn is_sending(&self) -> bool {
        // Reports and errors that nobody took count as well.
        self.base.poll(Duration::ZERO);
        self.base.in_flight_count() > 0
    }

    /// What is sent goes on its way without waiting for company, and has arrived when this returns, unless
    /// that takes longer than 100 ms; whether it did, `flush` says.
    pub(crate) fn hurry(&self) {
        native_flush(&self.base, HURRY);
    }

    /// Sends offsets on their way, on the producer's thread for that: what was sent before them is on
    /// its way too, and need not arrive first. Once the broker has them, another owner of these
    /// partitions waits until this transaction has ended.
    ///
    /// The call may never come back, whatever its time limit: librdkafka waits for a group
    /// coordinator that is no more (its issue 5511). A thread can be left behind; what it may still
    /// send then is fenced, since the next producer has our identity.
    pub(crate) fn send_offsets(
        &self,
        offsets: TopicPartitionList,
        member: ConsumerGroupMetadata,
    ) -> SentOffsets {
        let (done, answer) = mpsc::channel();
        let base = self.base.clone();
        if let Some(calls) = &self.offsets {
            let call = move || {
                done.send(base.send_offsets_to_transaction(&offsets, &member, FLUSH)).ok();
            };
            calls.send(Box::new(call)).ok();
        }
        SentOffsets { answer, until: Instant::now() + OFFSETS }
    }

    /// Commits the transaction; asks again for up to 8 s while there is no answer.
    pub fn commit(&self) -> Ended {
        let until = Instant::now() + END;
        loop {
            let Err(error) = self.base.commit_transaction(FLUSH) else { return Ended::Committed };
            tracing::debug!(%error, "commit");
            match &error {
                KafkaError::Transaction(e) if e.is_fatal() => return Ended::Unknown,
                KafkaError::Transaction(e) if e.txn_requires_abort() => {
                    return self.abort(Ended::Aborted);
                }
                // Retriable: the same call goes on where it was.
                _ if Instant::now() > until => return Ended::Unknown,
                _ => {}
            }
        }
    }

    /// Ends the transaction without effect; gives `ended` back, or that the producer is broken and
    /// a new one is to be opened.
    pub fn abort(&self, ended: Ended) -> Ended {
        if !self.is_transactional() {
            self.settle();
            // A refusal is told first: the window it splits finds a broken producer by itself.
            let broken = ended != Ended::Refused && self.is_broken();
            return if broken { Ended::Broken } else { ended };
        }
        let until = Instant::now() + END;
        if self.base.in_flight_count() > 0 {
            native_flush(&self.base, GRACE);
        }
        loop {
            let answer = self.base.abort_transaction(SLICE);
            self.base.poll(Duration::ZERO);
            match answer {
                Ok(()) => break,
                Err(KafkaError::Transaction(error)) if error.is_retriable() => {
                    if Instant::now() > until {
                        return Ended::Broken;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "abort");
                    return Ended::Broken;
                }
            }
        }
        self.settle();
        // As above: a refusal is told first.
        if ended != Ended::Refused && self.is_broken() { Ended::Broken } else { ended }
    }

    /// Serves the reports that are still due, and forgets them.
    fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(1);
        while self.is_transactional() && self.base.in_flight_count() > 0 && Instant::now() < until {
            native_flush(&self.base, SLICE);
            self.base.poll(Duration::ZERO);
        }
        self.base.poll(Duration::ZERO);
        self.reports().clear();
    }

    fn is_transactional(&self) -> bool {
        self.offsets.is_some()
    }

    /// Whether a new producer is due. librdkafka (2.12.1) gives the sequence numbers of messages that an abort
    /// purges to the next ones (`rd_kafka_toppar_purge_queues`), also where they were sent before and only
    /// their acknowledgement is missing: the broker takes the next ones for these, acknowledges them, and
    /// has them nowhere. A new producer has an epoch of its own, and no numbers from before. Whether a message was
    /// sent its status does not tell: one that was taken and answered with NOT_LEADER_OR_FOLLOWER is
    /// `NOT_PERSISTED` as well.
    fn is_broken(&self) -> bool {
        let purged = self.is_transactional() && self.base.context().purged.load(Ordering::Acquire);
        purged || self.is_fatal()
    }

    fn is_fatal(&self) -> bool {
        self.base.client().fatal_error().is_some()
    }

    /// Whether another producer has taken its identity, or a transaction of its took too long.
    pub(crate) fn is_fenced(&self) -> bool {
        use rdkafka::producer::Producer as _;
        let error = self.base.client().fatal_error();
        error.is_some_and(|(code, _)| code == RDKafkaErrorCode::Fenced)
    }

    fn reports(&self) -> std::sync::MutexGuard<'_, Vec<RDKafkaErrorCode>> {
        self.base.context().failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Offsets on their way to the transaction.
pub(crate) struct SentOffsets {
    answer: mpsc::Receiver<KafkaResult<()>>,
    until: Instant,
}

impl SentOffsets {
    /// Waits for the broker's answer; no other call of the transaction may be made before.
    pub(crate) fn arrived(self) -> Result<(), Ended> {
        use mpsc::RecvTimeoutError::{Disconnected, Timeout};
        let error = match self.answer.recv_timeout(self.until - Instant::now()) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error,
            Err(Disconnected) => {
                tracing::warn!("the thread that sends offsets is gone; a new producer takes over");
                return Err(Ended::Broken);
            }
            Err(Timeout) => {
                tracing::warn!("offsets were sent and no answer came; a new producer takes over");
                return Err(Ended::Broken);
            }
        };
        tracing::debug!(%error, "offsets of the transaction");
        Err(match error {
            KafkaError::Transaction(e) if e.is_fatal() => Ended::Broken,
            KafkaError::Transaction(e) if e.is_retriable() => Ended::TimedOut,
            _ => Ended::Aborted,
        })
    }
}

/// The closed list of codes that speak of a record's content. A refusal is per batch: every
/// message of it reports the code, the healthy and the purged too.
fn is_content(code: &RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidTimestamp
            | RDKafkaErrorCode::InvalidRecord
    )
}

/// Whether all messages are acknowledged, after at most `wait`.
///
/// rdkafka's own `flush` polls for reports up to its deadline, and with only errors reported none
/// comes: 116 ms for a window that needs 12.
#[allow(unsafe_code)]
fn native_flush(base: &BaseProducer<Reports>, wait: Duration) -> bool {
    // SAFETY: the pointer is the live client that `base` owns and keeps for the whole call;
    // rd_kafka_flush may be called from any thread.
    let code =
        unsafe { rdkafka_sys::rd_kafka_flush(base.client().native_ptr(), wait.as_millis() as i32) };
    code == rdkafka_sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
}
