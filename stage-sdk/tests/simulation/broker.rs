//! The model of Kafka's transactions: identities with epochs, markers that come per partition,
//! offsets that can be read only when no transaction can change them any more.

use crate::logs::{Log, Message};
use crate::record::Record;
use crate::transaction::{No, OFFSETS, Offset, Producer, State, Transaction};
use stage_sdk::core::Policy;
use std::collections::BTreeMap;

#[derive(Default)]
struct Identity {
    epoch: u32,
    /// Open, or ending.
    transaction: Option<usize>,
}

pub(crate) struct Broker {
    identities: Vec<Identity>,
    pub(crate) transactions: Vec<Transaction>,
    pub(crate) logs: Vec<Log>,
    committed: Vec<Option<Offset>>,
    /// Where in the offsets' log that was written: what was written later holds, in whichever
    /// order the markers come.
    written: Vec<usize>,
    writes: usize,
    /// Transactions that may still change a partition's offset.
    pending: Vec<usize>,
    partitions: usize,
    pub(crate) record: Record,
}

impl Broker {
    pub(crate) fn new(partitions: usize, targets: usize) -> Broker {
        Broker {
            identities: Vec::new(),
            transactions: Vec::new(),
            logs: (0..partitions * targets).map(|_| Log::default()).collect(),
            committed: vec![None; partitions],
            written: vec![0; partitions],
            writes: 0,
            pending: vec![0; partitions],
            partitions,
            record: Record::default(),
        }
    }

    pub(crate) fn new_identity(&mut self) -> usize {
        self.identities.push(Identity::default());
        self.identities.len() - 1
    }

    /// The open transaction of a producer, also if the markers of its last one are outstanding.
    fn current(&self, producer: Producer) -> Result<Option<usize>, No> {
        let identity = &self.identities[producer.identity];
        match identity.transaction {
            _ if identity.epoch != producer.epoch => Err(No::Fenced),
            Some(number) if self.transactions[number].state != State::Open => Err(No::Busy),
            open => Ok(open),
        }
    }

    /// The open transaction of a producer; the flag says that it was opened just now.
    pub(crate) fn open(&mut self, producer: Producer, policy: Policy) -> Result<(usize, bool), No> {
        let open = self.current(producer);
        self.record.open(producer, open);
        if let Some(number) = open? {
            return Ok((number, false));
        }
        let number = self.transactions.len();
        self.identities[producer.identity].transaction = Some(number);
        self.transactions.push(Transaction {
            producer,
            policy,
            state: State::Open,
            messages: Vec::new(),
            offsets: BTreeMap::new(),
            written: 0,
            unmarked: Vec::new(),
            refused: false,
        });
        Ok((number, true))
    }

    pub(crate) fn write(&mut self, number: usize, message: Message) {
        let log = self.log(message.target, message.partition);
        let transaction = &mut self.transactions[number];
        if message.refused {
            transaction.refused = true;
            return;
        }
        if !transaction.unmarked.contains(&log) {
            transaction.unmarked.push(log);
        }
        transaction.messages.push(message);
        self.record.write(Some(transaction.producer), log);
        self.logs[log].append(number, message);
    }

    /// A message without a transaction; gives what can be read now.
    pub(crate) fn write_alone(&mut self, log: usize, message: Message) -> Vec<Message> {
        self.record.write(None, log);
        self.logs[log].append_alone(message)
    }

    /// Which log a target's partition is.
    pub(crate) fn log(&self, target: usize, partition: usize) -> usize {
        target * self.partitions + partition
    }

    pub(crate) fn add_offsets(&mut self, number: usize, offsets: &[(usize, Offset)]) {
        self.writes += 1;
        let transaction = &mut self.transactions[number];
        self.record.offsets(transaction.producer, offsets);
        transaction.written = self.writes;
        for (partition, offset) in offsets {
            if transaction.offsets.insert(*partition, offset.clone()).is_none() {
                self.pending[*partition] += 1;
            }
        }
        if !offsets.is_empty() && !transaction.unmarked.contains(&OFFSETS) {
            transaction.unmarked.push(OFFSETS);
        }
    }

    /// The transaction that an end request is for, if there is one to end.
    pub(crate) fn to_end(&self, producer: Producer) -> Result<Option<usize>, No> {
        match self.current(producer) {
            // Nothing was opened since the last one ended.
            Err(No::Busy) => Ok(None),
            other => other,
        }
    }

    /// Fences what has the identity now. Gives the transaction that has to be aborted for it, or
    /// the new producer; while markers are outstanding neither.
    pub(crate) fn renew(&mut self, identity: usize) -> Result<Producer, Option<usize>> {
        let known = &mut self.identities[identity];
        let answer = match known.transaction {
            None => {
                known.epoch += 1;
                Ok(Producer { identity, epoch: known.epoch })
            }
            Some(number) if self.transactions[number].state == State::Open => {
                known.epoch += 1;
                Err(Some(number))
            }
            Some(_) => Err(None),
        };
        self.record.renew(identity, &answer);
        answer
    }

    /// The coordinator fences a producer that was silent for too long.
    pub(crate) fn fence(&mut self, producer: Producer) {
        self.record.time_out(producer);
        self.identities[producer.identity].epoch = producer.epoch + 1;
    }

    /// Writes the marker of a transaction to one place; gives what can be read there now.
    pub(crate) fn mark(&mut self, number: usize, place: usize) -> Vec<Message> {
        let transaction = &mut self.transactions[number];
        let State::Ending { commit } = transaction.state else { return Vec::new() };
        transaction.unmarked.retain(|known| *known != place);
        if transaction.unmarked.is_empty() {
            transaction.state = State::Ended;
            self.identities[transaction.producer.identity].transaction = None;
        }
        if place != OFFSETS {
            return self.logs[place].mark(number, commit);
        }
        for (partition, offset) in &transaction.offsets {
            self.pending[*partition] -= 1;
            if commit && transaction.written > self.written[*partition] {
                self.written[*partition] = transaction.written;
                self.committed[*partition] = Some(offset.clone());
            }
        }
        Vec::new()
    }

    /// What is committed, once it is stable.
    pub(crate) fn stable(&mut self, partitions: &[usize]) -> Option<Vec<Option<Offset>>> {
        let stable = partitions.iter().all(|partition| self.pending[*partition] == 0);
        let offsets: Vec<_> = partitions.iter().map(|p| self.committed[*p].clone()).collect();
        if stable {
            self.record.committed(partitions, &offsets);
        }
        stable.then_some(offsets)
    }
}
