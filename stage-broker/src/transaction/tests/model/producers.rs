//! What producers do, and the log that writes their markers.

use super::*;

impl World {
    /// Mostly the owner; or any that was once told it may go on.
    pub(super) fn some_producer(&mut self, id: &str) -> Producer {
        let owner = self.known[id].owner;
        let any: Vec<Producer> = self.producers.keys().copied().collect();
        match owner {
            Some(owner) if !self.dice.once_in(4) => owner,
            _ if any.is_empty() => Producer::NONE,
            _ => any[self.dice.roll(any.len())],
        }
    }

    pub(super) fn init(&mut self, id: String, claimed: Producer) {
        let init = Init { transactional_id: Some(&id), timeout: TIMEOUT, producer: claimed };
        let step = self.desk.transactions.init(self.desk.now, &init);
        let written = !self.desk.broken || step.records.is_empty();
        if !written {
            self.count("unwritten");
        }
        let result = self.desk.follow(step);
        let (Ok(producer), true) = (result, written) else { return };
        let known = self.known.get_mut(&id).unwrap();
        assert!(known.decided.is_none() && !known.open, "what was before is not ended");
        let again = known.owner == Some(producer);
        let fresh = !self.producers.contains_key(&producer);
        assert!(fresh || (again && claimed != Producer::NONE), "given out twice: {producer:?}");
        let known_before = self.producers.values().any(|of| *of == id);
        let rotated = fresh && producer.epoch == 0 && known_before;
        let of_others = self.producers.iter().any(|(p, of)| p.id == producer.id && *of != id);
        assert!(!of_others, "a producer id of two transactional ids");
        assert!(producer.epoch < i16::MAX);
        known.owner = Some(producer);
        known.ended = None;
        self.producers.insert(producer, id);
        if rotated {
            self.count("rotated");
        }
    }

    pub(super) fn add(&mut self, id: String, producer: Producer) {
        let partition = self.dice.roll(3) as i32;
        let group = self.dice.once_in(3);
        let now = self.desk.now;
        let transactions = &mut self.desk.transactions;
        let step = match group {
            true => transactions.add_group(now, &id, producer, "g"),
            false => transactions.add_partitions(now, &id, producer, &[("t", partition)]),
        };
        let written = !self.desk.broken || step.records.is_empty();
        let result = self.desk.follow(step);
        let known = self.known.get_mut(&id).unwrap();
        let may = known.owner == Some(producer) && known.decided.is_none();
        assert_eq!(result.is_ok(), may, "{result:?}");
        if !may || !written {
            return;
        }
        match group {
            true => known.groups.insert("g".into()),
            false => known.partitions.insert(("t".into(), partition)),
        };
        let begins = !known.open;
        (known.open, known.ended) = (true, None);
        if begins {
            self.count("begun");
        }
    }

    pub(super) fn end(&mut self, id: String, producer: Producer) {
        let commit = !self.dice.once_in(3);
        self.desk.tokens += 1;
        let token = self.desk.tokens;
        let step = self.desk.transactions.end(self.desk.now, token, &id, producer, commit);
        self.waiting.insert(token, (id.clone(), producer, commit));
        if self.desk.broken && !step.records.is_empty() {
            self.count("unwritten");
        }
        self.desk.follow(step);
    }

    /// Some marker arrives, perhaps twice.
    pub(super) fn mark(&mut self) {
        if self.way.is_empty() {
            return;
        }
        let at = self.dice.roll(self.way.len());
        let marker = self.way[at].clone();
        let (now, id) = (self.desk.now, &marker.transactional_id);
        let step = self.desk.transactions.markers_written(now, &marker);
        let broken = self.desk.broken && !step.records.is_empty();
        let ends = !step.records.is_empty();
        let known = self.known.get_mut(id).unwrap();
        assert_eq!(ends, known.decided.as_ref() == Some(&marker), "ended by its markers, once");
        if ends && !broken {
            known.decided = None;
            known.ended = Some(marker.commit);
        }
        self.desk.follow(step);
        if !broken && !self.dice.once_in(5) {
            self.way.remove(at);
        }
    }

    pub(super) fn pass(&mut self) {
        let time = [10, 1_000, 5_000, 61_000][self.dice.roll(4)];
        self.desk.pass(time);
    }

    pub(super) fn restart(&mut self) {
        self.desk.broken = false;
        self.desk.restart();
        self.waiting.clear();
        self.way.clear();
        self.count("restarted");
        let again = std::mem::take(&mut self.desk.markers);
        let decided = self.known.values().filter_map(|known| known.decided.clone());
        assert_eq!(again, decided.collect::<Vec<_>>(), "what was decided is carried out");
        self.way = again;
    }
}
