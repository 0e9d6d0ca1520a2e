//! Which dead letters are meant.

use super::place::Offsets;
use super::{DeadLetter, epoch_millis, when};
use crate::record::Headers;

/// Which dead letters: those that every given filter lets through. Times are milliseconds since the epoch.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which dead letters")]
pub struct Filter {
    /// Those whose disposition, error class or error message has this in it; upper or lower case
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Those of this key
    #[arg(long, value_name = "TEXT")]
    pub key: Option<String>,

    /// Those that died then or later: 2026-11-21T14:51:07Z, 2026-11-21, or how long ago: 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<i64>,

    /// Those that died before
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<i64>,

    /// Those at these offsets of the dead-letter topic, ends included; may be given several times
    #[arg(long, value_name = "PARTITION:FROM..TO")]
    pub offsets: Vec<Offsets>,

    /// Those with this header, or with this value of it; may be given several times
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub header: Vec<String>,

    /// Those of this stage or connector; set from --stage where topics are named
    #[arg(skip)]
    pub stage: Option<String>,
}

fn time(text: &str) -> Result<i64, String> {
    when::parse(text, epoch_millis())
}

impl Filter {
    pub(super) fn lets(&self, letter: &DeadLetter) -> bool {
        self.reason.as_deref().is_none_or(|reason| has_reason(letter, reason))
            && self.stage.as_ref().is_none_or(|stage| letter.stage.as_ref() == Some(stage))
            && self.key.as_ref().is_none_or(|key| letter.key.as_deref() == Some(key.as_bytes()))
            && self.since.is_none_or(|since| letter.died() >= since)
            && self.until.is_none_or(|until| letter.died() < until)
            && (self.offsets.is_empty() || self.offsets.iter().any(|some| lies_in(letter, some)))
            && self.header.iter().all(|header| has_header(letter, header))
    }
}

fn has_reason(letter: &DeadLetter, reason: &str) -> bool {
    let reason = reason.to_lowercase();
    let texts = [&letter.disposition, &letter.class, &letter.message];
    texts.into_iter().flatten().any(|text| text.to_lowercase().contains(&reason))
}

fn lies_in(letter: &DeadLetter, offsets: &Offsets) -> bool {
    letter.partition == offsets.partition && offsets.range.contains(&letter.offset)
}

fn has_header(letter: &DeadLetter, wanted: &str) -> bool {
    Headers::new(&letter.headers).any(|(name, value)| match wanted.split_once('=') {
        None => name == wanted,
        Some((wanted, text)) => name == wanted && value == Some(text.as_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::pack;

    fn letter() -> DeadLetter {
        let mut headers = Vec::new();
        pack(&mut headers, "shop", Some(b"north=1"));
        DeadLetter {
            partition: 2,
            offset: 17,
            time: 900,
            last_failure: Some(1000),
            key: Some(b"k7".to_vec()),
            disposition: Some("rejected".into()),
            message: Some("No cheese".into()),
            stage: Some("sauce".into()),
            headers,
            ..DeadLetter::default()
        }
    }

    #[test]
    fn every_filter_lets_its_own_through_and_nothing_else() {
        let text = |text: &str| Some(text.to_owned());
        let offsets = |text: &str| vec!["1".parse().unwrap(), text.parse().unwrap()];
        let none = Filter::default;
        let pairs = [
            (
                Filter { reason: text("REJECT"), ..none() },
                Filter { reason: text("late"), ..none() },
            ),
            (Filter { reason: text("no chee"), ..none() }, Filter { reason: text("x"), ..none() }),
            (Filter { key: text("k7"), ..none() }, Filter { key: text("k"), ..none() }),
            (Filter { since: Some(1000), ..none() }, Filter { since: Some(1001), ..none() }),
            (Filter { until: Some(1001), ..none() }, Filter { until: Some(1000), ..none() }),
            (Filter { stage: text("sauce"), ..none() }, Filter { stage: text("meat"), ..none() }),
            (
                Filter { offsets: offsets("2:17"), ..none() },
                Filter { offsets: offsets("2:18.."), ..none() },
            ),
            (
                Filter { header: vec!["shop".into()], ..none() },
                Filter { header: vec!["shop".into(), "sho".into()], ..none() },
            ),
            (
                Filter { header: vec!["shop=north=1".into()], ..none() },
                Filter { header: vec!["shop=north".into()], ..none() },
            ),
        ];
        for (lets, stops) in pairs {
            assert!(lets.lets(&letter()), "{lets:?}");
            assert!(!stops.lets(&letter()), "{stops:?}");
        }
        assert!(none().lets(&letter()));
    }
}
