//! Orders and pizzas in SQL: SQLite, PostgreSQL, or MariaDB.

mod orders;

mod schema;

mod view;

pub use orders::{Order, Placing, Summary};
pub use view::{Finished, Stored};

use anyhow::Context as _;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a caller waits for a free connection: below the time a client waits for an answer.
const ACQUIRE: Duration = Duration::from_secs(4);

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

/// Why a store cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The URL or the path is wrong.
    Usage(String),
    /// The database does not answer.
    Away(String),
}

impl Store {
    /// Opens the database and makes what tables are missing; several may do so at once.
    ///
    /// # Errors
    /// The URL is of no known kind, or the database cannot be reached. The password is never told.
    pub async fn open(url: &str) -> Result<Store, OpenError> {
        sqlx::any::install_default_drivers();
        let kind = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("sqlite") => Kind::Sqlite,
            Some("postgres" | "postgresql") => Kind::Postgres,
            Some("mysql" | "mariadb") => Kind::MySql,
            _ => {
                let scheme: String =
                    url.split(':').next().unwrap_or_default().chars().take(20).collect();
                return Err(OpenError::Usage(format!(
                    "database URL of kind {scheme:?} is unknown; give sqlite:PATH, postgres://… or mysql://…"
                )));
            }
        };
        let url = match kind {
            // One writer at a time, and readers that do not wait for it.
            Kind::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
            Kind::MySql => url.replacen("mariadb:", "mysql:", 1),
            _ => url.to_owned(),
        };
        let connections = if kind == Kind::Sqlite { 4 } else { 8 };
        let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(ACQUIRE);
        let pool = options.connect_lazy(&url).map_err(|_| {
            OpenError::Usage(
                "the database URL cannot be read; look at its form and its escapes".into(),
            )
        })?;
        let store = Store { pool, kind };
        store.prepare().await.map_err(|error| match kind {
            Kind::Sqlite => {
                OpenError::Usage(format!("{error:#}; give a writable directory with --data"))
            }
            _ => OpenError::Away(format!(
                "{error:#}; is it running there, and is DATABASE_URL right?"
            )),
        })?;
        Ok(store)
    }

    /// The URL of the SQLite file in a data directory.
    pub fn file_url(data: &Path) -> String {
        format!("sqlite:{}", data.join("orders.sqlite").display())
    }

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

    /// `?` marks in the form of this database.
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

fn epoch_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
