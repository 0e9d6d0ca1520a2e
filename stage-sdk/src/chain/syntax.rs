//! Text to a TOML tree, and what is no TOML in it.

use super::problem::Problems;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, Error};

/// How the parser words it.
const TWICE: &str = "duplicate key";

/// Reads the text; none: so much of it is no TOML that the rest would be guesswork.
pub(super) fn tree<'t>(text: &'t str, problems: &mut Problems) -> Option<Spanned<DeTable<'t>>> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    // What follows an error in its own line is mostly its consequence.
    let mut first: BTreeMap<usize, &Error> = BTreeMap::new();
    for error in &errors {
        let at = first.entry(line_of(text, start(error))).or_insert(error);
        if start(error) < start(at) {
            *at = error;
        }
    }
    // So are the keys that a table has twice because it is there twice itself.
    let mut table_twice = false;
    for (line, source) in (1..).zip(text.split('\n')) {
        let table = source.trim().strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let error = first.get(&line);
        let twice = error.is_some_and(|error| error.message() == TWICE);
        match (table, error) {
            (None, Some(_)) if twice && table_twice => {}
            (_, Some(error)) => {
                problems.add(line, wording(text, error, table.map(|(name, _)| name)))
            }
            (_, None) => {}
        }
        if table.is_some() {
            table_twice = twice;
        }
    }
    errors.iter().all(|error| is_unquoted(text, error)).then_some(tree)
}

/// In which line, from 1, the byte at `at` is.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

fn start(error: &Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// A word without quotes is taken as if it had them: the tree is what was meant.
fn is_unquoted(text: &str, error: &Error) -> bool {
    error.message().starts_with("string values must be quoted")
        && error
            .span()
            .is_some_and(|span| text.get(span).is_some_and(|word| !word.trim().is_empty()))
}

fn wording(text: &str, error: &Error, table: Option<&str>) -> String {
    let there = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    match (error.message(), table) {
        (TWICE, Some(name)) => {
            format!("{name} is there twice: give one of them another name")
        }
        (TWICE, None) => format!("{there} is there twice: leave one of them"),
        _ if is_unquoted(text, error) => format!("{there:?} stands without quotes; give it quotes"),
        (message, _) => format!("this is no TOML: {message}"),
    }
}
