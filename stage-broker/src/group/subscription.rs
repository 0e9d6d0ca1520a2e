//! Which topics a consumer group consumes, as its members' metadata says.

use super::state::Group;
use std::collections::BTreeSet;

/// The protocol type of consumers.
pub(super) const CONSUMER: &str = "consumer";

impl Group {
    /// Reads the topics from what the members said about the chosen protocol.
    pub(super) fn subscribe(&mut self) {
        self.subscribed = None;
        if self.is_consumer_group() {
            let name = self.protocol.as_deref();
            self.subscribed = self.members.values().map(|m| topics(&m.metadata(name))).try_fold(
                BTreeSet::new(),
                |mut all, topics| {
                    all.extend(topics?);
                    Some(all)
                },
            );
        }
    }

    pub(super) fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }

    /// Whether a member may consume the topic; if nobody can tell, it may.
    pub(super) fn is_subscribed(&self, topic: &str) -> bool {
        match &self.subscribed {
            Some(topics) => topics.contains(topic),
            None => self.is_consumer_group(),
        }
    }
}

/// The topics of a consumer's subscription. Every version begins like the first one: a version, then
/// the topics.
fn topics(metadata: &[u8]) -> Option<Vec<String>> {
    let mut rest = metadata.get(2..)?;
    let count = take(&mut rest, 4)?;
    let count = i32::from_be_bytes(count.try_into().ok()?);
    let mut topics = Vec::new();
    for _ in 0..count.max(0) {
        let length = i16::from_be_bytes(take(&mut rest, 2)?.try_into().ok()?);
        let name = take(&mut rest, usize::try_from(length).ok()?)?;
        topics.push(String::from_utf8(name.to_vec()).ok()?);
    }
    Some(topics)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::topics;

    #[test]
    fn reads_the_topics_of_any_version() {
        let bytes = [&[0, 3, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c'][..], b"what follows"];
        assert_eq!(topics(&bytes.concat()), Some(vec!["a".to_owned(), "bc".to_owned()]));
    }

    #[test]
    fn metadata_cut_short_or_lying_about_lengths_says_nothing() {
        let whole = [0, 0, 0, 0, 0, 1, 0, 2, b'a', b'b'];
        assert!(topics(&whole).is_some());
        assert!((0..whole.len()).all(|cut| topics(&whole[..cut]).is_none()));
        assert_eq!(topics(&[0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
