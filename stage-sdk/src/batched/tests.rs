use super::*;
use crate::batch::Batch;
use crate::codec::Bytes;
use crate::context::{Shared, Topic};
use crate::failure::{Failure, Kind};
use futures::future::join_all;
use std::cell::{Cell, RefCell};
use std::panic::AssertUnwindSafe;

type Numbers = Vec<Item<Number>>;

#[derive(Clone, Debug, PartialEq)]
struct Number(u32);

impl Decode<'_> for Number {
    fn decode(record: crate::Record<'_>) -> Result<Number> {
        Ok(Number(record.offset as u32))
    }
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(test)
}

fn contexts(count: usize) -> Vec<Context> {
    let outputs = vec!["said".to_owned()];
    let shared = Rc::new(Shared { outputs, ..Shared::default() });
    (0..count).map(|_| Context::new(shared.clone())).collect()
}

/// Calls the stage with these numbers, all at once.
async fn call<S>(stage: &S, numbers: std::ops::Range<u32>) -> Vec<Result<S::Out>>
where
    S: for<'r> Stage<In<'r> = Number>,
{
    let contexts = contexts(numbers.len());
    join_all(numbers.zip(&contexts).map(|(n, cx)| stage.call(Number(n), cx))).await
}

fn out(number: u32) -> Result<Bytes<Vec<u8>>> {
    Ok(Bytes(vec![number as u8]))
}

fn numbers(items: &Numbers) -> Vec<u32> {
    items.iter().map(|item| item.input.0).collect()
}

#[test]
fn what_comes_together_goes_together_and_each_has_its_own_result() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let told = seen.clone();
    let stage = batched(async move |items: Numbers| {
        told.borrow_mut().push(numbers(&items));
        let even = |n: u32| if n.is_multiple_of(2) { out(n) } else { Err(Failure::reject(n)) };
        Ok(items.iter().map(|item| even(item.input.0)).collect())
    });
    let results = block_on(call(&stage.up_to(4), 0..6));
    assert_eq!(*seen.borrow(), [vec![0, 1, 2, 3], vec![4, 5]]);
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Ok(Bytes(bytes)) => assert!(n.is_multiple_of(2) && bytes == [n as u8]),
            Err(failure) => assert!(n % 2 == 1 && failure.text() == n.to_string()),
        }
    }
}

#[test]
fn no_more_run_at_once_than_may() {
    for at_once in 1..=3 {
        let (running, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let (now, highest) = (running.clone(), most.clone());
        let stage = batched(async move |items: Numbers| {
            now.set(now.get() + 1);
            highest.set(highest.get().max(now.get()));
            tokio::time::sleep(Duration::from_millis(1)).await;
            now.set(now.get() - 1);
            Ok(items.iter().map(|item| out(item.input.0)).collect())
        });
        let results = block_on(call(&stage.up_to(1).at_once(at_once), 0..9));
        assert!(results.iter().all(Result::is_ok));
        assert_eq!((running.get(), most.get()), (0, at_once));
    }
}

#[test]
fn a_batch_that_is_not_full_waits_as_long_as_it_may() {
    let sizes = Rc::new(RefCell::new(Vec::new()));
    let told = sizes.clone();
    let stage = batched(async move |items: Numbers| {
        told.borrow_mut().push(items.len());
        Ok(items.iter().map(|item| out(item.input.0)).collect())
    });
    let hour = stage.clone().up_to(2).within(Duration::from_secs(3600));
    block_on(async {
        let contexts = contexts(2);
        let later = async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            hour.call(Number(1), &contexts[1]).await
        };
        let (one, two) = tokio::join!(hour.call(Number(0), &contexts[0]), later);
        assert!(one.is_ok() && two.is_ok());
    });
    block_on(call(&stage.within(Duration::from_millis(1)), 0..1));
    assert_eq!(*sizes.borrow(), [2, 1]);
}

#[test]
fn a_failure_of_the_batch_is_one_of_each() {
    let stage = batched(async |_: Numbers| -> Result<Vec<Result<()>>> {
        Err(Failure::new(Kind::Unavailable, anyhow::anyhow!("the database is away")))
    });
    let results = block_on(call(&stage, 0..3));
    let same = |result: &Result<()>| {
        let failure = result.as_ref().unwrap_err();
        failure.kind == Kind::Unavailable && failure.text() == "the database is away"
    };
    assert!(results.len() == 3 && results.iter().all(same), "{results:?}");
}

#[test]
fn another_number_of_results_is_fatal() {
    let stage = batched(async |_: Numbers| Ok(vec![Ok(())]));
    for result in block_on(call(&stage, 0..2)) {
        let failure = result.unwrap_err();
        assert_eq!(failure.kind, Kind::Fatal);
        assert!(failure.text().contains("1 results for a batch of 2"), "{failure:?}");
    }
}

#[test]
fn who_goes_before_it_begins_is_not_in_it() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let told = seen.clone();
    let stage = batched(async move |items: Numbers| {
        told.borrow_mut().push(numbers(&items));
        Ok(items.iter().map(|item| out(item.input.0)).collect())
    });
    block_on(async {
        let contexts = contexts(4);
        let begin = |n: usize| Box::pin(stage.call(Number(n as u32), &contexts[n]));
        let (mut one, mut two, mut three) = (begin(0), begin(1), begin(2));
        for call in [&mut one, &mut two, &mut three] {
            assert!(futures::poll!(call).is_pending());
        }
        // The first, which holds what runs the batch like the others, and one amid.
        drop(one);
        drop(two);
        assert_eq!(three.await.unwrap().0, [2]);
        let mut four = begin(3);
        assert!(futures::poll!(&mut four).is_pending());
        drop(four);
        assert_eq!(call(&stage, 7..8).await.len(), 1);
    });
    assert_eq!(*seen.borrow(), [vec![2], vec![7]]);
}

#[test]
fn who_goes_while_it_runs_ends_it_and_the_others_are_tried_again() {
    let ended = Rc::new(Cell::new(0));
    let count = ended.clone();
    let stage = batched(async move |items: Numbers| {
        tokio::time::sleep(Duration::from_millis(5)).await;
        count.set(count.get() + 1);
        Ok(items.iter().map(|item| out(item.input.0)).collect())
    });
    // Whoever goes: the one that polls, or another.
    for gone in 0..2 {
        let contexts = contexts(3);
        block_on(async {
            let mut calls: Vec<_> = (0..3)
                .map(|n| Some(Box::pin(stage.call(Number(n as u32), &contexts[n]))))
                .collect();
            for _ in 0..3 {
                for call in calls.iter_mut().flatten() {
                    assert!(futures::poll!(call).is_pending());
                }
                tokio::task::yield_now().await;
            }
            calls[gone] = None;
            for result in join_all(calls.into_iter().flatten()).await {
                let failure = result.err().unwrap();
                assert_eq!((failure.kind, failure.after), (Kind::Retry, Some(Duration::ZERO)));
                assert!(failure.text().contains("another record of its batch"), "{failure:?}");
            }
            assert!(call(&stage, 5..6).await[0].is_ok(), "the next batch goes on");
        });
    }
    assert_eq!(ended.get(), 2, "what was ended did nothing more");
}

#[test]
fn a_wake_up_polls_the_function_once() {
    let polls = Rc::new(Cell::new(0));
    let count = polls.clone();
    let stage = batched(async move |items: Numbers| {
        let mut left = 10;
        std::future::poll_fn(|cx| {
            count.set(count.get() + 1);
            left -= 1;
            cx.waker().wake_by_ref();
            if left == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        Ok(items.iter().map(|item| out(item.input.0)).collect())
    });
    assert!(block_on(call(&stage, 0..50)).iter().all(Result::is_ok));
    assert_eq!(polls.get(), 10);
}

#[test]
fn a_panic_is_one_of_each_and_the_next_batch_goes_on() {
    let stage = batched(async |items: Numbers| {
        assert!(items[0].input.0 > 0, "no cheese");
        Ok(items.iter().map(|item| out(item.input.0)).collect())
    });
    block_on(async {
        let contexts = contexts(2);
        let calls = contexts.iter().enumerate().map(|(n, cx)| {
            use futures::FutureExt;
            AssertUnwindSafe(stage.call(Number(n as u32), cx)).catch_unwind()
        });
        for end in join_all(calls).await {
            let text = crate::handlers::panic_text(&*end.unwrap_err());
            assert_eq!(text, "panicked: no cheese");
        }
        assert!(call(&stage, 1..2).await[0].is_ok());
    });
}

#[test]
fn what_is_sent_counts_where_the_record_succeeds() {
    const SAID: Topic<u32> = Topic::named("said");
    let stage = batched(async |items: Numbers| {
        let mut results = Vec::new();
        for Item { input: Number(n), cx } in &items {
            cx.send(&SAID, n)?;
            results.push(if *n == 0 { Ok(()) } else { Err(Failure::reject("no")) });
        }
        Ok(results)
    });
    let contexts = contexts(2);
    let calls = contexts.iter().enumerate().map(|(n, cx)| stage.call(Number(n as u32), cx));
    block_on(join_all(calls));
    for (cx, expected) in contexts.iter().zip([1, 0]) {
        let mut sent = Batch::default();
        cx.swap(&mut sent);
        assert_eq!(sent.entries().len(), expected);
    }
}
