//! What is wrong with a route map, and what was meant.

use std::fmt;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its line, from 1; 0: the file as a whole.
    pub line: usize,
    /// What is wrong, and what to do.
    pub text: String,
}

/// All problems of a file, in its order; each is a line when displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The file.
    pub file: String,
    /// At least one.
    pub all: Vec<Problem>,
}

impl Problems {
    pub(super) fn none(file: &str) -> Problems {
        Problems { file: file.to_owned(), all: Vec::new() }
    }

    pub(super) fn one(file: &str, line: usize, text: String) -> Problems {
        Problems { file: file.to_owned(), all: vec![Problem { line, text }] }
    }

    pub(super) fn add(&mut self, line: usize, text: String) {
        self.all.push(Problem { line, text });
    }

    pub(super) fn into_result<T>(mut self, value: T) -> Result<T, Problems> {
        self.all.sort_by_key(|problem| problem.line);
        if self.all.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.all.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            match problem.line {
                0 => write!(f, "{}: {}", self.file, problem.text)?,
                line => write!(f, "{}:{line}: {}", self.file, problem.text)?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The known name that is nearest to what was written, if one is near enough to be meant.
pub(super) fn nearest<'k>(written: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let near = known.map(|name| (distance(written, name), name)).min()?;
    (near.0 <= 1 + written.chars().count() / 3).then_some(near.1)
}

/// Letters to insert, delete, replace or swap with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["input", "output", "retry"];
        assert_eq!(nearest("inptu", known.into_iter()), Some("input"));
        assert_eq!(nearest("retries", known.into_iter()), Some("retry"));
        assert_eq!(nearest("zzz", known.into_iter()), None);
    }
}
