//! What the client is told beyond what we choose, on a command line or in a file.

use crate::service::StartError;
use clap::Args;
use std::path::{Path, PathBuf};

/// Flags of whatever connects to Kafka.
#[derive(Args, Clone, Debug, Default)]
pub struct ClientArgs {
    /// A librdkafka setting; may be given several times. In STAGE_X: with commas
    #[arg(short = 'X', env = "STAGE_X", hide_env_values = true, value_name = "NAME=VALUE", value_delimiter = ',', value_parser = super::setting, global = true)]
    pub overrides: Vec<(String, String)>,

    /// A file of such settings, a line each, for what others must not see in a list of processes
    #[arg(long, env = "STAGE_CLIENT_CONFIG", value_name = "FILE", global = true)]
    pub client_config: Option<PathBuf>,
}

impl ClientArgs {
    /// All settings, in the order in which they are to be made: those of the file, then those of `-X`.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no setting. What is in the line is not told.
    pub fn settings(&self) -> Result<Vec<(String, String)>, StartError> {
        let mut all = match &self.client_config {
            Some(file) => read(file)?,
            None => Vec::new(),
        };
        all.extend(self.overrides.iter().cloned());
        Ok(all)
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
        let overrides = vec![("client.rack".to_owned(), "b".to_owned())];
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
    fn a_line_that_is_none_is_told_by_its_number_alone() {
        let error = settings("bad", "a=b\nhunter2\n").expect_err("no setting").to_string();
        assert!(error.contains(":2: expected NAME=VALUE") && !error.contains("hunter2"), "{error}");
        let args = ClientArgs { client_config: Some("/no/such".into()), ..ClientArgs::default() };
        assert!(
            args.settings().expect_err("no file").to_string().contains("/no/such: cannot be read")
        );
    }
}
