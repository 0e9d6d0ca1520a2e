//! The four compression codecs, as a client compresses.

use crate::batch::{GZIP, LZ4, SNAPPY, ZSTD};
use bytes::{BufMut, Bytes, BytesMut};
use std::io::Write;

pub(crate) fn compressed(codec: i16, records: &Bytes) -> Bytes {
    match codec {
        GZIP => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(records).expect("gzip");
            out.finish().expect("gzip").into()
        }
        SNAPPY => {
            let block = snap::raw::Encoder::new().compress_vec(records).expect("snappy");
            let mut out = BytesMut::from(&b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"[..]);
            out.put_u32(block.len() as u32);
            out.put_slice(&block);
            out.freeze()
        }
        LZ4 => {
            let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
            out.write_all(records).expect("lz4");
            out.finish().expect("lz4").into()
        }
        ZSTD => {
            let level = ruzstd::encoding::CompressionLevel::Fastest;
            ruzstd::encoding::compress_to_vec(&records[..], level).into()
        }
        _ => records.clone(),
    }
}
