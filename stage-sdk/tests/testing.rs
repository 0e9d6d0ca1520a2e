//! `stage_sdk::testing` behaves as Kafka and a worker would.

use stage_sdk::core::{Exhausted, Policy, Retry};
use stage_sdk::testing::{CommitFails, Test};
use stage_sdk::{
    Bytes, Context, Failure, IntoStage, Item, Json, OrFail, Result, Stage, Topic, batched,
};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

type Text = Bytes<Vec<u8>>;

/// What `fail 3` says fails three times, `reject` and `fatal` do what they say, all else goes through.
fn told(Bytes(text): Text, cx: &Context) -> Result<Text> {
    let words = String::from_utf8(text.clone()).or_reject()?;
    match words.split_once(' ') {
        Some(("fail", times)) if cx.attempt() <= times.parse::<u32>().or_reject()? => {
            Err(std::io::Error::other("not yet"))?
        }
        Some(("reject", _)) => Err(Failure::reject("never")),
        Some(("fatal", why)) => Err(std::io::Error::other(why.to_owned())).or_fatal(),
        _ => Ok(Bytes(text)),
    }
}

fn shout(Bytes(text): Text, _: &Context) -> Result<Text> {
    Ok(Bytes(text.to_ascii_uppercase()))
}

/// As README.md has it.
#[test]
fn words_get_loud() {
    let mut test = stage_sdk::testing::Test::of(shout);
    test.given("greetings", "hello");
    test.then_output("greetings", "HELLO");
    test.then_nothing_more();
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn what_fails_is_tried_again_in_its_time_and_in_the_order_of_its_key() {
    let mut test = Test::of(told);
    test.given("a", "fail 1");
    test.given("a", "second");
    test.given("b", "other key");
    test.then_output("b", "other key");
    test.passes(Duration::from_millis(100));
    assert_eq!(test.outputs(), [], "200 ms less a quarter have not passed");
    test.passes(Duration::from_millis(100));
    test.then_output("a", "fail 1");
    test.then_output("a", "second");
    test.then_nothing_more();
}

#[test]
fn what_fails_for_longer_is_parked_with_all_that_follows_of_its_key() {
    let mut test = Test::of(told);
    test.given("a", "fail 4");
    test.given("a", "second");
    test.passes(Duration::from_millis(900));
    test.then_parked(2);
    test.given("a", "third");
    test.given("b", "other key");
    test.then_output("b", "other key");
    test.then_parked(3);
    test.passes(MINUTE);
    test.then_output("a", "fail 4");
    test.then_output("a", "second");
    test.then_output("a", "third");
    test.then_nothing_more();
}

#[test]
fn attempts_survive_the_worker_once_a_record_is_parked() {
    let retry = Retry { attempts: 5, exhausted: Exhausted::DeadLetter, ..Retry::default() };
    let mut test = Test::of(told).retry(Retry { policy: Policy::Ordered, ..retry });
    test.given("a", "fail 99");
    test.given("a", "second");
    test.passes(Duration::from_secs(2));
    for _ in 0..3 {
        test.dies();
    }
    test.passes(10 * MINUTE);
    let letter = test.then_dead_letter("a", "retries-exhausted");
    assert_eq!((letter.attempts, letter.error.as_str()), (5, "not yet"));
    test.then_output("a", "second");
    test.then_nothing_more();
}

#[test]
fn a_new_owner_runs_nothing_again_that_was_committed_ahead() {
    let runs = Rc::new(RefCell::new(Vec::new()));
    let log = runs.clone();
    let mut test = Test::of(move |Bytes(text): Text, cx: &Context| {
        log.borrow_mut().push((String::from_utf8_lossy(&text).into_owned(), cx.attempt()));
        told(Bytes(text), cx)
    });
    test.given("a", "fail 1");
    test.given("b", "ahead");
    test.then_output("b", "ahead");
    test.dies();
    test.passes(MINUTE);
    test.then_output("a", "fail 1");
    test.then_nothing_more();
    let runs = runs.borrow();
    let runs: Vec<(&str, u32)> =
        runs.iter().map(|(text, attempt)| (text.as_str(), *attempt)).collect();
    assert_eq!(runs, [("fail 1", 1), ("ahead", 1), ("fail 1", 1), ("fail 1", 2)]);
}

#[test]
fn however_a_commit_fails_everything_is_there_once() {
    for fails in [CommitFails::Aborted, CommitFails::Silently, CommitFails::Unanswered] {
        let mut test = Test::of(told).partitions(3);
        for number in 0..10 {
            test.next_commit(fails);
            test.given(format!("key {}", number % 4), format!("{number}"));
            test.passes(MINUTE);
        }
        let numbers = test.outputs().into_iter().map(|written| written.value.unwrap());
        let numbers: Vec<String> = numbers.map(|value| String::from_utf8(value).unwrap()).collect();
        assert_eq!(numbers, (0..10).map(|n| n.to_string()).collect::<Vec<_>>(), "{fails:?}");
        test.then_nothing_more();
    }
}

#[test]
fn an_async_stage_keeps_the_order_of_a_key() {
    // The first goes on once the other key's record has been here.
    let others = Rc::new(tokio::sync::Notify::new());
    let slow = async move |Bytes(text): Text, cx: &Context| {
        match &text[..] {
            b"first" => others.notified().await,
            b"other key" => others.notify_one(),
            _ => {}
        }
        told(Bytes(text), cx)
    };
    let mut test = Test::of(slow);
    test.given_at_once([("a", "first"), ("b", "other key"), ("a", "second")]);
    // It does not wait for the slow one.
    test.then_output("b", "other key");
    test.then_output("a", "first");
    test.then_output("a", "second");
    test.then_nothing_more();
}

#[test]
fn a_batch_stage_takes_what_is_there() {
    let sizes = Rc::new(RefCell::new(Vec::new()));
    let seen = sizes.clone();
    let all = async move |items: Vec<Item<Text>>| {
        seen.borrow_mut().push(items.len());
        tokio::task::yield_now().await;
        Ok(items.into_iter().map(|Item { input, cx }| told(input, &cx)).collect::<Vec<_>>())
    };
    let mut test = Test::of(batched(all).up_to(3));
    test.given_at_once([("a", "one"), ("b", "reject it"), ("c", "two"), ("d", "three")]);
    // Each key by itself: they have no order among each other.
    let mut values: Vec<_> = test.outputs().into_iter().filter_map(|output| output.value).collect();
    values.sort();
    assert_eq!(values, [&b"one"[..], b"three", b"two"]);
    test.then_dead_letter("b", "rejected");
    test.then_nothing_more();
    assert!(sizes.borrow().iter().any(|size| *size > 1), "{sizes:?}");
}

#[test]
fn what_cannot_be_read_or_done_is_told_with_its_reason() {
    fn number(Json(number): Json<u32>, _: &Context) -> Result<Json<u32>> {
        number.checked_sub(1).map(Json).ok_or_else(|| Failure::reject("it was 0"))
    }
    let mut test = Test::of(number);
    test.given("a", "two");
    test.given("b", "0");
    test.given("c", "3");
    assert!(test.then_dead_letter("a", "deserialization").error.contains("expected"));
    assert_eq!(test.then_dead_letter("b", "rejected").error, "it was 0");
    test.then_output("c", " 2 ");
    test.then_nothing_more();
}

#[test]
fn outputs_have_names_and_what_a_failed_attempt_sent_is_not_seen() {
    const AUDIT: Topic<String> = Topic::named("audit");
    fn both(Bytes(text): Text, cx: &Context) -> Result<Option<Text>> {
        cx.send(&AUDIT, &format!("attempt {}", cx.attempt()))?;
        told(Bytes(text), cx)?;
        Ok(None)
    }
    let mut test = Test::of(both.sends(&AUDIT));
    test.given("a", "fail 1");
    test.passes(MINUTE);
    test.then_sent("audit", "a", r#""attempt 2""#);
    test.then_nothing_more();
}

#[test]
fn what_is_fatal_stops_the_stage_and_is_not_committed() {
    let mut test = Test::of(told);
    test.given("a", "fatal no disk");
    test.given("a", "second");
    test.then_stopped();
    test.passes(MINUTE);
    assert_eq!(test.outputs(), []);
}

#[test]
fn stages_are_joined_by_what_they_write() {
    let mut first = Test::of(told);
    let mut second = Test::of(|Bytes(text): Text, cx: &Context| {
        assert_eq!(cx.header("kept").as_deref(), Some(&b"yes"[..]));
        told(Bytes(text), cx)
    });
    first.given_record(Some(b"a"), Some(b"through both"), &[("kept", Some(b"yes"))]);
    second.given_all(&first.outputs());
    second.then_output("a", "through both");
    second.then_nothing_more();
}

/// What a test says that fails.
fn said<S: Stage>(mut test: Test<S>, fails: impl FnOnce(&mut Test<S>)) -> String {
    let run = std::panic::AssertUnwindSafe(|| fails(&mut test));
    *std::panic::catch_unwind(run).unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn a_test_that_fails_says_what_is_there() {
    let given = || {
        let mut test = Test::of(told);
        test.given("a", "one");
        test.given("b", "reject it");
        test.given("c", "fail 1");
        test
    };
    let text = said(given(), |test| test.then_output("a", "two"));
    assert!(text.contains(r#""two""#) && text.contains(r#""one""#), "{text}");
    let text = said(given(), |test| drop(test.then_dead_letter("b", "deserialization")));
    assert!(text.contains("rejected after 1 attempts: never"), "{text}");
    let text = said(given(), |test| test.then_output("c", "fail 1"));
    assert!(text.contains("the next is"), "{text}");
    let text = said(given(), |test| test.then_sent("audit", "c", "one"));
    assert!(text.contains(r#""c\" after 1 attempts: not yet"#), "{text}");
    let text = said(given(), |test| test.then_parked(1));
    assert!(text.contains("1 parked records were expected, and there are 0"), "{text}");
    let text = said(given(), |test| test.then_stopped());
    assert!(text.contains("it goes on"), "{text}");
    let text = said(given(), |test| test.then_nothing_more());
    let there = r#"[Some("a"): Some("one") in output]"#;
    assert!(text.contains("nothing more was expected") && text.contains(there), "{text}");
    let text = said(given(), |test| {
        test.outputs();
        test.then_dead_letter("b", "rejected");
        test.then_nothing_more();
    });
    assert!(text.contains("[(0, 2)]") && text.contains("not committed"), "{text}");
    let text = said(given(), |test| test.then_sent("audit", "a", "one"));
    assert!(text.contains(r#"a record in "audit" was expected"#), "{text}");
}
