//! Orders: pending before their pizzas are sent, placed once the broker has them all.

use super::{Kind, Store, epoch_millis};
use sqlx::Row as _;

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

/// An order in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// How many pizzas were ordered.
    pub count: i64,
    /// Whether all of them are done.
    pub complete: bool,
}

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
        // Hexadecimal, so that databases that compare without case compare right.
        let key = key.map(|key| key.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
        let ignore = match self.kind {
            Kind::MySql => {
                "INSERT IGNORE INTO orders (id, pizzas, state, idempotency, created) VALUES (?, ?, 'pending', ?, ?)"
            }
            _ => {
                "INSERT INTO orders (id, pizzas, state, idempotency, created) VALUES (?, ?, 'pending', ?, ?) ON CONFLICT DO NOTHING"
            }
        };
        let inserted = sqlx::query(self.sql(ignore))
            .bind(id)
            .bind(count)
            .bind(key.clone())
            .bind(epoch_millis());
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
            "failed" if self.change(&id, "failed", "pending").await? => Placing::Send(id),
            _ => Placing::InProgress,
        })
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

    /// Nothing of a pending order is at the broker, and nothing will be.
    ///
    /// # Errors
    /// The database cannot now; the order stays pending, and is resolved later.
    pub async fn failed(&self, id: &str) -> anyhow::Result<()> {
        self.change(id, "pending", "failed").await.map(|_| ())
    }

    async fn change(&self, id: &str, from: &str, to: &str) -> anyhow::Result<bool> {
        let text = self.sql("UPDATE orders SET state = ?, created = ? WHERE id = ? AND state = ?");
        let query = sqlx::query(text).bind(to).bind(epoch_millis()).bind(id).bind(from);
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    /// Pending orders taken down at least this long ago, with the time of that.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn pending(
        &self,
        older_than: std::time::Duration,
    ) -> anyhow::Result<Vec<(String, i64)>> {
        let before = epoch_millis() - older_than.as_millis() as i64;
        let text = self.sql("SELECT id, created FROM orders WHERE state = 'pending' AND created <= ? ORDER BY created LIMIT 1000");
        let rows = sqlx::query(text).bind(before).fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// A placed order with what is done of it. One whose sending is not known to have ended counts
    /// as placed once a pizza of it is done.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn order(&self, id: &str) -> anyhow::Result<Option<Order>> {
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

    /// The newest placed orders.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn orders(&self, limit: i64) -> anyhow::Result<Vec<Summary>> {
        let text = self.sql(
            "SELECT id, pizzas, (SELECT COUNT(*) FROM finished WHERE order_id = orders.id) FROM orders
             WHERE state = 'placed' ORDER BY created DESC, id LIMIT ?",
        );
        let rows = sqlx::query(text).bind(limit).fetch_all(&self.pool).await?;
        let summary = |row: &sqlx::any::AnyRow| {
            let (count, done): (i64, i64) = (row.try_get(1)?, row.try_get(2)?);
            Ok(Summary { id: row.try_get(0)?, count, complete: done >= count })
        };
        rows.iter().map(summary).collect()
    }

    /// Deletes orders older than this with their pizzas, a bounded number; gives how many.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn forget(&self, older_than: std::time::Duration) -> anyhow::Result<usize> {
        let before = epoch_millis() - older_than.as_millis() as i64;
        let text = self.sql("SELECT id FROM orders WHERE created < ? AND state <> 'pending' ORDER BY created LIMIT 200");
        let rows = sqlx::query(text).bind(before).fetch_all(&self.pool).await?;
        for row in &rows {
            let id: String = row.try_get(0)?;
            let mut transaction = self.pool.begin().await?;
            for text in
                ["DELETE FROM finished WHERE order_id = ?", "DELETE FROM orders WHERE id = ?"]
            {
                sqlx::query(self.sql(text)).bind(&id).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
        Ok(rows.len())
    }
}
