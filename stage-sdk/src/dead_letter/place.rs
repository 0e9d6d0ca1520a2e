//! Where a record lies, as a person writes it.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A record's coordinates: `pizza[2]@17`, as the list shows them, or `pizza-2-17`.
///
/// ```
/// use stage_sdk::dead_letter::Place;
///
/// let place: Place = "pizza-2-17".parse().unwrap();
/// assert_eq!((place.partition, place.offset), (2, 17));
/// assert_eq!(place.to_string(), "pizza[2]@17");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]@{}", self.topic, self.partition, self.offset)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        let shown = || {
            let (rest, offset) = text.rsplit_once("]@")?;
            let (topic, partition) = rest.rsplit_once('[')?;
            Some((topic, partition, offset))
        };
        let dashed = || {
            let (rest, offset) = text.rsplit_once('-')?;
            let (topic, partition) = rest.rsplit_once('-')?;
            Some((topic, partition, offset))
        };
        let place = shown().or_else(dashed).and_then(|(topic, partition, offset)| {
            let (partition, offset) = (partition.parse().ok()?, offset.parse().ok()?);
            (!topic.is_empty() && partition >= 0 && offset >= 0).then(|| Place {
                topic: topic.to_owned(),
                partition,
                offset,
            })
        });
        place.ok_or_else(|| "expected TOPIC-PARTITION-OFFSET, as pizza-2-17 or pizza[2]@17".into())
    }
}

/// Some offsets of one partition: `2:100..200`, ends included and optional, or `2:17`, or `2`.
///
/// ```
/// use stage_sdk::dead_letter::Offsets;
///
/// let some: Offsets = "2:100..200".parse().unwrap();
/// assert!(some.partition == 2 && some.range.contains(&200));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    /// The partition.
    pub partition: i32,
    /// The offsets, ends included.
    pub range: RangeInclusive<i64>,
}

impl FromStr for Offsets {
    type Err = String;

    fn from_str(text: &str) -> Result<Offsets, String> {
        let read = || {
            let (partition, range) = text.split_once(':').unwrap_or((text, ".."));
            let (from, to) = range.split_once("..").unwrap_or((range, range));
            let from = if from.is_empty() { 0 } else { from.parse().ok()? };
            let to = if to.is_empty() { i64::MAX } else { to.parse().ok()? };
            let partition = partition.parse().ok().filter(|number| *number >= 0)?;
            (0 <= from && from <= to).then_some(Offsets { partition, range: from..=to })
        };
        read().ok_or_else(|| {
            "expected PARTITION:FROM..TO, as 2:100..200 (both included), 2:100.., 2:17 or 2".into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_place() {
        let place = Place { topic: "with-sauce.cheese.dlq".into(), partition: 2, offset: 17 };
        assert_eq!("with-sauce.cheese.dlq-2-17".parse(), Ok(place.clone()));
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "pizza", "pizza-2", "pizza-2-x", "-2-17", "pizza[2]17", "pizza[-2]@17"] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_may_be_open() {
        let range = |text: &str| text.parse::<Offsets>().map(|offsets| offsets.range);
        assert_eq!(range("2:100..200"), Ok(100..=200));
        assert_eq!(range("2:100.."), Ok(100..=i64::MAX));
        assert_eq!(range("2:..5"), Ok(0..=5));
        assert_eq!(range("2:17"), Ok(17..=17));
        assert_eq!(range("0"), Ok(0..=i64::MAX));
        for bad in ["", ":", "x:1..2", "1:5..4", "1:-3..4", "-1:1", "1:a..b"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}
