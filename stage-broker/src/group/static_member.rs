//! A static member's next life: the old member id is fenced, and mostly nobody else notices.

use super::state::{Group, State};
use super::step::Undo;
use super::{Join, Settings, Step, Time, Token};
use kafka_protocol::error::ResponseError;

impl Group {
    /// The instance joined without a member id: `new` takes the place of `old`.
    #[allow(clippy::too_many_arguments, reason = "those of join, and both ids")]
    pub(super) fn replace(
        &mut self,
        now: Time,
        settings: &Settings,
        token: Token,
        old: &str,
        new: String,
        join: Join,
        step: &mut Step,
    ) {
        let was = self.clone();
        let Some(mut member) = self.members.remove(old) else { return };
        if let Some(token) = member.awaiting_join.take() {
            step.refuse_join(token, ResponseError::FencedInstanceId, old);
        }
        if let Some(token) = member.awaiting_sync.take() {
            step.sync(token, Err(ResponseError::FencedInstanceId));
        }
        let old_leader = self.leader.clone();
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        if self.unsynced.remove(old) {
            self.unsynced.insert(new.clone());
        }
        if let Some(instance) = join.instance {
            self.instances.insert(instance, new.clone());
        }
        member.protocols = join.protocols;
        member.rebalance_timeout = join.rebalance_timeout;
        member.session_timeout = join.session_timeout;
        member.alive(now);
        member.awaiting_join = Some(token);
        self.members.insert(new.clone(), member);
        if self.state != State::Stable || self.protocol != self.select_protocol() {
            self.rebalance(now, settings, step);
            return;
        }
        // Nothing changes but its id: it is told the present generation.
        if let Some(member) = self.members.get_mut(&new) {
            member.awaiting_join = None;
        }
        self.subscribe();
        step.records.push(self.record());
        step.undo.push(Undo::Group(Box::new(was)));
        let leads = self.is_leader(&new);
        let mut joined = self.joined(&new, leads && join.can_skip_assignment);
        if join.can_skip_assignment {
            joined.skip_assignment = leads;
        } else {
            // A leader that cannot skip must not take itself for one: it names its former self.
            joined.leader = old_leader.unwrap_or_default();
        }
        step.join(token, Ok(joined));
    }
}
