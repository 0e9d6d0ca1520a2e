//! Whether records are taken: the limits, an operator's word, and how fetching follows them.

use super::order::Progress;
use super::{Core, Effect, Partition, Settings, Time};
use std::collections::VecDeque;
use std::time::Duration;

/// How long a limit may hold before fetching is paused; a pause may throw the prefetch away.
pub(super) const HELD: Duration = Duration::from_millis(500);

/// Whether records are taken from the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intake {
    /// They are.
    Open,
    /// A limit was reached then, or an operator said so; fetching goes on behind it for a moment.
    Held(Time),
    /// A limit holds on; fetching is paused, so that the group can still be served.
    Paused,
}

impl Core {
    /// Opens and closes the intake by the limits.
    pub(super) fn regulate(&mut self, now: Time, out: &mut VecDeque<Effect>) {
        // The pace is asked in any case: its time is due otherwise again and again.
        let in_time = self.pace.lets(now, self.counts.taken);
        let closed = self.paused || !in_time || self.is_full(self.filling());
        let Settings { max_waiting, max_waiting_bytes, .. } = self.settings;
        let full = self.waiting >= max_waiting || self.waiting_bytes >= max_waiting_bytes;
        match self.intake {
            Intake::Open => {
                if std::mem::take(&mut self.room_again) {
                    self.pause_where(|progress| progress.paused && progress.has_room(), false, out);
                }
                if closed || full {
                    self.intake = Intake::Held(now);
                }
            }
            Intake::Held(since) => {
                if !closed && !full {
                    self.intake = Intake::Open;
                } else if now >= since + HELD {
                    self.intake = Intake::Paused;
                    self.pause_where(|progress| !progress.paused, true, out);
                }
            }
            Intake::Paused => {
                if !closed
                    && self.waiting <= max_waiting / 2
                    && self.waiting_bytes <= max_waiting_bytes / 2
                {
                    self.intake = Intake::Open;
                    self.pause_where(|progress| progress.paused && progress.has_room(), false, out);
                }
            }
        }
    }

    /// Pauses a partition that has reached its bound.
    pub(super) fn pause_at_bound(&mut self, partition: Partition, out: &mut VecDeque<Effect>) {
        let Some(progress) = self.partitions.get_mut(&partition) else { return };
        if progress.at_bound() && !progress.paused {
            progress.paused = true;
            out.push_back(Effect::Pause(vec![partition]));
        }
    }

    fn pause_where(
        &mut self,
        which: impl Fn(&Progress) -> bool,
        pause: bool,
        out: &mut VecDeque<Effect>,
    ) {
        let mut partitions = Vec::new();
        for (partition, progress) in &mut self.partitions {
            if progress.restored && which(progress) {
                progress.paused = pause;
                partitions.push(*partition);
            }
        }
        if !partitions.is_empty() {
            out.push_back(if pause {
                Effect::Pause(partitions)
            } else {
                Effect::Resume(partitions)
            });
        }
    }
}
