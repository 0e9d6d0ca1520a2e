//! A real broker, asked what a model was asked.

use crate::rig::until;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// For one answer.
const LIMIT: Duration = Duration::from_secs(30);

/// What is written to find out whether one may write; nobody may.
const PROBE: &str = "probe";

/// Counts what did not arrive.
#[derive(Default)]
struct Failed(AtomicUsize);

impl ClientContext for Failed {}

impl ProducerContext for Failed {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.0.fetch_add(usize::from(result.is_err()), Ordering::SeqCst);
    }
}

/// One epoch of an identity.
struct Client {
    producer: BaseProducer<Failed>,
    in_transaction: bool,
}

/// What a schedule has of a broker: topics and names of its own.
pub(crate) struct Engine {
    brokers: String,
    name: String,
    logs: i32,
    /// What a reader of committed records finds in each log, and any other, once it has been asked for.
    read: Option<[Contents; 2]>,
    clients: BTreeMap<String, Client>,
    /// One that has fenced its predecessor, and whose epoch the model has not given yet.
    renewed: BTreeMap<String, Client>,
    /// Writes without transactions.
    alone: BaseProducer<Failed>,
    /// Asks for offsets; a member of nothing.
    group: BaseConsumer,
}

type Said = Result<(), String>;

/// The messages of each log.
type Contents = BTreeMap<i32, Vec<String>>;

impl Engine {
    pub(crate) fn new(brokers: &str, partitions: i32, logs: usize) -> Engine {
        let name = format!("m{:08x}", rand::random::<u32>());
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
        let topics = [("in", partitions), ("log", logs as i32)];
        let names = topics.map(|(topic, _)| format!("{name}-{topic}"));
        let one = |at: usize| NewTopic::new(&names[at], topics[at].1, TopicReplication::Fixed(1));
        let (new, options) = ([one(0), one(1)], AdminOptions::new());
        let made = futures::executor::block_on(admin.create_topics(&new, &options)).unwrap();
        assert!(made.iter().all(Result::is_ok), "{made:?}");
        let alone = config.clone().set("linger.ms", "0").create_with_context(Failed::default());
        let mut group = config.clone();
        // With this it is told offsets that no open transaction can change.
        group.set("group.id", &name).set("isolation.level", "read_committed");
        Engine {
            brokers: brokers.to_owned(),
            name,
            logs: logs as i32,
            read: None,
            clients: BTreeMap::new(),
            renewed: BTreeMap::new(),
            alone: alone.unwrap(),
            group: group.create().unwrap(),
        }
    }

    /// Does what the line says; an error where the broker answers otherwise.
    pub(crate) fn does(&mut self, line: &[&str]) -> Said {
        match *line {
            ["renew", identity, "->", "ends"] => {
                let client = self.renew(identity)?;
                self.renewed.insert(identity.to_owned(), client);
                Ok(())
            }
            ["renew", identity, "->", epoch] => {
                let client = match self.renewed.remove(identity) {
                    Some(client) => client,
                    None => self.renew(identity)?,
                };
                self.clients.insert(format!("{identity}.{epoch}"), client);
                Ok(())
            }
            // Its coordinator fences one that was silent for too long, as a successor does.
            ["timeout", client] => {
                self.renew(client.split('.').next().unwrap_or_default()).map(drop)
            }
            ["open", client, "->", "no"] => self.is_fenced(client),
            ["write", client, log, message] => self.write(client, log, message),
            ["alone", log, message] => {
                let topic = self.log();
                send(&self.alone, BaseRecord::to(&topic).partition(number(log)).payload(message))
            }
            ["offsets", client, ref offsets @ ..] => self.send_offsets(client, offsets),
            [how @ ("commit" | "abort"), client, "->", answer] => self.end(how, client, answer),
            ["committed", ref offsets @ ..] => self.committed(offsets),
            ["log", log, ref messages @ ..] => self.contents(log, messages),
            _ => Err("what is that?".to_owned()),
        }
    }

    fn log(&self) -> String {
        format!("{}-log", self.name)
    }

    fn renew(&self, identity: &str) -> Result<Client, String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("linger.ms", "0");
        config.set("transactional.id", format!("{}-{identity}", self.name));
        let producer: BaseProducer<Failed> =
            config.create_with_context(Failed::default()).map_err(text)?;
        // Else it asks for the coordinator before it has a connection, and again after half a second.
        producer.client().fetch_cluster_id(LIMIT);
        producer.init_transactions(LIMIT).map_err(text)?;
        Ok(Client { producer, in_transaction: false })
    }

    /// The client, in a transaction.
    fn begun(&mut self, name: &str) -> Result<&mut Client, String> {
        let client = self.clients.get_mut(name).ok_or("there is no such producer")?;
        if !client.in_transaction {
            client.producer.begin_transaction().map_err(text)?;
            client.in_transaction = true;
        }
        Ok(client)
    }

    fn write(&mut self, client: &str, log: &str, message: &str) -> Said {
        let topic = self.log();
        let record = BaseRecord::to(&topic).partition(number(log)).payload(message);
        send(&self.begun(client)?.producer, record)
    }

    fn send_offsets(&mut self, client: &str, offsets: &[&str]) -> Said {
        let topic = format!("{}-in", self.name);
        let group: ConsumerGroupMetadata = self.group.group_metadata().ok_or("no group")?;
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets.iter().map(|text| position(text)) {
            let (offset, metadata) = offset.ok_or("no offset")?;
            list.add_partition_offset(&topic, partition, Offset::Offset(offset)).map_err(text)?;
            let mut last = list.find_partition(&topic, partition).ok_or("no partition")?;
            last.set_metadata(metadata);
        }
        let client = self.begun(client)?;
        client.producer.send_offsets_to_transaction(&list, &group, LIMIT).map_err(text)
    }

    fn end(&mut self, how: &str, name: &str, answer: &str) -> Said {
        let Some(client) = self.clients.get_mut(name) else {
            return Err("there is no such producer".to_owned());
        };
        if !client.in_transaction {
            // There is nothing to end: then only who may no longer write is told anything.
            return if answer == "no" { self.is_fenced(name) } else { Ok(()) };
        }
        client.in_transaction = false;
        let ended = match how {
            "commit" => client.producer.commit_transaction(LIMIT),
            _ => client.producer.abort_transaction(LIMIT),
        };
        match (ended, answer) {
            (Ok(()), "yes") => Ok(()),
            (Ok(()), _) => Err("it is carried out".to_owned()),
            (Err(error), "yes") => Err(text(error)),
            (Err(_), _) => self.is_fenced(name),
        }
    }

    /// Whoever is fenced finds it out as soon as it writes.
    fn is_fenced(&mut self, name: &str) -> Said {
        let topic = self.log();
        if let Ok(client) = self.begun(name) {
            let record = BaseRecord::to(&topic).partition(0).payload(PROBE);
            if send(&client.producer, record).is_ok() {
                return Err("it may write".to_owned());
            }
            client.producer.abort_transaction(LIMIT).ok();
        }
        let client = self.clients.get(name).ok_or("there is no such producer")?;
        let fatal = client.producer.client().fatal_error();
        match fatal {
            Some((RDKafkaErrorCode::Fenced, _)) => Ok(()),
            other => Err(format!("not fenced: {other:?}")),
        }
    }

    /// What the group has committed, once no open transaction can change it.
    fn committed(&self, offsets: &[&str]) -> Said {
        let topic = format!("{}-in", self.name);
        let mut list = TopicPartitionList::new();
        for text in offsets {
            list.add_partition(&topic, position(text).0);
        }
        let ask = || self.group.committed_offsets(list.clone(), LIMIT).ok();
        let found = until("stable offsets", LIMIT, ask);
        for (text, element) in offsets.iter().zip(found.elements()) {
            let (_, wanted) = position(text);
            let there = match element.offset() {
                Offset::Offset(offset) => Some((offset, element.metadata())),
                _ => None,
            };
            if there != wanted {
                return Err(format!("{there:?}"));
            }
        }
        Ok(())
    }

    /// What is in a log: to readers of committed records, and to others. It is in the end that this is asked.
    fn contents(&mut self, log: &str, messages: &[&str]) -> Said {
        if self.read.is_none() {
            self.read = Some(["read_committed", "read_uncommitted"].map(|how| self.read(how)));
        }
        for (there, signs) in self.read.iter().flatten().zip(["+", "+-"]) {
            let wanted = messages.iter().filter(|text| text.ends_with(|sign| signs.contains(sign)));
            let wanted: Vec<_> = wanted.map(|text| text.trim_end_matches(['+', '-'])).collect();
            let there = there.get(&number(log)).map(Vec::as_slice).unwrap_or_default();
            if there != wanted {
                return Err(format!("the {signs} are {there:?}"));
            }
        }
        Ok(())
    }

    fn read(&self, isolation: &str) -> Contents {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", "reader")
            .set("isolation.level", isolation)
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "20")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        for log in 0..self.logs {
            list.add_partition_offset(&self.log(), log, Offset::Beginning).unwrap();
        }
        consumer.assign(&list).unwrap();
        let (mut there, mut ended) = (Contents::new(), BTreeSet::new());
        while ended.len() < self.logs as usize {
            match consumer.poll(LIMIT).expect("the end of each log comes") {
                Ok(message) => {
                    let text = String::from_utf8_lossy(message.payload().unwrap_or_default());
                    there.entry(message.partition()).or_default().push(text.into_owned());
                }
                Err(KafkaError::PartitionEOF(log)) => drop(ended.insert(log)),
                Err(_) => {}
            }
        }
        there
    }
}

/// Whether it arrives.
fn send(producer: &BaseProducer<Failed>, record: BaseRecord<'_, (), str>) -> Said {
    let before = producer.context().0.load(Ordering::SeqCst);
    producer.send(record).map_err(|(error, _)| text(error))?;
    let deadline = Instant::now() + LIMIT;
    while producer.in_flight_count() > 0 {
        // It would not sleep for less than two milliseconds.
        producer.poll(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(1));
        if let Some((code, why)) = producer.client().fatal_error() {
            return Err(format!("{code}: {why}"));
        }
        if Instant::now() > deadline {
            return Err(format!("no answer within {LIMIT:?}"));
        }
    }
    let failed = producer.context().0.load(Ordering::SeqCst) > before;
    if failed { Err("it did not arrive".to_owned()) } else { Ok(()) }
}

/// A partition and what is committed of it: `2=17=metadata`, or `2=`.
fn position(text: &str) -> (i32, Option<(i64, &str)>) {
    let mut parts = text.splitn(3, '=');
    let partition = number(parts.next().unwrap_or_default());
    let offset = parts.next().and_then(|offset| offset.parse().ok());
    (partition, offset.zip(parts.next()))
}

fn number(text: &str) -> i32 {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn text(error: KafkaError) -> String {
    error.to_string()
}
