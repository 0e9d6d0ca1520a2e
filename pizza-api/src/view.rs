//! The view: gathers finished pizzas from the last topic into the store.

use crate::store::{Finished, Store};
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

/// The longest order id and identity the store takes.
const LONGEST: usize = 64;

/// The view's stage: only pizzas go through.
///
/// # Errors
/// The order id is empty or too long, or the number in the order is none: a Reject.
pub fn gather(Json(pizza): Json<Pizza>, cx: &Context) -> Result<Json<Pizza>> {
    if pizza.order_id.is_empty() || pizza.order_id.len() > LONGEST {
        let len = pizza.order_id.len();
        return Err(Failure::reject(format!(
            "order_id has {len} characters; 1 to {LONGEST} are taken"
        )));
    }
    if let Some(seq) = cx.header(crate::order::SEQ) {
        let digits = !seq.is_empty() && seq.len() <= 18 && seq.iter().all(u8::is_ascii_digit);
        if !digits {
            let seq = String::from_utf8_lossy(&seq[..seq.len().min(40)]).into_owned();
            return Err(Failure::reject(format!(
                "header {} is {seq:?}, not a decimal number",
                crate::order::SEQ
            )));
        }
    }
    Ok(Json(pizza))
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
        let pizzas: Vec<Finished> = rows.iter().filter_map(finished).collect();
        self.runtime.block_on(self.store.write_view(&self.topic, &pizzas, advances))
    }
}

/// A pizza's identity is its number in the order; one from another producer, which has none, is
/// identified by its place in the last topic.
fn finished(row: &Row) -> Option<Finished> {
    let body = String::from_utf8(row.value.clone()?).ok()?;
    let pizza: Pizza = serde_json::from_str(&body).ok()?;
    let seq = row.headers().filter(|(name, _)| *name == crate::order::SEQ).last();
    let seq = seq.and_then(|(_, value)| std::str::from_utf8(value?).ok()?.parse::<u64>().ok());
    let identity = match seq {
        Some(seq) => seq.to_string(),
        None => format!("p{}-{}", row.partition, row.offset),
    };
    Some(Finished { order_id: pizza.order_id, identity, place: row.offset, body })
}
