//! The tables, and the steps that lead to them.

use super::{Kind, Store};
use anyhow::Context as _;
use sqlx::AnyConnection;
use sqlx::mysql::MySqlDatabaseError;
use std::time::{Duration, Instant};

/// What the database knows of itself; the number of steps taken is in it.
const META: &str = "CREATE TABLE IF NOT EXISTS meta (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    value VARCHAR(255) NOT NULL)";

/// Each is taken once, in this order, and never changed: what is to be different is a new step.
/// Text columns have lengths, because MariaDB indexes nothing else.
const STEPS: &[(Option<Kind>, &str)] = &[
    (
        None,
        "CREATE TABLE IF NOT EXISTS orders (
            id VARCHAR(64) NOT NULL PRIMARY KEY,
            pizzas BIGINT NOT NULL,
            state VARCHAR(8) NOT NULL,
            idempotency VARCHAR(510) NULL UNIQUE,
            created BIGINT NOT NULL)",
    ),
    (
        None,
        "CREATE TABLE IF NOT EXISTS finished (
            order_id VARCHAR(64) NOT NULL,
            identity VARCHAR(64) NOT NULL,
            place BIGINT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (order_id, identity))",
    ),
    (
        None,
        "CREATE TABLE IF NOT EXISTS offsets (
            topic VARCHAR(249) NOT NULL,
            part BIGINT NOT NULL,
            next BIGINT NOT NULL,
            mark VARCHAR(4096) NOT NULL,
            PRIMARY KEY (topic, part))",
    ),
    // Told nothing, MariaDB compares text without case and accents, and cuts what is too long.
    (Some(Kind::MySql), "ALTER TABLE meta CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    (Some(Kind::MySql), "ALTER TABLE orders CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    (
        Some(Kind::MySql),
        "ALTER TABLE finished CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ),
    (Some(Kind::MySql), "ALTER TABLE offsets CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"),
    (Some(Kind::MySql), "ALTER TABLE finished MODIFY body MEDIUMTEXT NOT NULL"),
    // Pizzas of orders nobody here took are forgotten by their age.
    (None, "ALTER TABLE finished ADD COLUMN arrived BIGINT NOT NULL DEFAULT 0"),
    (None, "CREATE INDEX finished_by_age ON finished (arrived)"),
    (None, "CREATE INDEX orders_by_age ON orders (state, created)"),
];

/// How long others may take to do the same.
const WAIT: Duration = Duration::from_secs(10);

impl Store {
    /// Takes the steps that are missing, one instance at a time.
    pub(super) async fn prepare(&self) -> anyhow::Result<()> {
        if self.kind == Kind::Sqlite {
            self.write_ahead().await?;
        }
        let begin = if self.kind == Kind::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" };
        let mut transaction = self.pool.begin_with(begin).await?;
        self.lock(&mut transaction).await?;
        let taken = self.take_steps(&mut transaction).await;
        if self.kind == Kind::MySql {
            let text = "DO RELEASE_LOCK(CONCAT('pizza.', MD5(DATABASE())))";
            sqlx::query(text).execute(&mut *transaction).await.ok();
        }
        taken?;
        transaction.commit().await?;
        Ok(())
    }

    /// SQLite is locked by its BEGIN IMMEDIATE; the others lock nothing of their own accord.
    async fn lock(&self, connection: &mut AnyConnection) -> anyhow::Result<()> {
        match self.kind {
            Kind::Sqlite => {}
            Kind::Postgres => {
                let text = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7499297); END $$";
                sqlx::query(text).execute(connection).await?;
            }
            Kind::MySql => {
                let text = "SELECT COALESCE(GET_LOCK(CONCAT('pizza.', MD5(DATABASE())), 10), 0)";
                let locked: i64 = sqlx::query_scalar(text).fetch_one(connection).await?;
                anyhow::ensure!(
                    locked == 1,
                    "another instance has been changing its tables for 10 s"
                );
            }
        }
        Ok(())
    }

    async fn take_steps(&self, connection: &mut AnyConnection) -> anyhow::Result<()> {
        sqlx::query(META).execute(&mut *connection).await?;
        let begin = self.insert("meta", "name, value", "('schema', '0')");
        sqlx::query(self.sql(&begin)).execute(&mut *connection).await?;
        let read = "SELECT value FROM meta WHERE name = 'schema'";
        let known: String = sqlx::query_scalar(read).fetch_one(&mut *connection).await?;
        let taken: usize = known.parse().context("the schema's number is damaged")?;
        anyhow::ensure!(
            taken <= STEPS.len(),
            "its tables are of a newer version ({taken}; this program knows {})",
            STEPS.len()
        );
        for (number, (only, step)) in STEPS.iter().enumerate().skip(taken) {
            if only.is_none_or(|kind| kind == self.kind) {
                match sqlx::query(*step).execute(&mut *connection).await {
                    Err(error) if !was_taken(&error) => return Err(error.into()),
                    _ => {}
                }
            }
            // After each: MariaDB does not roll tables back.
            let write = self.sql("UPDATE meta SET value = ? WHERE name = 'schema'");
            let value = (number + 1).to_string();
            sqlx::query(write).bind(value).execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// Readers do not wait for the writer. The change itself waits for nobody, so it is tried again.
    async fn write_ahead(&self) -> anyhow::Result<()> {
        let until = Instant::now() + WAIT;
        while let Err(error) = sqlx::query("PRAGMA journal_mode = WAL").execute(&self.pool).await {
            let locked = error.to_string().contains("locked");
            if !locked || Instant::now() > until {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

/// A column or an index that is there: MariaDB died between the step and its number.
fn was_taken(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    let number = error.and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>());
    number.is_some_and(|error| matches!(error.number(), 1060 | 1061))
}
