//! How far a partition is done, and how that travels in the offset commit.
//!
//! The committed offset is the watermark: below it everything is finished. Above it, handlers of
//! other keys may have finished ahead. The few offsets that are *not* finished travel in the
//! commit's metadata, so that a new owner skips the finished ones. The unfinished are encoded and
//! never the finished: they take at most [`MAX_LENGTH`] characters, however far ahead the rest is.

/// The most characters that a partition's unfinished offsets may take; at the bound it waits.
///
/// The broker allows 4,096 bytes of metadata (`offset.metadata.max.bytes`), and 46 are for the rest. An
/// offset takes one character where the one before is near, and more where it is far: there is room for
/// 1,500 to 4,000.
pub const MAX_LENGTH: usize = 4_000;

/// How far a partition may run ahead of its watermark, in offsets.
pub const MAX_AHEAD: i64 = 1 << 20;

/// Everything below `next` is finished; from there to `upto` all but `unfinished`; from `upto` on
/// nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Position {
    /// The watermark: what is committed as the offset.
    pub next: i64,
    /// The unfinished offsets in `next..upto`, ascending.
    pub unfinished: Vec<i64>,
    /// The end of what was finished ahead.
    pub upto: i64,
    /// The tag of the window that committed it; empty: somebody else's commit.
    pub tag: String,
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Position {
    /// Nothing ahead of `offset`.
    pub fn at(offset: i64) -> Position {
        Position { next: offset, upto: offset, ..Position::default() }
    }

    /// The position with these unfinished offsets, ascending, where all others below `upto` are
    /// finished.
    pub fn new(mut unfinished: Vec<i64>, mut upto: i64) -> Position {
        while unfinished.last() == Some(&(upto - 1)) {
            unfinished.pop();
            upto -= 1;
        }
        let next = unfinished.first().copied().unwrap_or(upto);
        Position { next, unfinished, upto, tag: String::new() }
    }

    /// Whether a record of this offset is finished.
    pub fn is_finished(&self, offset: i64) -> bool {
        offset < self.next
            || (offset < self.upto && self.unfinished.binary_search(&offset).is_err())
    }

    /// As `self` below `cut`, as `earlier` from `cut` on.
    pub fn splice(&self, earlier: &Position, cut: i64) -> Position {
        let mut unfinished: Vec<i64> =
            self.unfinished.iter().copied().filter(|o| *o < cut).collect();
        let mut upto = self.upto.min(cut);
        if earlier.upto > cut {
            unfinished.extend(earlier.unfinished.iter().filter(|o| **o >= cut));
            upto = earlier.upto;
        }
        Position::new(unfinished, upto)
    }

    /// The text for the commit's metadata: `1:<tag>:<numbers>`, each number in 5-bit groups over
    /// 64 characters, lowest first: first `upto - next`, then the gaps between the unfinished.
    pub fn metadata(&self) -> String {
        let mut text = format!("1:{}:", self.tag);
        put(&mut text, self.upto - self.next);
        for pair in self.unfinished.windows(2) {
            put(&mut text, pair[1] - pair[0] - 1);
        }
        text
    }

    /// Reads what a commit left: an offset, and metadata that may be empty or somebody else's.
    ///
    /// # Errors
    /// The metadata is of a newer version of this library, or damaged: to go on would run
    /// finished records again.
    pub fn read(offset: i64, metadata: &str) -> Result<Position, String> {
        let Some(rest) = metadata.strip_prefix("1:") else {
            return match metadata.split_once(':') {
                Some((version, _)) if version.parse::<u32>().is_ok() => {
                    Err(format!("offset metadata of version {version}; this library reads 1"))
                }
                _ => Ok(Position::at(offset)),
            };
        };
        let damaged = || format!("offset metadata is damaged: {metadata:?}");
        let (tag, numbers) = rest.split_once(':').ok_or_else(damaged)?;
        let mut numbers = Numbers(numbers.bytes());
        let ahead = numbers.next().ok_or_else(damaged)?.map_err(|()| damaged())?;
        let mut position = Position::at(offset);
        position.tag = tag.to_owned();
        position.upto = offset.checked_add(ahead).ok_or_else(damaged)?;
        if ahead > 0 {
            position.unfinished.push(offset);
            let mut last = offset;
            for gap in numbers {
                let rest = position.upto - last - 1;
                last += gap.ok().filter(|gap| *gap < rest).ok_or_else(damaged)? + 1;
                position.unfinished.push(last);
            }
        } else if numbers.next().is_some() {
            return Err(damaged());
        }
        Ok(position)
    }
}

/// The characters that a number of the metadata takes.
pub fn length(number: i64) -> usize {
    let bits = u64::BITS - (number as u64 | 1).leading_zeros();
    bits.div_ceil(5) as usize
}

fn put(text: &mut String, number: i64) {
    let mut rest = number as u64;
    loop {
        let more = if rest > 31 { 32 } else { 0 };
        text.push(DIGITS[(rest as usize & 31) | more] as char);
        rest >>= 5;
        if rest == 0 {
            return;
        }
    }
}

struct Numbers<'t>(std::str::Bytes<'t>);

impl Iterator for Numbers<'_> {
    type Item = Result<i64, ()>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut number, mut shift) = (0i64, 0);
        let mut digit = self.0.next()?;
        loop {
            let Some(value) = DIGITS.iter().position(|d| *d == digit) else { return Some(Err(())) };
            if shift > 55 {
                return Some(Err(()));
            }
            number |= (value as i64 & 31) << shift;
            shift += 5;
            if value & 32 == 0 {
                return Some(Ok(number));
            }
            match self.0.next() {
                Some(next) => digit = next,
                None => return Some(Err(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_comes_back() {
        let mut p = Position::new(vec![5, 6, 70, 100_000], 200_000);
        p.tag = "a-1".into();
        assert_eq!(Position::read(5, &p.metadata()), Ok(p));
        let mut done = Position::new(vec![], 42);
        done.tag = "b".into();
        assert_eq!(Position::read(42, &done.metadata()), Ok(done));
    }

    #[test]
    fn the_largest_position_fits_the_brokers_limit() {
        for step in [2, 34, 1_026, MAX_AHEAD / (MAX_LENGTH as i64 / 4), MAX_AHEAD / 900] {
            let mut far = vec![0];
            let mut taken = 0;
            while taken < MAX_LENGTH && far[far.len() - 1] < MAX_AHEAD {
                far.push(far[far.len() - 1] + step);
                taken += length(step - 1);
            }
            let last = far[far.len() - 1];
            let mut p = Position::new(far, last + 2);
            p.tag = format!("{:x}-{:x}", u64::MAX, u64::MAX);
            let text = p.metadata().len();
            assert!(text < 4096, "{step}: {text}");
        }
    }

    #[test]
    fn a_number_takes_the_length_it_is_said_to_take() {
        for bits in 0..40 {
            for number in [(1 << bits) - 1, 1 << bits, (1 << bits) + 1] {
                let mut text = String::new();
                put(&mut text, number);
                assert_eq!(text.len(), length(number), "{number}");
            }
        }
    }

    #[test]
    fn others_metadata_is_a_plain_offset_and_damage_is_an_error() {
        assert_eq!(Position::read(7, ""), Ok(Position::at(7)));
        assert_eq!(Position::read(7, "hello"), Ok(Position::at(7)));
        assert!(Position::read(7, "2:x:A").unwrap_err().contains("version 2"));
        for bad in ["1:x", "1:x:", "1:x:g", "1:x:B!", "1:x:BBBB"] {
            assert!(Position::read(7, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn splice_takes_the_lower_part_from_the_later_position() {
        let earlier = Position::new(vec![3, 8], 10);
        let later = Position::new(vec![14], 20);
        let both = later.splice(&earlier, 6);
        for (offset, finished) in
            [(3, true), (5, true), (7, true), (8, false), (9, true), (12, false)]
        {
            assert_eq!(both.is_finished(offset), finished, "{offset}");
        }
    }
}
