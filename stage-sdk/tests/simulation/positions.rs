//! The pure parts by themselves, with random input: positions, split windows, back-off.

use rand::rngs::Xoshiro256PlusPlus as Random;
use rand::{RngExt, SeedableRng};
use stage_sdk::core::position::{MAX_AHEAD, MAX_LENGTH, length};
use stage_sdk::core::window::Window;
use stage_sdk::core::{Partition, Position, Retry, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const ROUNDS: u64 = 20_000;

/// A partition of which one window finishes some records.
struct Case {
    offsets: Vec<i64>,
    before: Position,
    after: Position,
    /// Finished by the window.
    finished: BTreeSet<i64>,
}

fn case(random: &mut Random) -> Case {
    let mut offset = 0;
    let offsets: Vec<i64> = (0..random.random_range(2..12))
        .map(|_| {
            offset += random.random_range(1..4);
            offset
        })
        .collect();
    let ends = [random.random_range(0..offset), offset + 1];
    let mut open: Vec<i64> = offsets.clone();
    let mut position = |upto: i64, keep: f64| {
        open.retain(|o| *o >= upto || random.random_bool(keep));
        let unfinished = open.iter().copied().filter(|o| *o < upto).collect();
        Position::new(unfinished, upto)
    };
    let (before, after) = (position(ends[0], 0.5), position(ends[1], 0.4));
    let done = |o: &&i64| !before.is_finished(**o) && after.is_finished(**o);
    let finished = offsets.iter().filter(done).copied().collect();
    Case { offsets, before, after, finished }
}

/// Commits a window in pieces, split as often as chance will have it, and looks at each piece.
#[test]
fn halves_committed_one_after_the_other_make_the_whole() {
    for seed in 0..ROUNDS {
        let random = &mut Random::seed_from_u64(seed);
        let mut cases: BTreeMap<Partition, Case> = (0..random.random_range(1..=3))
            .map(|number| (Partition { input: 0, number }, case(random)))
            .collect();
        cases.retain(|_, case| !case.finished.is_empty());
        let mut window = Window::new(0);
        for (partition, case) in &cases {
            for offset in &case.finished {
                window.add(Time::ZERO, *partition, *offset, Some(1));
            }
            let part = window.parts.get_mut(partition).unwrap();
            part.position = case.after.clone();
        }
        let mut committed: BTreeMap<Partition, Position> =
            cases.iter().map(|(p, case)| (*p, case.before.clone())).collect();
        let mut pieces = if window.parts.is_empty() { vec![] } else { vec![window] };
        let mut number = 0;
        while let Some(piece) = pieces.pop() {
            if piece.single().is_none() && random.random_bool(0.7) {
                number += 2;
                let [lower, upper] =
                    piece.split([number - 1, number], |partition| committed[&partition].clone());
                pieces.extend([upper, lower]);
                continue;
            }
            for (partition, part) in &piece.parts {
                let before = committed.insert(*partition, part.position.clone()).unwrap();
                for offset in &cases[partition].offsets {
                    let sent = piece.holds(*partition, *offset)
                        && cases[partition].finished.contains(offset);
                    let finished = before.is_finished(*offset) || sent;
                    assert_eq!(part.position.is_finished(*offset), finished, "{seed}: {offset}");
                }
            }
        }
        for (partition, case) in &cases {
            assert_eq!(committed[partition], case.after, "{seed}");
        }
    }
}

#[test]
fn any_position_comes_back_from_its_metadata() {
    for seed in 0..ROUNDS / 10 {
        let random = &mut Random::seed_from_u64(seed);
        let far = random.random_range(0..=20);
        let room = random.random_range(0..=MAX_LENGTH);
        let first = random.random_range(0..1 << 40);
        let (mut unfinished, mut offset, mut taken) = (Vec::new(), first, 0);
        while taken < room && offset - first < MAX_AHEAD {
            unfinished.push(offset);
            let gap = random.random_range(0..1 << far);
            taken += length(gap);
            offset += gap + 1;
        }
        let mut position = Position::new(unfinished, offset);
        position.tag = format!("{:x}-{:x}", random.random::<u64>(), random.random::<u64>());
        let text = position.metadata();
        assert!(text.len() < 4096, "{seed}: {}", text.len());
        assert_eq!(Position::read(position.next, &text), Ok(position), "{seed}");
    }
}

#[test]
fn waits_grow_and_stay_within_their_limits() {
    for seed in 0..ROUNDS {
        let random = &mut Random::seed_from_u64(seed);
        let first = Duration::from_micros(random.random_range(1..1_000_000));
        let longest = first * random.random_range(1..1000);
        let retry = Retry { first, longest, ..Retry::default() };
        let salt = random.random();
        for failures in 1..40 {
            let full = first.saturating_mul(1 << (failures - 1).min(20)).min(longest);
            let wait = retry.wait(failures, salt);
            assert!(wait <= full && wait >= full.mul_f64(0.74), "{seed}: {failures} {wait:?}");
        }
    }
}

#[test]
fn records_that_failed_together_do_not_come_back_together() {
    let retry = Retry::default();
    let waits: BTreeSet<Duration> = (0..100).map(|offset| retry.wait(1, offset)).collect();
    assert!(waits.len() > 30, "{}", waits.len());
}
