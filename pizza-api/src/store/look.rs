//! Orders as they are handed out.

use super::Store;
use sqlx::Row as _;
use sqlx::any::AnyRow;

/// An order with the pizzas that are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Its id.
    pub id: String,
    /// How many pizzas were ordered.
    pub count: i64,
    /// The finished ones as JSON texts, in the order in which they arrived; at most `count`.
    pub pizzas: Vec<String>,
}

/// An order without its pizzas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// How many pizzas were ordered.
    pub count: i64,
    /// How many are done.
    pub done: i64,
}

/// The columns of one.
const SUMMARY: &str = "id, pizzas, (SELECT COUNT(*) FROM finished WHERE order_id = orders.id)";

fn summary(row: &AnyRow) -> anyhow::Result<Summary> {
    Ok(Summary { id: row.try_get(0)?, count: row.try_get(1)?, done: row.try_get(2)? })
}

impl Store {
    /// A placed order with what is done of it. One whose sending is not known to have ended counts
    /// as placed once a pizza of it is done.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn order(&self, id: &str) -> anyhow::Result<Option<Order>> {
        // What is no id, a database may refuse to look for, or take for another.
        if !crate::order::is_id(id) {
            return Ok(None);
        }
        let text = self.sql("SELECT pizzas, state FROM orders WHERE id = ?");
        let Some(row) = sqlx::query(text).bind(id).fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let (count, state): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let text = self
            .sql("SELECT body FROM finished WHERE order_id = ? ORDER BY place, identity LIMIT ?");
        let rows = sqlx::query(text).bind(id).bind(count).fetch_all(&self.pool).await?;
        let pizzas: Vec<String> =
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        let known = state == "placed" || !pizzas.is_empty();
        Ok(known.then(|| Order { id: id.to_owned(), count, pizzas }))
    }

    /// As [`order`](Store::order), without the pizzas.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn summary(&self, id: &str) -> anyhow::Result<Option<Summary>> {
        if !crate::order::is_id(id) {
            return Ok(None);
        }
        let text = self.sql(&format!("SELECT {SUMMARY}, state FROM orders WHERE id = ?"));
        let Some(row) = sqlx::query(text).bind(id).fetch_optional(&self.pool).await? else {
            return Ok(None);
        };
        let (order, state): (Summary, String) = (summary(&row)?, row.try_get(3)?);
        Ok((state == "placed" || order.done > 0).then_some(order))
    }

    /// The newest placed orders.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn orders(&self, limit: i64) -> anyhow::Result<Vec<Summary>> {
        let text = self.sql(&format!(
            "SELECT {SUMMARY} FROM orders WHERE state = 'placed' ORDER BY created DESC, id LIMIT ?"
        ));
        let rows = sqlx::query(text).bind(limit).fetch_all(&self.pool).await?;
        rows.iter().map(summary).collect()
    }
}
