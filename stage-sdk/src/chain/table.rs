//! TOML tables with their lines: what is unknown or of the wrong type becomes a problem.

use super::problem::{Problems, nearest};
use super::read::Places;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) struct Reader<'t> {
    pub(super) text: &'t str,
    pub(super) problems: Problems,
    pub(super) places: Places,
}

pub(super) struct Table<'r, 't> {
    pub(super) reader: &'r mut Reader<'t>,
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) table: &'r DeTable<'t>,
}

pub(super) struct Item<'r, 't> {
    pub(super) reader: &'r mut Reader<'t>,
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) value: &'r Spanned<DeValue<'t>>,
}

impl<'r, 't> Table<'r, 't> {
    /// Visits the entries in the file's order.
    pub(super) fn each(self, mut visit: impl FnMut(&str, Item<'_, 't>)) -> &'r mut Reader<'t> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let name = key.get_ref().as_ref();
            let path = if self.path.is_empty() {
                name.to_owned()
            } else {
                format!("{}.{name}", self.path)
            };
            let line = line_of(self.reader.text, key.span().start);
            self.reader.places.insert(path.clone(), line);
            visit(name, Item { reader: self.reader, path, line, value });
        }
        self.reader
    }

    /// As `each`; a name that is not among the known ones is a problem.
    pub(super) fn known(
        self,
        known: &[&str],
        mut visit: impl FnMut(&str, Item<'_, 't>),
    ) -> &'r mut Reader<'t> {
        self.each(|name, mut item| {
            if known.contains(&name) {
                return visit(name, item);
            }
            let hint = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => format!("known are {}", known.join(", ")),
            };
            item.problem(&format!("is unknown; {hint}"));
        })
    }
}

impl<'t> Item<'_, 't> {
    pub(super) fn problem(&mut self, text: &str) {
        let said = match self.value.get_ref().as_str() {
            Some(value) => format!("{} = {value:?} {text}", self.path),
            None => format!("{} {text}", self.path),
        };
        self.reader.problems.add(self.line, said);
    }

    pub(super) fn wrong(&mut self, wanted: &str) {
        let found = self.value.get_ref().type_str();
        self.reader
            .problems
            .add(self.line, format!("{} is of type {found}; give {wanted}", self.path));
    }

    pub(super) fn table(&mut self, read: impl FnOnce(Table<'_, 't>)) {
        let value = self.value;
        match value.get_ref().as_table() {
            Some(table) => read(Table {
                reader: &mut *self.reader,
                path: self.path.clone(),
                line: self.line,
                table,
            }),
            None => self.wrong("a table"),
        }
    }

    pub(super) fn text(&mut self, set: impl FnOnce(&str)) {
        match self.value.get_ref().as_str() {
            Some("") => self.problem("is empty; give a text"),
            Some(text) => set(text),
            None => self.wrong("a text in quotes"),
        }
    }

    pub(super) fn one_of(&mut self, known: &[&str], set: impl FnOnce(&str)) {
        match self.value.get_ref().as_str() {
            Some(text) if known.contains(&text) => set(text),
            Some(_) => self.problem(&format!("is unknown; known are {}", known.join(", "))),
            None => self.wrong(&format!("one of {}", known.join(", "))),
        }
    }

    pub(super) fn flag(&mut self, set: impl FnOnce(bool)) {
        match self.value.get_ref().as_bool() {
            Some(flag) => set(flag),
            None => self.wrong("true or false"),
        }
    }

    pub(super) fn number(&mut self, range: std::ops::RangeInclusive<i64>, set: impl FnOnce(i64)) {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let Some(number) = self.value.get_ref().as_integer() else { return self.wrong(&wanted) };
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) if range.contains(&number) => set(number),
            _ => {
                let text = format!("{} = {number}: give {wanted}", self.path);
                self.reader.problems.add(self.line, text);
            }
        }
    }

    pub(super) fn duration(&mut self, set: impl FnOnce(Duration)) {
        match self.value.get_ref().as_str().map(time) {
            Some(Some(duration)) if !duration.is_zero() => set(duration),
            _ => self.wrong("a time such as \"500ms\", \"30s\" or \"2m\""),
        }
    }

    pub(super) fn range(&mut self, set: impl FnOnce(Duration, Duration)) {
        let text = self.value.get_ref().as_str();
        let ends = text.and_then(|text| text.split_once(".."));
        match ends.map(|(first, longest)| (time(first), time(longest))) {
            Some((Some(first), Some(longest))) if first > longest => {
                self.problem("begins above its end");
            }
            Some((Some(first), Some(longest))) => set(first, longest),
            _ => self.wrong("a range of times such as \"200ms..30s\""),
        }
    }
}

fn time(text: &str) -> Option<Duration> {
    super::duration(text).ok()
}

pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
