//! Watches what a worker holds, and how long it takes: every limit is one.

use crate::oracle::Fate;
use crate::plan::ms;
use crate::world::World;
use stage_sdk::core::{Exit, Time};

/// Beyond the drain: how long a hand-over may wait for its commit.
const COMMIT_ROOM: Time = Time::from_secs(4);

/// How long after its time limit an attempt may be noticed.
const SCAN: Time = Time::from_millis(250);

/// What a worker's loop adds to any limit.
const SLACK: Time = Time::from_millis(5);

impl World {
    /// After every step.
    pub(crate) fn judge_bounds(&mut self, number: usize) {
        let Some(core) = &self.members[number].core else { return };
        let settings = &self.plan.settings;
        let held = core.in_flight();
        // What fails goes back to those that wait.
        let most = settings.max_waiting + 2 * settings.max_in_flight;
        self.oracle.hold(held <= most, "waiting is bounded", || format!("{number}: {held}"));
        let strange =
            core.filling().parts.keys().find(|of| !core.partitions().any(|p| p == of.source()));
        self.oracle.hold(strange.is_none(), "only what is held is committed", || {
            format!("{number}: {strange:?}")
        });
        let filling = core.filling().batch;
        let batches = &self.members[number].batches;
        let back = core.uncommitted() > 0 || batches.iter().all(|(batch, _)| *batch == filling);
        self.oracle.hold(back, "batches come back", || format!("{number}: {}", batches.len()));
    }

    /// After every round of its loop; `idle`: a time was due, and nothing else was there.
    pub(crate) fn judge(&mut self, number: usize, idle: bool) {
        let now = self.now;
        let settings = &self.plan.settings;
        let due = self.deadline(number).is_some_and(|due| due <= now);
        let member = &mut self.members[number];
        member.spins = if idle && due { member.spins + 1 } else { 0 };
        let spins = member.spins;
        self.oracle.hold(spins < 10, "a due time leads to something", || number.to_string());
        for run in &member.running {
            let over = !settings.inline && now > run.since + settings.timeout + SCAN + SLACK;
            self.oracle.hold(!over, "attempts end in time", || format!("{number} {:?}", run.id));
        }
        // Where nothing goes wrong, a commit does not take long.
        let room = if self.plan.quiet { ms(1000) } else { COMMIT_ROOM };
        for (partition, revoked) in member.revoked_at.iter().enumerate() {
            let until = revoked.map(|at| at + settings.drain + room + SLACK);
            let over = until.is_some_and(|until| now > until);
            self.oracle.hold(!over, "partitions are given back in time", || {
                format!("{number} {partition}")
            });
        }
        let until = member.stopped_at.map(|at| at + settings.stop + SLACK);
        let over = member.exit.is_none() && until.is_some_and(|until| now > until);
        self.oracle.hold(!over, "a stop ends in time", || number.to_string());
        self.judge_uncommitted(number);
    }

    /// What is finished is not many, and does not stay uncommitted for long.
    fn judge_uncommitted(&mut self, number: usize) {
        let settings = &self.plan.settings;
        let member = &self.members[number];
        let late = self.now.saturating_sub(settings.commit_interval + ms(2000));
        let (mut open, mut in_time) = (0, true);
        for (partition, tallies) in member.tallies.iter().enumerate() {
            for (tally, known) in tallies.iter().zip(&self.oracle.records[partition]) {
                if matches!(known.fate, Fate::Open | Fate::Parked)
                    && member.assigned[partition]
                    && let Some(done) = tally.done
                {
                    open += 1;
                    in_time &= done >= late;
                }
            }
        }
        // A window in the making, one on its way, and what lost a partition behind that.
        let one = settings.max_window_records + settings.max_waiting + 2 * settings.max_in_flight;
        let bounded = open <= (2 + member.given) * one;
        self.oracle.hold(bounded, "windows are bounded", || format!("{number}: {open}"));
        let soon = in_time || !self.plan.quiet;
        self.oracle.hold(soon, "what is finished is committed soon", || number.to_string());
    }

    /// It says that it has ended.
    pub(crate) fn judge_exit(&mut self, number: usize) {
        let member = &self.members[number];
        let (Some(exit), Some(core)) = (member.exit, &member.core) else { return };
        let held = core.partitions().map(|held| held.number as usize);
        let open = held.map(|of| {
            let known = member.tallies[of].iter().zip(&self.oracle.records[of]);
            known
                .filter(|(tally, known)| {
                    tally.done.is_some() && matches!(known.fate, Fate::Open | Fate::Parked)
                })
                .count()
        });
        let left = open.sum::<usize>() + core.in_flight() + member.running.len();
        let stopped = member.stopped_at;
        let over = stopped.is_some_and(|at| self.now + ms(1) >= at + self.plan.settings.stop);
        let right = match exit {
            Exit::Clean => stopped.is_some() && left == 0 && !member.failed,
            Exit::Unfinished => over && !self.plan.quiet,
            Exit::Failed => member.failed,
        };
        let failed = member.failed;
        self.oracle.hold(right, "a stop finishes what it can", || {
            format!("{number} {exit:?}, {left} left, told {stopped:?}, failed {failed}")
        });
        match exit {
            Exit::Clean => self.counts.stopped += 1,
            Exit::Unfinished => self.counts.unfinished += 1,
            Exit::Failed => self.counts.failed += 1,
        }
    }
}
