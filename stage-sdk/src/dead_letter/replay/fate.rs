//! Where one dead letter goes, or why it stays.

use super::Args;
use crate::dead_letter::DeadLetter;
use crate::dead_letter::read::REPLAYS;
use crate::kafka::Target;
use crate::record::{Headers, pack};

/// What the broker adds to a record, at most, and the count of replays.
const OVERHEAD: usize = 256;

/// A record that goes out.
pub(super) struct Outgoing {
    pub(super) target: Target,
    pub(super) partition: i32,
    pub(super) headers: Vec<u8>,
    pub(super) letter: DeadLetter,
}

/// The topic it goes to, or why it cannot go.
pub(super) fn goes_to<'l>(args: &'l Args, letter: &'l DeadLetter) -> Result<&'l str, String> {
    if letter.value_dropped.is_some() {
        return Err(
            "their values were too large to keep; the originals may still lie where they came from"
                .into(),
        );
    }
    if letter.replays >= args.max_replays {
        return Err(format!("replayed {} times and died again (--max-replays)", letter.replays));
    }
    let topic = args.to_topic.as_deref().or(letter.origin.topic.as_deref());
    topic.ok_or_else(|| {
        "they do not say where they came from; --to-topic sends them somewhere".into()
    })
}

/// The record that died, for its target; or why that cannot take it.
pub(super) fn revive(letter: DeadLetter, target: &Target) -> Result<Outgoing, String> {
    let from = letter.origin.partition.unwrap_or(letter.partition);
    let mut headers = Vec::new();
    for (name, value) in Headers::new(&letter.original_headers()) {
        if name != REPLAYS {
            pack(&mut headers, name, value);
        }
    }
    pack(&mut headers, REPLAYS, Some((letter.replays + 1).to_string().as_bytes()));
    let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
    if headers.len() + size(&letter.key) + size(&letter.value) + OVERHEAD > target.limit {
        return Err(format!("larger than {} takes ({} bytes)", target.topic, target.limit));
    }
    let partition = from.rem_euclid(target.partitions.max(1));
    Ok(Outgoing { target: target.clone(), partition, headers, letter })
}
