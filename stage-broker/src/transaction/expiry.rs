//! Time passes: what takes too long is aborted, what nobody uses is forgotten.

use super::{State, Step, Time, Transactions};

impl Transactions {
    /// Does what is due. To be called at [`Transactions::next_tick`]; at any other time it does no
    /// harm.
    pub(crate) fn tick(&mut self, now: Time) -> Step {
        let mut step = Step::default();
        while let Some((_, id)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.due.pop_first();
            if let Some(mut next) = self.all.get(&id).cloned()
                && next.state == State::Ongoing
            {
                next.fence(now);
                self.put(now, &id, Some(next), &mut step);
            }
        }
        if now >= self.next_expiration {
            self.next_expiration = now + self.settings.id_expiration_check;
            self.expire_ids(now, &mut step);
        }
        step
    }

    fn expire_ids(&mut self, now: Time, step: &mut Step) {
        let before = now - self.settings.id_expiration;
        let at_rest =
            |state| matches!(state, State::Empty | State::CompleteCommit | State::CompleteAbort);
        let unused = self.all.iter().filter(|(_, t)| at_rest(t.state) && t.changed <= before);
        let ids: Vec<String> = unused.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.put(now, &id, None, step);
        }
    }
}
