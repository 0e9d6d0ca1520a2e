//! A dead letter that would be too large shrinks step by step, and says what it left out.

use super::{Death, Extent, PREFIX, Sender, Trouble, headers};
use crate::core::Disposition;
use crate::record::{Record, pack};

/// The packed headers and the value of a record's dead letter, within `room` bytes with its key:
/// whole, without stack trace and dialects, or
/// without value too. To stop for it instead would hold up all others,
/// and the letter says where the original is.
pub(crate) fn fit<'r>(
    record: &Record<'r>,
    sender: &Sender<'_>,
    trouble: &Trouble,
    why: Disposition,
    room: usize,
) -> (Vec<u8>, Option<&'r [u8]>) {
    let size = |part: Option<&[u8]>| part.map_or(0, <[u8]>::len);
    let death = Death { record, sender, trouble, why };
    let mut packed = Vec::new();
    for extent in [Extent::Whole, Extent::Lean] {
        packed.clear();
        headers(&mut packed, &death, extent);
        if packed.len() + size(record.key) + size(record.value) <= room {
            return (packed, record.value);
        }
    }
    if let Some(value) = record.value {
        let dropped = value.len().to_string();
        pack(&mut packed, &format!("{PREFIX}{DROPPED}"), Some(dropped.as_bytes()));
    }
    (packed, None)
}

/// The header that says how many bytes of value are missing.
pub(super) const DROPPED: &str = "value.dropped";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letter::{Dialect, Dialects};
    use crate::failure::Failure;
    use crate::record::Headers;

    fn fitted(value: Option<&[u8]>, room: usize) -> (Vec<u8>, Option<&[u8]>) {
        fitted_in(&[], value, room)
    }

    fn fitted_in<'v>(
        dialects: &[Dialect],
        value: Option<&'v [u8]>,
        room: usize,
    ) -> (Vec<u8>, Option<&'v [u8]>) {
        let record = Record { key: Some(b"key"), value, ..Record::default() };
        let dialects = Dialects { all: dialects.to_vec(), append_time: false };
        let sender = Sender { topic: "in", group: "g", stage: "s", dialects: &dialects };
        let failed = Trouble::of(&Failure::reject("no"), None);
        // With RUST_BACKTRACE it is longer.
        let trouble = Trouble { stack: "no".into(), ..failed };
        fit(&record, &sender, &trouble, Disposition::Rejected, room)
    }

    fn says(packed: &[u8], name: &str) -> Option<String> {
        let name = format!("{PREFIX}{name}");
        let value = Headers::new(packed).find(|(known, _)| *known == name)?.1?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn it_goes_whole_then_without_stack_then_without_value_and_says_so() {
        let value = [7; 1000];
        let (whole, kept) = fitted(Some(&value), 1 << 20);
        assert_eq!(kept, Some(&value[..]));
        assert_eq!(says(&whole, "exception.stacktrace").as_deref(), Some("no"));
        assert_eq!((says(&whole, "shrunk"), says(&whole, DROPPED)), (None, None));

        // The steps are taken at the very byte.
        let exact = whole.len() + 3 + 1000;
        // But for the time, which goes on.
        assert_eq!(fitted(Some(&value), exact).0.len(), whole.len());
        let (lean, kept) = fitted(Some(&value), exact - 1);
        assert_eq!(kept, Some(&value[..]));
        assert_eq!(says(&lean, "exception.stacktrace"), None);
        assert_eq!(says(&lean, "exception.message").as_deref(), Some("no"));
        assert_eq!(says(&lean, "shrunk").as_deref(), Some("stacktrace"));

        let (bare, kept) = fitted(Some(&value), lean.len() + 1002);
        assert_eq!(kept, None);
        assert_eq!(says(&bare, "shrunk").as_deref(), Some("stacktrace"));
        assert_eq!(says(&bare, DROPPED).as_deref(), Some("1000"));
        assert_eq!(says(&bare, "topic").as_deref(), Some("in"));
    }

    #[test]
    fn dialects_go_with_the_stack() {
        let both = [Dialect::Connect, Dialect::Scs];
        let (whole, _) = fitted_in(&both, None, 1 << 20);
        assert_eq!(says(&whole, "dialects").as_deref(), Some("connect,scs"));
        let theirs = |packed: &[u8]| {
            Headers::new(packed).filter(|(name, _)| both.iter().any(|one| one.owns(name))).count()
        };
        assert_eq!(theirs(&whole), 18);
        let (lean, _) = fitted_in(&both, None, whole.len() + 2);
        assert_eq!((theirs(&lean), says(&lean, "dialects")), (0, None));
        assert_eq!(says(&lean, "shrunk").as_deref(), Some("stacktrace,dialects"));
    }

    #[test]
    fn a_tombstone_never_says_that_its_value_is_missing() {
        let (packed, kept) = fitted(None, 10);
        assert_eq!((kept, says(&packed, DROPPED)), (None, None));
    }
}
