//! What of a plan is left out: `records:3,no-operator`. A cut is text that comes back as the same, and
//! a plan that is cut is a plan.

use crate::parts::PARTS;
use crate::plan::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Of the partitions, and of the records of each: so many of the first are left out, so many stay.
/// And by which chance what the plan leaves open comes.
const NUMBERS: [&str; 5] = ["skip", "partitions", "from", "records", "chance"];

#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    numbers: BTreeMap<&'static str, usize>,
    without: BTreeSet<&'static str>,
}

impl Cut {
    pub(crate) fn read(text: &str) -> Result<Cut, String> {
        let mut cut = Cut::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let number = word.split_once(':').and_then(|(name, number)| {
                let name = NUMBERS.into_iter().find(|known| *known == name)?;
                Some((name, number.parse().ok()?))
            });
            let part = word.strip_prefix("no-").and_then(|name| {
                let mut parts = PARTS.iter().map(|(known, _)| *known);
                parts.find(|known| *known == name)
            });
            match (number, part) {
                (Some((name, number)), _) => _ = cut.numbers.insert(name, number),
                (_, Some(part)) => _ = cut.without.insert(part),
                _ => return Err(format!("a cut has no {word:?}")),
            }
        }
        Ok(cut)
    }

    pub(crate) fn chance(&self) -> usize {
        self.numbers.get("chance").copied().unwrap_or_default()
    }

    pub(crate) fn with(&self, name: &'static str, number: usize) -> Cut {
        let mut cut = self.clone();
        cut.numbers.insert(name, number);
        cut
    }

    pub(crate) fn apply(&self, plan: &mut Plan) {
        let number = |name, usual| self.numbers.get(name).copied().unwrap_or(usual);
        let some = |count: usize, from, most| {
            let from = number(from, 0).min(count.saturating_sub(1));
            from..from.saturating_add(number(most, count).max(1)).min(count)
        };
        let partitions = some(plan.records.len(), "skip", "partitions");
        plan.since = plan.since[partitions.clone()].to_vec();
        plan.records = plan.records.drain(partitions).collect();
        for records in &mut plan.records {
            let some = some(records.len(), "from", "records");
            *records = records.drain(some).collect();
        }
        for (name, leave_out) in PARTS {
            if self.without.contains(name) {
                leave_out(plan);
            }
        }
        plan.deleted = plan.records.iter().flatten().filter(|r| r.is_deleted()).count();
    }

    /// Cuts that say one thing less.
    pub(crate) fn less(&self) -> Vec<Cut> {
        let parts = self.without.iter().map(|part| {
            let mut cut = self.clone();
            cut.without.remove(part);
            cut
        });
        parts.collect()
    }

    /// Cuts that leave out a little more, the most promising first.
    pub(crate) fn more(&self, plan: impl Fn() -> Plan) -> Vec<Cut> {
        let now = plan();
        let (partitions, records) =
            (now.records.len(), now.records.iter().map(Vec::len).max().unwrap_or_default());
        let mut more = Vec::new();
        for (from, most, count) in
            [("skip", "partitions", partitions), ("from", "records", records)]
        {
            let first = self.numbers.get(from).copied().unwrap_or_default();
            for left_out in [count / 2, count / 4, 1] {
                if left_out > 0 && left_out < count {
                    more.push(self.with(most, count - left_out));
                    more.push(self.with(from, first + left_out).with(most, count - left_out));
                }
            }
        }
        for (name, leave_out) in PARTS {
            if !self.without.contains(name) && leave_out(&mut plan()) {
                let mut cut = self.clone();
                cut.without.insert(name);
                more.push(cut);
            }
        }
        more
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = NUMBERS.iter().filter_map(|name| Some((name, self.numbers.get(name)?)));
        let numbers = numbers.map(|(name, number)| format!("{name}:{number}"));
        let without = self.without.iter().map(|name| format!("no-{name}"));
        f.write_str(&numbers.chain(without).collect::<Vec<_>>().join(","))
    }
}
