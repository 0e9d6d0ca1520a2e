//! The measurements in which a waiting input is drained: who runs, on what, under which conditions.

use crate::contender::{
    ARROYO, Contender, Delivery, PARALLEL, PYTHON, RAW, RAW_IDLE, RUSTSTREAM, RUSTSTREAM_KEYED,
    RUSTSTREAM_QUICK, STAGE, STREAMS, USUAL,
};
use crate::course::{Course, Rounds};
use crate::fill::Input;
use crate::pizza::ORDERS;
use crate::place::Place;
use crate::table::Table;
use anyhow::Result;
use clap::{Args, ValueEnum};

#[derive(Args)]
pub(crate) struct Options {
    /// What is measured.
    scenario: Scenario,
    #[command(flatten)]
    rounds: Rounds,
    /// Measures this part of the records: 10 is a tenth.
    #[arg(long, default_value_t = 1)]
    part: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    OneStage,
    Chain,
    Lengths,
    Sizes,
    Partitions,
    Workers,
    Prefetch,
    Window,
    ByKey,
}

use Scenario::*;

/// Milliseconds of work, and how many records of it.
const WORK: [(u64, u64); 3] = [(1, 100_000), (10, 50_000), (100, 10_000)];

/// In records, beside the default.
const WINDOWS: [u64; 7] = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000];

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let mut rows = Vec::new();
    for mut course in options.scenario.courses() {
        course.input.records /= options.part;
        rows.extend(course.measure(place, &options.rounds)?);
    }
    let name = options.scenario.to_possible_value();
    let scenario = name.map_or(String::new(), |name| name.get_name().into());
    Table { scenario, engine: place.engine.clone(), rows }.save(place)
}

impl Scenario {
    fn contenders(self) -> &'static [&'static Contender] {
        match self {
            OneStage => &[
                &RAW,
                &STAGE,
                &USUAL,
                &ARROYO,
                &RUSTSTREAM,
                &RUSTSTREAM_KEYED,
                &RUSTSTREAM_QUICK,
                &STREAMS,
            ],
            Chain => &[&RAW_IDLE, &STAGE, &STREAMS, &PYTHON],
            Lengths | Sizes | Partitions => &[&RAW, &STAGE],
            Workers | Prefetch | Window => &[&STAGE],
            ByKey => &[&STAGE, &PARALLEL, &RUSTSTREAM_KEYED],
        }
    }

    fn courses(self) -> Vec<Course<'static>> {
        let million = Input::of(1_000_000);
        let course = |condition: String, input| Course {
            input,
            stations: if self == Chain { 4 } else { 1 },
            contenders: self.contenders(),
            deliveries: match self {
                OneStage | Chain | Prefetch => &Delivery::BOTH,
                _ => &[Delivery::ExactlyOnce],
            },
            condition,
            more: Vec::new(),
        };
        let with = |condition: &str, more: &[&str]| Course {
            more: more.iter().map(|text| (*text).to_owned()).collect(),
            ..course(condition.into(), million)
        };
        match self {
            OneStage | Chain => vec![course(String::new(), million)],
            Lengths => [("100,000", 100_000), ("1,000,000", 1_000_000), ("10,000,000", 10_000_000)]
                .map(|(name, records)| course(format!("{name} records"), Input::of(records)))
                .into(),
            // The shortest pizza has some 130 bytes.
            Sizes => [("130 B", 0, 1_000_000), ("1 kB", 870, 1_000_000), ("10 kB", 9_870, 200_000)]
                .map(|(name, more, records)| {
                    course(name.into(), Input { more, records, ..million })
                })
                .into(),
            Partitions => [1, 4, 16, 64]
                .map(|partitions| {
                    course(format!("{partitions:>2} partitions"), Input { partitions, ..million })
                })
                .into(),
            Workers => {
                vec![with("1 worker", &["--workers", "1"]), with("2 workers", &["--workers", "2"])]
            }
            Prefetch => {
                vec![with("default", &[]), with("largest", &["-X", "queued.min.messages=1000000"])]
            }
            Window => {
                let fixed = WINDOWS.map(|records| {
                    with(&format!("{records}"), &["--window", &records.to_string()])
                });
                [with("default", &[])].into_iter().chain(fixed).collect()
            }
            ByKey => WORK
                .map(|(work, records)| Course {
                    input: Input::of(records),
                    ..with(
                        &format!("{work} ms"),
                        &["--work-ms", &work.to_string(), "--concurrency", &ORDERS.to_string()],
                    )
                })
                .into(),
        }
    }
}
