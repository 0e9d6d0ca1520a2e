//! What an operator decides of a key while the stage runs.
//!
//! What is given up is written, with the answer to the command, where its place in the order of its
//! key has come: as if its handler had ended then.

use super::lane::{Answer, Command, Wish};
use super::parking::NOTE;
use super::{Core, Disposition, Effect, GivenUp, Id, Note, Partition, Rest, Time};
use std::collections::VecDeque;

impl Core {
    /// Commands that are in the redirect topic and were not answered yet.
    pub(super) fn commanded(
        &mut self,
        now: Time,
        partition: Partition,
        commands: Vec<Command>,
        out: &mut VecDeque<Effect>,
    ) {
        let batch = self.filling().batch;
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        // Whoever owns the partition next reads them too.
        if !progress.restored || progress.draining {
            return;
        }
        let (mut over, mut replays) = (Vec::new(), Vec::new());
        for mut command in commands {
            command.key = self.settings.retry.lane_key(command.key);
            if command.wish == Wish::Replay {
                replays.push(command);
                continue;
            }
            let answer = progress.lane.command(command, batch);
            over.extend(answer.map(|answer| (command.end(), answer)));
        }
        // One look brings so many replayed records at most.
        progress.lane.looked(now, !replays.is_empty());
        for (end, answer) in over {
            self.answer(now, partition, end, answer, out);
        }
        for command in replays {
            self.park_replayed(now, partition, command, out);
        }
        self.plan_look(partition);
    }

    /// Parks a dead letter, to be tried at once. Where the input is still to bring a record of its offset
    /// the two would be one: then it stays where it is, for a later owner.
    fn park_replayed(
        &mut self,
        now: Time,
        partition: Partition,
        command: Command,
        out: &mut VecDeque<Effect>,
    ) {
        let batch = self.filling().batch;
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        let (lane, key, offset) = (partition.lane(), command.key, command.first);
        if !progress.has_passed(offset) {
            out.push_back(Effect::Postpone(lane, command));
            return;
        }
        if !progress.lane.replay(&command, batch) {
            return;
        }
        let first = progress.lane.goes_first(key, offset);
        let rest = if first { Rest::Until(now) } else { Rest::Behind };
        let edition = command.id.edition();
        let note = Note { attempts: 0, first: None, rest, noted: Some(now), edition };
        let is_new = progress.lane.park(key, offset, note);
        if let Some(key) = key.filter(|key| self.slots.holds(*key)) {
            progress.lane.waits_beside(key);
        }
        out.push_back(Effect::Replay(lane, command, is_new.then_some(note)));
        self.add(now, lane, offset, Some(command.bytes + NOTE));
        self.lanes_busy = true;
        self.pause_at_bound(partition, out);
    }

    /// Whether this record of a lane, which would start now, is given up instead.
    pub(super) fn is_given_up(&mut self, now: Time, id: Id, out: &mut VecDeque<Effect>) -> bool {
        let Some(slot) = self.slots.get(id) else { return false };
        let (lane, offset, bytes) = (slot.partition, slot.offset, slot.bytes);
        let (key, attempts, first) = (slot.key, slot.attempts, slot.first);
        let progress = self.partitions.get_mut(&lane.source());
        let Some(command) = progress.and_then(|p| p.lane.give_up(key, offset)) else {
            return false;
        };
        // What never failed only had the bad luck of its key.
        let has_failed = first.is_some() || offset == command.first;
        let why = if has_failed { Disposition::Rejected } else { Disposition::OrderBlocked };
        out.push_back(Effect::GiveUp(id, lane, GivenUp { command, attempts, first, why }));
        self.free(now, id, Some(bytes), out);
        true
    }

    /// A record of a lane was tried, or is done with: some commands may be carried out with that.
    pub(super) fn answer_all(
        &mut self,
        now: Time,
        lane: Partition,
        key: Option<u64>,
        offset: i64,
        out: &mut VecDeque<Effect>,
    ) {
        let batch = self.filling().batch;
        let Some(progress) = self.partitions.get_mut(&lane.source()) else { return };
        for answer in progress.lane.answers(key, offset, batch) {
            self.answer(now, lane, offset, answer, out);
        }
    }

    /// An answer goes out as of the last record that the command concerned: where its window is split,
    /// not before that.
    fn answer(
        &mut self,
        now: Time,
        partition: Partition,
        offset: i64,
        answer: Answer,
        out: &mut VecDeque<Effect>,
    ) {
        out.push_back(Effect::Answer(partition.lane(), offset, answer));
        self.add(now, partition.lane(), offset, Some(NOTE));
    }

    /// The next look at a lane may be the next of all.
    pub(super) fn plan_look(&mut self, partition: Partition) {
        let at = self.partitions.get(&partition).and_then(|progress| progress.lane.look_at());
        self.look_at = [self.look_at, at].into_iter().flatten().min();
    }

    /// Has looked for commands where it is time.
    pub(super) fn look(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        if self.look_at.is_none_or(|at| at > now) {
            return;
        }
        for (partition, progress) in &mut self.partitions {
            if progress.lane.look(now) && progress.restored && !progress.draining {
                out.push_back(Effect::Look(*partition));
            }
        }
        let lanes = self.partitions.values().map(|progress| &progress.lane);
        self.look_at = lanes.filter_map(|lane| lane.look_at()).min();
    }
}

#[cfg(test)]
mod tests {
    use crate::core::{
        Command, CommandId, Core, Effect, Event, Partition, Policy, Position, Retry, Settings,
        Time, Wish,
    };
    use std::collections::VecDeque;

    /// What becomes of a dead letter of this offset, where 5 is done and 6 and 7 are still to come.
    fn replayed(offset: i64) -> Vec<Effect> {
        let retry = Retry { policy: Policy::Ordered, ..Retry::default() };
        let mut core = Core::new(Settings { retry, ..Settings::default() });
        let (mut effects, partition) = (VecDeque::new(), Partition { input: 0, number: 0 });
        let id = CommandId(1);
        let (wish, key) = (Wish::Replay, Some(7));
        let command = Command { id, wish, key, first: offset, last: offset, bytes: 10 };
        for event in [
            Event::Assigned(&[partition]),
            Event::Restored(partition, Some(Position::new(vec![6], 7))),
            Event::Parked(partition, Vec::new(), 0),
            Event::Commanded(partition, vec![command]),
        ] {
            effects.clear();
            core.step(Time::from_secs(1), event, &mut effects);
        }
        effects.into_iter().collect()
    }

    #[test]
    fn what_the_input_is_still_to_bring_is_not_replayed_beside_it() {
        let parks = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Replay(..)));
        let waits = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Postpone(..)));
        assert!(parks(&replayed(5)), "it is done, and has died");
        for offset in [6, 7] {
            let effects = replayed(offset);
            assert!(waits(&effects) && !parks(&effects), "{offset}: {effects:?}");
        }
    }
}
