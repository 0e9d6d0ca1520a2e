//! What a program says of itself: to shells, and on manual pages.

use super::print;
use crate::service::StartError;
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Subcommands that any program may have beside its own.
#[derive(clap::Subcommand, Debug)]
pub enum Manual {
    /// Print a completion script for your shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands into a directory
    Man {
        /// The directory, such as ~/.local/share/man/man1
        directory: Option<PathBuf>,
    },
}

impl Manual {
    /// Prints it, or writes it, for a program of this name; when this returns Ok all of it is there.
    ///
    /// # Errors
    /// The directory cannot be written to, or standard output is closed.
    pub fn print(self, mut command: clap::Command, program: &str) -> Result<(), StartError> {
        let mut text = Vec::new();
        match self {
            Manual::Completions { shell } => {
                clap_complete::generate(shell, &mut command, program, &mut text);
            }
            Manual::Man { directory: Some(directory) } => {
                return pages(command.name(program.to_owned()), &directory);
            }
            Manual::Man { directory: None } => {
                let page = clap_mangen::Man::new(command.name(program.to_owned()));
                page.render(&mut text).map_err(|error| StartError::Runtime(error.to_string()))?;
            }
        }
        print([String::from_utf8_lossy(&text).trim_end()])
    }
}

/// A page for the program and each of its commands.
fn pages(command: clap::Command, directory: &Path) -> Result<(), StartError> {
    let written = std::fs::create_dir_all(directory)
        .and_then(|()| clap_mangen::generate_to(command, directory));
    written.map_err(|error| {
        StartError::Usage(format!(
            "{}: {error}; give a directory that can be written to",
            directory.display()
        ))
    })
}
