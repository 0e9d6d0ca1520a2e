//! The body of an answer whose records lie in files. Protocol: around them it is what kafka-protocol writes for an
//! answer without them; the lists that hold them, and their lengths, are written here.

use crate::answer::{Answer, Body};
use crate::log::stretch::Stretch;
use bytes::{BufMut, Bytes};
use kafka_protocol::messages::FetchResponse;
use kafka_protocol::protocol::Encodable;
use std::io;

/// From this version on numbers of items are short, and each list of fields ends with its tags.
const COMPACT: i16 = 12;

/// An answer to Fetch.
pub(crate) struct Fetched {
    pub(super) response: FetchResponse,
    /// In their order, the records of those partitions that have `None`.
    pub(super) stretches: Vec<Stretch>,
}

impl From<FetchResponse> for Fetched {
    fn from(response: FetchResponse) -> Fetched {
        Fetched { response, stretches: Vec::new() }
    }
}

impl Body for Fetched {
    fn write(self, out: &mut Answer, version: i16) -> io::Result<()> {
        if self.stretches.is_empty() {
            return self.response.write(out, version);
        }
        let mut stretches = self.stretches.into_iter();
        let mut response = self.response;
        let topics = std::mem::take(&mut response.responses);
        open(response, out, version)?;
        count(out, version, topics.len())?;
        for mut topic in topics {
            let partitions = std::mem::take(&mut topic.partitions);
            open(topic, out, version)?;
            count(out, version, partitions.len())?;
            for mut partition in partitions {
                if partition.records.is_some() {
                    partition.write(out, version)?;
                    continue;
                }
                partition.records = Some(Bytes::new());
                open(partition, out, version)?;
                let records = stretches.next().ok_or_else(|| io::Error::other("no records"))?;
                count(out, version, records.len())?;
                out.put(records);
                close(out, version);
            }
            close(out, version);
        }
        close(out, version);
        Ok(())
    }
}

/// Writes what comes before the last field, which is an empty list or no bytes.
fn open(fields: impl Encodable, out: &mut Answer, version: i16) -> io::Result<()> {
    fields.write(out, version)?;
    // Its number of items and no tags; or its number of items.
    let empty: &[u8] = if version >= COMPACT { &[1, 0] } else { &[0; 4] };
    if !out.bytes.ends_with(empty) {
        return Err(io::Error::other(format!("Fetch version {version} ends with another field")));
    }
    out.bytes.truncate(out.bytes.len() - empty.len());
    Ok(())
}

/// Writes the number of items or bytes of the last field.
fn count(out: &mut Answer, version: i16, number: usize) -> io::Result<()> {
    let mut number = u32::try_from(number).map_err(io::Error::other)?;
    if version < COMPACT {
        out.bytes.put_u32(number);
        return Ok(());
    }
    number += 1; // 0 is no list at all
    while number >= 0x80 {
        out.bytes.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    out.bytes.put_u8(number as u8);
    Ok(())
}

/// Writes what comes after the last field.
fn close(out: &mut Answer, version: i16) {
    if version >= COMPACT {
        out.bytes.put_u8(0); // no tags
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::messages::fetch_response::{
        AbortedTransaction, FetchableTopicResponse, PartitionData,
    };
    use kafka_protocol::protocol::{Decodable, StrBytes};
    use std::fs::File;
    use std::os::unix::fs::FileExt;
    use std::sync::Arc;

    fn partition(index: i32, records: Option<&[u8]>) -> PartitionData {
        PartitionData::default()
            .with_partition_index(index)
            .with_high_watermark(77)
            .with_aborted_transactions(Some(vec![AbortedTransaction::default()]))
            .with_records(records.map(Bytes::copy_from_slice))
    }

    fn topic(name: &'static str, partitions: Vec<PartitionData>) -> FetchableTopicResponse {
        FetchableTopicResponse::default()
            .with_topic(TopicName(StrBytes::from_static_str(name)))
            .with_partitions(partitions)
    }

    /// What is sent to a peer.
    async fn sent(answer: Answer) -> Vec<u8> {
        use tokio::io::AsyncReadExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap());
        let (peer, taken) = tokio::join!(peer, listener.accept());
        let (mut peer, socket) = (peer.unwrap(), taken.unwrap().0);
        let mut all = Vec::new();
        let (sent, read) =
            tokio::join!(async move { answer.send(&socket).await }, peer.read_to_end(&mut all));
        sent.unwrap();
        read.unwrap();
        all
    }

    #[tokio::test]
    async fn in_every_version_it_is_as_if_the_records_had_been_read() {
        let file = tempfile();
        let content: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
        file.write_all_at(&content, 0).unwrap();
        let file = Arc::new(file);
        // The lengths need from one to four bytes.
        let places = [(5, 100), (1_000, 20_000), (0, 2_900_000)];
        for version in 4..=17 {
            let records = |at: usize, there: bool| {
                let (position, length) = places[at];
                (!there).then(|| &content[position..position + length])
            };
            let answer = |there| {
                let one = partition(0, records(0, there));
                let here = partition(1, Some(b"here"));
                let two = partition(2, records(1, there));
                let three = partition(0, records(2, there));
                let topics = vec![topic("a", vec![one, here, two]), topic("b", vec![three])];
                FetchResponse::default().with_responses(topics)
            };
            let mut read = Answer::new(7);
            answer(false).write(&mut read, version).unwrap();
            let stretches = places.map(|(position, length)| {
                Stretch::new(Arc::clone(&file), position as u32, length, 0)
            });
            let mut left = Answer::new(7);
            let fetched = Fetched { response: answer(true), stretches: stretches.into() };
            fetched.write(&mut left, version).unwrap();
            let (read, left) = (sent(read).await, sent(left).await);
            assert!(read == left, "version {version}: {} and {}", read.len(), left.len());
            let again = FetchResponse::decode(&mut &left[8..], version).unwrap();
            assert_eq!(again.responses[0].partitions[1].records.as_deref(), Some(&b"here"[..]));
        }
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_ends_the_connection() {
        let file = tempfile();
        file.set_len(50_000).unwrap();
        let mut answer = Answer::new(7);
        answer.put(Stretch::new(Arc::new(file), 0, 60_000, 0));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let error = answer.send(&socket).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Other, "it is told");
        assert!(error.to_string().starts_with("a file of a log cannot be read"), "{error}");
        drop(peer);
    }

    fn tempfile() -> File {
        crate::log::place::Place::Nowhere.create("").unwrap()
    }
}
