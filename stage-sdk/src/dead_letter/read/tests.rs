//! Dead letters as their writers write them, byte by byte from these projects' sources.

use super::*;

const NUMBERS: [&[u8]; 3] =
    [b"\0\0\0\x02", b"\0\0\0\0\0\0\x01\x2c", b"\0\0\x01\x8b\xcf\xe5\x68\x00"];

fn read(headers: &[(&str, &[u8])]) -> DeadLetter {
    let mut packed = Vec::new();
    for (name, value) in headers {
        pack(&mut packed, name, Some(value));
    }
    let record =
        Record { key: Some(b"k"), headers: &packed, time: 77, offset: 9, ..Record::default() };
    DeadLetter::read("dlq", &record)
}

fn origin(topic: &str, partition: i32, offset: i64, time: Option<i64>) -> Origin {
    Origin { topic: Some(topic.into()), partition: Some(partition), offset: Some(offset), time }
}

fn names(packed: &[u8]) -> Vec<String> {
    Headers::new(packed).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn kafka_connect() {
    let letter = read(&[
        ("own", b"1"),
        ("__connect.errors.topic", b"orders"),
        ("__connect.errors.partition", b"2"),
        ("__connect.errors.offset", b"300"),
        ("__connect.errors.connector.name", b"jdbc-sink"),
        ("__connect.errors.task.id", b"1"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"org.apache.kafka.connect.json.JsonConverter"),
        ("__connect.errors.exception.class.name", b"org.apache.kafka.connect.errors.DataException"),
        ("__connect.errors.exception.message", b"Converting byte[] failed"),
        ("__connect.errors.exception.stacktrace", b"org.apache\n\tat here"),
    ]);
    assert_eq!(letter.writer, Some(Writer::Other(Dialect::Connect)));
    assert_eq!(letter.origin, origin("orders", 2, 300, Some(77)), "it keeps the record's time");
    assert_eq!(letter.stage.as_deref(), Some("jdbc-sink"));
    assert_eq!(letter.reason(), "org.apache.kafka.connect.errors.DataException");
    assert_eq!(letter.message.as_deref(), Some("Converting byte[] failed"));
    assert_eq!(letter.stack.as_deref(), Some("org.apache\n\tat here"));
    assert_eq!(names(&letter.original_headers()), ["own"]);
}

#[test]
fn kafka_streams() {
    let letter = read(&[
        ("__streams.errors.exception", b"org.example.Bad: no: cheese"),
        ("__streams.errors.message", b"no: cheese"),
        ("__streams.errors.stacktrace", b"org.example.Bad: no: cheese\n\tat here"),
        ("__streams.errors.topic", b"orders"),
        ("__streams.errors.partition", b"2"),
        ("__streams.errors.offset", b"300"),
    ]);
    assert_eq!(letter.writer, Some(Writer::Other(Dialect::Streams)));
    assert_eq!(letter.origin, origin("orders", 2, 300, Some(77)));
    assert_eq!(
        (letter.reason(), letter.message.as_deref()),
        ("org.example.Bad", Some("no: cheese"))
    );
    assert_eq!(names(&letter.original_headers()), [""; 0]);
}

#[test]
fn spring_kafka() {
    let letter = read(&[
        ("own", b"1"),
        ("kafka_dlt-original-topic", b"orders"),
        ("kafka_dlt-original-partition", NUMBERS[0]),
        ("kafka_dlt-original-offset", NUMBERS[1]),
        ("kafka_dlt-original-timestamp", NUMBERS[2]),
        ("kafka_dlt-original-timestamp-type", b"CreateTime"),
        ("kafka_dlt-original-consumer-group", b"billing"),
        (
            "kafka_dlt-exception-fqcn",
            b"org.springframework.kafka.listener.ListenerExecutionFailedException",
        ),
        ("kafka_dlt-exception-cause-fqcn", b"java.lang.IllegalStateException"),
        ("kafka_dlt-exception-message", b"Listener failed; no cheese"),
        ("kafka_dlt-exception-stacktrace", b"at here"),
    ]);
    assert_eq!(letter.writer, Some(Writer::Other(Dialect::Spring)));
    assert_eq!(letter.origin, origin("orders", 2, 300, Some(1_700_000_000_000)));
    assert_eq!(letter.group.as_deref(), Some("billing"));
    assert_eq!(letter.message.as_deref(), Some("Listener failed; no cheese"));
    assert_eq!(names(&letter.original_headers()), ["own"]);
}

#[test]
fn spring_cloud_stream() {
    let letter = read(&[
        ("x-original-host", b"example.org"),
        ("x-original-topic", b"orders"),
        ("x-original-partition", NUMBERS[0]),
        ("x-original-offset", NUMBERS[1]),
        ("x-original-timestamp", NUMBERS[2]),
        ("x-original-timestamp-type", b"CreateTime"),
        ("x-exception-fqcn", b"org.example.Bad"),
        ("x-exception-message", b"no"),
        ("x-exception-stacktrace", b"at here"),
    ]);
    assert_eq!(letter.writer, Some(Writer::Other(Dialect::Scs)));
    assert_eq!(letter.origin, origin("orders", 2, 300, Some(1_700_000_000_000)));
    assert_eq!((letter.reason(), letter.stack.as_deref()), ("org.example.Bad", Some("at here")));
    assert_eq!(names(&letter.original_headers()), ["x-original-host"], "not everything is theirs");
}

#[test]
fn a_share_group() {
    let letter = read(&[
        ("__dlq.errors.topic", b"orders"),
        ("__dlq.errors.partition", b"2"),
        ("__dlq.errors.offset", b"300"),
        ("__dlq.errors.group", b"workers"),
        ("__dlq.errors.delivery.count", b"5"),
        ("__dlq.errors.message", b"Offset delivery count exceeded the threshold."),
    ]);
    assert_eq!(letter.writer, Some(Writer::ShareGroup));
    assert_eq!(letter.origin, origin("orders", 2, 300, None));
    assert_eq!((letter.group.as_deref(), letter.attempts), (Some("workers"), Some(5)));
    assert_eq!(names(&letter.original_headers()), [""; 0]);
}

#[test]
fn of_two_deaths_the_later_is_told_and_only_its_headers_go() {
    let spring: [(&str, &[u8]); 2] =
        [("kafka_dlt-original-topic", b"orders"), ("kafka_dlt-original-offset", NUMBERS[1])];
    let ours: [(&str, &[u8]); 2] =
        [("__stage.errors.topic", b"pizza"), ("__stage.errors.disposition", b"rejected")];
    let letter = read(&[spring, ours].concat());
    assert_eq!((letter.writer, letter.reason()), (Some(Writer::Stage), "rejected"));
    assert_eq!(letter.origin.topic.as_deref(), Some("pizza"));
    let kept = ["kafka_dlt-original-topic", "kafka_dlt-original-offset"];
    assert_eq!(names(&letter.original_headers()), kept, "the record had them when it died here");
    let letter = read(&[ours, spring].concat());
    assert_eq!(letter.origin.topic.as_deref(), Some("orders"));
}

#[test]
fn what_cannot_be_read_is_unknown_and_not_wrong() {
    let letter = read(&[
        ("kafka_dlt-original-topic", b"orders"),
        ("kafka_dlt-original-partition", b"2"),
        ("kafka_dlt-original-offset", b""),
    ]);
    let topic_only = Origin { topic: Some("orders".into()), ..Origin::default() };
    assert_eq!((letter.origin, letter.attempts), (topic_only, None));
    let letter = read(&[("__stage.replays", b"2")]);
    assert_eq!((letter.writer, letter.replays, letter.reason()), (None, 2, "unknown"));
}
