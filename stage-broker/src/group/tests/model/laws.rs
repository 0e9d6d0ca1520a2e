//! What must hold after every step.

use super::super::super::state::Group;
use super::*;

impl World {
    pub(super) fn check(&mut self) {
        self.check_offsets(&self.desk.groups);
        let (restored, _) = Groups::restore(
            self.desk.groups.settings.clone(),
            self.desk.written.clone(),
            self.desk.now,
        );
        self.check_offsets(&restored);
        let Some(group) = self.desk.groups.all.get("g") else { return };
        sane(group);
        // Absent static members can make it too large; then it rebalances at once.
        let fits = group.members.len() <= self.desk.groups.settings.max_size;
        let at_rest = fits && matches!(group.state, State::Empty | State::Stable);
        if at_rest
            && !self.desk.unwritten
            && self.desk.written.contains_key(&Key::Group("g".into()))
        {
            let again = &restored.all["g"];
            assert_eq!(again.record(), group.record(), "a restart changes nothing");
            assert_eq!((again.state, &again.subscribed), (group.state, &group.subscribed));
            assert_eq!(self.desk.groups.describe("g"), restored.describe("g"));
        }
    }

    /// Offsets are those that were accepted and written, after a restart as before.
    fn check_offsets(&self, groups: &Groups) {
        for partition in 0..4 {
            let expected = self.known.offsets.get(&partition).map_or(-1, |(offset, _)| *offset);
            let fetch = |stable| groups.fetch("g", Some(&[("t", vec![partition])]), stable);
            assert_eq!(fetch(false)[0].partitions[0].offset, expected);
            let open = self.known.open.values().any(|offsets| offsets.contains_key(&partition));
            assert_eq!(fetch(true)[0].partitions[0].error.is_some(), open);
        }
    }

    /// Nobody does anything any more: nobody waits for ever, and all members expire.
    pub(super) fn calm_down(&mut self) {
        self.desk.pass(3_600_000);
        self.listen();
        assert!(self.clients.iter().all(|client| client.waiting.is_none()), "waits for ever");
        assert!(self.desk.state().is_none_or(|state| state == State::Empty));
        let group = self.desk.groups.all.get("g");
        assert!(group.is_none_or(|group| group.deadline().is_none()));
    }
}

fn sane(group: &Group) {
    let awaits_join = group.members.values().any(|m| m.awaiting_join.is_some());
    let awaits_sync = group.members.values().any(|m| m.awaiting_sync.is_some());
    let preparing = group.state == State::PreparingRebalance;
    assert_eq!(group.joining.is_some(), preparing);
    assert!(preparing || !awaits_join);
    assert!(group.state == State::CompletingRebalance || !awaits_sync);
    assert!(preparing || group.members.is_empty() == (group.state == State::Empty));
    assert_eq!(group.leader.is_some(), !group.members.is_empty());
    assert!(group.leader.as_ref().is_none_or(|leader| group.members.contains_key(leader)));
    assert!(group.unsynced.iter().all(|id| group.members.contains_key(id)));
    assert_eq!(group.sync_until.is_some(), !group.unsynced.is_empty());
    assert!(group.pending.keys().all(|id| !group.members.contains_key(id)));
    let statics =
        group.members.iter().filter_map(|(id, m)| Some((m.instance.clone()?, id.clone())));
    assert_eq!(group.instances, statics.collect());
    assert!(group.members.is_empty() || group.select_protocol().is_some());
    assert!(group.deadline().is_none_or(|at| group.due.is_some_and(|due| due <= at)));
}
