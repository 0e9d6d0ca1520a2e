//! What the client is told beyond what we choose, on a command line or in a file.

use crate::service::StartError;
use clap::Args;
use std::fmt;
use std::path::{Path, PathBuf};

/// Flags of whatever connects to Kafka.
#[derive(Args, Clone, Default)]
pub struct ClientArgs {
    /// A librdkafka setting; may be given several times. In STAGE_X: with commas
    #[arg(
        short = 'X',
        env = "STAGE_X",
        hide_env_values = true,
        value_name = "NAME=VALUE",
        value_delimiter = ',',
        global = true
    )]
    pub overrides: Vec<String>,

    /// A file of such settings, a line each, for what others must not see in a list of processes
    #[arg(long, env = "STAGE_CLIENT_CONFIG", value_name = "FILE", global = true)]
    pub client_config: Option<PathBuf>,
}

impl ClientArgs {
    /// All settings, in the order in which they are to be made: those of the file, then those of `-X`.
    ///
    /// # Errors
    /// The file cannot be read, or something is no setting. What it is instead is not told: it may be a piece of
    /// a secret.
    pub fn settings(&self) -> Result<Vec<(String, String)>, StartError> {
        let mut all = match &self.client_config {
            Some(file) => read(file)?,
            None => Vec::new(),
        };
        for (at, text) in self.overrides.iter().enumerate() {
            let setting = super::setting(text).map_err(|expected| {
                StartError::Usage(format!(
                    "setting {} of -X or STAGE_X: {expected}; a value with commas goes into a file (--client-config)",
                    at + 1
                ))
            })?;
            all.push(setting);
        }
        Ok(all)
    }
}

impl fmt::Debug for ClientArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.client_config;
        f.debug_struct("ClientArgs").field("client_config", file).finish_non_exhaustive()
    }
}

/// Lines `name=value`; empty ones and those that begin with `#` say nothing.
fn read(file: &Path) -> Result<Vec<(String, String)>, StartError> {
    let wrong = |text: String| StartError::Usage(format!("{}{text}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| {
        wrong(format!(": cannot be read: {error}; it is what --client-config names"))
    })?;
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| match line.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok((name.trim().to_owned(), value.trim().to_owned()))
            }
            _ => {
                Err(wrong(format!(":{number}: expected NAME=VALUE, for example sasl.username=me")))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str, text: &str) -> Result<Vec<(String, String)>, StartError> {
        let file = std::env::temp_dir().join(format!("client-{name}-{}", std::process::id()));
        std::fs::write(&file, text).expect("written");
        let overrides = vec!["client.rack=b".to_owned()];
        let args = ClientArgs { overrides, client_config: Some(file.clone()) };
        let settings = args.settings();
        std::fs::remove_file(file).expect("removed");
        settings
    }

    #[test]
    fn a_file_comes_before_what_the_line_says_and_keeps_its_signs() {
        let text = "# ours\n\nclient.rack = a\r\n sasl.password=a,b=c#d\n";
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let wanted =
            vec![of("client.rack", "a"), of("sasl.password", "a,b=c#d"), of("client.rack", "b")];
        assert_eq!(settings("good", text).expect("settings"), wanted);
    }

    #[test]
    fn a_piece_of_a_secret_is_not_told() {
        let overrides = ["sasl.password=hunter", "hunter2"].map(str::to_owned).into();
        let args = ClientArgs { overrides, client_config: None };
        let error = args.settings().expect_err("no setting").to_string();
        assert!(error.contains("setting 2 of -X") && error.contains("NAME=VALUE"), "{error}");
        assert!(!format!("{error} {args:?}").contains("hunter"), "{error} {args:?}");
    }

    #[test]
    fn a_line_that_is_none_is_told_by_its_number_alone() {
        let error = settings("bad", "a=b\nhunter2\n").expect_err("no setting").to_string();
        assert!(error.contains(":2: expected NAME=VALUE") && !error.contains("hunter2"), "{error}");
        let args = ClientArgs { client_config: Some("/no/such".into()), ..ClientArgs::default() };
        assert!(
            args.settings().expect_err("no file").to_string().contains("/no/such: cannot be read")
        );
    }
}
