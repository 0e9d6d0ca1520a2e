//! Writes orders into the first topic of a chain, at a pace.

use super::reminder::Reminder;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::time::{Duration, Instant};

pub struct Orders {
    producer: ThreadedProducer<DefaultProducerContext>,
    reminder: Reminder,
    topic: String,
    /// The number of the first order.
    first: usize,
    /// Pizzas written of each order.
    pub written: Vec<usize>,
}

impl Orders {
    /// `orders` orders that grow side by side.
    pub fn new(brokers: &str, topic: &str, orders: usize) -> Orders {
        Orders::from(brokers, topic, 0, orders)
    }

    /// As many, numbered from `first` on.
    pub fn from(brokers: &str, topic: &str, first: usize, orders: usize) -> Orders {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("partitioner", "murmur2_random")
            .set("enable.idempotence", "true")
            .set("linger.ms", "1")
            .create()
            .unwrap();
        let reminder = Reminder::new(brokers);
        Orders { producer, reminder, topic: topic.to_owned(), first, written: vec![0; orders] }
    }

    /// Writes one pizza to each of `count` orders in turn.
    pub fn write(&mut self, count: usize) {
        self.reminder.remind(self.producer.client().native_ptr());
        for _ in 0..count {
            let total: usize = self.written.iter().sum();
            let order = total % self.written.len();
            let seq = self.written[order].to_string();
            let headers =
                OwnedHeaders::new().insert(Header { key: "pizza-seq", value: Some(&seq) });
            let number = self.first + order;
            let (key, value) = (key(number), value(number));
            let record = BaseRecord::to(&self.topic).key(&key).payload(&value).headers(headers);
            self.producer.send(record).map_err(|(error, _)| error).unwrap();
            self.written[order] += 1;
        }
    }

    /// Writes any record; it counts as no pizza.
    pub fn send(&self, key: Option<&[u8]>, value: Option<&[u8]>, headers: OwnedHeaders) {
        let mut record = BaseRecord::to(&self.topic).headers(headers);
        record.key = key;
        record.payload = value;
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    /// Writes `count` pizzas at this rate, and `each` time a hundredth of a second has passed.
    pub fn pace(&mut self, count: usize, per_second: usize, mut each: impl FnMut(usize)) {
        let (started, mut done) = (Instant::now(), 0);
        while done < count {
            let due = (started.elapsed().as_secs_f64() * per_second as f64) as usize;
            let now = due.min(count).saturating_sub(done);
            self.write(now);
            done += now;
            each(done);
            std::thread::sleep(Duration::from_millis(10));
        }
        self.flush();
    }

    pub fn flush(&self) {
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }

    pub fn total(&self) -> usize {
        self.written.iter().sum()
    }
}

pub fn key(order: usize) -> String {
    format!("\"{order}\"")
}

pub fn value(order: usize) -> String {
    format!(r#"{{"order_id":"{order}","sauce":"","cheese":"","meats":"","veggies":""}}"#)
}
