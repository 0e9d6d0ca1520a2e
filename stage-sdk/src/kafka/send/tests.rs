//! What waits while something is on its way, beside a broker that never answers.

use super::*;
use crate::batch::Place;
use crate::broker::Broker;
use crate::consumer::Consumer;
use crate::core::{Effect, Event, Partition, Position, Settings, Time};
use crate::courier::{Courier, Means, Reply};
use crate::dead_letter::Dialects;
use crate::kafka::{Target, Worksite};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

const ONE: Partition = Partition { input: 0, number: 0 };
const OTHER: Partition = Partition { input: 0, number: 1 };

/// A worker's core and hands, and nothing between them.
struct Rig {
    core: Core,
    effects: VecDeque<Effect>,
    kafka: Kafka,
    woken: mpsc::Receiver<()>,
}

impl Rig {
    /// A window with an output of each partition: the one's is on its way, the other's is held back.
    fn held() -> Rig {
        let (kafka, woken) = kafka();
        let core = Core::new(Settings::default());
        let mut rig = Rig { core, effects: VecDeque::new(), kafka, woken };
        rig.step(Event::Assigned(&[ONE, OTHER]));
        for partition in [ONE, OTHER] {
            rig.step(Event::Restored(partition, Some(Position::at(0))));
            rig.step(Event::Parked(partition, Vec::new(), 0));
        }
        rig.finish(ONE);
        let until = Instant::now() + LIMIT;
        // What the client says of its broker counts as on its way until it is taken.
        while rig.sent() < 1 {
            assert!(Instant::now() < until);
            rig.kafka.send(&rig.core);
        }
        rig.finish(OTHER);
        rig.kafka.send(&rig.core);
        assert_eq!(rig.sent(), 1, "the other's waits");
        rig
    }

    fn sent(&self) -> usize {
        self.kafka.sending.as_ref().map_or(0, |sending| sending.next)
    }

    fn step(&mut self, event: Event<'_>) {
        self.core.step(Time::from_millis(1), event, &mut self.effects);
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Begin(id) => self.kafka.begin(&self.core, id),
                Effect::Abort(id) => self.kafka.abort(id),
                _ => {}
            }
        }
    }

    /// The first record of a partition has its output.
    fn finish(&mut self, partition: Partition) {
        let place = Place {
            source: partition,
            offset: 0,
            target: 0,
            partition: Some(0),
            time: -1,
            key: None,
            headers: &[],
        };
        let write = |value: &mut Vec<u8>| -> Result<(), Infallible> {
            value.push(b'x');
            Ok(())
        };
        self.kafka.filling(&self.core).push(place, Some(write)).unwrap();
        self.step(Event::Finished { partition, offset: 0, bytes: Some(1) });
    }

    fn commit(&mut self) -> WindowId {
        let late = Time::from_secs(1);
        self.core.step(late, Event::Tick, &mut self.effects);
        let Some(Effect::Commit(id)) = self.effects.pop_front() else { panic!("nothing is due") };
        self.kafka.commit(&self.core, id).unwrap();
        id
    }

    fn reply(&mut self) -> Reply {
        self.woken.recv_timeout(LIMIT).expect("a reply");
        self.kafka.reply().expect("what woke")
    }

    fn hurried(&mut self) {
        assert!(matches!(self.reply(), Reply::Hurried));
        self.kafka.hurried(&self.core).unwrap();
    }
}

fn kafka() -> (Kafka, mpsc::Receiver<()>) {
    let broker = Broker { servers: "127.0.0.1:1".into(), ..Broker::default() };
    let topics = ["in".to_owned()];
    let consumer = Consumer::join(&broker, ("group", None), &topics, None, false, || {}).unwrap();
    let config = broker.producer(None, 1_000_000, 1_000_000);
    let producer = Arc::new(Producer::open(&config, LIMIT).unwrap());
    let consumer = Arc::new(consumer);
    let means = Means {
        consumer: consumer.clone(),
        producer: Box::new(move || config.clone()),
        reader: broker.consumer("group", None),
        exactly_once: false,
        sink: None,
        late: 0,
    };
    let (wake, woken) = mpsc::channel();
    let courier = Courier::start(means, move || wake.send(()).unwrap_or_default()).unwrap();
    let target = |topic: &str| Target { topic: topic.into(), partitions: 1, limit: 1_000_000 };
    let worksite = Worksite {
        stage: "stage".into(),
        group: "group".into(),
        inputs: topics.to_vec(),
        partitions: 2,
        apart: false,
        targets: vec![Some(target("out"))],
        dead_letters: target("dead"),
        lane: None,
        dialects: Dialects { all: Vec::new(), append_time: false },
        key_required: false,
        is_sink: false,
        outputs_wait: false,
        policy: Settings::default().retry.policy,
    };
    (Kafka::new(consumer, producer, courier, None, worksite), woken)
}

#[test]
fn what_is_held_back_is_sent_before_the_commit_whatever_is_on_its_way() {
    let mut rig = Rig::held();
    let id = rig.commit();
    rig.kafka.send(&rig.core);
    assert_eq!(rig.sent(), 1, "it waits a little");
    rig.hurried();
    assert_eq!(rig.kafka.leaving, 2);
    let Reply::Ended { window, ended, acknowledged } = rig.reply() else { panic!("no end") };
    assert_eq!((window, ended, acknowledged), (id, Ended::TimedOut, false));
}

/// What was sent of a partition that is lost since then must not be committed without its offsets.
#[test]
fn a_partition_lost_while_the_rest_waits_aborts_the_window() {
    let mut rig = Rig::held();
    let id = rig.commit();
    rig.step(Event::Lost(&[ONE]));
    rig.hurried();
    let Reply::Ended { window, ended, .. } = rig.reply() else { panic!("no end") };
    assert_eq!((window, ended), (id, Ended::Aborted));
}
