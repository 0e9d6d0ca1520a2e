//! Which handler ran when and where: a line for each attempt, written as it begins, so that a
//! killed process leaves its lines too. The example programs write them, the tests read them.

#![allow(dead_code, unreachable_pub, reason = "programs write, tests read")]

use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The variable that names the file.
pub const VARIABLE: &str = "RUNS";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub process: u32,
    pub partition: i32,
    pub offset: i64,
    pub attempt: u32,
    pub key: String,
}

impl Run {
    /// Appends the line in one write; lines of several processes do not mix.
    pub fn write(&self) {
        let Ok(path) = std::env::var(VARIABLE) else { return };
        let line = format!(
            "{} {} {} {} {}\n",
            self.process, self.partition, self.offset, self.attempt, self.key
        );
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }

    fn read(line: &str) -> Option<Run> {
        let mut fields = line.splitn(5, ' ');
        Some(Run {
            process: fields.next()?.parse().ok()?,
            partition: fields.next()?.parse().ok()?,
            offset: fields.next()?.parse().ok()?,
            attempt: fields.next()?.parse().ok()?,
            key: fields.next()?.to_owned(),
        })
    }
}

/// The runs so far, oldest first.
pub fn read(path: &Path) -> Vec<Run> {
    std::fs::read_to_string(path).unwrap_or_default().lines().filter_map(Run::read).collect()
}
