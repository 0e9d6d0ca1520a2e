//! Writes the tables of the results into a text, between marks, and draws them.
//!
//! `<!-- table: one-stage-kafka -->` is followed by the table of `one-stage-kafka.json`, up to
//! `<!-- end -->`; what is between them is replaced. A mark whose results are not there is left alone.

use crate::place::Place;
use crate::plot::Plot;
use crate::table::Table;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs;
use std::path::PathBuf;

const MARK: (&str, &str, &str) = ("<!-- table: ", " -->\n", "<!-- end -->");

#[derive(Args)]
pub(crate) struct Options {
    /// The text; default: `bench/README.md`.
    #[arg(long)]
    text: Option<PathBuf>,
    /// Where the drawings go; default: `bench/plots`.
    #[arg(long)]
    plots: Option<PathBuf>,
}

pub(crate) fn run(place: &Place, options: &Options) -> Result<()> {
    let text = options.text.clone().unwrap_or_else(|| place.top.join("bench/README.md"));
    let plots = options.plots.clone().unwrap_or_else(|| place.top.join("bench/plots"));
    let old = fs::read_to_string(&text).with_context(|| format!("read {}", text.display()))?;
    let new = filled(&old, |name| Ok(table(place, name)?.map(|table| table.markdown())))
        .with_context(|| format!("in {}", text.display()))?;
    fs::write(&text, new).with_context(|| format!("write {}", text.display()))?;
    fs::create_dir_all(&plots)?;
    for plot in &Plot::ALL {
        let Some(table) = table(place, plot.table)? else {
            println!("no results of {}, so no drawing {}", plot.table, plot.name);
            continue;
        };
        fs::write(plots.join(format!("{}.svg", plot.name)), plot.draw(&table))?;
    }
    Ok(())
}

fn table(place: &Place, name: &str) -> Result<Option<Table>> {
    let file = place.results.join(format!("{name}.json"));
    if !file.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&file)?;
    serde_json::from_str(&text).map(Some).with_context(|| format!("read {}", file.display()))
}

/// The text with each marked table replaced.
fn filled(text: &str, table: impl Fn(&str) -> Result<Option<String>>) -> Result<String> {
    let (mut new, mut rest) = (String::new(), text);
    while let Some((before, marked)) = rest.split_once(MARK.0) {
        let split = marked.split_once(MARK.1).and_then(|(name, after)| {
            let (old, after) = after.split_once(MARK.2)?;
            Some((name, old, after))
        });
        let Some((name, old, after)) = split else {
            let line = marked.lines().next().unwrap_or_default();
            bail!("the mark of table '{line}' has no '{}'", MARK.2);
        };
        let content = table(name)?.map(|table| format!("\n{table}\n"));
        new += &[before, MARK.0, name, MARK.1, content.as_deref().unwrap_or(old), MARK.2].concat();
        rest = after;
    }
    Ok(new + rest)
}

#[cfg(test)]
mod tests {
    use super::filled;
    use anyhow::anyhow;

    #[test]
    fn a_marked_table_is_replaced_and_one_without_results_is_left() {
        let text =
            "a\n<!-- table: x -->\nold\n<!-- end -->\nb\n<!-- table: y -->\nkept\n<!-- end -->\n";
        let new = filled(text, |name| Ok((name == "x").then(|| "new".into()))).unwrap();
        let wanted =
            "a\n<!-- table: x -->\n\nnew\n<!-- end -->\nb\n<!-- table: y -->\nkept\n<!-- end -->\n";
        assert_eq!(new, wanted);
        assert_eq!(filled(&new, |name| Ok((name == "x").then(|| "new".into()))).unwrap(), wanted);
    }

    #[test]
    fn a_mark_without_an_end_is_an_error_that_names_it() {
        let error = filled("<!-- table: x -->\n", |_| Err(anyhow!("not asked"))).unwrap_err();
        assert!(error.to_string().contains('x'), "{error}");
    }
}
