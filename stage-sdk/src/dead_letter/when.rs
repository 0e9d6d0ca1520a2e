//! Times as a person reads and writes them, in UTC.

use crate::chain::duration;

const DAY: i64 = 86_400_000;

/// `2026-11-21T14:51:07Z`, of milliseconds since the epoch; `-` for a time that is none.
pub(crate) fn utc(millis: i64) -> String {
    if millis < 0 {
        return "-".to_owned();
    }
    let (year, month, day) = date(millis.div_euclid(DAY));
    let seconds = millis.rem_euclid(DAY) / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Reads `2026-11-21T14:51:07Z`, `2026-11-21`, milliseconds since the epoch, or how long ago (`2h`).
pub(super) fn parse(text: &str, now: i64) -> Result<i64, String> {
    if let Ok(ago) = duration(text) {
        return Ok(now - i64::try_from(ago.as_millis()).unwrap_or(now));
    }
    if let Ok(millis) = text.parse() {
        return Ok(millis);
    }
    moment(text).ok_or_else(|| {
        "expected 2026-11-21T14:51:07Z, 2026-11-21, or how long ago: 30m, 2h, 7d".to_owned()
    })
}

fn moment(text: &str) -> Option<i64> {
    let (day, time) = match text.split_once(['T', ' ']) {
        Some((day, time)) => (day, time.strip_suffix('Z').unwrap_or(time)),
        None => (text, "0:0:0"),
    };
    let [year, month, day] = numbers(day, '-')?;
    let [hour, minute, second] = numbers(time, ':')?;
    let days = days(year, month, day);
    // The thirty-first of April is none.
    (date(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60)
        .then(|| days * DAY + ((hour * 60 + minute) * 60 + second) * 1000)
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let all: Vec<i64> = text.split(between).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let numbers: [i64; 3] = all.try_into().ok()?;
    (numbers[0] < 10_000 && numbers.iter().all(|number| *number >= 0)).then_some(numbers)
}

/// Days since the epoch. Years begin in March here, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1
        - 719_468
}

/// Year, month and day of a day since the epoch: the first guess is at most a year off.
fn date(since: i64) -> (i64, i64, i64) {
    let mut year = 1970 + since.div_euclid(366);
    while days(year + 1, 1, 1) <= since {
        year += 1;
    }
    let month = (1..=12).rev().find(|month| days(year, *month, 1) <= since).unwrap_or(1);
    (year, month, since - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_both_ways() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799_000),
            ("2026-11-21T14:51:07Z", 1_795_272_667_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
        ] {
            assert_eq!(utc(millis), text);
            assert_eq!(parse(text, 0), Ok(millis), "{text}");
        }
        assert_eq!(parse("2026-11-21", 0), Ok(1_795_219_200_000));
        assert_eq!(utc(-1), "-");
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in 0..146_097 {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), day);
            assert!((1..=12).contains(&month) && (1..=31).contains(&of_month));
        }
        assert_eq!(date(146_097), (2370, 1, 1));
    }

    #[test]
    fn how_long_ago_and_what_is_no_time() {
        assert_eq!(parse("2h", 10_000_000), Ok(2_800_000));
        assert_eq!(parse("1700000000000", 0), Ok(1_700_000_000_000));
        for bad in ["", "soon", "2026-04-31", "2026-13-01", "2026-01-01T24:00:00Z", "2026-01"] {
            assert!(parse(bad, 0).is_err(), "{bad}");
        }
    }
}
