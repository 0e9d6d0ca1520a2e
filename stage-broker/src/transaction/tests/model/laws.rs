//! What must hold after every step.

use super::*;

impl World {
    /// Decisions and answers that came out of the step.
    pub(super) fn listen(&mut self) {
        for marker in std::mem::take(&mut self.desk.markers) {
            let known = self.known.get_mut(&marker.transactional_id).unwrap();
            assert!(known.open && known.decided.is_none(), "decided once");
            assert_eq!(marker.partitions, known.partitions.iter().cloned().collect::<Vec<_>>());
            assert_eq!(marker.groups, known.groups.iter().cloned().collect::<Vec<_>>());
            known.partitions.clear();
            known.groups.clear();
            known.open = false;
            known.ended = None;
            let owner = known.owner.unwrap();
            let fenced = owner != marker.producer;
            if fenced {
                let next = Producer { id: owner.id, epoch: owner.epoch + 1 };
                assert_eq!((marker.producer, marker.commit), (next, false));
                known.owner = None;
            }
            known.decided = Some(marker.clone());
            self.count(match (fenced, marker.commit) {
                (true, _) => "fenced",
                (false, true) => "commit",
                (false, false) => "abort",
            });
            self.way.push(marker);
        }
        self.waiting.retain(|token, (id, producer, commit)| {
            let Some(ended) = self.desk.answers.get(token) else { return true };
            if let Ok(told) = ended {
                let known = &self.known[id];
                assert_eq!(told, producer);
                assert_eq!(known.owner, Some(*producer), "a fenced producer ended something");
                assert_eq!(known.ended, Some(*commit), "not so, or not yet");
            }
            false
        });
    }

    pub(super) fn check(&self) {
        let settings = self.desk.transactions.settings.clone();
        let (restored, step) =
            Transactions::restore(settings, self.desk.written.clone(), self.desk.now);
        assert_eq!(restored.all, self.desk.transactions.all, "a restart changes nothing");
        assert_eq!(step.markers, self.desk.transactions.unfinished().collect::<Vec<_>>());
        assert!(self.producers.keys().all(|producer| producer.id < restored.next_id));
        let due = |transactions: &Transactions| {
            transactions.due.iter().map(|(_, id)| id.clone()).collect::<BTreeSet<_>>()
        };
        let open = self.known.iter().filter(|(_, known)| known.open);
        let open: BTreeSet<String> = open.map(|(id, _)| id.clone()).collect();
        assert_eq!(due(&self.desk.transactions), open, "what is open times out");
        assert_eq!(self.desk.transactions.due.len(), open.len());
        assert_eq!(due(&restored), open);
    }
}
