//! The view: gathers finished pizzas from the last topic into the store.

use crate::order;
use crate::problem::shown;
use crate::store::{Finished, Store};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use stage_sdk::sink::{Advance, Refusal, Row, Sink};
use stage_sdk::{Context, Failure, Json, Result};
use tokio::runtime::Handle;

/// A pizza as it is handed out: these five fields, in this order.
#[derive(Deserialize, Serialize)]
pub struct Pizza {
    order_id: String,
    sauce: String,
    cheese: String,
    meats: String,
    veggies: String,
}

/// The most text in one pizza: an order of thousands is still a small answer.
const TEXT: usize = 4_096;

/// The view's stage: only pizzas go through, and only those that every database can keep.
///
/// # Errors
/// The order id is none, the text is too long, or the number in the order is none: a Reject.
pub fn gather(Json(pizza): Json<Pizza>, cx: &Context) -> Result<Json<Pizza>> {
    if !order::is_id(&pizza.order_id) {
        return Err(Failure::reject(format!(
            "order_id is {:?}; it must have 1 to {} bytes, no control characters and no space at its ends",
            shown(&pizza.order_id),
            order::LONGEST
        )));
    }
    let toppings = [&pizza.sauce, &pizza.cheese, &pizza.meats, &pizza.veggies];
    let text: usize = toppings.iter().map(|text| text.len()).sum();
    if text > TEXT {
        return Err(Failure::reject(format!(
            "the toppings have {text} bytes; at most {TEXT} are taken"
        )));
    }
    match cx.header(order::SEQ) {
        Some(seq) if number(&seq).is_none() => Err(Failure::reject(format!(
            "header {} is {:?}, not a decimal number of up to 18 digits",
            order::SEQ,
            shown(&String::from_utf8_lossy(&seq))
        ))),
        _ => Ok(Json(pizza)),
    }
}

/// A pizza's number in its order.
fn number(seq: &[u8]) -> Option<u64> {
    let digits = (1..=18).contains(&seq.len()) && seq.iter().all(u8::is_ascii_digit);
    digits.then(|| std::str::from_utf8(seq).ok()?.parse().ok()).flatten()
}

/// The store, as the SDK writes to it.
pub struct ViewSink {
    /// The tables.
    pub store: Store,
    /// The last topic.
    pub topic: String,
    /// Where the store's connections live.
    pub runtime: Handle,
}

impl Sink for ViewSink {
    fn positions(&mut self, partitions: &[i32]) -> anyhow::Result<Vec<Option<(i64, String)>>> {
        self.runtime.block_on(self.store.positions(&self.topic, partitions))
    }

    fn write(&mut self, rows: &[Row], advances: &[Advance]) -> std::result::Result<(), Refusal> {
        // `gather` let only pizzas through; should one not be, it is not dropped.
        let pizzas: anyhow::Result<Vec<Finished>> = rows.iter().map(finished).collect();
        let pizzas = pizzas.map_err(Refusal::Away)?;
        self.runtime.block_on(self.store.write_view(&self.topic, &pizzas, advances))
    }
}

/// A pizza's identity is its number in the order; one from another producer, which has none, is
/// identified by its place in the last topic.
fn finished(row: &Row) -> anyhow::Result<Finished> {
    let body = String::from_utf8(row.value.clone().context("a pizza without a value")?)?;
    let pizza: Pizza = serde_json::from_str(&body)?;
    let seq = row.headers().filter(|(name, _)| *name == order::SEQ).last();
    let identity = match seq.and_then(|(_, seq)| number(seq?)) {
        Some(seq) => seq.to_string(),
        None => format!("p{}-{}", row.partition, row.offset),
    };
    Ok(Finished { order_id: pizza.order_id, identity, place: row.offset, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_decimal_text_and_short() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"007"), Some(7));
        for bad in [&b""[..], b"-1", b"+1", b"1.0", b" 1", b"1234567890123456789", b"\xff"] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
    }
}
