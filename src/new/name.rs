//! What a new stage's crate can be called: it is a stage, a crate, a program and a function.

use stage_sdk::StartError;
use std::path::Path;

/// Rust's own words, and names that cargo has for itself.
const TAKEN: &str = "abstract alloc as async await become box break build const continue core crate deps do dyn else \
    enum examples extern false final fn for gen if impl in incremental let loop macro main match mod move mut override \
    priv proc_macro pub ref return self static std struct super test tests trait true try type typeof unsafe unsized \
    use virtual where while yield";

/// Whether it can be called so, and no package is that is built here.
///
/// # Errors
/// It cannot; why.
pub(super) fn check(name: &str, root: &Path) -> Result<(), StartError> {
    let refuse = |text: String| Err(StartError::Usage(text));
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return refuse(format!(
            "{name:?} cannot be the name of a function and a program: small letters, digits and _ can, a letter first; such as basil"
        ));
    }
    if name.len() > 64 {
        return refuse(format!("a name of {} letters is too long: at most 64", name.len()));
    }
    if TAKEN.split_whitespace().any(|taken| taken == name) {
        return refuse(format!(
            "{name:?} is a word of Rust's or cargo's own; give it another name"
        ));
    }
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    if lock.lines().any(|line| line == format!("name = {name:?}")) {
        return refuse(format!("a package {name:?} is built here already; give it another name"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_for_kafka_cargo_and_rust() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(check("no_such_spice", root).is_ok() && check("sea_salt2", root).is_ok());
        for (wrong, why) in [
            ("", "small letters"),
            ("Basil", "small letters"),
            ("2basil", "a letter first"),
            ("../basil", "small letters"),
            ("sea-salt", "small letters"),
            ("match", "Rust's or cargo's own"),
            ("pizza", "is built here already"),
            ("serde", "is built here already"),
            (&"b".repeat(65), "at most 64"),
        ] {
            let error = check(wrong, root).expect_err(wrong).to_string();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
