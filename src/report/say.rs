//! Numbers, times and clients, in words.

use std::time::{Duration, UNIX_EPOCH};

use crate::usage::{CallerUsage, DAY, HOUR, MINUTE};

/// A number with a thin space between thousands: `1 234 567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A part of a whole in percent: `0 %`, `0.3 %`, `42 %`; never `100 %` or `0 %` where that is not so.
pub fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs three digits")]
    let percent = 100.0 * part as f64 / whole as f64;
    let text = match percent {
        _ if part == 0 => "0".to_owned(),
        _ if part == whole => "100".to_owned(),
        percent if percent < 0.1 => "<0.1".to_owned(),
        percent if percent < 10.0 => format!("{percent:.1}"),
        percent => format!("{:.0}", percent.min(99.0)),
    };
    format!("{text}\u{202f}%")
}

/// How long before another moment something was: `just now`, `5 min ago`, `3 days ago`.
pub fn ago(moment: u64, now: u64) -> String {
    match now.saturating_sub(moment) {
        _ if moment == 0 => "never".to_owned(),
        0..MINUTE => "just now".to_owned(),
        since => format!("{} ago", span(since)),
    }
}

/// A length of time, in one unit.
pub(crate) fn span(milliseconds: u64) -> String {
    match milliseconds {
        0..HOUR => format!("{} min", milliseconds / MINUTE),
        HOUR..DAY => format!("{} h", milliseconds / HOUR),
        _ => match milliseconds / DAY {
            1 => "1 day".to_owned(),
            days => format!("{days} days"),
        },
    }
}

/// A moment: `2026-11-25 22:40 UTC`.
pub fn moment(milliseconds: u64) -> String {
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(milliseconds));
    let text = text.to_string();
    match text.split_once('T') {
        Some((date, time)) => format!("{date} {} UTC", time.get(..5).unwrap_or(time)),
        None => text,
    }
}

/// What a client is best known by: its SDK, else its `User-Agent`.
pub fn name(caller: &CallerUsage) -> String {
    let who = &caller.who;
    let Some(sdk) = &who.sdk else {
        return who.user_agent.clone().unwrap_or_else(|| "unnamed client".to_owned());
    };
    // The Go SDK calls itself by its whole module path.
    let sdk = sdk.rsplit('/').next().unwrap_or(sdk);
    let version = who.sdk_version.as_deref().map(|version| format!(" {version}"));
    let language = who.language.as_deref().map(|language| format!(" ({language})"));
    format!("{sdk}{}{}", version.unwrap_or_default(), language.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_in_words() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        for (part, whole, text) in [
            (0, 0, "–"),
            (0, 10, "0\u{202f}%"),
            (1, 10_000, "<0.1\u{202f}%"),
            (9_999, 10_000, "99\u{202f}%"),
            (10, 10, "100\u{202f}%"),
            (3, 100, "3.0\u{202f}%"),
            (42, 100, "42\u{202f}%"),
        ] {
            assert_eq!(share(part, whole), text);
        }
        assert_eq!(ago(0, 5), "never");
        assert_eq!(ago(10 * HOUR, 10 * HOUR + 59_999), "just now");
        assert_eq!(ago(10 * HOUR, 10 * HOUR + 5 * MINUTE), "5 min ago");
        assert_eq!(ago(10 * HOUR, 12 * HOUR), "2 h ago");
        assert_eq!(ago(1, 1 + DAY), "1 day ago");
        assert_eq!(moment(1_764_110_400_000), "2025-11-25 22:40 UTC");
    }
}
