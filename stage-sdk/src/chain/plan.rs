//! What would change on the broker, and the change.
//!
//! Nothing is ever shrunk or deleted here; what cannot be is refused with both figures.

pub use super::apply::apply;
pub use super::compare::plan;
use crate::service::StartError;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// A topic that is missing.
    Create {
        /// Its name.
        topic: String,
        /// Its partitions.
        partitions: i32,
        /// Its replicas; none: the broker's default.
        replication: Option<i32>,
        /// Its settings.
        config: BTreeMap<String, String>,
    },
    /// A topic with fewer partitions than declared. Keys move to other partitions.
    Grow {
        /// Its name.
        topic: String,
        /// Its partitions now.
        from: i32,
        /// As declared.
        to: i32,
    },
    /// A setting that differs.
    Set {
        /// The topic.
        topic: String,
        /// The setting.
        name: String,
        /// Its value now.
        from: String,
        /// As declared.
        to: String,
    },
}

/// What would change.
///
/// ```no_run
/// use stage_sdk::broker::Broker;
/// use stage_sdk::chain::{Chain, plan};
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// let chain = Chain::read("topics.toml".as_ref()).unwrap();
/// let broker = Broker { servers: "127.0.0.1:9092".into(), ..Broker::default() };
/// let plan = plan::plan(&chain, &broker)?;
/// println!("{plan}");
/// plan.permitted()?;
/// plan::apply(&plan, &broker)
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In the order in which it is done.
    pub steps: Vec<Step>,
    /// What is declared and cannot be done.
    pub refused: Vec<String>,
}

impl Plan {
    /// Ok unless something was refused.
    ///
    /// # Errors
    /// What was refused, a line each.
    pub fn permitted(&self) -> Result<(), StartError> {
        if self.refused.is_empty() {
            Ok(())
        } else {
            Err(StartError::Usage(self.refused.join("\n")))
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps.iter().map(Step::to_string);
        let refused = self.refused.iter().map(|text| format!("! {text}"));
        let lines: Vec<String> = steps.chain(refused).collect();
        match lines.is_empty() {
            true => f.write_str("nothing to do: the broker's topics are as declared"),
            false => f.write_str(&lines.join("\n")),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Create { topic, partitions, .. } => {
                write!(f, "+ create topic {topic} ({partitions} partitions)")
            }
            Step::Grow { topic, from, to } => write!(
                f,
                "~ {topic}: partitions {from} -> {to}; keys move, so their order holds only among records from then on"
            ),
            Step::Set { topic, name, from, to } => write!(f, "~ {topic}: {name} {from} -> {to}"),
        }
    }
}
