//! A document: its commands, what it says they print, and its route maps.

use crate::rig::broker::root;
use std::collections::VecDeque;

/// A command of a `console` block.
#[derive(Clone)]
pub(crate) struct Example {
    /// Where it stands.
    pub(crate) place: String,
    /// Without its prompt.
    pub(crate) command: String,
    /// The lines below it.
    pub(crate) output: String,
}

pub(crate) struct Document {
    name: String,
    examples: VecDeque<Example>,
    /// Its `toml` blocks.
    pub(crate) maps: Vec<String>,
}

impl Document {
    pub(crate) fn read(name: &str) -> Document {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        let mut document =
            Document { name: name.to_owned(), examples: VecDeque::new(), maps: Vec::new() };
        // What kind of block we are in.
        let mut block: Option<&str> = None;
        for (at, line) in text.lines().enumerate() {
            let place = format!("{name}:{}", at + 1);
            block = match (line.strip_prefix("```"), block) {
                (Some(kind), None) => {
                    document.maps.extend((kind == "toml").then(String::new));
                    Some(kind)
                }
                (Some(_), Some(_)) => None,
                (None, _) => {
                    document.take(block, place, line);
                    block
                }
            };
        }
        assert_eq!(block, None, "{name}: its last block does not end");
        document
    }

    fn take(&mut self, block: Option<&str>, place: String, line: &str) {
        match (block, line.strip_prefix("$ ")) {
            (Some("console"), Some(command)) => {
                let (command, output) = (command.to_owned(), String::new());
                self.examples.push_back(Example { place, command, output });
            }
            (_, Some(command)) => {
                panic!("{place}: a command outside of a console block: {command}")
            }
            (Some("console"), None) => {
                let above = self.examples.back_mut();
                let above = above.unwrap_or_else(|| panic!("{place}: output of no command"));
                above.output += &format!("{line}\n");
            }
            (Some("toml"), None) => {
                *self.maps.last_mut().unwrap() += &format!("{line}\n");
            }
            _ => {}
        }
    }

    /// The next command, which does this; so none is passed over.
    pub(crate) fn next(&mut self, does: &str) -> Example {
        let next = self.examples.pop_front();
        let next = next.unwrap_or_else(|| panic!("{}: there is no command {does:?}", self.name));
        assert!(
            next.command.contains(does),
            "{}: {does:?} is expected here, and not `{}`",
            next.place,
            next.command
        );
        next
    }

    /// The next command, which does this, is not run.
    pub(crate) fn pass(&mut self, does: &str, why: &str) {
        let Example { place, command, .. } = self.next(does);
        eprintln!("not run, since {why}: {place}: {command}");
    }

    /// The command of another document that a test needs on its way.
    pub(crate) fn find(name: &str, does: &str) -> Example {
        let document = Document::read(name);
        let mut all = document.examples.into_iter();
        all.find(|example| example.command.contains(does))
            .unwrap_or_else(|| panic!("{name}: there is no command {does:?}"))
    }

    /// All of its commands were run.
    pub(crate) fn ends(self) {
        let left: Vec<String> =
            self.examples.iter().map(|left| format!("{}: {}", left.place, left.command)).collect();
        assert!(left.is_empty(), "nobody runs\n{}", left.join("\n"));
    }
}

#[test]
fn every_document_with_commands_has_its_test() {
    let tested = ["dead-letters", "operations", "own-topics", "retry", "running", "tour"]
        .map(|name| format!("docs/{name}.md"));
    for dir in ["", "docs/", "bench/"] {
        for file in std::fs::read_dir(root().join(dir)).unwrap() {
            let name = format!("{dir}{}", file.unwrap().file_name().to_string_lossy());
            if name.ends_with(".md") && name != "README.md" && !tested.contains(&name) {
                Document::read(&name).ends();
            }
        }
    }
}
