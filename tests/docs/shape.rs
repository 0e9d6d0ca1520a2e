//! Whether two texts say the same. What differs from run to run counts as what it is, a time or a
//! while; how wide the space between two words is does not count.

/// The words and signs of a text.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let end = time(rest).unwrap_or(end);
        let word = &rest[..end];
        match words.last_mut() {
            Some(number) if is_unit(word) && is_number(number) => *number = "<while>".to_owned(),
            _ if time(rest).is_some() => words.push("<time>".to_owned()),
            _ => words.push(word.to_owned()),
        }
        rest = rest[end..].trim_start();
    }
    words
}

/// How long the time is that the text begins with, such as `2026-11-21T15:06:25Z`.
fn time(text: &str) -> Option<usize> {
    let form = "0000-00-00T00:00:00Z";
    let begin = text.get(..form.len())?;
    let alike = |(a, b): (char, char)| if b == '0' { a.is_ascii_digit() } else { a == b };
    begin.chars().zip(form.chars()).all(alike).then_some(form.len())
}

fn is_number(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_digit())
}

fn is_unit(word: &str) -> bool {
    ["s", "min", "h", "d"].contains(&word)
}

/// The documented output is what was printed, but for times.
pub(crate) fn alike(place: &str, documented: &str, printed: &str) {
    assert!(
        words(documented) == words(printed),
        "{place}: documented is\n{documented}\nand what comes is\n{printed}"
    );
}

#[test]
fn times_and_spaces_do_not_count_and_all_else_does() {
    let documented = "KEY  STATE\n\"17\"   in 12 s  3 h  8 \"at\": [\"2026-11-21T15:06:25Z\"]";
    alike(
        "",
        documented,
        "KEY STATE\n\"17\" in 9 s  40 s  8\n\"at\": [\n\"2027-01-01T00:00:00Z\" ]",
    );
    for (from, to) in [("17", "18"), ("12 s", "12"), ("8", "9"), ("T15", "T"), ("in", "at")] {
        assert_ne!(words(documented), words(&documented.replace(from, to)), "{from}");
    }
}
