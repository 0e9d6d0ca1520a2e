//! A shop of a test's own: the API, and in place of the stages a plain copy of its first topic
//! into its last.

use pizza_api::{Config, Running};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, ToBytes};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, client::DefaultClientContext};
use serde_json::Value;
use stage_sdk::broker::Broker;
use stage_sdk::chain::Chain;
use stage_sdk::{Delivery, Service};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub struct Shop {
    pub name: String,
    pub servers: String,
    pub orders_per_second: Option<NonZeroU32>,
    copying: Option<(Arc<AtomicBool>, std::thread::JoinHandle<()>)>,
}

/// The broker given, or none: then a test that needs one is skipped, loudly.
pub fn brokers() -> Option<String> {
    crate::machine::share();
    let given = std::env::var("STAGE_TEST_BROKERS").ok().filter(|given| !given.is_empty());
    if given.is_none() {
        eprintln!("!!!!!! SKIPPED: STAGE_TEST_BROKERS is not set !!!!!!");
    }
    given
}

impl Shop {
    /// Makes the topics.
    pub async fn new(servers: &str) -> Shop {
        let name = format!("shop-{}", uuid::Uuid::new_v4().simple());
        let admin: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
        let topics = ["first", "last", "last.view.dlq"].map(|topic| format!("{name}-{topic}"));
        let new =
            topics.each_ref().map(|topic| NewTopic::new(topic, 4, TopicReplication::Fixed(-1)));
        for made in admin.create_topics(&new, &AdminOptions::new()).await.unwrap() {
            made.unwrap();
        }
        Shop { name, servers: servers.to_owned(), orders_per_second: None, copying: None }
    }

    pub fn first(&self) -> String {
        format!("{}-first", self.name)
    }

    /// As if one stage did what the copy does.
    fn chain(&self) -> Chain {
        let name = &self.name;
        let text = format!(
            r#"
            [chain]
            name = "{name}"
            [topics]
            {name}-first = {{ partitions = 4, source = true }}
            {name}-last = {{ partitions = 4 }}
            [stages.copy]
            input = "{name}-first"
            output = "{name}-last"
            group = "{name}-copy"
            [stages.view]
            input = "{name}-last"
            group = "{name}-pizza_shop"
            sink = true
            "#
        );
        Chain::parse(&text, "a test").unwrap()
    }

    /// Opens an API on a free port; several may be open on one database.
    pub async fn open(&self, database_url: &str) -> Running {
        let data = std::env::temp_dir().join(&self.name);
        let broker = Broker { servers: self.servers.clone(), ..Broker::default() };
        let view = Service {
            stage: "view".into(),
            group: format!("{}-pizza_shop", self.name),
            input: format!("{}-last", self.name),
            dead_letters: format!("{}-last.view.dlq", self.name),
            broker: broker.clone(),
            delivery: Delivery::AtLeastOnce,
            ..Service::default()
        };
        let config = Config {
            broker,
            chain: self.chain(),
            first: self.first(),
            view,
            listen: ([127, 0, 0, 1], 0).into(),
            database_url: database_url.to_owned(),
            data,
            admin_token: None,
            max_count: 1000,
            gauges: Default::default(),
            hosts: Vec::new(),
            orders_per_second: self.orders_per_second,
            keep_orders: Duration::from_secs(3_600),
        };
        let running = pizza_api::open(config).await.unwrap();
        if self.servers != CLOSED {
            let url = running.url().to_owned();
            until("the shop is ready", || call("GET", &url, "/readyz", &[]).0 == 200).await;
        }
        running
    }

    /// Starts to copy what is ordered.
    pub fn copy(&mut self) {
        let (name, servers) = (self.name.clone(), self.servers.clone());
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", servers).set("group.id", format!("{name}-copy"));
            config.set("auto.offset.reset", "earliest").set("isolation.level", "read_committed");
            let consumer: BaseConsumer = config.create().unwrap();
            consumer.subscribe(&[&format!("{name}-first")]).unwrap();
            let producer: ThreadedProducer<_> = config.create().unwrap();
            while !told.load(Ordering::Relaxed) {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
                    let topic = format!("{name}-last");
                    let record = BaseRecord::<[u8], [u8]>::to(&topic).key(message.key().unwrap());
                    let mut record = record.payload(message.payload().unwrap().to_bytes());
                    if let Some(headers) = message.headers() {
                        record = record.headers(headers.detach());
                    }
                    producer.send(record).map_err(|(error, _)| error).unwrap();
                }
            }
            producer.flush(Duration::from_secs(10)).unwrap();
        });
        self.copying = Some((stop, thread));
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.copying.take() {
            stop.store(true, Ordering::Relaxed);
            thread.join().ok();
        }
    }
}

/// An address where nobody listens.
pub const CLOSED: &str = "127.0.0.1:1";

pub async fn until(what: &str, mut look: impl FnMut() -> bool) {
    let started = Instant::now();
    while !tokio::task::block_in_place(&mut look) {
        assert!(started.elapsed() < Duration::from_secs(40), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// One request: status, headers in lower case, body.
pub fn call(
    method: &str,
    url: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, HashMap<String, String>, Value) {
    use std::io::{Read, Write};
    let address = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n{more}\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let pairs = lines.filter_map(|line| line.split_once(": "));
    let headers = pairs.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    (status, headers, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())))
}
