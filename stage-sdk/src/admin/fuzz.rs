//! The admin endpoint and whatever comes on a connection.

use super::{Desk, listen};
use crate::service::Levers;
use crate::telemetry::{Observed, Seat};
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

const TOKEN: &str = "sesame";
const GIVEN: &[u8] = b"Bearer sesame";

/// Bytes of a connection: they are answered in HTTP or not at all, the fault is never ours, and without
/// the token nothing of the stage changes.
pub fn admin(data: &[u8]) {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    }
    let levers = Levers::new(Vec::new(), 8);
    let stage = Observed {
        stage: "sauce".into(),
        group: "pizza.sauce".into(),
        topic: "pizza".into(),
        seats: [std::sync::Arc::new(Seat::default())].into(),
        levers: levers.clone(),
    };
    let desk = Desk {
        address: ([127, 0, 0, 1], 9000).into(),
        token: Some(TOKEN.into()),
        stages: Mutex::new(vec![stage]),
    };
    let answer = RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(data.len().max(1));
            let (mut answer, connection) = (Vec::new(), listen::connection(ours, desk.into()));
            let ask = async {
                // The endpoint may have heard enough.
                theirs.write_all(data).await.ok();
                theirs.shutdown().await.ok();
                theirs.read_to_end(&mut answer).await.ok();
            };
            // What it says of a bad request is in the answer.
            let (ended, ()) = tokio::join!(connection, ask);
            ended.ok();
            answer
        })
    });
    let status = answer.strip_prefix(b"HTTP/1.1 ").or(answer.strip_prefix(b"HTTP/1.0 "));
    assert!(answer.is_empty() || status.is_some(), "{}", answer.escape_ascii());
    assert!(!status.is_some_and(|status| status.starts_with(b"500")), "{}", answer.escape_ascii());
    let changed = levers.is_paused() || levers.limits() != Levers::new(Vec::new(), 8).limits();
    let knew = data.windows(GIVEN.len()).any(|bytes| bytes == GIVEN);
    assert!(!changed || knew, "{}", data.escape_ascii());
}
