//! What the acting half does with effects, each in its place.

use crate::courier::Job;
use crate::lane::Job as Lane;
use crate::member::{Fetch, Member};
use crate::say;
use crate::world::World;
use stage_sdk::core::{Effect, Ended, Id, Outcome, Partition};

fn numbers(partitions: &[Partition]) -> Vec<usize> {
    partitions.iter().map(|partition| partition.number as usize).collect()
}

impl Member {
    pub(crate) fn kept_of(&self, id: Id) -> Option<(usize, usize)> {
        self.kept.get(id.slot()).copied().flatten()
    }

    pub(crate) fn keep(&mut self, id: Id, place: (usize, usize)) {
        if self.kept.len() <= id.slot() {
            self.kept.resize(id.slot() + 1, None);
        }
        self.kept[id.slot()] = Some(place);
    }

    pub(crate) fn drop_kept(&mut self, id: Id) -> Option<(usize, usize)> {
        self.kept.get_mut(id.slot()).and_then(Option::take)
    }

    fn set_paused(&mut self, partitions: &[Partition], paused: bool) {
        for number in numbers(partitions) {
            if let Some(fetch) = &mut self.fetching[number] {
                fetch.paused = paused;
            }
        }
    }
}

impl World {
    /// Does what the core decided. `hand`: the record that just arrived and is not kept.
    pub(crate) fn act(&mut self, number: usize, hand: Option<(usize, usize)>) {
        while let Some(effect) = self.members[number].effects.pop_front() {
            say!(self, "{number} {effect:?}");
            self.members[number].spins = 0;
            let member = &mut self.members[number];
            match effect {
                Effect::Start(id) => self.start(number, id, hand),
                Effect::Keep(id) => {
                    let slot = member.core.as_ref().and_then(|core| core.slot(id));
                    if let (Some(hand), Some(slot)) = (hand, slot)
                        && member.kept_of(id).is_none()
                        && slot.partition.number as usize == hand.0
                        && slot.offset == self.plan.records[hand.0][hand.1].offset
                    {
                        member.keep(id, hand);
                    }
                }
                Effect::Cancel(id) => {
                    let at = member.running.iter().position(|run| run.id == id);
                    if let Some(at) = at {
                        let run = member.running.swap_remove(at);
                        self.counts.cancelled += 1;
                        self.failed(number, run, Outcome::Retry(None));
                    }
                }
                Effect::Forget(id) => {
                    member.running.retain(|run| run.id != id);
                    member.drop_kept(id);
                }
                Effect::DeadLetter(id, why) => self.dead_letter(number, id, why, hand),
                Effect::Park(id, _, note) => self.note(number, id, note, hand, true),
                Effect::Note(id, note) => self.note(number, id, note, hand, false),
                Effect::Free(lane, offset, _) => {
                    let freed = self.freed(lane.number as usize, offset);
                    self.filling(number).push(freed);
                }
                Effect::GiveUp(id, _, given) => self.give_up(number, id, given, hand),
                Effect::Replay(lane, command, note) => {
                    self.park_replayed(number, lane, command, note);
                }
                // Who lost the partition may know less of it; who has it does it, or nothing ends.
                Effect::Postpone(..) => {}
                Effect::Answer(lane, offset, answer) => self.answer(number, lane, offset, answer),
                Effect::Look(partition) => {
                    self.ask_lane(number, Lane::Look(partition.number as usize));
                }
                Effect::ReadLane(partition) => {
                    self.ask_lane(number, Lane::Read(partition.number as usize, None));
                }
                Effect::Fetch(partition, from) => {
                    self.ask_lane(number, Lane::Fetch(partition.number as usize, from));
                }
                Effect::Clean(partition, place) => {
                    self.ask_lane(number, Lane::Clean(partition.number as usize, place));
                }
                Effect::Begin(window) => self.begin(number, window),
                Effect::Commit(window) => self.commit(number, window),
                Effect::Abort(window) => {
                    member.sending = None;
                    let job = member.producer.map(|p| Job::Abort(window, p, Ended::Aborted));
                    self.ask(number, job);
                }
                Effect::Renew => self.ask(number, Some(Job::Renew)),
                Effect::Lookup(window) => {
                    let core = member.core.as_ref();
                    let job = core.and_then(|core| {
                        let of = core.window(window)?.positions().map(|(of, _)| of);
                        let of: Vec<Partition> = of.collect();
                        Some(Job::Lookup(window, numbers(&of), core.tag(window)))
                    });
                    self.ask(number, job);
                }
                Effect::Replace(window, partition, offset, _) => {
                    let of = partition.number as usize;
                    let index = self.plan.records[of].partition_point(|r| r.offset < offset);
                    self.ask(number, Some(Job::Reread(window, of, index, partition.is_lane())));
                }
                Effect::Recycle(batch) => member.batches.retain(|(known, _)| *known != batch),
                Effect::Restore(partitions) => {
                    self.ask(number, Some(Job::Restore(numbers(&partitions))));
                }
                Effect::Open(_) => {
                    self.counts.opened += 1;
                    (member.open, member.probe) = (true, None);
                }
                Effect::Close(_) => member.open = false,
                Effect::Exit(exit) => member.exit = Some(exit),
                Effect::Pause(partitions) => {
                    self.counts.paused += 1;
                    member.set_paused(&partitions, true);
                }
                Effect::Resume(partitions) => member.set_paused(&partitions, false),
                Effect::Assign(from) => from.iter().for_each(|(partition, offset)| {
                    let of = partition.number as usize;
                    let next = self.begun(of, *offset);
                    self.members[number].fetching[of] = Some(Fetch { next, paused: false });
                }),
                Effect::Unassign(partitions) => {
                    let all = numbers(&partitions);
                    member.given += 1;
                    for of in &all {
                        member.fetching[*of] = None;
                        member.revoked_at[*of] = None;
                    }
                    self.given_back(number, &all);
                }
            }
        }
        self.send(number);
        self.judge_bounds(number);
    }
}
