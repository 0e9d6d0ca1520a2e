//! LeaveGroup: members go, by member id or by instance id.

use super::state::{Group, State};
use super::step::Undo;
use super::{Groups, Step, Time, Who};
use kafka_protocol::error::ResponseError;

/// A member that leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaving<'a> {
    /// Member id; may be empty if there is an instance id.
    pub(crate) member: &'a str,
    /// Group instance id.
    pub(crate) instance: Option<&'a str>,
}

impl Groups {
    /// Answers LeaveGroup: one result for each, in order, or one for all. (Below version 3 there is
    /// one member, and its result is the request's.)
    pub(crate) fn leave(
        &mut self,
        now: Time,
        group: &str,
        leaving: &[Leaving<'_>],
    ) -> Step<Result<Vec<Result<(), ResponseError>>, ResponseError>> {
        let mut step = Step::default();
        if group.is_empty() {
            return step.with(Err(ResponseError::InvalidGroupId));
        }
        let id = group;
        let Some(group) = self.all.get_mut(id) else {
            return step.with(Ok(vec![Err(ResponseError::UnknownMemberId); leaving.len()]));
        };
        let was = group.clone();
        let results: Vec<_> = leaving.iter().map(|l| group.leave(l, &mut step)).collect();
        if results.iter().any(Result::is_ok) && group.state != State::Empty {
            group.rebalance(now, &self.settings, &mut step);
        }
        if !step.records.is_empty() {
            step.undo.push(Undo::Group(Box::new(was)));
        }
        self.schedule(id);
        step.with(Ok(results))
    }
}

impl Group {
    fn leave(&mut self, leaving: &Leaving<'_>, step: &mut Step) -> Result<(), ResponseError> {
        let Leaving { member, instance } = *leaving;
        let id = if member.is_empty() {
            let known = instance.and_then(|instance| self.instances.get(instance));
            known.cloned().ok_or(ResponseError::UnknownMemberId)?
        } else {
            if !self.pending.contains_key(member) {
                self.check_member(&Who { member, instance, generation: -1 })?;
            }
            member.to_owned()
        };
        self.remove(&id, step);
        Ok(())
    }
}
