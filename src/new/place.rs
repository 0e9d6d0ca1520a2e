//! The place of a new stage in the route map: after one, and before the topic that this one wrote.
//!
//! The topic stays, with its readers and where they are in it: what is on its way there is finished without the new
//! stage, and what comes later passes it. New is the topic before.

use stage_sdk::StartError;
use stage_sdk::chain::{Chain, StageRoute};
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

/// The route map with the stage in it.
pub(super) struct Place {
    name: String,
    after: String,
    /// The new topic, which it reads.
    input: String,
    /// The one that it writes now.
    output: String,
    text: String,
}

impl Place {
    /// Finds it; changes nothing. `after`: the stage before it; none: the last that writes a topic. `program`: the key
    /// that says what it is, and what stands there.
    ///
    /// # Errors
    /// The route map has problems, as it is or with the stage in it, or there is no such stage with an output.
    pub(super) fn find(
        file: &Path,
        name: &str,
        after: Option<&str>,
        program: (&str, &[String]),
    ) -> Result<Place, StartError> {
        let chain = Chain::read(file).map_err(|e| StartError::Usage(e.to_string()))?;
        let (after, output) = before(&chain, file, after)?;
        if chain.stage(name).is_some() {
            let text = format!(
                "{}: there is a stage {name:?} already; give it another name",
                file.display()
            );
            return Err(StartError::Usage(text));
        }
        let input = format!("{}-for-{name}", chain.name);
        let used = chain.stages.iter().flat_map(|stage| {
            let named = stage.outputs.iter().map(|(_, topic)| topic);
            named.chain(&stage.output).chain([&stage.input])
        });
        if chain.all_topics().contains_key(&input) || used.into_iter().any(|topic| *topic == input)
        {
            let text = format!(
                "{}: there is a topic {input:?} already; give the stage another name",
                file.display()
            );
            return Err(StartError::Usage(text));
        }
        let text = std::fs::read_to_string(file)
            .map_err(|error| StartError::Runtime(format!("{}: {error}", file.display())))?;
        let mut place =
            Place { name: name.to_owned(), after: after.name.clone(), input, output, text };
        place.put_in(&chain, program).ok_or_else(|| {
            StartError::Usage(format!(
                "{}: its tables are not written as [topics.NAME] and [stages.NAME]; put the stage in by hand",
                file.display()
            ))
        })?;
        Chain::parse(&place.text, &file.display().to_string()).map_err(|problems| {
            StartError::Usage(format!("with stage {name:?} there would be problems:\n{problems}"))
        })?;
        Ok(place)
    }

    /// Puts it into the text, and leaves all else of it as it is; none: there is no table to put it in.
    fn put_in(&mut self, chain: &Chain, (key, program): (&str, &[String])) -> Option<()> {
        let mut map: DocumentMut = self.text.parse().ok()?;
        let topics = map.get_mut("topics")?.as_table_mut()?;
        let mut topic = Table::new();
        let like = chain.topics.get(&self.output)?;
        topic["partitions"] = value(i64::from(like.partitions));
        if let Some(replication) = like.replication {
            topic["replication"] = value(i64::from(replication));
        }
        if !like.config.is_empty() {
            let config: InlineTable =
                like.config.iter().map(|(name, setting)| (name, Value::from(setting))).collect();
            topic["config"] = value(config);
        }
        topics.insert(&self.input, Item::Table(topic));
        let stages = map.get_mut("stages")?.as_table_mut()?;
        let written = stages.get_mut(&self.after)?.get_mut("output")?.as_value_mut()?;
        let decor = written.decor().clone();
        *written = Value::from(&self.input);
        *written.decor_mut() = decor;
        let mut stage = Table::new();
        stage["input"] = value(&self.input);
        stage["output"] = value(&self.output);
        stage[key] = value(Array::from_iter(program));
        stages.insert(&self.name, Item::Table(stage));
        let ends = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        self.text = map.to_string().replace("\r\n", "\n").replace('\n', ends);
        Some(())
    }

    /// Writes the route map; when this returns the file is as before or wholly changed.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, file: &Path) -> Result<(), StartError> {
        let failed = |error| StartError::Runtime(format!("{}: {error}", file.display()));
        let file = file.canonicalize().map_err(failed)?;
        let as_before = file.metadata().map_err(failed)?.permissions();
        if as_before.readonly() {
            return Err(failed(std::io::Error::other("it may only be read")));
        }
        let new = file.with_extension(format!("new-{}", std::process::id()));
        let write = || {
            let mut out = File::create(&new)?;
            out.write_all(self.text.as_bytes())?;
            out.set_permissions(as_before)?;
            out.sync_all()?;
            std::fs::rename(&new, file)
        };
        write().map_err(|error| {
            std::fs::remove_file(&new).ok();
            failed(error)
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { name, after, input, output, .. } = self;
        write!(f, "{after} writes {input} now, {name} reads it and writes {output}")
    }
}

/// The stage before, and what it writes.
fn before<'c>(
    chain: &'c Chain,
    file: &Path,
    after: Option<&str>,
) -> Result<(&'c StageRoute, String), StartError> {
    let refuse = |text: String| StartError::Usage(format!("{}: {text}", file.display()));
    let writers = || chain.stages.iter().filter(|stage| stage.output.is_some() && !stage.external);
    let known = || writers().map(|stage| stage.name.as_str()).collect::<Vec<_>>().join(", ");
    let stage = match after {
        Some(name) => writers().find(|stage| stage.name == name).ok_or_else(|| {
            refuse(format!(
                "no stage {name:?} of ours has an output (a place behind a named one is made by hand); with --after it can be {}",
                known()
            ))
        })?,
        // The last of the chain, not of the file: nobody else that writes reads what it wrote.
        None => writers()
            .rfind(|stage| !writers().any(|other| stage.output.as_ref() == Some(&other.input)))
            .ok_or_else(|| refuse("no stage of ours has an output; put it in by hand".into()))?,
    };
    let output = stage.output.clone().unwrap_or_default();
    Ok((stage, output))
}
