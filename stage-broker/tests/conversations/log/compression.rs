//! Compressed batches: stored and read as they came.

use crate::ask::fetch::Fetch;
use crate::batch::{ATTRIBUTES, Batch, GZIP, LZ4, RECORDS, SNAPPY, ZSTD};
use crate::talk::Talk;
use kafka_protocol::ResponseError::UnsupportedCompressionType;

fn is_untouched(k: &mut Talk, produce: i16, fetch: i16, codec: i16) {
    let topic = k.topic(1);
    let text = "again and ".repeat(100);
    let sent = Batch::of(&[&text, "again", &text]).with(codec).bytes();
    assert!(sent.len() < 2000, "compressed");
    assert_eq!(k.produce(produce, &topic, sent.clone()), Ok(0));
    assert_eq!(k.produce(produce, &topic, sent.clone()), Ok(3));
    let read = k.fetch(fetch, &Fetch::from(&topic, 0)).expect("a fetch");
    let stored: Vec<_> = read.batches.iter().map(|b| b.bytes.slice(ATTRIBUTES..)).collect();
    assert_eq!(stored, [sent.slice(ATTRIBUTES..), sent.slice(ATTRIBUTES..)]);
}

conversation!(gzip_is_untouched, [3, 7, 11], |k, v| is_untouched(k, v, 4, GZIP));

conversation!(snappy_is_untouched, [3, 7, 11], |k, v| is_untouched(k, v, 4, SNAPPY));

conversation!(lz4_is_untouched, [3, 7, 11], |k, v| is_untouched(k, v, 4, LZ4));

conversation!(zstd_is_untouched, [7, 11], |k, v| is_untouched(k, v, 10, ZSTD));

conversation!(zstd_needs_a_newer_produce, [3, 6], |k, v| {
    let topic = k.topic(1);
    let answer = k.produce(v, &topic, Batch::of(&["a"]).with(ZSTD));
    assert_eq!(answer, Err(UnsupportedCompressionType));
});

conversation!(zstd_is_read_by_every_fetch, [4, 9, 12], |k, v| is_untouched(k, 9, v, ZSTD));

conversation!(what_does_not_decompress_is_refused, |k| {
    let topic = k.topic(1);
    let mut taken = vec![GZIP, SNAPPY, LZ4, ZSTD];
    taken.retain(|codec| {
        let bytes = Batch::of(&["a record"]).with(*codec).patched(RECORDS, &[0xfe; 8]);
        k.produce(9, &topic, bytes).is_ok()
    });
    assert!(taken.is_empty(), "codecs {taken:?}");
    assert_eq!(k.end_of(&topic), Ok(0));
});

conversation!(a_compressed_duplicate_gets_its_first_offset, |k| {
    let (topic, producer) = (k.topic(1), k.producer());
    let batch = Batch::of(&["a", "b"]).with(LZ4).by(producer, 0);
    assert_eq!(k.produce(9, &topic, &batch), Ok(0));
    assert_eq!(k.produce(9, &topic, &batch), Ok(0));
    assert_eq!(k.end_of(&topic), Ok(2));
});

conversation!(a_topic_may_have_a_compression_of_its_own, |k| {
    let topic = k.topic_with(1, &[("compression.type", "gzip")]);
    assert_eq!(k.produce(9, &topic, Batch::of(&["a"]).with(LZ4)), Ok(0));
    let read = k.fetch(12, &Fetch::from(&topic, 0)).expect("a fetch");
    assert_eq!(read.batches[0].attributes, GZIP);
});
