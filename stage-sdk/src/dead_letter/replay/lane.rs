//! Into the retry lane of the stage that gave the record up: as a command to its worker, which parks it
//! in a transaction of its own.

use super::fate::{Outgoing, headers};
use crate::chain::{Chain, StageRoute};
use crate::control::{self, Control};
use crate::dead_letter::DeadLetter;
use crate::dead_letter::scan::{Ends, Scan};
use crate::dead_letter::tool::Desk;
use crate::kafka::Target;
use crate::lane::Topics;
use crate::record::Record;
use crate::service::StartError;

/// What a record has in the retry topic besides, at most: its name, which has the topic's, and numbers.
const MORE: usize = 600;

/// The lane that letters of a topic go to.
pub(super) struct Lane {
    stage: String,
    input: String,
    redirect: Target,
    /// Of the input's partitions.
    ends: Ends,
}

impl Lane {
    /// That of the stage with these dead letters.
    ///
    /// # Errors
    /// No stage of the route map has them, or it parks nothing.
    pub(super) fn of(desk: &Desk, dead_letters: &str) -> Result<Lane, StartError> {
        let usage = |text: String| StartError::Usage(format!("--to retry-lane: {text}"));
        let gives_up = |stage: &&StageRoute| Chain::dead_letter_topic(stage) == dead_letters;
        let stage = desk.chain.as_ref().and_then(|chain| chain.stages.iter().find(gives_up));
        let Some(stage) = stage else {
            return Err(usage(format!(
                "{dead_letters} is of no stage in the route map (--config); use --to-topic"
            )));
        };
        if !stage.policy().policy.parks() {
            return Err(usage(format!(
                "stage {:?} has none: its policy is neither \"ordered\" nor \"retry-topic\"; use --to source",
                stage.name
            )));
        }
        let topics = Topics::of(stage);
        let mut redirect = desk.admin.target(&topics.redirect)?;
        // What goes out is sent as the letters were, and then fits into the retry topic.
        let retry = desk.admin.target(&topics.retry)?.limit.saturating_sub(MORE);
        redirect.limit = redirect.limit.min(desk.admin.target(dead_letters)?.limit).min(retry);
        let ends = Scan::new(&desk.broker, &stage.input, redirect.partitions)?.readable()?;
        Ok(Lane { stage: stage.name.clone(), input: stage.input.clone(), redirect, ends })
    }

    /// The record that died, as the worker is told of it; or why it cannot go there.
    pub(super) fn revive(&self, letter: DeadLetter) -> Result<Outgoing, String> {
        let Lane { input, redirect, ends, .. } = self;
        let origin = &letter.origin;
        let (Some(partition), Some(offset)) = (origin.partition, origin.offset) else {
            return Err(format!(
                "they do not say where in {input} they were; --to-topic sends them somewhere"
            ));
        };
        if origin.topic.as_ref() != Some(input) {
            let from = origin.topic.as_deref().unwrap_or("no topic");
            return Err(format!(
                "they came from {from:?}, and this lane is of {input}; --to source sends them there"
            ));
        }
        let Some((_, end)) = ends.get(&partition) else {
            return Err(format!("{input} has no partition {partition}; --to source has others"));
        };
        if !(0..*end).contains(&offset) {
            return Err(format!(
                "they lay behind the end of {input}; was it made anew? --to source sends them there"
            ));
        }
        let own = headers(&letter);
        let record = Record {
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
            headers: &own,
            time: origin.time.unwrap_or(-1),
            partition,
            offset,
        };
        let mut headers = Vec::new();
        let control = Control::replay(&record, &mut headers);
        Outgoing {
            target: redirect.clone(),
            partition,
            key: Some(control::name(control::new_id()).into_bytes()),
            // A struct of texts and numbers has a JSON form.
            value: Some(serde_json::to_vec(&control).unwrap_or_default()),
            headers,
            time: -1,
            letter: (letter.partition, letter.offset),
        }
        .fitting()
    }

    /// What is said of where they go.
    pub(super) fn name(&self) -> String {
        format!("the retry lane of {}", self.stage)
    }
}
