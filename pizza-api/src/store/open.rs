//! From a URL to a database that is ready.

use super::{Kind, Store};
use sqlx::any::AnyPoolOptions;
use std::path::Path;
use std::time::Duration;

/// How long a caller waits for a free connection: below the time a client waits for an answer.
const ACQUIRE: Duration = Duration::from_secs(4);

/// Why a store cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The URL or the path is wrong.
    Usage(String),
    /// The database does not answer.
    Away(String),
}

impl Store {
    /// Opens the database and brings its tables up to date; several may do so at once.
    ///
    /// # Errors
    /// The URL is of no known kind, or the database cannot be reached. The password is never told.
    pub async fn open(url: &str) -> Result<Store, OpenError> {
        sqlx::any::install_default_drivers();
        let kind = kind(url)?;
        let full = match kind {
            Kind::Sqlite if !url.contains('?') => format!("{url}?mode=rwc"),
            Kind::MySql => url.replacen("mariadb:", "mysql:", 1),
            _ => url.to_owned(),
        };
        let options = AnyPoolOptions::new().acquire_timeout(ACQUIRE);
        let options = match kind {
            // Each connection to a database in memory would have one of its own.
            Kind::Sqlite if url.contains(":memory:") => {
                options.max_connections(1).idle_timeout(None).max_lifetime(None)
            }
            // It takes one writer at a time; a few readers go on beside it.
            Kind::Sqlite => options.max_connections(4),
            _ => options.max_connections(8),
        };
        let pool = options.connect_lazy(&full).map_err(|_| {
            OpenError::Usage(
                "the database URL (--database-url, DATABASE_URL) cannot be read; give sqlite:PATH, postgres://USER:PASSWORD@HOST/NAME or mysql://…, with special characters escaped as %XX"
                    .into(),
            )
        })?;
        let store = Store { pool, kind };
        store.prepare().await.map_err(|error| match kind {
            Kind::Sqlite => OpenError::Usage(format!(
                "database {url}: {error:#}; give a writable place with --data or --database-url"
            )),
            _ => OpenError::Away(format!(
                "database {}: {error:#}; is it running there, and is DATABASE_URL right?",
                without_password(url)
            )),
        })?;
        Ok(store)
    }

    /// The URL of the SQLite file in a data directory.
    pub fn file_url(data: &Path) -> String {
        let file = data.join("orders.sqlite").display().to_string();
        format!("sqlite:{}", file.replace('%', "%25").replace('?', "%3F"))
    }
}

fn kind(url: &str) -> Result<Kind, OpenError> {
    let scheme = url.split_once(':').map(|(scheme, _)| scheme);
    match scheme {
        Some("sqlite") => Ok(Kind::Sqlite),
        Some("postgres" | "postgresql") => Ok(Kind::Postgres),
        Some("mysql" | "mariadb") => Ok(Kind::MySql),
        // Without a scheme it may be anything, a password too.
        _ => {
            let shown = scheme.filter(|text| text.bytes().all(|b| b.is_ascii_alphanumeric()));
            let shown: String = shown.unwrap_or("(none)").chars().take(20).collect();
            Err(OpenError::Usage(format!(
                "the database URL (--database-url, DATABASE_URL) is of kind {shown}; give sqlite:PATH, postgres://… or mysql://…"
            )))
        }
    }
}

/// Host and database alone.
fn without_password(url: &str) -> &str {
    let url = url.split('?').next().unwrap_or_default();
    url.rsplit_once('@').map_or("(without a user)", |(_, place)| place)
}
