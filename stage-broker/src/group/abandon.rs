//! Somebody hangs up before the answer.

use super::{Groups, Step, Time, Token};

impl Groups {
    /// Whoever waited under this token in this group hears no answer any more. A new member that was
    /// not told its id cannot come back under it, so nobody waits for it; any other has until its
    /// session ends. (Kafka keeps the new one too, for up to five minutes.)
    pub(crate) fn abandoned(&mut self, now: Time, group: &str, token: Token) -> Step {
        let mut step = Step::default();
        let id = group;
        let Some(group) = self.all.get_mut(id) else { return step };
        for member in group.members.values_mut() {
            if member.awaiting_sync == Some(token) {
                member.awaiting_sync = None;
                member.alive(now);
            }
        }
        let nameless = group.members.iter_mut().find(|(_, member)| {
            member.awaiting_join == Some(token) && !member.knows_id && member.instance.is_none()
        });
        if let Some((member, waits)) = nameless {
            waits.awaiting_join = None;
            let member = member.clone();
            group.remove(&member, &mut step);
            group.rebalance(now, &self.settings, &mut step);
        }
        self.schedule(id);
        step
    }
}
