//! Rows under each other in columns.

use std::io::IsTerminal;

/// Rows in columns, cut to the terminal's width where there is one. No column but the last gets wider
/// than `widest` says.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], widest: &[usize; N]) -> String {
    let screen = console::Term::stdout();
    let room = std::io::stdout().is_terminal().then(|| screen.size_checked()).flatten();
    columns(rows, widest, room.map(|(_, columns)| usize::from(columns)))
}

fn columns<const N: usize>(
    rows: &[[String; N]],
    widest: &[usize; N],
    room: Option<usize>,
) -> String {
    let width = |at: usize| {
        let here = rows.iter().map(|row| console::measure_text_width(&row[at])).max();
        if at + 1 == N { usize::MAX } else { here.unwrap_or(0).min(widest[at]) }
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut lines = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let cell = console::truncate_str(cell, *width, "…");
            line += &cell;
            if *width < usize::MAX {
                let missing = width - console::measure_text_width(&cell);
                line.extend(std::iter::repeat_n(' ', missing + 2));
            }
        }
        let line = line.trim_end();
        lines += &room.map_or(line.into(), |room| console::truncate_str(line, room, "…"));
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDEST: [usize; 6] = [20, 40, usize::MAX, 24, 40, usize::MAX];

    #[test]
    fn columns_line_up_and_end_at_the_width() {
        let row = |cells: [&str; 6]| cells.map(str::to_owned);
        let long = "x".repeat(60);
        let rows = [
            row(["TIME", "STAGE", "FROM", "KEY", "REASON", "MESSAGE"]),
            row(["t", "sauce", "pizza[0]@1", &long, "é", "what it says"]),
        ];
        let text = columns(&rows, &WIDEST, None);
        let lines: Vec<&str> = text.lines().collect();
        let at = |line: &str, word: &str| line.split(word).next().unwrap().chars().count();
        assert_eq!(at(lines[0], "REASON"), at(lines[1], "é"), "{text}");
        assert_eq!(at(lines[0], "MESSAGE"), at(lines[1], "what"), "{text}");
        assert!(lines[1].contains(&format!("{}…", "x".repeat(23))), "{text}");
        let cut = columns(&rows, &WIDEST, Some(50));
        assert!(cut.lines().all(|line| line.chars().count() <= 50), "{cut}");
        assert!(cut.contains('…'));
    }
}
