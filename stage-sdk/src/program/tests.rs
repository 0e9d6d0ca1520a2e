use super::answer::{self, Records};
use super::host::Host;
use super::question::{self, Given};
use super::{Format, Program};
use crate::batch::Batch;
use crate::batched::Item;
use crate::codec::{Decode as _, Output as _};
use crate::context::{Context, Shared};
use crate::failure::{Kind, Result};
use crate::record::{Record, pack};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Answers with the value 1, and ends where it is poisoned.
const SHELL: &str = r#"
while read -r line; do
  id=${line#*:}; id=${id%%,*}
  case $line in
    *poison*) exit 3 ;;
    *rubbish*) echo rubbish ;;
    *twice*) printf '{"id":%s,"value":2}\n{"id":%s,"value":2}\n' "$id" "$id" ;;
    *sleep*) sleep 60 ;;
    *cold*) printf '{"id":%s,"retry":"cold"}\n' "$id" ;;
    *) printf '{"id":%s,"value":1}\n' "$id" ;;
  esac
done
echo bye >"$1"
"#;

fn shell(file: &str) -> Arc<Program> {
    let command = ["sh", "-c", SHELL, "sh", file].map(str::to_owned).to_vec();
    Arc::new(Program { command, format: Format::Json, timeout: Duration::from_secs(30) })
}

fn host(program: Arc<Program>) -> Host {
    Host::new(program, Arc::default())
}

fn item(record: Record<'_>) -> Item<Given> {
    let shared = Shared { topic: "orders".into(), ..Shared::default() };
    let cx = Context::new(Rc::new(shared));
    cx.set(0, &record, 2);
    Item { input: Given::decode(record).unwrap(), cx: Rc::new(cx) }
}

fn items(values: &[&str]) -> Vec<Item<Given>> {
    let of = |value: &&str| item(Record { value: Some(value.as_bytes()), ..Record::default() });
    values.iter().map(of).collect()
}

fn lines(record: Record<'_>, format: Format) -> Result<String> {
    let Item { input, cx } = item(record);
    let mut line = Vec::new();
    question::line(&mut line, 7, &input, &cx, format)?;
    Ok(String::from_utf8(line).unwrap())
}

/// What a result is, in a word: its values, or its kind and why.
fn said(result: &Result<Records>) -> String {
    match result {
        Ok(records) => format!("{records:?}"),
        Err(failure) => format!("{:?}: {}", failure.kind, failure.text()),
    }
}

fn in_runtime<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test)
}

#[test]
fn a_record_is_one_line_whatever_is_in_it() {
    let mut headers = Vec::new();
    pack(&mut headers, "h", Some(b"old"));
    pack(&mut headers, "h", Some(b"new"));
    pack(&mut headers, "bytes", Some(b"\xff"));
    pack(&mut headers, "null", None);
    let record = Record {
        key: Some(b"\"a\""),
        value: Some(b"{\r\n  \"n\": 1234567890123456789012345678901234567890,\n\"t\":\"a\\nb\"}"),
        headers: &headers,
        time: 1_763_851_242_123,
        partition: 2,
        offset: 1041,
    };
    let line = lines(record, Format::Json).unwrap();
    assert_eq!(
        line,
        concat!(
            r#"{"id":7,"attempt":2,"topic":"orders","partition":2,"offset":1041,"time":1763851242123,"#,
            r#""key":"\"a\"","headers":{"h":"new","null":null},"#,
            "\"value\":{    \"n\": 1234567890123456789012345678901234567890, \"t\":\"a\\nb\"}}\n",
        )
    );
    let bytes = Record { value: Some(b"a\n\xff"), time: -1, ..record };
    for (format, why) in [(Format::Json, "no JSON"), (Format::Text, "no text")] {
        let failure = lines(bytes, format).unwrap_err();
        assert!(failure.kind == Kind::Reject && failure.text().contains(why), "{failure:?}");
    }
    assert!(lines(bytes, Format::Base64).unwrap().ends_with(",\"value\":\"YQr/\"}\n"));
    let text = Record { value: Some(b"a\nb"), key: Some(b"\xff"), ..record };
    let line = lines(text, Format::Text).unwrap();
    assert!(line.contains("\"key\":null") && line.ends_with(",\"value\":\"a\\nb\"}\n"), "{line}");
    let tombstone = Record { value: None, ..record };
    assert!(lines(tombstone, Format::Json).unwrap().ends_with(",\"value\":null}\n"));
}

#[test]
fn an_answer_says_one_thing() {
    let read = |line: &str, format| match answer::read(line.as_bytes(), format) {
        Ok((7, result)) => said(&result),
        Ok((id, _)) => panic!("{id}"),
        Err(why) => format!("no answer: {why}"),
    };
    for (line, what) in [
        (r#"{"id":7,"retry":"cold"}"#, "Retry: cold"),
        (r#"{"id":7,"reject":"bad"}"#, "Reject: bad"),
        (r#"{"id":7,"unavailable":"away"}"#, "Unavailable: away"),
        (r#"{"id":7}"#, "no answer: it needs one of"),
        (r#"{"id":7,"value":1,"retry":"x"}"#, "no answer: it needs one of"),
        (r#"{"id":7,"key":"k","reject":"x"}"#, "no answer: it needs one of"),
        (r#"{"id":7,"valeu":1}"#, "no answer: unknown field `valeu`"),
        (r#"{"value":1}"#, "no answer: missing field `id`"),
        (r#"{"id":7,"outputs":[{"key":"k"}]}"#, "no answer: missing field `value`"),
        ("rubbish", "no answer: expected value"),
    ] {
        let said = read(line, Format::Json);
        assert!(said.starts_with(what), "{line}: {said}");
    }
    for format in [Format::Text, Format::Base64] {
        assert!(read(r#"{"id":7,"value":1}"#, format).starts_with("no answer: value:"));
    }
    assert!(read(r#"{"id":7,"value":"%"}"#, Format::Base64).starts_with("no answer: value:"));
}

#[test]
fn outputs_are_the_programs_and_keys_its_inputs_unless_it_says_another() {
    let written = |line: &str, format| {
        let (_, records) = answer::read(line.as_bytes(), format).unwrap();
        let cx = Context::new(Rc::new(Shared::default()));
        cx.set(0, &Record { key: Some(b"own"), ..Record::default() }, 1);
        records.unwrap().write(&mut cx.emit()).unwrap();
        let mut batch = Batch::default();
        cx.swap(&mut batch);
        let text = |bytes: Option<&[u8]>| bytes.map(|b| String::from_utf8(b.to_vec()).unwrap());
        let record = |entry| (text(batch.key(entry)).unwrap(), text(batch.value(entry)));
        batch.entries().iter().map(record).collect::<Vec<_>>()
    };
    let made = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
    let json = |line| written(line, Format::Json);
    assert_eq!(json(r#"{"id":1,"value":{"n": 1.50}}"#), [made("own", Some(r#"{"n": 1.50}"#))]);
    assert_eq!(json(r#"{"id":1,"key":"b","value":null}"#), [made("b", None)]);
    assert_eq!(json(r#"{"id":1,"outputs":[]}"#), []);
    let two = json(r#"{"id":1,"outputs":[{"value":1},{"key":"c","value":"2"}]}"#);
    assert_eq!(two, [made("own", Some("1")), made("c", Some("\"2\""))]);
    assert_eq!(written(r#"{"id":1,"value":"a\nb"}"#, Format::Text), [made("own", Some("a\nb"))]);
    assert_eq!(written(r#"{"id":1,"value":"YWI="}"#, Format::Base64), [made("own", Some("ab"))]);
}

#[test]
fn who_ends_the_program_is_found_and_nobody_else_pays() {
    in_runtime(async {
        let host = host(shell("/dev/null"));
        let ask = async |values: &[&str]| {
            host.ask(&items(values)).await.iter().map(said).collect::<Vec<_>>()
        };
        // One that never worked may be at fault itself.
        let never = ask(&["\"poison\"", "1"]).await;
        assert!(
            never
                .iter()
                .all(|said| said.starts_with("Unavailable: program \"sh\" ended (exit status: 3)")),
            "{never:?}"
        );
        let good = ask(&["1"]).await.remove(0);
        assert!(good.starts_with("Records("), "{good}");
        for (bad, why) in [
            ("\"poison\"", "ended (exit status: 3) before it had answered"),
            ("\"rubbish\"", "answered \"rubbish\": expected value"),
        ] {
            let all = ask(&["1", bad, "2", "\"cold\""]).await;
            assert_eq!(all[1].split_once(' ').unwrap().0, "Retry:", "{all:?}");
            assert!(all[1].contains(why), "{all:?}");
            assert_eq!([&all[0], &all[2], &all[3]], [&good, &good, "Retry: cold"], "{bad}");
        }
        // The second answer is for nobody, also not for one that is asked later.
        let twice = ask(&["\"twice\""]).await.remove(0);
        assert!(twice.starts_with("Records("), "{twice}");
        assert_eq!(ask(&["1", "2"]).await, [good.clone(), good.clone()]);
        // Nor does one pay for it that is asked alone.
        ask(&["\"twice\""]).await;
        assert_eq!(ask(&["1"]).await, std::slice::from_ref(&good));
        // What is no JSON never comes to the program.
        let all = ask(&["{", "1"]).await;
        assert!(all[0].starts_with("Reject: the value is no JSON") && all[1] == good, "{all:?}");
    });
}

#[test]
fn one_that_only_ends_is_away() {
    in_runtime(async {
        let host = host(shell("/dev/null"));
        let first = host.ask(&items(&["1"])).await;
        assert!(first[0].is_ok());
        let all = host.ask(&items(&["\"poison\""; 20])).await;
        let kinds: Vec<Kind> = all.iter().map(|one| one.as_ref().unwrap_err().kind).collect();
        assert_eq!(kinds[..2], [Kind::Retry; 2], "{kinds:?}");
        assert_eq!(kinds[2..], [Kind::Unavailable; 18], "{kinds:?}");
        // It is not started before its time, and nobody in hand waits for that.
        let started = Instant::now();
        let soon = host.ask(&items(&["1"])).await;
        assert!(soon[0].is_err() && started.elapsed() < Duration::from_millis(100));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(host.ask(&items(&["1"])).await[0].is_ok(), "it goes on where it can");
    });
}

#[test]
fn one_poison_alone_is_found_in_the_end() {
    in_runtime(async {
        let host = host(shell("/dev/null"));
        assert!(host.ask(&items(&["1"])).await[0].is_ok());
        let (started, mut retries) = (Instant::now(), 0);
        while retries < 4 {
            assert!(started.elapsed() < Duration::from_secs(60), "{retries} retries");
            let one = host.ask(&items(&["\"poison\""])).await.remove(0);
            retries += u32::from(one.unwrap_err().kind == Kind::Retry);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn one_that_hangs_is_found_and_a_slow_one_is_not_lost() {
    in_runtime(async {
        let mut program = shell("/dev/null");
        Arc::get_mut(&mut program).unwrap().timeout = Duration::from_millis(900);
        let host = host(program);
        // Several rounds: the first may find that it is slower than its records come.
        let (mut open, mut rounds) = (vec!["1", "\"sleep\"", "2", "3"], 0);
        let mut blamed = Vec::new();
        while open.iter().any(|value| *value != "\"sleep\"") || blamed.is_empty() {
            rounds += 1;
            assert!(rounds < 50, "{open:?} {blamed:?}");
            let results = host.ask(&items(&open)).await;
            for (value, result) in open.clone().iter().zip(results) {
                match result {
                    Ok(_) => open.retain(|other| other != value),
                    Err(failure) if failure.kind == Kind::Retry => {
                        blamed.push(*value);
                        assert!(
                            failure.text().contains("has said nothing for 300ms"),
                            "{failure:?}"
                        );
                    }
                    Err(failure) => assert_eq!(failure.kind, Kind::Unavailable),
                }
            }
            // Who failed waits for its back-off, behind the others.
            let turn = usize::from(open.len() > 1);
            open.rotate_left(turn);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(blamed.iter().all(|value| *value == "\"sleep\""), "{blamed:?}");
    });
}

#[test]
fn what_is_given_up_takes_the_program_along_and_a_large_batch_does_not_choke_it() {
    in_runtime(async {
        let host = host(shell("/dev/null"));
        let asleep = items(&["\"sleep\"", "1"]);
        let given_up = tokio::time::timeout(Duration::from_millis(300), host.ask(&asleep)).await;
        assert!(given_up.is_err());
        let started = Instant::now();
        // More than both pipes hold.
        let long = format!("\"{}\"", "a".repeat(2_000));
        let all = host.ask(&items(&vec![&*long; 200])).await;
        assert!(all.iter().all(Result::is_ok) && all.len() == 200);
        assert!(started.elapsed() < Duration::from_secs(20), "it is another program");
    });
}

#[test]
fn an_idle_program_is_told_by_the_end_of_its_input() {
    let file = std::env::temp_dir().join(format!("bye-{}", uuid::Uuid::new_v4()));
    in_runtime(async {
        let host = host(shell(&file.display().to_string()));
        assert!(host.ask(&items(&["1"])).await[0].is_ok());
        assert!(!file.exists());
        drop(host);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "bye\n");
    });
    std::fs::remove_file(file).ok();
}

#[test]
fn a_program_that_is_not_there_is_named_before_anything_starts() {
    let stage = |name: &str| {
        let timeout = Duration::from_secs(30);
        let program = Program { command: vec![name.into()], format: Format::Json, timeout };
        program.stage().map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(stage("sh"), Ok(()));
    let missing = stage("pyhton3").unwrap_err();
    assert!(missing.contains("\"pyhton3\"") && missing.contains("PATH"), "{missing}");
    let missing = stage("./basil.sh").unwrap_err();
    assert!(missing.contains("\"./basil.sh\"") && missing.contains("from here"), "{missing}");
}
