//! Who is talked to: our own broker in this process; or an Apache Kafka, if `STAGE_TEST_ENGINE` says
//! `kafka` and `STAGE_TEST_BROKERS` where it is.

use stage_broker::{Broker, Config};
use std::sync::OnceLock;

/// As `scripts/kafka` sets them for an Apache Kafka; and nobody waits long for compaction.
const SETTINGS: [(&str, &str); 4] = [
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1000"),
    ("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000"),
    ("log.cleaner.backoff.ms", "200"),
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Engine {
    Own,
    Kafka,
}

pub(crate) fn engine() -> Engine {
    match std::env::var("STAGE_TEST_ENGINE").as_deref() {
        Ok("kafka") => Engine::Kafka,
        _ => Engine::Own,
    }
}

/// Where the broker is. Ours stays until the process ends.
pub(crate) fn address() -> &'static str {
    static BROKER: OnceLock<(String, Option<Broker>)> = OnceLock::new();
    let start = || match engine() {
        Engine::Kafka => {
            let given = std::env::var("STAGE_TEST_BROKERS");
            (given.expect("STAGE_TEST_BROKERS, the address of an Apache Kafka"), None)
        }
        Engine::Own => {
            let config = SETTINGS.into_iter().fold(Config::memory(), |config, (name, value)| {
                config.set(name, value).expect("a setting")
            });
            let broker = Broker::start_blocking(config).expect("a broker");
            (broker.address().to_string(), Some(broker))
        }
    };
    &BROKER.get_or_init(start).0
}
