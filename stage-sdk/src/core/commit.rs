//! Windows on their way: when one opens, closes, goes again, or is done.

use super::window::{State, Window};
use super::{Core, Effect, Ended, Partition, Position, Time, WindowId};
use std::collections::VecDeque;
use std::time::Duration;

/// The first wait before an aborted window goes again a second time; it doubles with each.
const AGAIN: Duration = Duration::from_millis(20);

/// The longest.
const AGAIN_LONGEST: Duration = Duration::from_secs(1);

impl Core {
    /// Begins, closes or repeats the first window, if it is time.
    pub(super) fn move_windows(&mut self, now: Time, quiet: bool, out: &mut VecDeque<Effect>) {
        loop {
            let front = &self.windows[0];
            match front.state {
                State::Again(_) if front.parts.is_empty() => self.drop_front(now, out),
                State::Again(at) if now >= at => return self.go(now, out),
                State::Filling if !front.parts.is_empty() && self.is_due(now, quiet) => {
                    return self.close(now, out);
                }
                State::Filling if front.outputs && !front.begun => {
                    self.windows[0].begun = true;
                    out.push_back(Effect::Begin(self.windows[0].id));
                    return;
                }
                _ => return,
            }
        }
    }

    /// Whether the window has reached a limit.
    pub(super) fn is_full(&self, window: &Window) -> bool {
        window.records >= self.settings.max_window_records
            || window.bytes >= self.settings.max_window_bytes
    }

    /// The earliest end of the first window for want of more to do. A commit costs about the same
    /// for one record as for a thousand: twice as long as the last ones took, records gather. With
    /// less the commits of a chain keep the broker so busy that each takes longer (bench/README.md).
    pub(super) fn spaced(&self) -> Time {
        self.committed_at + (self.commit_took * 2).min(self.settings.commit_interval)
    }

    fn is_due(&self, now: Time, quiet: bool) -> bool {
        let front = &self.windows[0];
        self.is_full(front)
            || now >= front.since + self.settings.commit_interval
            || (quiet && self.settings.outputs_wait && now >= self.spaced())
            || self.is_urgent()
    }

    fn close(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        self.freeze(0);
        self.go(now, out);
        self.keep_filling();
    }

    fn go(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        let front = &mut self.windows[0];
        front.state = State::Committing;
        front.begun = true;
        front.cut = false;
        front.went = now;
        out.push_back(Effect::Commit(front.id));
    }

    /// Takes down how far the partitions of a window are done; it takes nothing more after that.
    pub(super) fn freeze(&mut self, at: usize) {
        let tag = self.tag(self.windows[at].id);
        for (partition, part) in &mut self.windows[at].parts {
            let progress = self.partitions.get(&partition.source());
            part.position = progress.map(|progress| progress.position()).unwrap_or_default();
            part.position.tag.clone_from(&tag);
        }
    }

    /// Sees to it that the last window is filling.
    pub(super) fn keep_filling(&mut self) {
        if self.windows.back().is_none_or(|window| window.state != State::Filling) {
            let number = self.number();
            self.windows.push_back(Window::new(number));
        }
    }

    fn number(&mut self) -> u64 {
        self.next_window += 1;
        self.next_window - 1
    }

    /// The first window, if it has this name.
    pub(super) fn front(&mut self, id: WindowId) -> Option<&mut Window> {
        self.windows.front_mut().filter(|window| window.id == id)
    }

    pub(super) fn ended(
        &mut self,
        now: Time,
        id: WindowId,
        ended: Ended,
        out: &mut VecDeque<Effect>,
    ) {
        if self.front(id).is_some_and(|front| front.state == State::Filling) {
            self.freeze(0);
            self.windows[0].state = State::Aborting;
            self.keep_filling();
        }
        let Some(front) = self.front(id) else { return };
        front.failures += 1;
        let wait = match front.failures {
            1 => Duration::ZERO,
            failures => (AGAIN * (1 << failures.min(10))).min(AGAIN_LONGEST),
        };
        match ended {
            Ended::Committed => self.committed(now, out),
            Ended::Broken | Ended::Unknown => {
                front.state = State::Renewing { asked: ended == Ended::Unknown };
                out.push_back(Effect::Renew);
            }
            Ended::Refused if front.cut || front.parts.is_empty() => {
                front.state = State::Again(now)
            }
            Ended::Refused => match front.single() {
                Some((partition, offset)) => {
                    front.state = State::Replacing;
                    let progress = self.partitions.get(&partition.source());
                    let lane = progress.filter(|_| partition.is_lane()).map(|p| &p.lane);
                    let place = lane.and_then(|lane| lane.place(offset));
                    out.push_back(Effect::Replace(id, partition, offset, place));
                }
                None => self.split_front(now),
            },
            Ended::TimedOut if front.single().is_none() && !front.parts.is_empty() => {
                self.split_front(now)
            }
            Ended::Aborted | Ended::TimedOut => front.state = State::Again(now + wait),
        }
    }

    pub(super) fn renewed(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        let front = &mut self.windows[0];
        match front.state {
            State::Renewing { asked: true } if !front.parts.is_empty() => {
                front.state = State::LookingUp;
                out.push_back(Effect::Lookup(front.id));
            }
            State::Renewing { .. } => front.state = State::Again(now),
            _ => {}
        }
    }

    fn committed(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        let front = &self.windows[0];
        for (partition, position) in front.positions() {
            if let Some(progress) = self.partitions.get_mut(&partition) {
                progress.committed = position.clone();
            }
        }
        let took = now.saturating_sub(front.went);
        self.counts.commits.add(took);
        // One slow commit is not yet a slow broker.
        self.commit_took = (self.commit_took * 3 + took) / 4;
        self.committed_at = now;
        self.drop_front(now, out);
    }

    fn drop_front(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        if let Some(front) = self.windows.pop_front()
            && self.windows.iter().all(|window| window.batch != front.batch)
        {
            out.push_back(Effect::Recycle(front.batch));
            self.settle_lanes(now, front.batch, out);
        }
        self.keep_filling();
    }

    fn split_front(&mut self, now: Time) {
        let numbers = [self.number(), self.number()];
        let Some(front) = self.windows.pop_front() else { return };
        let committed = |partition: Partition| match self.partitions.get(&partition.source()) {
            Some(progress) => progress.committed.clone(),
            None => Position::default(),
        };
        for mut half in front.split(numbers, committed).into_iter().rev() {
            half.state = State::Again(now);
            let tag = self.tag(half.id);
            for part in half.parts.values_mut() {
                part.position.tag.clone_from(&tag);
            }
            self.windows.push_front(half);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::core::{Core, Effect, Event, Partition, Position, Settings, Time};
    use std::collections::VecDeque;

    /// After a record at 1 ms and a pause: when a tick is due, and whether its window went before that.
    fn after_one(outputs_wait: bool) -> (Option<Time>, bool) {
        let settings = Settings { outputs_wait, ..Settings::default() };
        let (mut core, mut effects) = (Core::new(settings), VecDeque::new());
        let partition = Partition { input: 0, number: 0 };
        let now = Time::from_millis(1);
        let mut step = |now, event: Event<'_>| core.step(now, event, &mut effects);
        step(now, Event::Assigned(&[partition]));
        step(now, Event::Restored(partition, Some(Position::at(0))));
        step(now, Event::Parked(partition, Vec::new(), 0));
        step(now, Event::Finished { partition, offset: 0, bytes: Some(10) });
        step(now, Event::Quiet);
        let due = core.deadline();
        let went = |effect: &Effect| matches!(effect, Effect::Commit(_));
        (due, effects.iter().any(went))
    }

    #[test]
    fn a_window_closes_in_a_pause_only_if_its_outputs_wait_for_that() {
        assert!(after_one(true).1);
        let (due, went) = after_one(false);
        assert!(!went);
        let interval = Settings::default().commit_interval;
        assert_eq!(due, Some(Time::from_millis(1) + interval));
    }
}
