//! TOML tables with their lines: what is unknown or of the wrong type becomes a problem.

use super::names;
use super::problem::{Problems, nearest};
use super::read::Places;
use super::syntax::line_of;
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
            let path = self.path_of(name);
            let line = line_of(self.reader.text, key.span().start);
            self.reader.places.insert(path.clone(), line);
            visit(name, Item { reader: self.reader, path, line, value });
        }
        self.reader
    }

    /// As `each`; a name that is not among the known ones is a problem. It is read as the one that
    /// was meant all the same, so that nothing is told to be missing that is only misspelt.
    pub(super) fn known(
        mut self,
        known: &[&str],
        mut visit: impl FnMut(&str, Item<'_, 't>),
    ) -> &'r mut Reader<'t> {
        let table = self.table;
        let path = std::mem::take(&mut self.path);
        let within = Table { path: path.clone(), ..self };
        within.each(|name, mut item| {
            if known.contains(&name) {
                return visit(name, item);
            }
            let near = nearest(name, known.iter().copied());
            match near {
                Some(near) => item.problem(&format!("is unknown; did you mean {near:?}?")),
                None => item.problem(&format!("is unknown; known are {}", known.join(", "))),
            }
            if let Some(near) = near.filter(|near| !table.contains_key(*near)) {
                let meant = Table::join(&path, near);
                item.reader.places.insert(meant, item.line);
                visit(near, item);
            }
        })
    }

    fn path_of(&self, name: &str) -> String {
        Table::join(&self.path, name)
    }

    fn join(path: &str, name: &str) -> String {
        let name = names::key(name);
        if path.is_empty() { name } else { format!("{path}.{name}") }
    }
}
