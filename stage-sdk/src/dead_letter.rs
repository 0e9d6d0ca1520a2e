//! The original bytes, plus why; and the tools for whoever looks after them.

mod count;
mod dialect;
mod done;
mod drop;
mod filter;
mod fit;
#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
mod letters;
mod list;
pub(crate) mod page;
mod place;
mod queue;
mod read;
mod replay;
mod scan;
mod settle;
mod show;
pub mod tool;
pub(crate) mod when;

pub use dialect::Dialect;
pub(crate) use dialect::Dialects;
pub use filter::Filter;
pub(crate) use fit::fit;
pub use letters::Letters;
pub use place::{Offsets, Place};
pub use read::{DeadLetter, Origin, Writer};
pub use replay::{Replayed, To};

use crate::core::Disposition;
use crate::failure::Failure;
use crate::record::{Headers, Record, pack};
use std::time::{SystemTime, UNIX_EPOCH};

/// The prefix of every header we write; what is there under it already is replaced.
const PREFIX: &str = "__stage.errors.";

/// What went wrong with a record so far.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) attempts: u32,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) text: String,
    pub(crate) stack: String,
    pub(crate) class: &'static str,
    /// The failure was ours, not the stage's: `deserialization` or `production`.
    pub(crate) instead: Option<&'static str>,
}

impl Trouble {
    pub(crate) fn of(failure: &Failure, instead: Option<&'static str>) -> Trouble {
        let now = epoch_millis();
        let class = match failure.kind {
            crate::Kind::Retry => "retry",
            crate::Kind::Unavailable => "unavailable",
            crate::Kind::Reject => "reject",
            crate::Kind::Fatal => "fatal",
        };
        Trouble {
            attempts: 1,
            first: now,
            last: now,
            text: failure.text(),
            stack: failure.stack(),
            class,
            instead: instead.filter(|_| !failure.is_no_key()),
        }
    }

    /// One more failure of the same record.
    pub(crate) fn and(self, next: Trouble) -> Trouble {
        Trouble { attempts: self.attempts + 1, first: self.first, ..next }
    }
}

/// Whose dead letter it is.
pub(crate) struct Sender<'o> {
    pub(crate) topic: &'o str,
    pub(crate) group: &'o str,
    pub(crate) stage: &'o str,
    pub(crate) dialects: &'o Dialects,
}

/// All that is told of a record's death.
struct Death<'d> {
    record: &'d Record<'d>,
    sender: &'d Sender<'d>,
    trouble: &'d Trouble,
    why: Disposition,
}

/// Why a record is dead-lettered, in the word of its header.
pub(crate) fn disposition(trouble: &Trouble, why: Disposition) -> &'static str {
    trouble.instead.unwrap_or(match why {
        Disposition::Rejected => "rejected",
        Disposition::RetriesExhausted => "retries-exhausted",
        Disposition::OrderBlocked => "order-blocked",
    })
}

/// How much of a dead letter is written, beside the record itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    Whole,
    /// Without stack trace and dialects.
    Lean,
}

/// Appends the record's own headers and what we have to say, packed. Names that we write replace
/// what the record had under them: a record that dies again and again does not grow.
fn headers(packed: &mut Vec<u8>, death: &Death<'_>, extent: Extent) {
    let Death { record, sender, trouble, why } = *death;
    let dialects = match extent {
        Extent::Whole => &sender.dialects.all[..],
        Extent::Lean => &[],
    };
    let replaced =
        |name: &str| name.starts_with(PREFIX) || dialects.iter().any(|dialect| dialect.owns(name));
    for (name, value) in Headers::new(record.headers) {
        if !replaced(name) {
            pack(packed, name, value);
        }
    }
    for dialect in dialects {
        dialect.write(packed, death);
    }
    let disposition = disposition(trouble, why);
    let mut put = |name: &str, value: &str| {
        pack(packed, &format!("{PREFIX}{name}"), Some(value.as_bytes()));
    };
    put("topic", sender.topic);
    put("partition", &record.partition.to_string());
    put("offset", &record.offset.to_string());
    put("timestamp", &record.time.to_string());
    put("group", sender.group);
    put("stage", sender.stage);
    put("attempts", &trouble.attempts.to_string());
    put("first.failure.timestamp", &trouble.first.to_string());
    put("last.failure.timestamp", &trouble.last.to_string());
    put("disposition", disposition);
    put("exception.class.name", trouble.class);
    put("exception.message", cap(&trouble.text));
    match extent {
        Extent::Whole => put("exception.stacktrace", cap(&trouble.stack)),
        Extent::Lean if sender.dialects.all.is_empty() => put("shrunk", "stacktrace"),
        Extent::Lean => put("shrunk", "stacktrace,dialects"),
    }
    if !dialects.is_empty() {
        let names: Vec<_> = dialects.iter().map(|dialect| dialect.name()).collect();
        put("dialects", &names.join(","));
    }
    let parent = Headers::new(record.headers).filter(|(name, _)| *name == "traceparent").last();
    if let Some((_, Some(parent))) = parent {
        put("trace", cap(&String::from_utf8_lossy(parent)));
    }
}

/// The longest error text a header carries.
const LONGEST: usize = 4096;

fn cap(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

pub(crate) fn epoch_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
