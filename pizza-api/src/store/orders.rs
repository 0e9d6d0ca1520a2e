//! Orders on their way: pending before their pizzas are sent, placed once the broker has them all.

use super::Store;
use sqlx::Row as _;
use std::time::Duration;

/// What stands under an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placing {
    /// This order is to be sent now.
    Send(String),
    /// It was placed before.
    Placed(String),
    /// Somebody is sending it.
    InProgress,
    /// It was for another number of pizzas.
    Differs(i64),
}

/// An order whose sending is not known to have ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its id.
    pub id: String,
    /// When it was begun, in milliseconds; begun again it has another time.
    pub since: i64,
}

impl Store {
    /// Takes down an order as pending, under an idempotency key if there is one.
    ///
    /// # Errors
    /// The database cannot now; the order may or may not be taken down, and is resolved later.
    pub async fn begin_order(
        &self,
        id: &str,
        count: i64,
        key: Option<&str>,
    ) -> anyhow::Result<Placing> {
        let key = key.map(hexadecimal);
        let values = format!("(?, ?, 'pending', ?, {})", self.now());
        let insert = self.insert("orders", "id, pizzas, state, idempotency, created", &values);
        let inserted = sqlx::query(self.sql(&insert)).bind(id).bind(count).bind(key.clone());
        if inserted.execute(&self.pool).await?.rows_affected() == 1 {
            return Ok(Placing::Send(id.to_owned()));
        }
        let known = self.sql("SELECT id, pizzas, state FROM orders WHERE idempotency = ?");
        let row = sqlx::query(known).bind(key).fetch_one(&self.pool).await?;
        let (id, before, state): (String, i64, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(match state.as_str() {
            _ if before != count => Placing::Differs(before),
            "placed" => Placing::Placed(id),
            "failed" if self.begin_again(&id).await? => Placing::Send(id),
            _ => Placing::InProgress,
        })
    }

    /// Whether an order with this key was placed, or is being placed.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn is_under_way(&self, key: &str) -> anyhow::Result<bool> {
        let text = "SELECT COUNT(*) FROM orders WHERE idempotency = ? AND state <> 'failed'";
        let row = sqlx::query(self.sql(text)).bind(hexadecimal(key)).fetch_one(&self.pool).await?;
        Ok(row.try_get::<i64, _>(0)? > 0)
    }

    async fn begin_again(&self, id: &str) -> anyhow::Result<bool> {
        let text = format!(
            "UPDATE orders SET state = 'pending', created = {} WHERE id = ? AND state = 'failed'",
            self.now()
        );
        let query = sqlx::query(self.sql(&text)).bind(id);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// The broker has the whole order.
    ///
    /// # Errors
    /// The database cannot now; the order stays pending, and is resolved later.
    pub async fn placed(&self, id: &str) -> anyhow::Result<()> {
        let text = self.sql("UPDATE orders SET state = 'placed' WHERE id = ?");
        sqlx::query(text).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// Nothing of a pending order is at the broker, and nothing will be: so says who sent it.
    ///
    /// # Errors
    /// The database cannot now; the order stays pending, and is resolved later.
    pub async fn failed(&self, id: &str) -> anyhow::Result<()> {
        let text = "UPDATE orders SET state = 'failed' WHERE id = ? AND state = 'pending'";
        sqlx::query(self.sql(text)).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// Nothing of a pending order is at the broker, as the topic shows. If it was begun again
    /// meanwhile, this says nothing about it.
    ///
    /// # Errors
    /// The database cannot now; the order stays pending, and is resolved later.
    pub async fn not_found(&self, order: &Pending) -> anyhow::Result<()> {
        let text =
            "UPDATE orders SET state = 'failed' WHERE id = ? AND state = 'pending' AND created = ?";
        let query = sqlx::query(self.sql(text)).bind(&order.id).bind(order.since);
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// Orders that have been pending at least this long, the oldest first, a bounded number.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn pending(&self, at_least: Duration) -> anyhow::Result<Vec<Pending>> {
        let text = format!(
            "SELECT id, created FROM orders WHERE state = 'pending' AND created <= {} - ? ORDER BY created LIMIT 1000",
            self.now()
        );
        let query = sqlx::query(self.sql(&text)).bind(at_least.as_millis() as i64);
        let rows = query.fetch_all(&self.pool).await?;
        let pending =
            |row: &sqlx::any::AnyRow| Ok(Pending { id: row.try_get(0)?, since: row.try_get(1)? });
        rows.iter().map(pending).collect()
    }
}

/// So that no database's idea of equal text matters.
fn hexadecimal(key: &str) -> String {
    key.bytes().map(|byte| format!("{byte:02x}")).collect()
}
