//! Giving partitions back, losing them, and stopping: finish what runs, commit it, then let go.

use super::slots;
use super::window::{State, Window};
use super::{Core, Effect, Exit, Id, Partition, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// Beyond the drain: how long a hand-over waits for its commit.
const COMMIT_ROOM: Duration = Duration::from_secs(4);

/// Partitions the group wants back.
#[derive(Debug)]
pub(super) struct HandOver {
    partitions: Vec<Partition>,
    /// Until then running handlers may finish.
    pub(super) running_until: Time,
    /// Until then finished work may be committed; after that the partitions count as lost.
    pub(super) until: Time,
}

/// The worker is asked to end, or must.
#[derive(Debug)]
pub(super) struct Stopping {
    exit: Exit,
    /// Until then running handlers may finish.
    pub(super) running_until: Time,
    /// Until then finished work may be committed.
    pub(super) until: Time,
}

impl Core {
    pub(super) fn revoked(
        &mut self,
        now: Time,
        partitions: &[Partition],
        out: &mut VecDeque<Effect>,
    ) {
        for partition in partitions {
            self.drain(*partition, out);
        }
        let running_until = now + self.settings.drain;
        let hand_over = self.hand_over.get_or_insert_with(|| HandOver {
            partitions: Vec::new(),
            running_until,
            until: running_until + COMMIT_ROOM,
        });
        hand_over.partitions.extend(partitions);
    }

    pub(super) fn stop(&mut self, now: Time, exit: Exit, out: &mut VecDeque<Effect>) {
        let until = now + self.settings.stop;
        let stopping = self.stopping.get_or_insert(Stopping {
            exit,
            running_until: now + self.settings.stop.mul_f64(0.6),
            until,
        });
        if exit == Exit::Failed {
            stopping.exit = exit;
        }
        let all: Vec<Partition> = self.partitions.keys().copied().collect();
        for partition in all {
            self.drain(partition, out);
        }
    }

    /// Starts nothing more of a partition; what runs goes on.
    fn drain(&mut self, partition: Partition, out: &mut VecDeque<Effect>) {
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        progress.draining = true;
        let ids: Vec<Id> = progress.ids().collect();
        self.forget(&ids, |slot| !matches!(slot.state, slots::State::Running { .. }), out);
    }

    /// Drops all of these partitions: nothing of them is committed from now on.
    pub(super) fn lose(&mut self, lost: &[Partition], out: &mut VecDeque<Effect>) {
        for partition in lost {
            let Some(progress) = self.partitions.remove(partition) else { continue };
            let ids: Vec<Id> = progress.ids().collect();
            self.forget(&ids, |_| true, out);
        }
        if let Some(hand_over) = &mut self.hand_over {
            hand_over.partitions.retain(|partition| !lost.contains(partition));
            if hand_over.partitions.is_empty() {
                self.hand_over = None;
            }
        }
        for at in 0..self.windows.len() {
            let window = &mut self.windows[at];
            let before = window.parts.len();
            window.parts.retain(|partition, _| !lost.contains(&partition.source()));
            window.cut |= window.parts.len() < before;
            // What is on its way carries the old generation: the broker decides. What was filling
            // takes nothing more, or a partition that comes back would meet its old outputs.
            if window.parts.len() < before && window.state == State::Filling {
                if window.begun {
                    window.state = State::Aborting;
                    out.push_back(Effect::Abort(window.id));
                } else {
                    window.state = State::Again(Time::ZERO);
                }
                self.freeze(at);
            }
        }
        self.keep_filling();
        out.push_back(Effect::Unassign(lost.to_vec()));
    }

    /// Ends a hand-over whose partitions have nothing running and nothing uncommitted.
    pub(super) fn let_go(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        let Some(hand_over) = &mut self.hand_over else { return };
        let (partitions, until) = (hand_over.partitions.clone(), hand_over.until);
        if now >= hand_over.running_until {
            // Once will do: nothing of them starts again. Others may run on, for longer.
            hand_over.running_until = until;
            self.cancel_running(&partitions, out);
        }
        if now >= until {
            return self.lose(&partitions, out);
        }
        let ours = |partition: &Partition| partitions.contains(&partition.source());
        let uncommitted = |window: &Window| window.parts.keys().any(ours);
        if self.runs(&partitions) || self.windows.iter().any(uncommitted) {
            return;
        }
        self.hand_over = None;
        for partition in &partitions {
            self.partitions.remove(partition);
        }
        out.push_back(Effect::Unassign(partitions));
    }

    /// Ends the worker once nothing runs and nothing is uncommitted.
    pub(super) fn end(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        let Some(stopping) = &self.stopping else { return };
        let (exit, until) = (stopping.exit, stopping.until);
        if now >= stopping.running_until {
            let all: Vec<Partition> = self.partitions.keys().copied().collect();
            self.cancel_running(&all, out);
        }
        let committed = self.windows.iter().all(|window| window.parts.is_empty());
        let exit = match (self.running == 0 && committed, exit) {
            (true, exit) => exit,
            (false, Exit::Clean) if now >= until => Exit::Unfinished,
            (false, exit) if now >= until => exit,
            _ => return,
        };
        self.exited = true;
        out.push_back(Effect::Exit(exit));
    }

    /// Whether what is finished is to be committed without waiting for more.
    pub(super) fn is_urgent(&self) -> bool {
        let done = |partitions: &[Partition]| !self.runs(partitions);
        self.hand_over.as_ref().is_some_and(|h| done(&h.partitions))
            || (self.stopping.is_some() && self.running == 0)
    }

    fn runs(&self, partitions: &[Partition]) -> bool {
        let progress = partitions.iter().filter_map(|partition| self.partitions.get(partition));
        self.running > 0
            && progress.flat_map(|progress| progress.ids()).any(|id| {
                self.slots
                    .get(id)
                    .is_some_and(|slot| matches!(slot.state, slots::State::Running { .. }))
            })
    }

    fn cancel_running(&mut self, partitions: &[Partition], out: &mut VecDeque<Effect>) {
        let progress = partitions.iter().filter_map(|partition| self.partitions.get(partition));
        let ids: Vec<Id> = progress.flat_map(|progress| progress.ids()).collect();
        self.forget(&ids, |_| true, out);
    }
}
