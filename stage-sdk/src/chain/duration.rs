//! Times as a person writes them.

use std::time::Duration;

/// Reads a time such as `500ms`, `30s`, `2m`, `1h` or `30d`.
///
/// ```
/// use stage_sdk::chain::duration;
/// use std::time::Duration;
///
/// assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
/// assert!(duration("90").is_err());
/// ```
///
/// # Errors
/// It is none of these.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 30s, 2m, 1h or 30d".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let millis = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}
