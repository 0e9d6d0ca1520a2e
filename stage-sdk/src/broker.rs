//! How we reach Kafka: every librdkafka setting we make, with its reason.

use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use rdkafka::{ClientConfig, ClientContext};
use std::fmt;

/// Where the brokers are, and what the operator overrides.
/// With `{:?}` the settings' names are shown, and no values: they may be secrets.
///
/// ```
/// use stage_sdk::broker::Broker;
///
/// let broker = Broker {
///     servers: "kafka:9093".into(),
///     overrides: vec![("sasl.password".into(), "sesame".into())],
///     ..Broker::default()
/// };
/// assert!(!format!("{broker:?}").contains("sesame"));
/// broker.check().unwrap();
/// let eager = Broker { overrides: vec![("acks".into(), "1".into())], ..broker };
/// assert!(eager.check().unwrap_err().to_string().contains("nothing is lost"));
/// ```
#[derive(Clone, Default)]
pub struct Broker {
    /// `HOST:PORT`, several with commas.
    pub servers: String,
    /// librdkafka settings by name, as `-X name=value` gives them.
    pub overrides: Vec<(String, String)>,
    /// `none`, `gzip`, `snappy`, `lz4` or `zstd`, for what is produced.
    pub compression: String,
}

/// The context of a client whose complaints are for `STAGE_LOG=debug`: whoever uses it says itself what it
/// makes of an error, once, and librdkafka repeats that a broker is away many times a second.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "client");
    }
}

impl ConsumerContext for Quiet {}

/// A setting that cannot be used.
#[derive(Debug)]
pub struct BadSetting(String);

impl fmt::Display for BadSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadSetting {}

/// What a promise rests on, and which.
const FIXED: &[(&str, &str)] = &[
    ("acks", "nothing is lost: an output counts once every in-sync replica has it"),
    (
        "allow.auto.create.topics",
        "topics are declared: a misspelt one is an error, not a new topic",
    ),
    ("auto.commit.interval.ms", "exactly once: offsets are committed with their outputs"),
    ("auto.offset.reset", "nothing is lost: a committed offset that is gone stops the stage"),
    ("bootstrap.servers", "the brokers are given by --brokers"),
    ("delivery.report.only.error", "nothing is lost: reports are read as failures"),
    ("dr_cb", "nothing is lost: reports are read as failures"),
    ("dr_msg_cb", "nothing is lost: reports are read as failures"),
    ("enable.auto.commit", "exactly once: offsets are committed with their outputs"),
    ("enable.auto.offset.store", "exactly once: offsets are committed with their outputs"),
    ("enable.gapless.guarantee", "order per key: a failed batch is sent again by the window"),
    ("enable.idempotence", "nothing twice, order kept: a resent batch is known to the broker"),
    ("enable.partition.eof", "the end of a partition is no event of a stage"),
    ("group.id", "the group is given by --group"),
    ("group.instance.id", "exactly once: identities come from the state directory"),
    ("group.protocol", "rebalance is safe: it is tested with the classic protocol"),
    ("isolation.level", "exactly once: nothing of an aborted transaction is read"),
    ("max.in.flight", "order per key: idempotence allows five"),
    ("max.in.flight.requests.per.connection", "order per key: idempotence allows five"),
    ("message.timeout.ms", "order per key: nothing is overtaken by its key's next"),
    ("delivery.timeout.ms", "order per key: nothing is overtaken by its key's next"),
    ("partition.assignment.strategy", "rebalance is safe: partitions are handed over one by one"),
    ("partitioner", "order per key: producers of all languages agree on a key's partition"),
    (
        "request.required.acks",
        "nothing is lost: an output counts once every in-sync replica has it",
    ),
    ("transactional.id", "exactly once: identities come from the state directory"),
];

/// The common part of every client's settings.
const EVERY: &[(&str, &str)] = &[
    // Host names are looked up anew at each connect, and a dead broker is noticed while idle.
    ("socket.keepalive.enable", "true"),
    // A refused Nagle delay is 40 ms on a window of one record.
    ("socket.nagle.disable", "true"),
    // A restarted broker is found again within a second, not ten.
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    // A retried request of a transaction waits this long at first; the default is 100 ms.
    ("retry.backoff.ms", "20"),
    // We never want topics nobody declared.
    ("allow.auto.create.topics", "false"),
    // librdkafka's own log lines come through `tracing`; connects and disconnects are no errors.
    ("log.connection.close", "false"),
];

/// What a member fetches ahead, of all partitions together: records, and KiB of them.
const MESSAGES: i32 = 20_000;
const KBYTES: i32 = 16_384;

const CONSUMER: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // A worker begins at the committed offset, or at the beginning where there is none, and says
    // so itself; an offset out of range is an error.
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    // Partitions that stay are not taken away in between.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // A dead worker's partitions are taken over after six seconds.
    ("session.timeout.ms", "6000"),
    ("heartbeat.interval.ms", "500"),
    // Fetched ahead; more than this costs memory and wins little.
    ("queued.min.messages", "20000"),
    ("queued.max.messages.kbytes", "16384"),
    // An empty partition is asked again at once; the broker holds the question this long.
    ("fetch.wait.max.ms", "100"),
    // After a full prefetch: look again after 20 ms, not a second.
    ("fetch.queue.backoff.ms", "20"),
    ("fetch.error.backoff.ms", "100"),
];

const PRODUCER: &[(&str, &str)] = &[
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("partitioner", "murmur2_random"),
    // A window holds its bytes until it is committed: nothing of it may give up by itself.
    ("message.timeout.ms", "0"),
    // Windows are limited; a second limit below them would only stall.
    ("queue.buffering.max.messages", "0"),
    ("queue.buffering.max.kbytes", "2097151"),
    // A flush does not wait for it; before the flush it lets batches fill.
    ("linger.ms", "1"),
    // A success needs no report: no report left means all succeeded.
    ("delivery.report.only.error", "true"),
];

impl Broker {
    /// Checks the addresses and the overrides, without connecting.
    ///
    /// # Errors
    /// Names the setting, its value, and what to do instead.
    pub fn check(&self) -> Result<(), BadSetting> {
        if let Some(bad) = self.servers.split(',').find(|server| !is_address(server.trim())) {
            return Err(BadSetting(format!(
                "broker address {bad:?} is not HOST:PORT; give for example --brokers 127.0.0.1:9092"
            )));
        }
        for (name, value) in &self.overrides {
            if let Some((_, promise)) = FIXED.iter().find(|(fixed, _)| fixed == name) {
                return Err(BadSetting(format!(
                    "-X {name}={value}: this setting is fixed, because a promise rests on it: {promise}"
                )));
            }
            let mut alone = ClientConfig::new();
            if let Err(error) = alone.set(name, value).create_native_config() {
                // Whose name is mistyped may have a secret for its value.
                let (setting, reason) = match &error {
                    KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => {
                        (name.clone(), "there is no such setting".into())
                    }
                    _ if is_secret(name) => {
                        (name.clone(), "librdkafka does not take this value".into())
                    }
                    _ => (format!("{name}={value}"), reason(&error)),
                };
                return Err(BadSetting(format!(
                    "-X {setting}: {reason}; names and values are those of librdkafka's CONFIGURATION.md"
                )));
            }
        }
        Ok(())
    }

    /// The cluster's own id; waits for a broker up to 30 s, and says so.
    ///
    /// # Errors
    /// No broker answers, or the cluster has none.
    pub fn cluster_id(&self) -> Result<String, crate::StartError> {
        let topics = crate::topics::Topics::connect(self)?;
        let id = topics.admin.inner().fetch_cluster_id(std::time::Duration::from_secs(5));
        id.ok_or_else(|| {
            let text = format!("the cluster at {} does not tell its id", self.servers);
            crate::StartError::Runtime(text)
        })
    }

    /// A client that only asks and administers.
    pub fn admin(&self) -> ClientConfig {
        self.with(&[])
    }

    /// A member of a group. `identity`: the same after a restart, so that its partitions come
    /// back at once; none: a new member each time.
    pub fn consumer(&self, group: &str, identity: Option<&str>) -> ClientConfig {
        let mut config = self.with(CONSUMER);
        config.set("group.id", group);
        if let Some(identity) = identity {
            config.set("group.instance.id", identity);
        }
        config
    }

    /// The same for one that reads each partition of an input of so many by itself: what is fetched ahead
    /// is shared out among them, with 1,000 records and 256 KiB for each at least. One answer may go over
    /// it by its size, which is as much again at most.
    pub(crate) fn member(
        &self,
        group: &str,
        identity: Option<&str>,
        partitions: i32,
    ) -> ClientConfig {
        let share = |all: i32, least: i32| (all / partitions.max(1)).max(least);
        let kbytes = share(KBYTES, 256);
        let mut config = self.consumer(group, identity);
        config
            .set("queued.min.messages", share(MESSAGES, 1000).to_string())
            .set("queued.max.messages.kbytes", kbytes.to_string())
            .set("fetch.message.max.bytes", (kbytes * 1024).min(1 << 20).to_string());
        self.override_in(&mut config);
        config
    }

    /// A producer; with an identity a transactional one. `limit`: the largest record of any
    /// target, `smallest`: the smallest such limit.
    pub fn producer(&self, identity: Option<&str>, limit: usize, smallest: usize) -> ClientConfig {
        let mut config = self.with(PRODUCER);
        if !self.compression.is_empty() {
            config.set("compression.type", &self.compression);
        }
        // A batch that a topic refuses takes its healthy records with it.
        config.set("batch.size", smallest.saturating_sub(1024).clamp(1, 1_000_000).to_string());
        config
            .set("message.max.bytes", (limit + 65_536).clamp(1_000_000, 1_000_000_000).to_string());
        if let Some(identity) = identity {
            config.set("transactional.id", identity);
            // A worker that dies holds up readers of its outputs for this long.
            config.set("transaction.timeout.ms", "5000");
        } else {
            // Where nothing is aborted, what is behind a refused batch must not overtake it.
            config.set("enable.gapless.guarantee", "true");
        }
        self.override_in(&mut config);
        config
    }

    fn with(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        for (name, value) in EVERY.iter().chain(settings) {
            config.set(*name, *value);
        }
        self.override_in(&mut config);
        config
    }

    fn override_in(&self, config: &mut ClientConfig) {
        for (name, value) in &self.overrides {
            config.set(name, value);
        }
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name may be mistyped, and its value a secret.
        let overrides: Vec<_> = self.overrides.iter().map(|(name, _)| name).collect();
        f.debug_struct("Broker")
            .field("servers", &self.servers)
            .field("overrides", &overrides)
            .field("compression", &self.compression)
            .finish()
    }
}

/// Whether the value of the setting is for nobody else to read, by its name.
fn is_secret(name: &str) -> bool {
    let secret = ["sasl.", "ssl.", "pass", "secret", "token", "oauth", "pem", "key", "jaas"];
    let harmless = ["sasl.mechanism", "sasl.mechanisms", "sasl.username", "ssl.ca.location"];
    secret.iter().any(|word| name.contains(word)) && !harmless.contains(&name)
}

fn is_address(text: &str) -> bool {
    let text = text.rsplit_once("://").map_or(text, |(_, address)| address);
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && !host.contains(char::is_whitespace)
            && port.parse::<u16>().is_ok_and(|p| p > 0)
    })
}

fn reason(error: &rdkafka::error::KafkaError) -> String {
    match error {
        rdkafka::error::KafkaError::ClientConfig(_, text, _, _) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: &str) -> Broker {
        Broker {
            servers: "127.0.0.1:9092".into(),
            overrides: vec![(name.into(), value.into())],
            compression: String::new(),
        }
    }

    #[test]
    fn what_a_promise_rests_on_cannot_be_overridden() {
        let text = with("acks", "0").check().unwrap_err().to_string();
        assert!(text.contains("acks=0") && text.contains("nothing is lost"), "{text}");
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let text = with("no.such.setting", "1").check().unwrap_err().to_string();
        assert!(text.contains("no.such.setting: there is no such setting"), "{text}");
        let text = with("fetch.wait.max.ms", "soon").check().unwrap_err().to_string();
        assert!(text.contains("fetch.wait.max.ms=soon"), "{text}");
        with("fetch.wait.max.ms", "7").check().unwrap();
    }

    #[test]
    fn a_secret_is_told_to_nobody() {
        let known = ["sasl.password", "ssl.key.password", "ssl.key.pem", "sasl.oauthbearer.method"];
        for name in known.into_iter().chain(["sasl_pasword", "sals.pasword", "PASSWORD"]) {
            let broker = with(name, "hunter2");
            let told = broker.check().map_err(|error| error.to_string());
            let told = format!("{broker:?} {told:?}");
            assert!(told.contains(name) && !told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn addresses_are_checked_before_connecting() {
        for bad in ["", "localhost", "localhost:", ":9092", "a b:1", "h:99999", "h:9092,"] {
            let broker = Broker { servers: bad.into(), ..Broker::default() };
            assert!(broker.check().is_err(), "{bad}");
        }
        let two = Broker { servers: "a:1, [::1]:2".into(), ..Broker::default() };
        two.check().unwrap();
    }

    #[test]
    fn every_setting_of_ours_is_known_to_librdkafka() {
        let broker = with("fetch.wait.max.ms", "7");
        broker.consumer("g", Some("i")).create_native_config().unwrap();
        broker.producer(Some("i"), 1 << 20, 1 << 20).create_native_config().unwrap();
    }
}
