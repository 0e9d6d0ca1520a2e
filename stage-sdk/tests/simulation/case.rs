//! Names one schedule: its seed, what of that is left out, and what the driver does wrong on purpose.

use crate::cut::Cut;
use crate::faults::Fault;
use crate::oracle::Broken;
use crate::plan::Plan;
use crate::run::{self, Counts};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus as Random;

#[derive(Clone, Default, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) cut: Cut,
    pub(crate) fault: Option<Fault>,
}

impl Case {
    pub(crate) fn new(seed: u64, fault: Option<Fault>) -> Case {
        Case { seed, cut: Cut::default(), fault }
    }

    /// The one that is asked for, if one is.
    pub(crate) fn asked(fault: Option<Fault>) -> Option<Case> {
        let seed = crate::number("SIMULATION_SEED")?;
        let text = std::env::var("SIMULATION_CUT").unwrap_or_default();
        let cut = Cut::read(&text).unwrap_or_else(|error| panic!("{error}"));
        Some(Case { seed, cut, fault })
    }

    /// What it is made of, and by what the rest follows.
    pub(crate) fn draw(&self) -> (Plan, Random) {
        let mut random = Random::seed_from_u64(self.seed);
        let mut plan = Plan::draw(&mut random);
        self.cut.apply(&mut plan);
        if let chance @ 1.. = self.cut.chance() {
            random = Random::seed_from_u64(self.seed.wrapping_add((chance as u64) << 40));
        }
        (plan, random)
    }

    pub(crate) fn plan(&self) -> Plan {
        self.draw().0
    }

    pub(crate) fn run(&self, talks: bool) -> Result<Counts, Broken> {
        run::one(self, talks)
    }

    /// Whether it breaks this rule; with a fault, because of that.
    pub(crate) fn breaks(&self, rule: &str) -> bool {
        let right = || Case { fault: None, ..self.clone() }.run(false).is_ok();
        self.run(false).is_err_and(|broken| broken.rule == rule)
            && (self.fault.is_none() || right())
    }

    /// How much there is to look at: records, and what of them is not plain.
    pub(crate) fn weight(&self) -> usize {
        let records = self.plan().records.iter().map(Vec::len).sum::<usize>();
        records + self.cut.more(|| self.plan()).len()
    }

    /// How to see what happens.
    pub(crate) fn replay(&self, test: &str) -> String {
        let Case { seed, cut, .. } = self;
        format!(
            "SIMULATION_SEED={seed} SIMULATION_CUT={cut} cargo test -p stage-sdk --release --test simulation {test} -- --exact --nocapture"
        )
    }
}
