//! What is old goes, a bounded number at a time.

use super::{Store, marks};
use std::time::Duration;

/// Orders in one transaction: others write in between.
const ORDERS: usize = 20;

/// Pizzas of orders nobody here took, looked for at once.
const PIZZAS: usize = 1_000;

impl Store {
    /// Deletes orders older than this with their pizzas, and pizzas as old of orders nobody here
    /// took; a bounded number. Gives of how many orders something was deleted.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn forget(&self, older_than: Duration) -> anyhow::Result<usize> {
        let age = older_than.as_millis() as i64;
        let mut forgotten = 0;
        // Pending ones are resolved first.
        for state in ["placed", "failed"] {
            let text = format!(
                "SELECT id FROM orders WHERE state = '{state}' AND created <= {} - ? ORDER BY created LIMIT {ORDERS}",
                self.now()
            );
            let ids = self.ids(&text, age).await?;
            forgotten += ids.len();
            self.delete(&ids, &["finished WHERE order_id", "orders WHERE id"]).await?;
        }
        let mut ids = self.ids(&self.of_nobody(), age).await?;
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(ORDERS);
        self.delete(&ids, &["finished WHERE order_id"]).await?;
        Ok(forgotten + ids.len())
    }

    /// The orders of the oldest pizzas that are too old and belong to nobody, by the index on their age. Asked for
    /// distinct orders, SQLite goes through all pizzas there are, in the order of their orders.
    fn of_nobody(&self) -> String {
        format!(
            "SELECT order_id FROM finished WHERE arrived <= {} - ?
             AND NOT EXISTS (SELECT 1 FROM orders WHERE id = order_id) ORDER BY arrived LIMIT {PIZZAS}",
            self.now()
        )
    }

    async fn ids(&self, text: &str, age: i64) -> anyhow::Result<Vec<String>> {
        Ok(sqlx::query_scalar(self.sql(text)).bind(age).fetch_all(&self.pool).await?)
    }

    async fn delete(&self, ids: &[String], from: &[&str]) -> anyhow::Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut transaction = self.pool.begin().await?;
        for table in from {
            let text = format!("DELETE FROM {table} IN ({})", marks(ids.len()));
            let query = ids.iter().fold(sqlx::query(self.sql(&text)), |query, id| query.bind(id));
            query.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Row as _;

    /// It is asked every two seconds, however many pizzas there are.
    #[tokio::test]
    async fn what_is_old_is_found_by_its_age() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let plan = format!("EXPLAIN QUERY PLAN {}", store.of_nobody());
        let rows = sqlx::query(sqlx::AssertSqlSafe(plan)).bind(1_i64).fetch_all(&store.pool);
        let steps: Vec<String> = rows.await.unwrap().iter().map(|row| row.get(3)).collect();
        let by_age =
            |step: &String| step.contains("finished USING") && step.contains("finished_by_age");
        assert!(steps.iter().any(by_age), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{steps:#?}");
    }
}
