//! Frames: in pieces, in a row, and such that nobody can read them.

use crate::ask::fetch::{Fetch, Read};
use crate::ask::topic::metadata;
use crate::batch::Batch;
use crate::line::encoded;
use crate::talk::Talk;
use bytes::{BufMut, BytesMut};
use kafka_protocol::messages::{DescribeClusterRequest, ListGroupsRequest};
use std::time::Duration;

/// The connection that was opened before still answers.
fn is_alive(k: &mut Talk) {
    assert!(!k.ask(1, &metadata(&[])).brokers.is_empty());
}

fn header(key: i16, version: i16) -> BytesMut {
    let mut frame = BytesMut::new();
    frame.put_i16(key);
    frame.put_i16(version);
    frame.put_i32(1);
    frame.put_i16(-1);
    frame
}

conversation!(garbage_ends_its_connection_only, |k| {
    let mut bad = k.line();
    bad.send_frame(b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n");
    assert_eq!(bad.receive(), None);
    is_alive(k);
});

conversation!(a_request_cut_short_ends_its_connection, |k| {
    let mut bad = k.line();
    let whole = encoded(1, 1, &metadata(&["topic"]));
    bad.send_frame(&whole[..whole.len() - 3]);
    assert_eq!(bad.receive(), None);
    is_alive(k);
});

conversation!(an_array_longer_than_the_frame_ends_the_connection, |k| {
    let mut bad = k.line();
    let mut frame = header(3, 1);
    frame.put_i32(i32::MAX);
    bad.send_frame(&frame);
    assert_eq!(bad.receive(), None);
    is_alive(k);
});

conversation!(a_frame_too_large_ends_the_connection, |k| {
    let mut bad = k.line();
    bad.send_bytes(&i32::MAX.to_be_bytes());
    assert_eq!(bad.receive(), None);
    is_alive(k);
});

conversation!(a_negative_length_ends_the_connection, |k| {
    let mut bad = k.line();
    bad.send_bytes(&(-5_i32).to_be_bytes());
    assert_eq!(bad.receive(), None);
    is_alive(k);
});

conversation!(an_empty_frame_ends_the_connection, |k| {
    let mut bad = k.line();
    bad.send_frame(&[]);
    assert_eq!(bad.receive(), None);
    is_alive(k);
});

conversation!(an_unknown_api_ends_the_connection, |k| {
    let mut bad = k.line();
    bad.send_frame(&header(9_999, 0));
    assert_eq!(bad.receive(), None);
    is_alive(k);
});

conversation!(an_unknown_version_ends_the_connection, |k| {
    for (key, version) in [(3, 99), (1, 99), (11, 99), (0, -1)] {
        let mut bad = k.line();
        bad.send_frame(&header(key, version));
        assert_eq!(bad.receive(), None, "{key} {version}");
    }
    is_alive(k);
});

conversation!(a_version_that_is_no_longer_served_ends_the_connection, |k| {
    for (key, version) in [(1, 3), (2, 0), (8, 1), (9, 0), (19, 1)] {
        let mut bad = k.line();
        bad.send_frame(&header(key, version));
        assert_eq!(bad.receive(), None, "{key} {version}");
    }
    is_alive(k);
});

conversation!(a_frame_may_come_in_pieces, |k| {
    let frame = encoded(1, 77, &metadata(&[]));
    k.send_bytes(&(frame.len() as i32).to_be_bytes()[..2]);
    assert!(k.is_silent(Duration::from_millis(30)));
    k.send_bytes(&(frame.len() as i32).to_be_bytes()[2..]);
    assert!(k.is_silent(Duration::from_millis(30)));
    k.send_bytes(&frame[..9]);
    assert!(k.is_silent(Duration::from_millis(30)));
    k.send_bytes(&frame[9..]);
    let answer = k.receive().expect("an answer");
    assert_eq!(answer[..4], 77_i32.to_be_bytes());
});

conversation!(requests_in_a_row_are_answered_in_order, |k| {
    let cluster: Vec<_> = (0..20)
        .map(|_| {
            let cluster = k.send(0, &DescribeClusterRequest::default());
            (cluster, k.send(1, &metadata(&[])), k.send(0, &ListGroupsRequest::default()))
        })
        .collect();
    for (cluster, metadata, groups) in cluster {
        assert_eq!(k.answer(cluster).brokers.len(), k.answer(metadata).brokers.len());
        k.answer(groups);
    }
});

conversation!(a_slow_request_holds_up_those_behind_it, |k| {
    let topic = k.topic(1);
    let mut line = k.line();
    let fetch = Fetch::from(&topic, 0).waiting(1, Duration::from_secs(20));
    let slow = line.send(12, &fetch.request(12));
    let quick = line.send(1, &metadata(&[]));
    assert!(line.is_silent(Duration::from_millis(100)));
    k.produce(9, &topic, Batch::of(&["a"])).expect("an offset");
    let answer = line.answer(slow);
    let read = Read::of(&answer.responses[0].partitions[0]).expect("a fetch");
    assert_eq!(read.values(), ["a"]);
    assert!(!line.answer(quick).brokers.is_empty());
});

conversation!(a_client_needs_no_name, |k| {
    let mut frame = header(3, 1);
    frame.put_i32(0);
    k.send_frame(&frame);
    assert_eq!(k.receive().expect("an answer")[..4], 1_i32.to_be_bytes());
});

conversation!(unknown_tagged_fields_are_skipped, |k| {
    let mut frame = header(60, 0); // DescribeCluster, flexible from the first version on
    frame.put_slice(&[1, 99, 3, 1, 2, 3]); // one field, number 99, three bytes
    frame.put_u8(0);
    frame.put_slice(&[1, 98, 2, 1, 2]);
    k.send_frame(&frame);
    assert_eq!(k.receive().expect("an answer")[..4], 1_i32.to_be_bytes());
});

conversation!(who_hangs_up_is_forgotten, |k| {
    let topic = k.topic(1);
    let mut line = k.line();
    let fetch = Fetch::from(&topic, 0).waiting(1, Duration::from_secs(20));
    line.send(12, &fetch.request(12));
    drop(line);
    assert_eq!(k.produce(9, &topic, Batch::of(&["a"])), Ok(0));
});
