//! A stage that is a program of any language: it is fed records, one JSON line each, and answers with a line for each.
//!
//! ```toml
//! [stages.basil]
//! input = "pizza-with-meats"
//! output = "pizza-with-basil"
//! command = ["python3", "basil.py"]
//! ```
//!
//! A line that is asked, and four that may answer it:
//!
//! ```json
//! {"id":7,"attempt":1,"topic":"orders","partition":2,"offset":1041,"time":1763851242123,"key":"a","headers":{"h":"1"},"value":{"n":1}}
//! {"id":7,"value":{"n":2}}
//! {"id":7,"outputs":[{"value":{"n":2}},{"key":"b","value":{"n":3}}]}
//! {"id":7,"retry":"the oven is cold"}
//! {"id":7,"reject":"there is no such pizza"}
//! ```
//!
//! Many lines may come before the first is answered, and answers may come in any order; `"outputs":[]` filters the
//! record, `"unavailable":"why"` is [`Unavailable`](crate::Kind::Unavailable). The program goes on until its input ends, and says what it
//! has to say to its stderr.
//!
//! Order per key, exactly once, retries and dead letters hold as for any stage. A program that ends, says nothing for too
//! long, or answers something else, is started again; what it had not answered is asked again, one record at a time, so
//! that the record which ends it is found and uses up its own attempts and no others'. One that has never answered is
//! taken to be away.

mod answer;
mod host;
mod process;
mod question;

#[cfg(test)]
mod tests;

pub use question::Format;

use crate::batched::{Item, batched};
use crate::failure::Result;
use crate::service::StartError;
use crate::stage::Stage;
use answer::Records;
use host::Host;
use question::Given;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Records that a program is asked for at once, at most; as many wait for their turn.
const UP_TO: usize = 100;

/// How a stage's program is started, and what it is given.
///
/// ```no_run
/// use stage_sdk::chain::Chain;
/// use stage_sdk::program::{Format, Program};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), stage_sdk::StartError> {
/// let program = Program {
///     command: vec!["python3".into(), "basil.py".into()],
///     format: Format::default(),
///     timeout: Duration::from_secs(30),
/// };
/// let chain = Chain::read("topics.toml".as_ref()).unwrap();
/// chain.service("basil")?.start(program.stage()?)?.wait().map_err(stage_sdk::StartError::Runtime)
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What values are to it.
    pub format: Format,
    /// The stage's time limit for an attempt. A program that says nothing for a third of it, and is to answer, is
    /// killed.
    pub timeout: Duration,
}

impl Program {
    /// The stage: each worker has a program of its own, started with the first record and ended with the worker.
    ///
    /// # Errors
    /// There is no program of this name.
    pub fn stage(self) -> Result<impl Stage + Send, StartError> {
        is_there("command", &self.command)?;
        let program = Arc::new(self);
        let handle = move |items: Vec<Item<Given>>| {
            let program = program.clone();
            async move { answers(&program, items).await }
        };
        Ok(batched(handle).up_to(UP_TO))
    }

    fn name(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// How long it may say nothing, and a batch may take.
    fn patience(&self) -> Duration {
        self.timeout / 3
    }
}

/// Whether the program that a key of the route map names can be found, as a shell would find it.
///
/// # Errors
/// It cannot, or none is named.
pub fn is_there(key: &str, program: &[String]) -> Result<(), StartError> {
    let Some(name) = program.first() else {
        let text = format!("{key} is empty; give the program and its arguments");
        return Err(StartError::Usage(text));
    };
    let found = match name.contains('/') {
        true => Path::new(name).is_file(),
        false => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
        }
    };
    found.then_some(()).ok_or_else(|| {
        let place = if name.contains('/') { "from here" } else { "in PATH" };
        let text = format!("there is no program {name:?} {place}; its name is the first of {key}");
        StartError::Usage(text)
    })
}

async fn answers(program: &Arc<Program>, items: Vec<Item<Given>>) -> Result<Vec<Result<Records>>> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let host = first.cx.of_worker(|| Host::new(program.clone(), first.cx.seat()));
    Ok(host.ask(&items).await)
}
