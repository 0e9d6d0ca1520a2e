//! A span for each attempt at a record that somebody traces.

use super::metrics::now;
use super::{attribute, scope, with};
use crate::context::Context;
use crate::failure::Kind;
use crate::record::{Headers, Record};
use crate::worker::Attempt;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Ended, Status};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Spans that wait to be sent; more are dropped.
const WAITING: usize = 8_192;

/// Of an error's text, in bytes.
const TEXT: usize = 4_096;

/// Spans that have ended, with their group.
#[derive(Default)]
pub(super) struct Spans {
    ended: Mutex<Vec<(Arc<str>, Ended)>>,
    /// Those for which there was no room, since they were last taken.
    dropped: AtomicU64,
    /// That some were dropped was said.
    said: AtomicBool,
}

impl Spans {
    /// Those that have ended since the last time; none: there are none.
    pub(super) fn take(
        &self,
        resource: impl Fn(&str) -> Resource,
    ) -> Option<ExportTraceServiceRequest> {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if self.said.swap(dropped > 0, Ordering::Relaxed) != (dropped > 0) {
            match dropped {
                0 => tracing::warn!("spans are kept until they are sent again"),
                _ => tracing::warn!(
                    dropped,
                    "more spans end than are kept until they are sent: some are dropped until it is said otherwise"
                ),
            }
        }
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_group: BTreeMap<Arc<str>, Vec<Ended>> = BTreeMap::new();
        for (group, span) in ended {
            by_group.entry(group).or_default().push(span);
        }
        let of_group = |(group, spans): (Arc<str>, Vec<Ended>)| {
            let scope_spans = vec![ScopeSpans { scope: scope(), spans, schema_url: String::new() }];
            ResourceSpans { resource: Some(resource(&group)), scope_spans, ..Default::default() }
        };
        let resource_spans: Vec<_> = by_group.into_iter().map(of_group).collect();
        (!resource_spans.is_empty()).then_some(ExportTraceServiceRequest { resource_spans })
    }

    fn add(&self, group: &Arc<str>, span: Ended) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        match ended.len() < WAITING {
            true => ended.push((group.clone(), span)),
            false => _ = self.dropped.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// Makes the spans of a worker, if anybody takes them.
#[derive(Clone, Default)]
pub(crate) struct Tracer(Option<Taken>);

#[derive(Clone)]
struct Taken {
    spans: Arc<Spans>,
    stage: Arc<str>,
    group: Arc<str>,
}

/// An attempt that runs; none: nobody traces it. Dropped, it was given up.
pub(crate) struct Span(Option<Open>);

struct Open {
    by: Taken,
    span: Ended,
}

impl Tracer {
    /// Of a stage and its group.
    pub(super) fn new(spans: Option<Arc<Spans>>, stage: &str, group: &str) -> Tracer {
        Tracer(spans.map(|spans| Taken { spans, stage: stage.into(), group: group.into() }))
    }

    /// An attempt begins.
    pub(crate) fn begin(&self, record: &Record<'_>, cx: &Context) -> Span {
        let Some(by) = &self.0 else { return Span(None) };
        let parent = Headers::new(record.headers).find(|(name, _)| *name == "traceparent");
        let parent = parent.and_then(|(_, value)| Parent::read(value?)).filter(|p| p.is_sampled);
        Span(parent.map(|parent| Open { by: by.clone(), span: begun(&parent, record, cx, by) }))
    }
}

impl std::fmt::Debug for Tracer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tracer").field(&self.0.is_some()).finish()
    }
}

impl Span {
    /// The attempt came out like this.
    pub(crate) fn end(mut self, result: &Attempt) {
        let Some(open) = self.0.take() else { return };
        match result {
            Ok(()) => open.end(None),
            Err((_, failure)) => open.end(Some((word(failure.kind), failure.text()))),
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            open.end(Some(("cancelled", "it was given up, or took too long".to_owned())));
        }
    }
}

impl Open {
    fn end(self, error: Option<(&str, String)>) {
        let Open { by, mut span } = self;
        span.end_time_unix_nano = now();
        if let Some((kind, mut message)) = error {
            // An error may quote the record.
            message.truncate(message.floor_char_boundary(TEXT));
            span.attributes.push(attribute("error.type", kind));
            span.status = Some(Status { message, code: StatusCode::Error as i32 });
        }
        by.spans.add(&by.group, span);
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Retry => "retry",
        Kind::Unavailable => "unavailable",
        Kind::Reject => "reject",
        Kind::Fatal => "fatal",
    }
}

fn begun(parent: &Parent, record: &Record<'_>, cx: &Context, by: &Taken) -> Ended {
    let (trace_id, parent_id) = (parent.trace.to_vec(), parent.span.to_vec());
    let int = |name: &str, value: i64| with(name, Value::IntValue(value));
    let link = Link { trace_id: trace_id.clone(), span_id: parent_id.clone(), ..Link::default() };
    Ended {
        trace_id,
        span_id: rand::random::<[u8; 8]>().to_vec(),
        parent_span_id: parent_id,
        name: format!("process {}", cx.topic()),
        kind: SpanKind::Consumer as i32,
        start_time_unix_nano: now(),
        attributes: vec![
            attribute("messaging.system", "kafka"),
            attribute("messaging.operation.name", "process"),
            attribute("messaging.operation.type", "process"),
            attribute("messaging.destination.name", cx.topic()),
            attribute("messaging.destination.partition.id", &record.partition.to_string()),
            attribute("messaging.consumer.group.name", &by.group),
            int("messaging.kafka.offset", record.offset),
            attribute("stage", &by.stage),
            int("stage.attempt", i64::from(cx.attempt())),
        ],
        links: vec![link],
        ..Ended::default()
    }
}

/// The producer's span.
struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    is_sampled: bool,
}

impl Parent {
    /// Reads `version-trace-span-flags`; none: it is none.
    fn read(value: &[u8]) -> Option<Parent> {
        let text = std::str::from_utf8(value).ok()?;
        let mut parts = text.splitn(5, '-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (version, flags) = (bytes::<1>(version)?, bytes::<1>(flags)?);
        let is_good = version != [0xff] && (version != [0] || parts.next().is_none());
        let parent =
            Parent { trace: bytes(trace)?, span: bytes(span)?, is_sampled: flags[0] & 1 == 1 };
        (is_good && parent.trace != [0; 16] && parent.span != [0; 8]).then_some(parent)
    }
}

/// So many bytes in lower-case hexadecimal digits.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != 2 * N || !text.bytes().all(is_hex) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::Parent;

    #[test]
    fn a_parent_is_read_or_is_none() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = Parent::read(good.as_bytes()).unwrap();
        assert!(parent.is_sampled && parent.trace[0] == 0x0a && parent.span[7] == 0x31);
        let quiet = good.replace("-01", "-00");
        assert!(!Parent::read(quiet.as_bytes()).unwrap().is_sampled);
        assert!(Parent::read(format!("cc{}-later", &good[2..]).as_bytes()).is_some());
        for bad in [
            String::new(),
            good[..54].into(),
            good.to_uppercase(),
            format!("{good}-more"),
            format!("ff{}", &good[2..]),
            good.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            good.replace("b7ad6b7169203331", &"0".repeat(16)),
            good.replace("0af7", "0ä7"),
        ] {
            assert!(Parent::read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
