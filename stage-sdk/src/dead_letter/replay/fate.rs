//! Where one dead letter goes, or why it stays.

use super::Args;
use crate::chain::illegal;
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
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Vec<u8>,
    pub(super) time: i64,
    /// Where its letter lies.
    pub(super) letter: (i32, i64),
}

impl Outgoing {
    pub(super) fn bytes(&self) -> usize {
        let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        self.headers.len() + size(&self.key) + size(&self.value)
    }

    /// Itself, if its target takes it.
    pub(super) fn fitting(self) -> Result<Outgoing, String> {
        let Target { topic, limit, .. } = &self.target;
        if self.bytes() + OVERHEAD > *limit {
            return Err(format!("larger than {topic} takes ({limit} bytes)"));
        }
        Ok(self)
    }
}

/// Whether it can go anywhere, or why not.
pub(super) fn may_go(args: &Args, letter: &DeadLetter) -> Result<(), String> {
    if letter.value_dropped.is_some() {
        return Err(
            "their values were too large to keep; the originals may still lie where they came from"
                .into(),
        );
    }
    if letter.replays >= args.max_replays {
        return Err(format!("replayed {} times and died again (--max-replays)", letter.replays));
    }
    Ok(())
}

/// The topic it goes to, or why it cannot go.
pub(super) fn goes_to<'l>(args: &'l Args, letter: &'l DeadLetter) -> Result<&'l str, String> {
    let topic = args.to_topic.as_deref().or(letter.origin.topic.as_deref());
    let topic =
        topic.ok_or("they do not say where they came from; --to-topic sends them somewhere")?;
    possible(topic)
}

/// The topic, if there can be one of this name; anybody may have written that header.
fn possible(topic: &str) -> Result<&str, String> {
    let Some(why) = illegal(topic) else { return Ok(topic) };
    let start: String = topic.chars().take(60).collect();
    Err(format!("{start:?}, where they are to go, {why}; --to-topic sends them elsewhere"))
}

/// The headers of the record that died, and how often it was replayed.
pub(super) fn headers(letter: &DeadLetter) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in Headers::new(&letter.original_headers()) {
        if name != REPLAYS {
            pack(&mut headers, name, value);
        }
    }
    pack(&mut headers, REPLAYS, Some((letter.replays + 1).to_string().as_bytes()));
    headers
}

/// The record that died, for its target; or why that cannot take it.
pub(super) fn revive(letter: DeadLetter, target: &Target) -> Result<Outgoing, String> {
    let from = letter.origin.partition.unwrap_or(letter.partition);
    let headers = headers(&letter);
    let DeadLetter { key, value, partition, offset, .. } = letter;
    Outgoing {
        target: target.clone(),
        partition: from.rem_euclid(target.partitions.max(1)),
        key,
        value,
        headers,
        time: letter.origin.time.unwrap_or(-1),
        letter: (partition, offset),
    }
    .fitting()
}

#[cfg(test)]
mod tests {
    use super::possible;

    #[test]
    fn what_can_be_no_topic_is_not_asked_for_and_commands_no_terminal() {
        for name in ["", "a b", "\u{1b}[31m", &"x".repeat(600), "__consumer_offsets"] {
            let text = possible(name).unwrap_err();
            assert!(text.contains("--to-topic") && text.len() < 300, "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
        assert_eq!(possible("pizza.orders-1"), Ok("pizza.orders-1"));
    }
}
