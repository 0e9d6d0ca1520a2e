//! A database belongs to one cluster: offsets of another would mislead the view.

use super::Store;

impl Store {
    /// Takes down whose offsets these are; gives the cluster that they are of.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn cluster_of(&self, topic: &str, cluster: &str) -> anyhow::Result<String> {
        let name = format!("cluster {topic}");
        let insert = self.sql(&self.insert("meta", "name, value", "(?, ?)"));
        sqlx::query(insert).bind(&name).bind(cluster).execute(&self.pool).await?;
        let read = self.sql("SELECT value FROM meta WHERE name = ?");
        Ok(sqlx::query_scalar(read).bind(&name).fetch_one(&self.pool).await?)
    }
}
