//! All groups: their steps taken, written down, and answered to whoever waits.

use crate::group::remembered::Remembered;
use crate::group::{Group, Joined, Limits, Outcome, Reply, Synced, Token};
use crate::node::Node;
use crate::store::{self, Changes, Key};
use kafka_protocol::error::ResponseError;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use tokio::sync::{Notify, oneshot};

type JoinAnswer = Result<Joined, (ResponseError, String)>;
type SyncAnswer = Result<Synced, ResponseError>;

/// A request that waits for its answer.
enum Parked {
    Join(oneshot::Sender<JoinAnswer>),
    Sync(oneshot::Sender<SyncAnswer>),
}

/// All groups.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) all: RefCell<BTreeMap<String, Group>>,
    parked: RefCell<FxHashMap<Token, Parked>>,
    next: Cell<Token>,
    /// Something may happen earlier than was thought.
    pub(crate) changed: Notify,
}

impl Groups {
    /// Reads the groups that are remembered.
    pub(crate) fn open(&self, node: &Node) {
        let (limits, now) = (limits(node), node.now());
        for (key, json) in node.store.borrow().iter() {
            if let Key::Group(id) = key
                && let Some(remembered) = store::read::<Remembered>(key, json)
            {
                let group = Group::recall(remembered, limits, now);
                self.all.borrow_mut().insert(id.clone(), group);
            }
        }
    }

    /// Parks a join.
    pub(crate) fn park_join(&self) -> (Token, oneshot::Receiver<JoinAnswer>) {
        let (answer, waiting) = oneshot::channel();
        (self.park(Parked::Join(answer)), waiting)
    }

    /// Parks a sync.
    pub(crate) fn park_sync(&self) -> (Token, oneshot::Receiver<SyncAnswer>) {
        let (answer, waiting) = oneshot::channel();
        (self.park(Parked::Sync(answer)), waiting)
    }

    fn park(&self, parked: Parked) -> Token {
        let token = self.next.get();
        self.next.set(token + 1);
        self.parked.borrow_mut().insert(token, parked);
        token
    }

    /// Nobody will answer this.
    pub(crate) fn unpark(&self, token: Token) {
        self.parked.borrow_mut().remove(&token);
    }

    /// Answers what was parked.
    fn answer(&self, replies: Vec<Reply>) {
        let mut parked = self.parked.borrow_mut();
        for reply in replies {
            let token = match &reply {
                Reply::Join(token, _) | Reply::Sync(token, _) => *token,
            };
            // Whoever waited may be gone; then there is nobody to tell.
            match (parked.remove(&token), reply) {
                (Some(Parked::Join(to)), Reply::Join(_, answer)) => drop(to.send(answer)),
                (Some(Parked::Sync(to)), Reply::Sync(_, answer)) => drop(to.send(answer)),
                _ => tracing::error!(token, "an answer to nobody"),
            }
        }
    }

    /// When something happens by itself next.
    pub(crate) fn next_tick(&self) -> Option<i64> {
        self.all.borrow().values().filter_map(Group::next_tick).min()
    }
}

/// What a group may be, by the broker's settings.
fn limits(node: &Node) -> Limits {
    Limits {
        max_members: node.size("group.max.size"),
        initial_delay_ms: node.number("group.initial.rebalance.delay.ms"),
    }
}

impl Node {
    /// Has a group take a step, if there is such a group or one may be made; writes down what must
    /// not be forgotten, then answers. None: there is no such group.
    pub(crate) fn step_group<T>(
        self: &Rc<Node>,
        id: &str,
        make: bool,
        step: impl FnOnce(&mut Group, i64, &mut Outcome) -> T,
    ) -> Option<T> {
        let now = self.now();
        let mut all = self.groups.all.borrow_mut();
        if make && !all.contains_key(id) {
            all.insert(id.to_owned(), Group::new(limits(self), now));
        }
        let group = all.get_mut(id)?;
        let mut outcome = Outcome::default();
        let result = step(group, now, &mut outcome);
        if outcome.changed
            && let Err(error) = self.remember_group(id, group)
        {
            tracing::error!(%error, id, "a group was not written down");
        }
        if outcome.changed {
            let (state, generation, members) =
                (group.state.name(), group.generation, group.members.len());
            tracing::debug!(id, state, generation, members, "group");
        }
        drop(all);
        self.groups.changed.notify_one();
        if !outcome.changed {
            self.groups.answer(outcome.replies);
        } else if !outcome.replies.is_empty() {
            let node = Rc::clone(self);
            if self.flush.is_always() {
                tokio::task::spawn_local(async move {
                    let _ = node.flush.settled().await;
                    node.groups.answer(outcome.replies);
                });
            } else {
                self.groups.answer(outcome.replies);
            }
        }
        Some(result)
    }

    fn remember_group(&self, id: &str, group: &Group) -> io::Result<()> {
        let mut changes = Changes::default();
        changes.put(Key::Group(id.to_owned()), &group.remember())?;
        self.remember(changes)
    }

    /// What time does to groups.
    pub(crate) fn tick_groups(self: &Rc<Node>) {
        let now = self.now();
        let all = self.groups.all.borrow();
        let due = all.iter().filter(|(_, group)| group.next_tick().is_some_and(|at| at <= now));
        let due: Vec<_> = due.map(|(id, _)| id.clone()).collect();
        drop(all);
        for id in due {
            tracing::debug!(id, "time is up for somebody in this group");
            self.step_group(&id, false, |group, now, outcome| *outcome = group.tick(now));
        }
    }

    /// Whether another group can be made.
    pub(crate) fn has_room_for_group(&self, id: &str) -> bool {
        let all = self.groups.all.borrow();
        all.contains_key(id) || all.len() < self.size("max.groups")
    }
}
