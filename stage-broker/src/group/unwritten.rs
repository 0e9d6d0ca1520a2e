//! A step that could not be written down is taken back.

use super::state::Group;
use super::step::{Answer, Undo};
use super::{Groups, JoinRefused, State, Step, Time, Token};
use kafka_protocol::error::ResponseError;

impl Groups {
    /// The records of a step could not be appended: takes it back. Who waited for it is refused with
    /// `error` (COORDINATOR_NOT_AVAILABLE lets clients try again); tell the step's own caller the
    /// same. Follow the new step as any other.
    pub(crate) fn not_written<T>(
        &mut self,
        now: Time,
        step: Step<T>,
        error: ResponseError,
    ) -> Step {
        let mut again = Step::default();
        let told: Vec<Token> = step.answers.iter().map(|(token, _)| *token).collect();
        for (token, answer) in step.answers {
            match answer {
                Answer::Join(Ok(joined)) => again.refuse_join(token, error, &joined.member),
                Answer::Join(Err(JoinRefused { error, member })) => {
                    again.refuse_join(token, error, &member);
                }
                Answer::Sync(Ok(_)) => again.sync(token, Err(error)),
                Answer::Sync(Err(error)) => again.sync(token, Err(error)),
            }
        }
        for undo in step.undo.into_iter().rev() {
            match undo {
                Undo::Removed(id, group) => {
                    for producer in group.open.keys() {
                        self.open.entry(*producer).or_default().insert(id.clone());
                    }
                    self.all.insert(id.clone(), Group { due: None, ..*group });
                    self.schedule(&id);
                }
                Undo::Offset(id, topic, partition, was) => {
                    self.group(&id, now).offsets.put(&topic, partition, was);
                }
                Undo::Pending(producer, id, topic, partition, was) => {
                    self.put_pending(producer, &id, &topic, partition, was, now);
                }
                Undo::Assigned(id) => {
                    if let Some(group) = self.all.get_mut(&id)
                        && group.state == State::Stable
                    {
                        group.prepare(now, &self.settings, &mut again);
                    }
                    self.schedule(&id);
                }
                Undo::Group(was) => {
                    let id = was.id.clone();
                    if let Some(group) = self.all.get_mut(&id) {
                        group.put_back(now, *was, &told);
                    }
                    self.schedule(&id);
                }
            }
        }
        again
    }
}

impl Group {
    /// It is as it was, but for those who are told something meanwhile: they wait no more.
    fn put_back(&mut self, now: Time, was: Group, told: &[Token]) {
        let (offsets, open) = (std::mem::take(&mut self.offsets), std::mem::take(&mut self.open));
        *self = Group { due: self.due, offsets, open, ..was };
        for member in self.members.values_mut() {
            let join = member.awaiting_join.take_if(|token| told.contains(token));
            let sync = member.awaiting_sync.take_if(|token| told.contains(token));
            if join.or(sync).is_some() {
                member.alive(now);
            }
        }
    }
}
