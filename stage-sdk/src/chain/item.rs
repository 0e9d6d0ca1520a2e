//! One entry of a table: its value has the type that is wanted, or is a problem.

use super::problem::nearest;
use super::settings;
use super::table::{Item, Table};
use std::time::Duration;
use toml::de::DeValue;

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
            Some(text) => match nearest(text, known.iter().copied()) {
                Some(near) => self.problem(&format!("is unknown; did you mean {near:?}?")),
                None => self.problem(&format!("is unknown; known are {}", known.join(", "))),
            },
            None => self.wrong(&format!("one of {}", known.join(", "))),
        }
    }

    /// A list of known names, each once.
    pub(super) fn some_of(&mut self, known: &[&str], mut set: impl FnMut(&str)) {
        let value = self.value;
        let Some(all) = value.get_ref().as_array() else {
            return self.wrong(&format!("a list such as [{:?}]", known[0]));
        };
        let mut seen = Vec::new();
        for value in all {
            let (path, line) = (self.path.clone(), self.line);
            let mut item = Item { reader: &mut *self.reader, path, line, value };
            item.one_of(known, |text| seen.push(text.to_owned()));
        }
        seen.sort_unstable();
        let all = seen.len();
        seen.dedup();
        if seen.len() < all {
            self.problem("names one twice; each once is enough");
        }
        seen.iter().for_each(|name| set(name));
    }

    /// A list of texts, of which there is at least one.
    pub(super) fn texts(&mut self, mut each: impl FnMut(&str)) {
        let value = self.value;
        let wanted = "a list of texts such as [\"python3\", \"basil.py\"]";
        match value.get_ref().as_array() {
            Some(all) if !all.is_empty() => {
                for value in all {
                    let (path, line) = (self.path.clone(), self.line);
                    Item { reader: &mut *self.reader, path, line, value }.text(&mut each);
                }
            }
            Some(_) => self.problem(&format!("is empty; give {wanted}")),
            None => self.wrong(wanted),
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
        let wanted = "a time such as \"500ms\", \"30s\" or \"2m\"";
        match self.value.get_ref().as_str() {
            Some(text) => match time(text) {
                Some(duration) if !duration.is_zero() => set(duration),
                _ => self.problem(&format!("is no time to wait; give {wanted}")),
            },
            None => self.wrong(wanted),
        }
    }

    pub(super) fn range(&mut self, set: impl FnOnce(Duration, Duration)) {
        let wanted = "a range of times such as \"200ms..30s\"";
        let Some(text) = self.value.get_ref().as_str() else { return self.wrong(wanted) };
        let ends = text.split_once("..").map(|(first, longest)| (time(first), time(longest)));
        match ends {
            Some((Some(first), Some(longest))) if first > longest => {
                self.problem("begins above its end");
            }
            Some((Some(first), Some(longest))) => set(first, longest),
            _ => self.problem(&format!("is no range; give {wanted}")),
        }
    }

    /// A setting of Kafka's, whose names have dots, with or without quotes: those without are
    /// tables to TOML. Kafka takes all values as text.
    pub(super) fn setting(&mut self, name: &str, set: &mut dyn FnMut(&str, String)) {
        let value = match self.value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => number.to_string(),
                    Err(_) => return self.wrong("a number of at most 64 bits"),
                }
            }
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Table(_) => {
                return self.table(|table| {
                    table.each(|rest, mut item| item.setting(&format!("{name}.{rest}"), set));
                });
            }
            _ => return self.wrong("a text, a number, or true or false"),
        };
        match settings::wrong(name, &value) {
            Some(text) => {
                let text = format!("{} {text}", self.path);
                self.reader.problems.add(self.line, text);
            }
            None => set(name, value),
        }
    }
}

fn time(text: &str) -> Option<Duration> {
    super::duration(text).ok()
}
