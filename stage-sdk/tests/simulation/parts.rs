//! What of a plan can be left out, so that there is less to look at.

use crate::input::Record;
use crate::plan::Plan;
use crate::trouble::Trouble;
use stage_sdk::core::{Exhausted, Retry, Time};

/// Leaves it out; says whether it was there.
type LeaveOut = fn(&mut Plan) -> bool;

pub(crate) const PARTS: [(&str, LeaveOut); 26] = [
    ("troubles", |plan| plan.rates.trouble.take().is_some()),
    ("second-worker", |plan| std::mem::replace(&mut plan.workers, 1) > 1),
    ("operator", |plan| {
        let before = [Some(&mut plan.settings.retry), plan.change.as_mut().map(|c| &mut c.retry)];
        before.into_iter().flatten().for_each(hold_nothing);
        plan.operator.take().is_some()
    }),
    ("change", |plan| plan.change.take().is_some()),
    ("added", |plan| {
        let none = vec![Time::ZERO; plan.since.len()];
        std::mem::replace(&mut plan.since, none).iter().any(|since| *since > Time::ZERO)
    }),
    ("commit-errors", |plan| std::mem::take(&mut plan.rates.commit) > 0.0),
    ("failures", |plan| std::mem::take(&mut plan.rates.handler) > 0.0),
    ("late-markers", |plan| std::mem::take(&mut plan.rates.marker) > 0.0),
    ("stalls", |plan| std::mem::take(&mut plan.rates.stall) > 0.0),
    ("slow-windows", |plan| std::mem::replace(&mut plan.slow, usize::MAX) < usize::MAX),
    ("stuck-key", |plan| std::mem::take(&mut plan.stuck)),
    ("bad", |plan| each(plan, |record| std::mem::take(&mut record.bad))),
    ("refused", |plan| each(plan, |record| record.refused.take().is_some())),
    ("deleted", |plan| each(plan, |record| record.gone.take().is_some())),
    ("pauses", |plan| {
        let last = plan.since.last().copied().unwrap_or_default();
        each(plan, |record| std::mem::replace(&mut record.at, last) > last)
    }),
    ("gaps", |plan| {
        let mut any = false;
        for (offset, record) in plan.records.iter_mut().flat_map(|records| (0..).zip(records)) {
            any |= std::mem::replace(&mut record.offset, offset) != offset;
        }
        any
    }),
    ("async", |plan| !std::mem::replace(&mut plan.settings.inline, true)),
    ("moves", |plan| spare(plan, Trouble::Move)),
    ("stops", |plan| spare(plan, Trouble::Stop)),
    ("crashes", |plan| spare(plan, Trouble::Crash)),
    ("takes", |plan| spare(plan, Trouble::Take)),
    ("expiries", |plan| spare(plan, Trouble::Expire)),
    ("stands", |plan| spare(plan, Trouble::Stall)),
    ("outages", |plan| spare(plan, Trouble::Outage)),
    ("dependency", |plan| spare(plan, Trouble::Dependency)),
    ("levers", |plan| spare(plan, Trouble::Lever)),
];

/// Does it to each record; whether it was there in one.
fn each(plan: &mut Plan, mut leave_out: impl FnMut(&mut Record) -> bool) -> bool {
    let records = plan.records.iter_mut().flatten();
    records.fold(false, |any, record| leave_out(record) | any)
}

fn spare(plan: &mut Plan, trouble: Trouble) -> bool {
    let (was, before) = (plan.rates.trouble.is_some(), plan.troubles.len());
    plan.troubles.retain(|kind| *kind != trouble);
    if plan.troubles.is_empty() {
        plan.rates.trouble = None;
    }
    was && plan.troubles.len() < before
}

/// Nobody would decide.
fn hold_nothing(retry: &mut Retry) {
    if retry.exhausted == Exhausted::Hold {
        retry.attempts = u32::MAX;
    }
}
