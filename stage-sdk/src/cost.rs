//! What a record costs the worker's own code, in instructions: `scripts/cost` runs this under
//! callgrind, which counts them, and compares. Kafka has no part in it.

use crate::batch::Batch;
use crate::codec::{Bytes, Json};
use crate::context::{Context, Shared};
use crate::core::{
    Core, Effect, Ended, Event, Id, Outcome, Partition, Position, Settings, Time, WindowId,
};
use crate::failure::Result;
use crate::record::{self, Record};
use crate::stage::{IntoStage, Stage};
use crate::worker::attempt;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

/// How many records are counted; as many go before.
const RECORDS: i64 = 20_000;

/// Records between two looks at the clock, and at what ended.
const TURN: i64 = 128;

const PARTITION: Partition = Partition { input: 0, number: 0 };

#[derive(Serialize, Deserialize)]
struct Pizza {
    order_id: String,
    sauce: String,
    cheese: String,
    meats: String,
    veggies: String,
}

fn pass(Bytes(value): Bytes<Vec<u8>>, _: &Context) -> Result<Bytes<Vec<u8>>> {
    Ok(Bytes(value))
}

fn sauce(Json(pizza): Json<Pizza>, _: &Context) -> Result<Json<Pizza>> {
    Ok(Json(Pizza { sauce: "alfredo".into(), ..pizza }))
}

/// A worker without Kafka: every commit succeeds, a turn after it was asked for.
struct Bench {
    core: Core,
    effects: VecDeque<Effect>,
    batch: Batch,
    asked: Option<WindowId>,
    running: VecDeque<Id>,
    next: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Bench {
    fn new(inline: bool) -> Bench {
        let none = String::new;
        let order_id = "100000000000000000000000000000000000007".to_owned();
        let (key, pizza) = (
            format!("\"{order_id}\"").into_bytes(),
            Pizza { order_id, sauce: none(), cheese: none(), meats: none(), veggies: none() },
        );
        let mut bench = Bench {
            core: Core::new(Settings { inline, ..Settings::default() }),
            effects: VecDeque::new(),
            batch: Batch::default(),
            asked: None,
            running: VecDeque::new(),
            next: 0,
            key,
            value: serde_json::to_vec(&pizza).unwrap(),
        };
        bench.step(Event::Assigned(&[PARTITION]));
        bench.step(Event::Restored(PARTITION, Some(Position::at(0))));
        bench.step(Event::Parked(PARTITION, Vec::new(), 0));
        bench
    }

    /// A microsecond for each record.
    fn now(&self) -> Time {
        Duration::from_secs(1_700_000_000) + Duration::from_micros(self.next as u64)
    }

    fn step(&mut self, event: Event<'_>) {
        self.core.step(self.now(), event, &mut self.effects);
        while let Some(effect) = self.effects.pop_front() {
            match effect {
                Effect::Start(id) => self.running.push_back(id),
                Effect::Commit(window) => self.asked = Some(window),
                Effect::Recycle(_) => self.batch.clear(),
                _ => {}
            }
        }
    }

    fn turn(&mut self) {
        if self.next % TURN == 0 {
            if let Some(window) = self.asked.take() {
                self.step(Event::Ended(window, Ended::Committed));
            }
            self.step(Event::Quiet);
        }
    }
}

/// Of a key of its own in every hundred.
fn key_of(bench: &mut Bench) -> u64 {
    let at = bench.key.len() - 3;
    let number = bench.next % 100;
    bench.key[at] = b'0' + (number / 10) as u8;
    bench.key[at + 1] = b'0' + (number % 10) as u8;
    record::hash(PARTITION, &bench.key)
}

/// Decode, call, encode, and everything that is decided of a record.
fn sync_records(bench: &mut Bench, stage: &impl Stage, cx: &Context) {
    for _ in 0..RECORDS {
        let key = key_of(bench);
        let offset = bench.next;
        assert!(bench.core.is_free(PARTITION, offset, || Some(key)));
        let value = Some(&bench.value[..]);
        let record = Record { key: Some(&bench.key), value, offset, ..Record::default() };
        cx.set(0, &record, 1);
        cx.swap(&mut bench.batch);
        let mark = cx.mark();
        let end = pin!(attempt(stage, record, cx)).poll(&mut Task::from_waker(Waker::noop()));
        cx.swap(&mut bench.batch);
        assert!(matches!(end, Poll::Ready(Ok(()))));
        let bytes = bench.batch.since(mark);
        bench.step(Event::Finished { partition: PARTITION, offset, bytes });
        bench.next += 1;
        bench.turn();
    }
}

/// Everything that is decided of a record that has a place, runs beside others, and is behind another
/// of its key now and then.
fn async_records(bench: &mut Bench) {
    for _ in 0..RECORDS {
        let (key, bytes) = (Some(key_of(bench)), bench.value.len());
        let offset = bench.next;
        bench.step(Event::Record { partition: PARTITION, offset, key, bytes });
        if bench.core.in_flight() >= 150
            && let Some(id) = bench.running.pop_front()
        {
            bench.step(Event::Done { id, outcome: Outcome::Output(Some(bytes)) });
        }
        bench.next += 1;
        bench.turn();
    }
}

fn sync<M>(stage: impl IntoStage<M>) {
    let stage = stage.into_stage();
    let cx = Context::new(Rc::new(Shared::default()));
    let mut bench = Bench::new(true);
    twice(|| sync_records(&mut bench, &stage, &cx));
}

#[test]
#[ignore = "scripts/cost counts it under callgrind"]
fn bytes() {
    sync(pass);
}

#[test]
#[ignore = "scripts/cost counts it under callgrind"]
fn json() {
    sync(sauce);
}

#[test]
#[ignore = "scripts/cost counts it under callgrind"]
fn keyed_async() {
    let mut bench = Bench::new(false);
    twice(|| async_records(&mut bench));
}

/// The first records find empty buffers: the second time counts.
fn twice(mut run: impl FnMut()) {
    run();
    counted(&mut run);
}

/// callgrind counts from here on, by this name.
#[inline(never)]
fn counted(run: &mut dyn FnMut()) {
    run();
    std::hint::black_box(());
}
