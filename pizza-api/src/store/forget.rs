//! What is old goes, a bounded number at a time.

use super::{Store, marks};
use std::time::Duration;

/// Orders in one transaction: others write in between.
const ORDERS: usize = 20;

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
        let text = format!(
            "SELECT DISTINCT order_id FROM finished WHERE arrived <= {} - ?
             AND NOT EXISTS (SELECT 1 FROM orders WHERE id = order_id) LIMIT {ORDERS}",
            self.now()
        );
        let ids = self.ids(&text, age).await?;
        self.delete(&ids, &["finished WHERE order_id"]).await?;
        Ok(forgotten + ids.len())
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
