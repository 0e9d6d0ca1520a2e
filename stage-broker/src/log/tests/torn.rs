//! The last 64 KiB of a log, cut or changed at every byte: what was whole before that byte is there
//! after a start, with all that was known of it, and nothing else is.

use super::*;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const TAIL: usize = 64 << 10;

/// What a log knew.
type Known = (i64, i64, Producers, Aborted);

/// A log that was killed: an older segment, and a newest one of more than 64 KiB.
struct Killed {
    dir: Dir,
    path: PathBuf,
    newest: Vec<u8>,
    /// Where each batch of the newest segment ends, and what was known then.
    known: Vec<(usize, Known)>,
}

fn rules() -> Settings {
    Settings { segment_bytes: TAIL as u32 + 10_000, ..settings() }
}

fn knows(log: &Log) -> Known {
    (log.end(), log.stable_end(), log.producers.clone(), log.aborted.clone())
}

/// Batches of one record and of many, by producers in and out of transactions, and markers.
fn killed() -> Killed {
    let dir = Dir::new();
    let mut log = open(&dir, rules());
    let value = "v".repeat(40);
    let records: Vec<_> = (0..60).map(|_| ("key", Some(&value[..]))).collect();
    let (mut known, mut sequences) = (vec![(0, knows(&log))], [0; 4]);
    for number in 0.. {
        let producer = number % 4;
        let by = By {
            producer: producer as i64,
            epoch: 0,
            sequence: sequences[producer],
            transactional: producer < 2,
        };
        let count = [1, 2, 1, 60][number / 4 % 4];
        sequences[producer] += count as i32;
        put(&mut log, by, number as i64, &records[..count]);
        if log.segments.len() == 2 && known[0].1.0 < log.newest().base {
            known.clear();
        }
        known.push((log.newest().size as usize, knows(&log)));
        if number % 9 == 5 {
            end(&mut log, by, number % 2 == 0);
            known.push((log.newest().size as usize, knows(&log)));
        }
        if log.segments.len() == 2 && log.newest().size as usize > TAIL {
            break;
        }
    }
    let base = log.newest().base;
    let path = log.newest().path.clone().unwrap();
    drop(log);
    let newest = std::fs::read(&path).unwrap();
    // What was known when it was begun.
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    let begun = knows(&open(&dir, rules()));
    assert_eq!(begun.0, base);
    known.insert(0, (0, begun));
    std::fs::write(&path, &newest).unwrap();
    Killed { dir, path, newest, known }
}

impl Killed {
    /// Puts the bytes of the newest segment back from `from` on, up to `length`.
    fn restore(&self, from: usize, length: usize) -> File {
        let file = File::options().write(true).open(&self.path).unwrap();
        file.write_all_at(&self.newest[from.min(length)..length], from as u64).unwrap();
        file.set_len(length as u64).unwrap();
        file
    }

    /// Starts on what is there; whatever is whole before `position` has to be there, and no more.
    /// Where it ends.
    fn check(&self, position: usize) -> usize {
        let log = open(&self.dir, rules());
        let after = self.known.partition_point(|(end, _)| *end <= position);
        let (end, known) = &self.known[after - 1];
        assert_eq!(&knows(&log), known, "byte {position}");
        assert_eq!(log.newest().size as usize, *end, "byte {position}");
        drop(log);
        let left = std::fs::read(&self.path).unwrap();
        assert!(left == self.newest[..*end], "byte {position}: other bytes than were written");
        *end
    }

    fn tail(&self) -> std::ops::Range<usize> {
        self.newest.len() - TAIL..self.newest.len()
    }
}

#[test]
fn cut_anywhere_in_its_tail_a_log_keeps_what_is_whole() {
    let killed = killed();
    let mut end = killed.newest.len();
    for length in killed.tail() {
        killed.restore(end, length);
        end = killed.check(length);
    }
}

#[test]
fn changed_anywhere_in_its_tail_a_log_keeps_what_is_before() {
    let killed = killed();
    let mut end = killed.newest.len();
    for position in killed.tail() {
        let file = killed.restore(end, killed.newest.len());
        let changed = killed.newest[position] ^ 1 << (position % 8);
        file.write_all_at(&[changed], position as u64).unwrap();
        end = killed.check(position);
    }
}
