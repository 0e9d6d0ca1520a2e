//! The trace of an order: W3C's Trace Context, <https://www.w3.org/TR/trace-context/>.
//!
//! Each pizza's record has it as headers, which stages leave as they are: all that is done for an order is found
//! under one trace, by whatever reads the topics. We record no spans ourselves, so what a client gives goes on as it is.

use axum::http::HeaderMap;
use stage_sdk::record::pack;
use uuid::Uuid;

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";

/// The longest state that goes on; the recommendation wants 512 at least.
const LONGEST: usize = 512;

/// The trace that an order belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    parent: String,
    /// What other systems have to say of it; it goes on only with a parent.
    state: Option<String>,
}

impl Trace {
    /// The client's, if it gives a good one; else a new one.
    pub fn of(headers: &HeaderMap) -> Trace {
        let only = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let (first, second) = (all.next(), all.next());
            first.filter(|_| second.is_none()).and_then(|value| value.to_str().ok())
        };
        let Some(parent) = only(PARENT).filter(|parent| is_parent(parent)) else {
            return Trace::new();
        };
        // Several fields are one list.
        let states = headers.get_all(STATE).iter().map(|value| value.to_str().ok());
        let state = states.collect::<Option<Vec<&str>>>().unwrap_or_default().join(",");
        let state = Some(state).filter(|state| (1..=LONGEST).contains(&state.len()));
        Trace { parent: parent.to_owned(), state }
    }

    /// Marked as sampled: who has said nothing wants to find what he ordered.
    fn new() -> Trace {
        let (trace, parent) = (Uuid::new_v4().simple(), Uuid::new_v4().simple().to_string());
        Trace { parent: format!("00-{trace}-{}-01", &parent[..16]), state: None }
    }

    /// Appends it to a record's headers.
    pub fn pack(&self, headers: &mut Vec<u8>) {
        pack(headers, PARENT, Some(self.parent.as_bytes()));
        if let Some(state) = &self.state {
            pack(headers, STATE, Some(state.as_bytes()));
        }
    }
}

/// `version-trace-parent-flags`, in lower-case hexadecimal digits. What comes behind in later versions is none of our
/// business, as long as it is short.
fn is_parent(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let is_zero = |part: &str| part.bytes().all(|b| b == b'0');
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let [version, trace, parent, flags, more @ ..] = parts.as_slice() else { return false };
    [*version, *trace, *parent, *flags].map(str::len) == [2, 32, 16, 2]
        && [*version, *trace, *parent, *flags].into_iter().all(is_hex)
        && *version != "ff"
        && !is_zero(trace)
        && !is_zero(parent)
        && (more.is_empty() || *version != "00" && text.len() <= LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderName;

    const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    fn of(fields: &[(&'static str, &str)]) -> Trace {
        let field = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        Trace::of(&fields.iter().map(field).collect())
    }

    #[test]
    fn a_clients_trace_goes_on_as_it_is() {
        let state = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";
        let trace = of(&[(PARENT, GOOD), (STATE, state)]);
        assert_eq!(trace, Trace { parent: GOOD.into(), state: Some(state.into()) });
        let twice = of(&[(PARENT, GOOD), (STATE, "a=b"), (STATE, "c=d,e=f")]);
        assert_eq!(twice.state.as_deref(), Some("a=b,c=d,e=f"));
        let later = format!("cc{}-what-the-future-will-be-like", &GOOD[2..]);
        assert_eq!(of(&[(PARENT, &later)]), Trace { parent: later, state: None });
        let long = "a=".to_owned() + &"b".repeat(LONGEST);
        assert_eq!(of(&[(PARENT, GOOD), (STATE, &long)]).state, None);
    }

    #[test]
    fn what_is_no_trace_begins_a_new_one() {
        let digits = "0".repeat(32);
        for bad in [
            String::new(),
            GOOD[..54].into(),
            format!("{GOOD}-00"),
            GOOD.to_uppercase(),
            format!("ff{}", &GOOD[2..]),
            GOOD.replace("0af7651916cd43dd8448eb211c80319c", &digits),
            GOOD.replace("b7ad6b7169203331", &digits[..16]),
            GOOD.replace("00-0af", "00-0 f"),
            format!("01{}-{digits}", &GOOD[2..]).repeat(20),
        ] {
            let trace = of(&[(PARENT, &bad), (STATE, "a=b")]);
            assert!(trace.parent != bad && is_parent(&trace.parent), "{bad}: {trace:?}");
            assert_eq!(trace.state, None, "{bad}");
        }
        assert!(of(&[(PARENT, GOOD), (PARENT, GOOD)]).parent != GOOD, "which of them?");
        assert_ne!(of(&[]), of(&[]));
    }
}
