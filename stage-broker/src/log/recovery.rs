//! What a crash left: the whole batches are kept, a torn tail is cut, what is missing is rebuilt.

use super::batch::Header;
use super::segment::Segment;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes read at once; a larger batch is read alone.
const CHUNK: usize = 1 << 20;

/// Reads a segment's file from where `segment` ends, notes every whole batch in it, and gives each
/// to `each`, header and bytes. The first one that is torn, or not what was written, ends it; the
/// file is cut there. Only compaction leaves gaps between offsets. How many bytes were cut.
pub(crate) fn recover(
    segment: &mut Segment,
    gaps: bool,
    mut each: impl FnMut(&Header, &[u8]),
) -> io::Result<u64> {
    let Some(path) = &segment.path else { return Ok(0) };
    let file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len().min(u64::from(u32::MAX));
    let mut buffer = Vec::new();
    let mut need = CHUNK;
    while u64::from(segment.size) < length {
        let left = (length - u64::from(segment.size)) as usize;
        buffer.resize(need.min(left), 0);
        file.read_exact_at(&mut buffer, u64::from(segment.size))?;
        let mut at = 0;
        let end = loop {
            let rest = &buffer[at..];
            match Header::read(rest) {
                Ok(header) if header.size <= rest.len() => {
                    let follows = header.base_offset == segment.end
                        || gaps && header.base_offset > segment.end;
                    if !follows || rest[12..16] != [0; 4] || Header::check(rest).is_err() {
                        break None;
                    }
                    segment.note(&header);
                    each(&header, &rest[..header.size]);
                    at += header.size;
                }
                Ok(header) if header.size <= left => break Some(header.size.max(CHUNK)),
                Err(super::batch::Invalid::Short) if buffer.len() < left => break Some(CHUNK),
                _ => break None,
            }
        };
        match end {
            Some(next) => need = next,
            None => break,
        }
    }
    let torn = file.metadata()?.len() - u64::from(segment.size);
    if torn > 0 {
        file.set_len(u64::from(segment.size))?;
    }
    Ok(torn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::index::Index;
    use crate::log::marker;
    use crate::log::segment::file_name;

    /// A segment file of some batches; where each of them ends.
    fn segment_file(dir: &std::path::Path) -> (std::path::PathBuf, Vec<usize>) {
        let path = dir.join(file_name(0));
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for offset in 0..5_i64 {
            let mut batch = marker::write(offset, 0, true, 0, 1_000 + offset).to_vec();
            batch[..8].copy_from_slice(&offset.to_be_bytes());
            bytes.extend(batch);
            ends.push(bytes.len());
        }
        std::fs::write(&path, bytes).unwrap();
        (path, ends)
    }

    fn recovered(path: &std::path::Path) -> (Segment, u64) {
        let mut segment = Segment::known(path.to_path_buf(), 0, 0, 0, Index::default());
        let torn = recover(&mut segment, false, |_, _| {}).unwrap();
        (segment, torn)
    }

    #[test]
    fn a_file_cut_anywhere_keeps_every_whole_batch() {
        let dir = crate::testing::Dir::new();
        let (path, ends) = segment_file(dir.path());
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (segment, torn) = recovered(&path);
            let kept = ends.iter().filter(|end| **end <= length).count();
            assert_eq!(segment.end, kept as i64, "cut at {length}");
            assert_eq!(torn as usize, length - segment.size as usize);
            assert_eq!(std::fs::metadata(&path).unwrap().len(), u64::from(segment.size));
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_ends_the_log_before_its_batch() {
        let dir = crate::testing::Dir::new();
        let (path, ends) = segment_file(dir.path());
        let whole = std::fs::read(&path).unwrap();
        for position in 0..whole.len() {
            let mut bad = whole.clone();
            bad[position] ^= 0x80;
            std::fs::write(&path, &bad).unwrap();
            let (segment, _) = recovered(&path);
            let before = ends.iter().filter(|end| **end <= position).count() as i64;
            assert_eq!(segment.end, before, "byte {position}");
        }
    }
}
