//! What clients do, and what they make of the answers.

use super::*;

/// A client: it may be behind, or a zombie.
pub(super) struct Client {
    instance: Option<&'static str>,
    id: String,
    generation: i32,
    /// Its members, if it leads.
    leads: Vec<String>,
    pub(super) waiting: Option<Token>,
}

impl Client {
    pub(super) fn new(instance: Option<&'static str>) -> Client {
        let (id, leads) = (String::new(), Vec::new());
        Client { instance, id, generation: -1, leads, waiting: None }
    }

    /// Whom an assignment belongs to.
    fn holder(&self) -> String {
        self.instance.map_or(self.id.clone(), str::to_owned)
    }
}

impl World {
    pub(super) fn join(&mut self, client: usize) {
        let client = &mut self.clients[client];
        if client.waiting.is_some() && !self.dice.once_in(4) {
            return;
        }
        if client.instance.is_some() && self.dice.once_in(5) {
            client.id.clear();
        }
        let protocols = match self.dice.roll(6) {
            0 => vec![protocol("range", &["t", "u"])],
            1 => vec![protocol("sticky", &["t"]), protocol("range", &["t"])],
            _ => vec![protocol("range", &["t"]), protocol("sticky", &["t"])],
        };
        let join = Join {
            instance: client.instance.map(str::to_owned),
            protocols,
            requires_member_id: self.dice.once_in(2),
            can_skip_assignment: self.dice.once_in(2),
            rebalance_timeout: [5_000, 60_000][self.dice.roll(2)],
            ..joining(&client.id)
        };
        client.waiting = Some(self.desk.join(join));
    }

    pub(super) fn sync(&mut self, client: usize) {
        let client = &mut self.clients[client];
        let stamp = self.desk.tokens;
        let give = |id: &String| (id.clone(), format!("{stamp} for {id}"));
        let given: Vec<_> = client.leads.iter().map(give).collect();
        let given: Vec<_> = given.iter().map(|(id, what)| (id.as_str(), what.as_str())).collect();
        let Client { instance, generation, .. } = *client;
        let who = Who { member: &client.id, instance, generation };
        client.waiting = Some(self.desk.sync_as(who, &given));
    }

    pub(super) fn heartbeat(&mut self, client: usize) {
        let Client { id, instance, generation, .. } = &self.clients[client];
        let who = Who { member: id, instance: *instance, generation: *generation };
        match self.desk.groups.heartbeat(self.desk.now, "g", &who) {
            Ok(()) | Err(ResponseError::RebalanceInProgress) => {
                self.accepted(&self.clients[client])
            }
            Err(error) => self.refused(client, error),
        }
    }

    pub(super) fn leave(&mut self, client: usize) {
        let Client { instance, id, .. } = &self.clients[client];
        let leaving = Leaving { member: id, instance: *instance };
        let step = self.desk.groups.leave(self.desk.now, "g", &[leaving]);
        let left = self.desk.follow(step).unwrap()[0];
        if left.is_ok() && !id.is_empty() {
            self.known.gone.insert(id.clone());
        }
    }

    pub(super) fn hang_up(&mut self, client: usize) {
        if let Some(token) = self.clients[client].waiting.take() {
            let step = self.desk.groups.abandoned(self.desk.now, "g", token);
            self.desk.follow(step);
            assert!(self.desk.waits(token));
        }
    }

    pub(super) fn commit(&mut self, client: usize) {
        let (partition, number) = (self.dice.roll(4) as i32, self.dice.roll(1_000) as i64);
        let producer = self.dice.once_in(2).then(|| self.dice.roll(3) as i64);
        let client = &self.clients[client];
        let Client { instance, generation, .. } = *client;
        let who = Who { member: &client.id, instance, generation };
        let offsets = [offset("t", partition, number)];
        let committed = match producer {
            Some(producer) => self.desk.commit_in(producer, who, &offsets),
            None => self.desk.commit(who, &offsets),
        };
        if committed.is_ok() {
            if generation >= 0 {
                self.accepted(client);
            }
            self.note(producer, partition, number);
        }
    }

    pub(super) fn commit_as_nobody(&mut self) {
        let (partition, number) = (self.dice.roll(4) as i32, self.dice.roll(1_000) as i64);
        let empty = self.desk.state().is_none_or(|state| state == State::Empty);
        let committed = self.desk.commit(who("", -1), &[offset("t", partition, number)]);
        assert_eq!(committed.is_ok(), empty);
        if empty {
            self.note(None, partition, number);
        }
    }

    fn note(&mut self, producer: Option<i64>, partition: i32, number: i64) {
        if self.desk.broken {
            return;
        }
        self.known.commits += 1;
        let offset = (number, self.known.commits);
        match producer {
            None => self.known.offsets.insert(partition, offset),
            Some(producer) => {
                self.known.open.entry(producer).or_default().insert(partition, offset)
            }
        };
    }

    pub(super) fn end_transaction(&mut self) {
        let (producer, commit) = (self.dice.roll(3) as i64, self.dice.once_in(2));
        self.desk.end(producer, commit);
        if self.desk.broken {
            return;
        }
        for (partition, offset) in self.known.open.remove(&producer).unwrap_or_default() {
            let present = self.known.offsets.get(&partition).map_or(0, |(_, order)| *order);
            if commit && offset.1 > present {
                self.known.offsets.insert(partition, offset);
            }
        }
    }

    /// This client was taken for a member of its generation: is it?
    fn accepted(&self, client: &Client) {
        let Client { id, instance, generation, .. } = client;
        assert_eq!(*generation, self.known.generation, "of the past: {id}");
        assert!(!self.known.gone.contains(id), "it was told that it is gone: {id}");
        if let Some(instance) = instance {
            assert_eq!(self.known.owners.get(*instance), Some(id), "fenced");
        }
    }

    fn refused(&mut self, client: usize, error: ResponseError) {
        let client = &mut self.clients[client];
        if matches!(error, ResponseError::UnknownMemberId | ResponseError::FencedInstanceId) {
            self.known.gone.insert(std::mem::take(&mut client.id));
            client.generation = -1;
        }
    }

    /// Clients hear their answers.
    pub(super) fn listen(&mut self) {
        let mut heard = Vec::new();
        for (index, client) in self.clients.iter().enumerate() {
            if let Some(answer) = client.waiting.and_then(|token| self.desk.answers.get(&token)) {
                heard.push((index, answer.clone()));
            }
        }
        // More than one generation may have begun meanwhile.
        heard.sort_by_key(|(_, answer)| match answer {
            Answer::Join(Ok(joined)) => joined.generation,
            _ => -1,
        });
        for (index, answer) in heard {
            self.clients[index].waiting = None;
            match answer {
                Answer::Join(Ok(joined)) => self.joined(index, joined),
                Answer::Join(Err(JoinRefused {
                    error: ResponseError::MemberIdRequired,
                    member,
                })) => {
                    self.clients[index].id = member;
                }
                Answer::Join(Err(refused)) => self.refused(index, refused.error),
                Answer::Sync(Ok(synced)) => self.synced(index, synced.assignment),
                Answer::Sync(Err(error)) => self.refused(index, error),
            }
        }
        if std::mem::take(&mut self.desk.deleted) {
            // The next group of this name begins anew.
            self.known.holders.clear();
            self.known.protocols.clear();
            self.known.generation = 0;
        }
    }

    fn joined(&mut self, client: usize, joined: Joined) {
        assert!(joined.generation >= self.known.generation, "generations only grow");
        self.known.generation = joined.generation;
        let agreed = self.known.protocols.entry(joined.generation);
        assert_eq!(*agreed.or_insert_with(|| joined.protocol.clone()), joined.protocol);
        let client = &mut self.clients[client];
        if let Some(instance) = client.instance {
            self.known.owners.insert(instance.to_owned(), joined.member.clone());
        }
        assert!(!self.known.gone.contains(&joined.member), "it was told that it is gone");
        assert_eq!(!joined.members.is_empty(), joined.leader == joined.member);
        client.id = joined.member;
        client.generation = joined.generation;
        client.leads = joined.members.into_iter().map(|member| member.id).collect();
    }

    fn synced(&mut self, client: usize, assignment: Bytes) {
        let client = &self.clients[client];
        self.accepted(client);
        if !assignment.is_empty() {
            let holder = client.holder();
            let key = (client.generation, assignment);
            let holders = &mut self.known.holders;
            assert_eq!(*holders.entry(key).or_insert(holder.clone()), holder, "held by two");
        }
    }
}
