//! A whole log: read, reopened, cut, retained, compacted.

mod torn;

use super::*;
use crate::disk::Disk;
use crate::testing::{By, Dir, NOBODY, batch};
use record::Records;

fn settings() -> Settings {
    Settings {
        segment_bytes: 1 << 30,
        segment_ms: i64::MAX,
        retention_bytes: -1,
        retention_ms: -1,
        delete: true,
        compact: false,
        min_compaction_lag_ms: 0,
        max_compaction_lag_ms: i64::MAX,
        delete_retention_ms: 1_000,
        min_dirty_ratio: 0.5,
    }
}

fn open(dir: &Dir, settings: Settings) -> Log {
    Log::open(Place::Disk(dir.path().to_path_buf()), 0, settings).unwrap()
}

fn put(log: &mut Log, by: By, time: i64, records: &[(&str, Option<&str>)]) -> i64 {
    let (header, batch) = batch(by, time, records);
    let appended = log.append(header, &batch, time).unwrap();
    if let Some(draft) = appended.draft {
        draft.write(None).unwrap();
    }
    appended.base_offset
}

fn end(log: &mut Log, by: By, committed: bool) {
    let batch = marker::write(by.producer, by.epoch, committed, 0, 0);
    log.append(Header::check(&batch).unwrap(), &batch, 0).unwrap();
}

/// Offset, key and value of all records that are no markers.
fn all(log: &Log) -> Vec<(i64, String, Option<String>)> {
    let (mut next, mut found) = (log.start(), Vec::new());
    loop {
        let bytes = log.read(next, log.end(), 100).unwrap();
        let mut left = &bytes[..];
        while let Ok(header) = Header::check(left) {
            assert!(header.last_offset() >= next, "offsets go on");
            let body = record::body(&header, left, 1 << 20).unwrap();
            for record in Records::plain(&body).map(Result::unwrap) {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let offset = header.base_offset + i64::from(record.offset_delta);
                if !header.is_control() {
                    found.push((offset, text(record.key.unwrap()), record.value.map(text)));
                }
            }
            next = header.last_offset() + 1;
            left = &left[header.size..];
        }
        if bytes.is_empty() {
            return found;
        }
    }
}

fn offsets(log: &Log) -> Vec<i64> {
    all(log).into_iter().map(|(offset, _, _)| offset).collect()
}

#[test]
fn every_offset_can_be_read_from_over_segments() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { segment_bytes: 500, ..settings() });
    for number in 0..100 {
        assert_eq!(
            put(&mut log, NOBODY, number, &[("a", Some("1")), ("b", Some("2"))]),
            number * 2
        );
    }
    assert!(log.segments.len() > 10);
    assert_eq!(offsets(&log), (0..200).collect::<Vec<_>>());
    for from in 0..200 {
        let bytes = log.read(from, 200, 1).unwrap();
        let header = Header::check(&bytes).unwrap();
        assert!(header.base_offset <= from && from <= header.last_offset());
        assert_eq!(header.size, bytes.len());
    }
    assert!(log.read(200, 200, 100).unwrap().is_empty());
    assert_eq!(log.read(3, 4, 1 << 20).unwrap().len(), log.read(2, 4, 1 << 20).unwrap().len());
}

#[test]
fn what_is_left_in_a_file_is_what_would_have_been_read() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { segment_bytes: 2_000_000, ..settings() });
    let mut batches = Vec::new(); // segment, size, first offset, last offset
    for number in 0..300_i64 {
        let value = "x".repeat((number * number * 7_919 % 40_000) as usize);
        let records = vec![("key", Some(&*value)); 1 + (number % 3) as usize];
        let size = batch(NOBODY, number, &records).0.size;
        let first = put(&mut log, NOBODY, number, &records);
        batches.push((log.segments.len(), size, first, first + number % 3));
    }
    assert!(log.segments.len() > 3);
    let both = [(); 2].map(|()| log.segments[0].file().unwrap());
    assert!(Arc::ptr_eq(&both[0], &both[1]), "all who read it share one");
    let mut left = 0;
    for from in (0..log.end()).step_by(7) {
        for to in [from + 1, from + 2, from + 40, from + 200, log.end()] {
            for limit in [1, 15_000, 17_000, 100_000, 1_000_000, 10_000_000] {
                let found = log.find(from, to.min(log.end()), limit).unwrap();
                let mut expected = (0, from);
                let held = batches.iter().skip_while(|batch| batch.3 < from);
                let segment = held.clone().next().unwrap().0;
                for &(at, size, first, last) in held {
                    let more = expected.0 + size;
                    if at != segment || first >= to || (expected.0 > 0 && more > limit) {
                        break;
                    }
                    expected = (more, last + 1);
                }
                let case = format!("{from} to {to}, {limit}");
                assert_eq!((found.len(), found.next()), (expected.0, Some(expected.1)), "{case}");
                let Found::Many(stretch) = found else { continue };
                left += 1;
                let bytes = stretch.read().unwrap();
                let header = Header::check(&bytes).unwrap();
                assert!(header.base_offset <= from && header.last_offset() >= from, "{case}");
                assert_eq!(batch::last_offset(&bytes), Some(expected.1 - 1), "{case}");
            }
        }
    }
    assert!(left > 500, "{left}");
}

#[test]
fn a_log_knows_after_a_start_what_it_knew_before_with_or_without_its_notes() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { segment_bytes: 700, ..settings() });
    let by = |producer, sequence| By { producer, epoch: 0, sequence, transactional: true };
    for round in 0..10 {
        put(&mut log, by(1, round), 5, &[("a", Some("1"))]);
        put(&mut log, by(2, round), 5, &[("b", Some("1"))]);
        end(&mut log, by(1, 0), round % 2 == 0);
    }
    let known = (log.end(), log.stable_end(), log.producers.clone(), log.aborted.clone());
    assert_eq!(known.1, 1);
    let check = |what: &str| {
        let log = open(&dir, Settings { segment_bytes: 700, ..settings() });
        let again = (log.end(), log.stable_end(), log.producers.clone(), log.aborted.clone());
        assert_eq!(again, known, "{what}");
    };
    drop(log);
    check("after a kill");
    let mut log = open(&dir, settings());
    log.draft().unwrap().write(Some(&Disk::default())).unwrap();
    drop(log);
    check("after a clean stop");
    for lost in ["index", "checkpoint"] {
        files(&dir, lost).iter().for_each(|path| std::fs::remove_file(path).unwrap());
        check(lost);
    }
}

#[test]
fn a_torn_tail_goes_and_the_rest_stays_known() {
    let dir = Dir::new();
    let mut log = open(&dir, settings());
    let by = |sequence| By { producer: 1, epoch: 0, sequence, transactional: false };
    for sequence in 0..5 {
        put(&mut log, by(sequence), 5, &[("a", Some("1"))]);
    }
    log.draft().unwrap().write(Some(&Disk::default())).unwrap();
    put(&mut log, by(5), 5, &[("a", Some("1"))]);
    let path = log.segments[0].path.clone().unwrap();
    drop(log);
    let whole = std::fs::read(&path).unwrap();
    let size = whole.len() / 6;
    // Also below what the checkpoint speaks of.
    for length in (0..whole.len()).rev() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let log = open(&dir, settings());
        assert_eq!(log.end() as usize, length / size, "cut at {length}");
        let next = by(log.end() as i32);
        let (header, _) = batch(next, 5, &[("a", None)]);
        let verdict = log.producers.judge(&header);
        assert_eq!(verdict, producers::Verdict::New, "cut at {length}");
    }
}

#[test]
fn old_segments_go_by_age_and_by_size_and_records_by_command() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { segment_bytes: 100, retention_ms: 1_000, ..settings() });
    for time in [0, 500, 2_000, 2_100] {
        put(&mut log, NOBODY, time, &[("a", Some("1"))]);
    }
    let (gone, _) = log.retain(2_200).unwrap();
    assert_eq!((gone.len(), log.start()), (2, 2));
    retention::remove(gone);
    log.settings.retention_bytes = 60;
    let (gone, _) = log.retain(2_200).unwrap();
    assert_eq!((gone.len(), log.start()), (1, 3));
    retention::remove(gone);
    let (gone, _) = log.retain(10_000).unwrap();
    assert_eq!((gone.len(), log.start(), log.end()), (1, 4, 4));
    retention::remove(gone);
    assert_eq!(put(&mut log, NOBODY, 10_000, &[("a", Some("1")), ("b", None)]), 4);
    assert!(log.delete_before(5).is_empty());
    assert_eq!(log.start(), 5);
    drop(log);
    assert_eq!(open(&dir, settings()).end(), 6);
}

#[test]
fn offsets_are_found_by_time() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { segment_bytes: 500, ..settings() });
    for number in 0..50 {
        put(&mut log, NOBODY, number * 10, &[("a", Some("1"))]);
    }
    for time in 0..=490 {
        let expected = (time + 9) / 10;
        assert_eq!(log.first_since(time).unwrap(), Some((expected, expected * 10)), "{time}");
    }
    assert_eq!(log.first_since(491).unwrap(), None);
    assert_eq!(log.latest_by_time().unwrap(), Some((49, 490)));
}

/// Compacts what is sealed; whether there was something to do.
fn compact(log: &mut Log, now: i64) -> bool {
    let Some(plan) = log.plan_compaction(now) else { return false };
    log.take_compacted(plan.run().unwrap()).unwrap();
    true
}

#[test]
fn of_each_key_the_last_record_stays_and_tombstones_go_later() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { compact: true, ..settings() });
    put(&mut log, NOBODY, 0, &[("a", Some("1")), ("b", Some("1")), ("c", Some("1"))]);
    put(&mut log, NOBODY, 0, &[("a", Some("2")), ("b", None)]);
    log.roll().unwrap();
    put(&mut log, NOBODY, 0, &[("d", Some("1")), ("a", Some("3"))]);
    put(&mut log, NOBODY, 0, &[("d", Some("2"))]);
    log.roll().unwrap();
    put(&mut log, NOBODY, 0, &[("c", Some("2"))]);
    assert!(compact(&mut log, 100));
    // c's new value is in the segment that grows, which is left alone.
    let kept = |log: &Log| {
        let all = all(log).into_iter();
        all.map(|(offset, key, value)| format!("{offset}{key}{}", value.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&log), ["2c1", "4b", "6a3", "7d2", "8c2"]);
    assert!(!compact(&mut log, 1_000), "nothing is new, and the tombstone may not go yet");
    assert!(compact(&mut log, 1_100));
    assert_eq!(kept(&log), ["2c1", "6a3", "7d2", "8c2"]);
    assert!(!compact(&mut log, 9_000));
    drop(log);
    let log = open(&dir, settings());
    assert_eq!(kept(&log), ["2c1", "6a3", "7d2", "8c2"]);
    assert_eq!(log.end(), 9);
}

#[test]
fn a_log_begins_where_it_did_also_when_nothing_is_left_of_its_first_segment() {
    let dir = Dir::new();
    let compacted = || Settings { compact: true, ..settings() };
    let mut log = open(&dir, compacted());
    for value in ["1", "2"] {
        put(&mut log, NOBODY, 0, &[("a", Some(value))]);
        log.roll().unwrap();
    }
    assert!(compact(&mut log, 100));
    assert_eq!((log.segments.len(), log.start()), (2, 0));
    drop(log);
    let mut log = open(&dir, Settings { retention_ms: 1_000, ..compacted() });
    assert_eq!((offsets(&log), log.start()), (vec![1], 0));
    assert!(log.retain(500).unwrap().0.is_empty());
    assert_eq!(log.start(), 0);
    assert_eq!(log.retain(5_000).unwrap().0.len(), 1);
    assert_eq!(log.start(), 2);
}

#[test]
fn compaction_drops_what_was_aborted_and_leaves_open_transactions_alone() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { compact: true, ..settings() });
    let by = |producer| By { producer, epoch: 0, sequence: 0, transactional: true };
    put(&mut log, by(1), 0, &[("a", Some("1"))]);
    put(&mut log, by(2), 0, &[("a", Some("2")), ("b", Some("2"))]);
    end(&mut log, by(1), true);
    end(&mut log, by(2), false);
    log.roll().unwrap();
    put(&mut log, by(3), 0, &[("a", Some("3"))]);
    log.roll().unwrap();
    assert!(compact(&mut log, 100));
    assert_eq!(offsets(&log), [0, 5]);
    assert!(!compact(&mut log, 5_000), "the last marker is needed to reach the end");
    end(&mut log, by(3), true);
    let open = open_again(&dir, log);
    // The committed record's marker stays with it.
    assert_eq!(open.stable_end(), open.end());
    assert_eq!(offsets(&open), [0, 5]);
}

fn open_again(dir: &Dir, log: Log) -> Log {
    drop(log);
    let _ = std::fs::remove_file(dir.path().join("checkpoint"));
    open(dir, settings())
}

fn files(dir: &Dir, ends: &str) -> Vec<std::path::PathBuf> {
    let all = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_str().unwrap().ends_with(ends)).collect()
}

#[test]
fn a_compaction_that_fails_leaves_nothing_behind_and_changes_nothing() {
    let dir = Dir::new();
    let mut log = open(&dir, Settings { compact: true, ..settings() });
    for key in ["b", "c"] {
        put(&mut log, NOBODY, 0, &[("a", Some("1")), (key, Some("1"))]);
        log.roll().unwrap().unwrap().write(None).unwrap();
    }
    // There is room for the first segment, and none for the second.
    let second = log.segments[1].path.clone().unwrap().with_extension("clean");
    std::os::unix::fs::symlink("/dev/full", second).unwrap();
    assert!(log.plan_compaction(100).unwrap().run().is_err());
    assert!(files(&dir, ".clean").is_empty());
    assert_eq!((offsets(&log), files(&dir, ".index").len()), ((0..4).collect(), 2));
    assert!(compact(&mut log, 100));
    assert_eq!((offsets(&log), files(&dir, ".clean").len()), (vec![1, 2, 3], 0));
}

#[test]
fn what_an_unfinished_compaction_left_is_removed_at_the_next_start() {
    let dir = Dir::new();
    let mut log = open(&dir, settings());
    put(&mut log, NOBODY, 0, &[("a", Some("1"))]);
    let path = log.segments[0].path.clone().unwrap();
    drop(log);
    std::fs::copy(&path, path.with_extension("clean")).unwrap();
    std::fs::copy(&path, path.with_file_name("00000000000000000007.clean")).unwrap();
    let log = open(&dir, settings());
    assert_eq!((offsets(&log), log.segments.len()), (vec![0], 1));
    assert!(files(&dir, ".clean").is_empty());
}
