//! What time does to a group: sessions end, and waiting does.

use super::{Group, Outcome, State};

impl Group {
    /// When something happens by itself next.
    pub(crate) fn next_tick(&self) -> Option<i64> {
        let sessions = self.members.values().filter(|m| m.joining.is_none() && m.syncing.is_none());
        let sessions = sessions.map(|member| member.expires);
        let pending = self.pending.values().copied();
        let waiting = match self.state {
            State::Preparing => self.not_before.or(self.deadline),
            State::Completing => self.deadline,
            State::Empty | State::Stable => None,
        };
        sessions.chain(pending).chain(waiting).min()
    }

    /// It is `now`.
    pub(crate) fn tick(&mut self, now: i64) -> Outcome {
        let mut outcome = Outcome::default();
        let before = self.pending.len();
        self.pending.retain(|_, until| *until > now);
        let mut gone: Vec<_> = self.ids(|_, member| member.is_expired(now));
        if self.state == State::Completing && self.deadline.is_some_and(|time| now >= time) {
            // The leader, or others, did not ask what is theirs.
            gone.extend(self.ids(|_, member| member.syncing.is_none()));
        }
        for id in &gone {
            self.remove(id, &mut outcome);
        }
        if !gone.is_empty() {
            self.rebalance_without(now, &mut outcome);
        } else if before > self.pending.len() || self.state == State::Preparing {
            self.try_complete(now, &mut outcome);
        }
        outcome
    }

    fn ids(&self, wanted: impl Fn(&str, &super::Member) -> bool) -> Vec<String> {
        let wanted = self.members.iter().filter(|(id, member)| wanted(id, member));
        wanted.map(|(id, _)| id.clone()).collect()
    }
}
