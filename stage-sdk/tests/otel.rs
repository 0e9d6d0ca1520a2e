//! What a collector is sent: a span of each attempt at a record that is traced, and metrics. With the feature `otel`, on the
//! broker given by STAGE_TEST_BROKERS.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use stage_sdk::chain::{Chain, plan};
use stage_sdk::otel::{Otel, Settings};
use stage_sdk::{Bytes, Context, Result};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A request: its path, its head, its body.
type Request = (String, String, Vec<u8>);

/// Takes what is sent, and says so.
fn collector() -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let tell = tell.clone();
            std::thread::spawn(move || answer(stream.unwrap(), &tell));
        }
    });
    (address, told)
}

fn answer(stream: std::net::TcpStream, tell: &Sender<Request>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        reader.read_exact(&mut body).unwrap();
        let path = head.split_whitespace().nth(1).unwrap().to_owned();
        if tell.send((path, head, body)).is_err() {
            return;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

/// Fails the first attempt at a record, and answers the second.
fn hesitate(Bytes(text): Bytes<Vec<u8>>, cx: &Context) -> Result<Bytes<Vec<u8>>> {
    match cx.attempt() {
        1 => Err(std::io::Error::other("not yet"))?,
        _ => Ok(Bytes(text)),
    }
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|one| one.key == name);
    match found.and_then(|one| one.value.clone()) {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text,
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => number.to_string(),
        _ => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_collector_hears_of_attempts_and_of_numbers() {
    let Ok(servers) = std::env::var("STAGE_TEST_BROKERS") else {
        return eprintln!("!!!!!! SKIPPED: STAGE_TEST_BROKERS NAMES NO BROKER !!!!!!");
    };
    let name = format!("t{:08x}", rand::random::<u32>());
    let (input, output) = (format!("{name}-in"), format!("{name}-out"));
    let map = format!(
        "[chain]\nname = \"{name}\"\n[topics]\n{input} = {{ partitions = 1, source = true }}\n{output} = {{ partitions = 1 }}\n[stages.hesitate]\ninput = \"{input}\"\noutput = \"{output}\"\nretry = {{ backoff = \"10ms..10ms\" }}\n"
    );
    let chain = Chain::parse(&map, "the test's route map").unwrap();
    let mut service = chain.service("hesitate").unwrap();
    service.broker.servers.clone_from(&servers);
    plan::apply(&plan::plan(&chain, &service.broker).unwrap(), &service.broker).unwrap();
    let (endpoint, told) = collector();
    let settings = Settings {
        endpoint,
        headers: vec![("api-key".into(), "a secret".into())],
        interval: Duration::from_millis(200),
        ..Settings::default()
    };
    service.otel = Some(Otel::open(&settings).unwrap());
    let running = service.start(hesitate).unwrap();

    let mut client = ClientConfig::new();
    let producer: ThreadedProducer<DefaultProducerContext> =
        client.set("bootstrap.servers", &servers).create().unwrap();
    for (key, flags) in [("traced", Some("01")), ("quiet", Some("00")), ("alone", None)] {
        let parent = flags.map(|flags| format!("00-{TRACE}-{PARENT}-{flags}"));
        let mut headers = OwnedHeaders::new();
        if let Some(parent) = &parent {
            headers = headers.insert(Header { key: "traceparent", value: Some(parent) });
        }
        let record = BaseRecord::to(&input).key(key).payload("pizza").headers(headers);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(10)).unwrap();

    let (mut spans, mut taken, mut attempts, mut heads) = (Vec::<Span>::new(), 0, 0, Vec::new());
    let begun = Instant::now();
    while spans.len() < 2 || taken < 3 || attempts < 3 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{spans:#?} {taken} {attempts}");
        let Ok((path, head, body)) = told.recv_timeout(Duration::from_secs(1)) else { continue };
        heads.push(head);
        match path.as_str() {
            "/v1/traces" => {
                let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
                for of_group in request.resource_spans {
                    let resource = of_group.resource.unwrap();
                    let service = text(&resource.attributes, "service.name");
                    assert_eq!(service, format!("{name}.hesitate"));
                    spans.extend(of_group.scope_spans.into_iter().flat_map(|scope| scope.spans));
                }
            }
            "/v1/metrics" => {
                let all = numbers(&body);
                taken = taken.max(sum(&all, "stage.records.in"));
                attempts = attempts.max(sum(&all, "stage.retry.attempts"));
            }
            other => panic!("{other}"),
        }
    }
    assert!(heads.iter().all(|head| head.contains("api-key: a secret")), "{heads:?}");
    running.stop_handle().stop();
    running.wait().unwrap();
    drop(service);
    let (path, _, body) = told.try_iter().last().expect("the last metrics");
    assert_eq!(path, "/v1/metrics");
    let last = numbers(&body);
    assert_eq!(sum(&last, "stage.records.in"), 3, "what has ended has counted: {last:#?}");
    assert_eq!(count(&last, "messaging.process.duration"), 6, "{last:#?}");

    spans.sort_by_key(|span| span.start_time_unix_nano);
    assert_eq!(spans.len(), 2, "of the traced record only: {spans:#?}");
    for (at, span) in spans.iter().enumerate() {
        assert_eq!(span.name, format!("process {input}"));
        assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
        assert_eq!(hex(&span.links[0].span_id), PARENT);
        assert_eq!(text(&span.attributes, "stage.attempt"), (at + 1).to_string());
        assert_eq!(text(&span.attributes, "messaging.destination.name"), input);
        assert_eq!(text(&span.attributes, "messaging.kafka.offset"), "0");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    assert_ne!(spans[0].span_id, spans[1].span_id);
    let failed = spans[0].status.as_ref().unwrap();
    assert_eq!((failed.code, failed.message.as_str()), (2, "not yet"));
    assert_eq!(text(&spans[0].attributes, "error.type"), "retry");
    assert!(spans[1].status.is_none(), "{:?}", spans[1].status);
}

/// The metrics of a request.
fn numbers(body: &[u8]) -> Vec<Metric> {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    let all = request.resource_metrics.into_iter().flat_map(|of| of.scope_metrics);
    all.flat_map(|scope| scope.metrics).collect()
}

/// How many a histogram has.
fn count(metrics: &[Metric], name: &str) -> u64 {
    let metric = metrics.iter().find(|metric| metric.name == name);
    match metric.and_then(|metric| metric.data.clone()) {
        Some(metric::Data::Histogram(found)) => found.data_points.iter().map(|of| of.count).sum(),
        _ => 0,
    }
}

/// A counter's value.
fn sum(metrics: &[Metric], name: &str) -> i64 {
    let metric = metrics.iter().find(|metric| metric.name == name);
    let Some(metric::Data::Sum(sum)) = metric.and_then(|metric| metric.data.clone()) else {
        return 0;
    };
    assert!(sum.is_monotonic);
    let value = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| match point.value
    {
        Some(number_data_point::Value::AsInt(number)) => number,
        _ => panic!("{point:?}"),
    };
    sum.data_points.iter().map(value).sum()
}
