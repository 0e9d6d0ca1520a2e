//! docs/reference.md: all keys, flags and variables that there are.

use crate::rig::broker::root;
use crate::rig::process::program;
use std::collections::BTreeSet;
use std::process::Command;

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// What a program says of itself.
fn help(name: &str, args: &[&str]) -> String {
    let output = Command::new(program(name)).args(args).arg("--help").output().unwrap();
    assert!(output.status.success(), "{name} {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_flag_and_variable_of_every_program_is_there() {
    let reference = read("docs/reference.md");
    let letters = ["list", "show", "count", "replay", "drop"].map(|verb| ["dead-letters", verb]);
    let keys = ["list", "show", "retry-now", "skip", "release"].map(|verb| ["keys", verb]);
    let topics = ["check", "plan", "apply"].map(|verb| ["topics", verb]);
    let twos = letters.iter().chain(&keys).chain(&topics).chain(&[["new", "stage"]]);
    let mut helps: Vec<String> = twos.map(|args| help("pizza", args)).collect();
    helps.extend(["up", "run", "order", "top"].map(|verb| help("pizza", &[verb])));
    helps.extend(["sauce", "pizza-api", "stage-broker"].map(|name| help(name, &[])));
    let sign = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let words: BTreeSet<&str> = helps.iter().flat_map(|help| help.split(sign)).collect();
    let flags = words.iter().filter(|word| {
        word.strip_prefix("--").is_some_and(|name| !name.is_empty() && !name.starts_with('-'))
    });
    let variables = words.iter().filter(|word| word.starts_with("STAGE_"));
    let known = ["--help", "--version"];
    let missing: Vec<_> = flags
        .chain(variables)
        .filter(|word| !known.contains(word) && !reference.contains(&format!("`{word}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(words.len() > 100 && words.contains("--until-eof") && words.contains("STAGE_DATA"));
}

#[test]
fn every_key_of_the_route_map_is_there() {
    let reference = read("docs/reference.md");
    let mut count = 0;
    for file in ["read.rs", "route.rs", "retry.rs"] {
        let source = read(&format!("stage-sdk/src/chain/{file}"));
        // Where keys and their values are matched, and where they are listed.
        let listed = |line: &&str| {
            line.contains("=>") || line.contains("[\"") || line.trim_start().starts_with('"')
        };
        let texts =
            source.lines().filter(listed).flat_map(|line| line.split('"').skip(1).step_by(2));
        let is_key = |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || "_-".contains(c));
        for key in texts.filter(is_key) {
            count += 1;
            let named = [format!("`{key}`"), format!("`[{key}]`"), format!("[{key}.NAME]")];
            assert!(named.iter().any(|name| reference.contains(name)), "{file}: {key}");
        }
    }
    assert!(count > 30, "{count}");
}
