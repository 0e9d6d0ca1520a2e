//! The dead letters of a stage, for programs that show them.

use super::list::{self, Wanted};
use super::tool::Desk;
use super::{DeadLetter, Filter, Replayed, To, replay};
use crate::broker::Broker;
use crate::chain::Chain;
use crate::service::StartError;
use crate::topics::Topics;

/// The dead letters of a stage: what `dead-letters list` and `replay` do, without a terminal. All of it blocks, and
/// reads the whole topic.
///
/// ```no_run
/// use stage_sdk::broker::Broker;
/// use stage_sdk::chain::Chain;
/// use stage_sdk::dead_letter::{Filter, Letters, To};
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// let chain = Chain::read("topics.toml".as_ref()).unwrap();
/// let letters = Letters::of(&chain, &Broker::default(), "price")?;
/// let cold = Filter { reason: Some("cold".into()), ..Filter::default() };
/// let (newest, count) = letters.newest(&cold, 10)?;
/// println!("{count} died of it, the last: {:?}", newest.first());
/// println!("{} are on their way again", letters.replay(&cold, To::RetryLane)?.replayed);
/// # Ok(())
/// # }
/// ```
pub struct Letters {
    desk: Desk,
    topic: String,
}

impl Letters {
    /// Those of this stage. May block for half a minute.
    ///
    /// # Errors
    /// The route map has no such stage, or no broker answers.
    pub fn of(chain: &Chain, broker: &Broker, stage: &str) -> Result<Letters, StartError> {
        let topic = chain.service(stage)?.dead_letters;
        let desk = Desk {
            broker: broker.clone(),
            admin: Topics::connect(broker)?,
            topics: vec![topic.clone()],
            json: false,
            chain: Some(chain.clone()),
            stage: None,
            is_watched: false,
        };
        Ok(Letters { desk, topic })
    }

    /// The topic they lie in.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The newest `most` of those that are open and that the filter lets through, the newest first, and how many
    /// there are of these.
    ///
    /// # Errors
    /// The topic is missing, or cannot be read.
    pub fn newest(
        &self,
        filter: &Filter,
        most: usize,
    ) -> Result<(Vec<DeadLetter>, usize), StartError> {
        let wanted = Wanted { most: most.max(1), done_too: false, whole: true };
        let (letters, count) = list::newest(&self.desk, filter, &wanted)?;
        Ok((letters.into_iter().rev().map(|(letter, _)| letter).collect(), count))
    }

    /// Replays those that are open and that the filter lets through, each once, in the order they have: when it
    /// returns, they are where they go and done with. None goes twice, whoever else replays them.
    ///
    /// # Errors
    /// The topic is missing, the stage has no retry lane and they were to go there, another replay of the topic has
    /// taken over, or it failed on the way: then some may be replayed, and the same again goes on from there.
    pub fn replay(&self, filter: &Filter, to: To) -> Result<Replayed, StartError> {
        replay::pass(&self.desk, &self.topic, filter, to)
    }
}
