//! Decompression, only where somebody must look inside a batch: compaction, and offsets by time.

use super::record::Garbled;
use std::borrow::Cow;
use std::io::Read;

/// The bytes before compression, if they are at most `limit`.
pub(crate) fn decompress(codec: i16, body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Garbled> {
    match codec {
        0 => Ok(Cow::Borrowed(body)),
        1 => read(flate2::read::GzDecoder::new(body), limit),
        2 => snappy(body, limit),
        3 => read(lz4_flex::frame::FrameDecoder::new(body), limit),
        4 => read(ruzstd::decoding::StreamingDecoder::new(body).map_err(|_| Garbled)?, limit),
        _ => Err(Garbled),
    }
}

fn read<'b>(decoder: impl Read, limit: usize) -> Result<Cow<'b, [u8]>, Garbled> {
    let mut out = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut out).map_err(|_| Garbled)?;
    if out.len() > limit { Err(Garbled) } else { Ok(Cow::Owned(out)) }
}

/// Raw snappy, or the framing of snappy-java: a magic, two versions, then blocks with lengths.
fn snappy(body: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, Garbled> {
    const JAVA: &[u8] = b"\x82SNAPPY\0";
    let mut out = Vec::new();
    if !body.starts_with(JAVA) {
        raw_snappy(body, limit, &mut out)?;
        return Ok(Cow::Owned(out));
    }
    let mut left = body.get(16..).ok_or(Garbled)?;
    while let Some((length, rest)) = left.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        raw_snappy(rest.get(..length).ok_or(Garbled)?, limit, &mut out)?;
        left = &rest[length..];
    }
    Ok(Cow::Owned(out))
}

fn raw_snappy(block: &[u8], limit: usize, out: &mut Vec<u8>) -> Result<(), Garbled> {
    let size = snap::raw::decompress_len(block).map_err(|_| Garbled)?;
    if out.len() + size > limit {
        return Err(Garbled);
    }
    out.extend(snap::raw::Decoder::new().decompress_vec(block).map_err(|_| Garbled)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_limit_is_refused() {
        let packed = snap::raw::Encoder::new().compress_vec(&[7; 1_000]).unwrap();
        assert_eq!(decompress(2, &packed, 1_000).unwrap(), vec![7; 1_000]);
        assert_eq!(decompress(2, &packed, 999), Err(Garbled));
    }

    #[test]
    fn garbage_is_refused_by_every_codec() {
        for codec in 1..8 {
            assert_eq!(decompress(codec, b"no such thing", 1_000), Err(Garbled), "codec {codec}");
        }
    }
}
