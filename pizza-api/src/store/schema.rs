//! The tables.

use super::{Kind, Store};
use anyhow::Context as _;

/// Text columns have lengths, because MariaDB indexes nothing else.
const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS orders (
        id VARCHAR(64) NOT NULL PRIMARY KEY,
        pizzas BIGINT NOT NULL,
        state VARCHAR(8) NOT NULL,
        idempotency VARCHAR(510) NULL UNIQUE,
        created BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS finished (
        order_id VARCHAR(64) NOT NULL,
        identity VARCHAR(64) NOT NULL,
        place BIGINT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (order_id, identity))",
    "CREATE TABLE IF NOT EXISTS offsets (
        topic VARCHAR(249) NOT NULL,
        part BIGINT NOT NULL,
        next BIGINT NOT NULL,
        mark VARCHAR(4096) NOT NULL,
        PRIMARY KEY (topic, part))",
];

impl Store {
    /// Makes what is missing.
    pub(super) async fn prepare(&self) -> anyhow::Result<()> {
        if self.kind == Kind::Sqlite {
            for pragma in ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"] {
                sqlx::query(pragma)
                    .execute(&self.pool)
                    .await
                    .context("the database cannot be opened")?;
            }
        }
        for table in TABLES {
            let mut tries = 0;
            // Two that make a table at once may meet in PostgreSQL's catalogue: the second finds it.
            while let Err(error) = sqlx::query(table).execute(&self.pool).await {
                tries += 1;
                if tries == 3 {
                    return Err(error).context("the database cannot be opened");
                }
            }
        }
        Ok(())
    }
}
