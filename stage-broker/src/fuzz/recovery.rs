//! A partition's files, as a start finds them.

use crate::log::batch::{HEADER, Header};
use crate::log::place::Place;
use crate::log::segment::file_name;
use crate::log::{Log, marker};
use crate::topic::Rules;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// A log whose one segment holds these bytes is opened in an empty directory. The first byte says
/// whether checksums and offsets are made right first: else nothing would be tried that comes after
/// them. What the log then has was in the bytes; it stays the same, and goes on.
pub fn recovery(dir: &Path, data: &[u8]) {
    let Some((&flags, data)) = data.split_first() else { return };
    let mut bytes = data.to_vec();
    if flags & 1 != 0 {
        mend(&mut bytes);
    }
    for entry in fs::read_dir(dir).expect("a directory") {
        fs::remove_file(entry.expect("a file").path()).expect("removed");
    }
    let path = dir.join(file_name(0));
    fs::write(&path, &bytes).expect("written");
    let open = || {
        let rules = Rules::new(&BTreeMap::new(), &BTreeMap::new());
        Log::open(Place::Disk(dir.to_path_buf()), 0, rules.log).expect("a log")
    };
    let mut log = open();
    let kept = fs::read(&path).expect("read");
    assert!(bytes.starts_with(&kept), "nothing is made up");
    assert_eq!(all(&log), kept);
    assert!(log.stable_end() <= log.end());
    let (end, producers, aborted) = (log.end(), log.producers.clone(), log.aborted.clone());
    if flags & 2 != 0 {
        log.draft().expect("a checkpoint").write(None).expect("written");
    }
    drop(log);
    let mut log = open();
    assert_eq!((log.end(), &log.producers, &log.aborted), (end, &producers, &aborted));
    let more = marker::write(1, 0, true, 0, 0);
    let header = Header::read(&more).expect("a batch");
    assert_eq!(log.append(header, &more, 0).expect("appended").base_offset, end);
    drop(log);
    assert_eq!(open().end(), end + 1);
}

/// All batches, as readers are given them.
fn all(log: &Log) -> Vec<u8> {
    let (mut next, mut found) = (log.start(), Vec::new());
    while next < log.end() {
        let bytes = log.read(next, log.end(), 1).expect("readable");
        let header = Header::check(&bytes).expect("a whole batch");
        assert_eq!((header.base_offset, header.size), (next, bytes.len()));
        next = header.last_offset() + 1;
        found.extend_from_slice(&bytes);
    }
    found
}

/// Makes offsets and checksums of the batches right, as far as their lengths lead.
fn mend(bytes: &mut [u8]) {
    let (mut rest, mut next) = (bytes, 0_i64);
    while let Ok(header) = Header::read(rest)
        && header.size <= rest.len()
        && header.size >= HEADER
    {
        let (batch, after) = rest.split_at_mut(header.size);
        batch[..8].copy_from_slice(&next.to_be_bytes());
        batch[12..16].fill(0);
        let crc = crc32c::crc32c(&batch[21..]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        next = next.saturating_add(i64::from(header.last_offset_delta)).saturating_add(1);
        rest = after;
    }
}
