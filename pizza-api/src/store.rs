//! Orders and pizzas in SQL: SQLite, PostgreSQL, or MariaDB.

mod cluster;

mod forget;

mod look;

mod open;

mod orders;

mod schema;

mod view;

pub use look::{Order, Summary};
pub use open::OpenError;
pub use orders::{Pending, Placing};
pub use view::{Finished, Stored};

use anyhow::Context as _;
use sqlx::AnyPool;

/// A connection to the database; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pool: AnyPool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
    MySql,
}

impl Store {
    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> anyhow::Result<()> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .context("the database does not answer")?;
        Ok(())
    }

    /// The database's time in milliseconds. Ours would not do: instances' clocks differ.
    fn now(&self) -> &'static str {
        match self.kind {
            Kind::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Kind::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
            Kind::MySql => "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
        }
    }

    /// An insert that leaves what is there as it is, and then counts no row.
    fn insert(&self, table: &str, columns: &str, values: &str) -> String {
        match self.kind {
            Kind::MySql => format!("INSERT IGNORE INTO {table} ({columns}) VALUES {values}"),
            _ => format!("INSERT INTO {table} ({columns}) VALUES {values} ON CONFLICT DO NOTHING"),
        }
    }

    /// `?` marks in the form of this database. The text is ours alone; values are bound.
    fn sql(&self, text: &str) -> sqlx::AssertSqlSafe<String> {
        if self.kind != Kind::Postgres {
            return sqlx::AssertSqlSafe(text.to_owned());
        }
        let mut numbered = String::with_capacity(text.len() + 16);
        for (number, part) in text.split('?').enumerate() {
            if number > 0 {
                numbered += &format!("${number}");
            }
            numbered += part;
        }
        sqlx::AssertSqlSafe(numbered)
    }
}

/// As many marks as there are values, for `IN`.
fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}
