//! A stage whose outputs and offsets live in a database.
//!
//! The sink stores a window's outputs and the offsets behind them in one database transaction, and
//! says at the start from where to read: so replaying the topic, or dying between any two steps,
//! changes nothing. A zombie is fenced there as well: offsets advance only from where this worker
//! believes they are. Dead letters still go to Kafka, and are acknowledged before the database
//! commits: after a crash one may come twice, under the same identity.

use crate::core::{Partition, Position};
use crate::record::Headers;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An output on its way into the database.
#[derive(Clone, Debug)]
pub struct Row {
    /// The partition of the record it came of.
    pub partition: i32,
    /// The offset of the record it came of.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    pub(crate) headers: Vec<u8>,
}

impl Row {
    /// Its headers, in order.
    pub fn headers(&self) -> Headers<'_> {
        Headers::new(&self.headers)
    }
}

/// How far a partition is read: what is stored for it, and what it advances to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The partition.
    pub partition: i32,
    /// The mark that must be stored for it now; none: nothing may be.
    pub from: Option<String>,
    /// The offset to store.
    pub offset: i64,
    /// The mark to store with it: up to 4,096 bytes of ASCII, different each time.
    pub mark: String,
}

/// Why nothing was stored.
#[derive(Debug)]
pub enum Refusal {
    /// What is stored for a partition is not what an [`Advance`] says: somebody else was there.
    Fenced,
    /// The database cannot now.
    Away(anyhow::Error),
}

/// A database. Its methods are called on a thread of their own, and may block.
///
/// ```
/// use stage_sdk::sink::{Advance, Refusal, Row, Sink};
/// use std::collections::HashMap;
///
/// /// A database that is a memory.
/// #[derive(Default)]
/// struct Memory {
///     rows: HashMap<(i32, i64), Vec<u8>>,
///     positions: HashMap<i32, (i64, String)>,
/// }
///
/// impl Sink for Memory {
///     fn positions(&mut self, partitions: &[i32]) -> anyhow::Result<Vec<Option<(i64, String)>>> {
///         Ok(partitions.iter().map(|number| self.positions.get(number).cloned()).collect())
///     }
///
///     fn write(&mut self, rows: &[Row], advances: &[Advance]) -> Result<(), Refusal> {
///         let mark = |number| self.positions.get(number).map(|(_, mark)| mark.clone());
///         if advances.iter().any(|advance| mark(&advance.partition) != advance.from) {
///             return Err(Refusal::Fenced);
///         }
///         for row in rows {
///             let value = row.value.clone().unwrap_or_default();
///             self.rows.entry((row.partition, row.offset)).or_insert(value);
///         }
///         for Advance { partition, offset, mark, .. } in advances {
///             self.positions.insert(*partition, (*offset, mark.clone()));
///         }
///         Ok(())
///     }
/// }
///
/// let mut memory = Memory::default();
/// let first = Advance { partition: 0, from: None, offset: 1, mark: "a".into() };
/// memory.write(&[], &[first.clone()]).unwrap();
/// assert!(matches!(memory.write(&[], &[first]), Err(Refusal::Fenced)), "it was written");
/// ```
pub trait Sink: Send {
    /// What is stored for these partitions: offset and mark.
    ///
    /// # Errors
    /// The database cannot now; it is asked again.
    fn positions(&mut self, partitions: &[i32]) -> anyhow::Result<Vec<Option<(i64, String)>>>;

    /// Stores rows and advances, all or none. A row that is stored already stays as it is.
    ///
    /// # Errors
    /// Nothing was stored, or it is not known whether it was: the same call then comes again, and
    /// must answer [`Refusal::Fenced`] if it was.
    fn write(&mut self, rows: &[Row], advances: &[Advance]) -> Result<(), Refusal>;
}

/// A sink that outlives who writes to it: a worker that begins anew in place.
pub(crate) type Shared = Arc<Mutex<Box<dyn Sink>>>;

/// A sink, and the marks it is known to hold. Each writer knows its own, by which the sink tells it from
/// its successor.
pub(crate) struct Marked {
    sink: Shared,
    marks: HashMap<Partition, Option<String>>,
}

impl Marked {
    pub(crate) fn new(sink: Shared) -> Marked {
        Marked { sink, marks: HashMap::new() }
    }

    fn sink(&self) -> MutexGuard<'_, Box<dyn Sink>> {
        self.sink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn positions(
        &mut self,
        partitions: &[Partition],
    ) -> anyhow::Result<Vec<(Partition, i64, String)>> {
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.number).collect();
        let stored = self.sink().positions(&numbers)?;
        let mut found = Vec::new();
        for (partition, stored) in partitions.iter().zip(stored) {
            self.marks.insert(*partition, stored.as_ref().map(|(_, mark)| mark.clone()));
            found.extend(stored.map(|(offset, mark)| (*partition, offset, mark)));
        }
        Ok(found)
    }

    pub(crate) fn write(
        &mut self,
        rows: &[Row],
        positions: &[(Partition, Position)],
    ) -> Result<(), Refusal> {
        let advance = |(partition, position): &(Partition, Position)| Advance {
            partition: partition.number,
            from: self.marks.get(partition).cloned().flatten(),
            offset: position.next,
            mark: position.metadata(),
        };
        let advances: Vec<Advance> = positions.iter().map(advance).collect();
        self.sink().write(rows, &advances)?;
        for ((partition, _), advance) in positions.iter().zip(advances) {
            self.marks.insert(*partition, Some(advance.mark));
        }
        Ok(())
    }
}
