//! The view's rows and its offsets, in one database transaction.

use super::{Kind, Store};
use sqlx::Row as _;
use stage_sdk::sink::{Advance, Refusal};

/// Rows in one statement.
const ROWS: usize = 100;

/// A finished pizza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its order.
    pub order_id: String,
    /// What tells it from the order's others.
    pub identity: String,
    /// Its place in the last topic.
    pub place: i64,
    /// The pizza as JSON.
    pub body: String,
}

/// What is stored for a partition: offset and mark.
pub type Stored = Option<(i64, String)>;

impl Store {
    /// How far these partitions of a topic are read.
    ///
    /// # Errors
    /// The database cannot now.
    pub async fn positions(&self, topic: &str, partitions: &[i32]) -> anyhow::Result<Vec<Stored>> {
        let text = "SELECT next, mark FROM offsets WHERE topic = ? AND part = ?";
        let mut stored = Vec::new();
        for partition in partitions {
            let query = sqlx::query(self.sql(text)).bind(topic).bind(i64::from(*partition));
            let row = query.fetch_optional(&self.pool).await?;
            stored.push(
                row.map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?)))
                    .transpose()?,
            );
        }
        Ok(stored)
    }

    /// Stores pizzas and advances offsets, all or none; a pizza that is there stays as it is.
    ///
    /// # Errors
    /// [`Refusal::Fenced`]: an offset is not where the advance says. Or the database cannot now.
    pub async fn write_view(
        &self,
        topic: &str,
        pizzas: &[Finished],
        advances: &[Advance],
    ) -> Result<(), Refusal> {
        let mut transaction = self.pool.begin().await.map_err(away)?;
        for advance in advances {
            let text = match &advance.from {
                Some(_) => {
                    "UPDATE offsets SET next = ?, mark = ? WHERE topic = ? AND part = ? AND mark = ?"
                        .to_owned()
                }
                None => self.insert("offsets", "next, mark, topic, part", "(?, ?, ?, ?)"),
            };
            let mut query = sqlx::query(self.sql(&text)).bind(advance.offset).bind(&advance.mark);
            query = query.bind(topic).bind(i64::from(advance.partition));
            if let Some(from) = &advance.from {
                query = query.bind(from);
            }
            let done = query.execute(&mut *transaction).await.map_err(away)?;
            if done.rows_affected() != 1 {
                // Dropped without a commit, the transaction is rolled back.
                return Err(Refusal::Fenced);
            }
        }
        for some in pizzas.chunks(ROWS) {
            let row = format!("(?, ?, ?, ?, {})", self.now());
            let values = vec![row; some.len()].join(", ");
            let columns = "order_id, identity, place, body, arrived";
            let text = match self.kind {
                // IGNORE would also cut what is too long, and say nothing.
                Kind::MySql => format!(
                    "INSERT INTO finished ({columns}) VALUES {values} ON DUPLICATE KEY UPDATE place = place"
                ),
                _ => self.insert("finished", columns, &values),
            };
            let mut query = sqlx::query(self.sql(&text));
            for pizza in some {
                query = query.bind(&pizza.order_id).bind(&pizza.identity);
                query = query.bind(pizza.place).bind(&pizza.body);
            }
            query.execute(&mut *transaction).await.map_err(away)?;
        }
        transaction.commit().await.map_err(away)
    }
}

fn away(error: sqlx::Error) -> Refusal {
    Refusal::Away(error.into())
}
