//! Requests over time, as columns: migrated below, legacy on top of it.

use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use crate::report::{Report, grouped, moment, share};
use crate::usage::{Bucket, DAY, HOUR, MINUTE, Traffic, View};

/// The time that the chart spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Range {
    /// Two hours, by minute.
    #[serde(rename = "2h")]
    Hours,
    /// Two days, by hour.
    #[serde(rename = "48h")]
    Days,
    /// Thirty days, by day.
    #[serde(rename = "30d")]
    Month,
    /// A year, by week.
    #[serde(rename = "1y")]
    Year,
}

impl Range {
    const ALL: [Self; 4] = [Self::Hours, Self::Days, Self::Month, Self::Year];

    /// The value in an address, the label, the unit of one column in words.
    fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Hours => ("2h", "2 hours", "minute"),
            Self::Days => ("48h", "48 hours", "hour"),
            Self::Month => ("30d", "30 days", "day"),
            Self::Year => ("1y", "1 year", "week"),
        }
    }

    /// How long one column is in milliseconds, and how many there are.
    fn columns(self) -> (u64, u64) {
        match self {
            Self::Hours => (MINUTE, 120),
            Self::Days => (HOUR, 48),
            Self::Month => (DAY, 30),
            Self::Year => (7 * DAY, 52),
        }
    }

    fn buckets(self, usage: &View) -> &[Bucket] {
        match self {
            Self::Hours => &usage.minutes,
            Self::Days => &usage.hours,
            Self::Month | Self::Year => &usage.days,
        }
    }

    /// The shortest that shows all that was counted.
    fn fitting(usage: &View) -> Self {
        let age = usage.at.saturating_sub(usage.since);
        let fits = |range: &Self| {
            let (long, count) = range.columns();
            age < long * count
        };
        Self::ALL.into_iter().find(fits).unwrap_or(Self::Year)
    }
}

/// The columns in order, each with the moment when it begins.
fn columns(range: Range, usage: &View) -> Vec<Bucket> {
    let (long, count) = range.columns();
    // Time before counting began is left out, but for enough of it to make a chart.
    let counted = usage.at.saturating_sub(usage.since) / long + 1;
    let count = counted.clamp(count / 4, count);
    let last = usage.at - usage.at % long;
    let first = last.saturating_sub(long * (count - 1));
    let mut columns: Vec<Bucket> = (0..count)
        .map(|place| Bucket { start: first + place * long, traffic: Traffic::default() })
        .collect();
    for bucket in range.buckets(usage) {
        let Some(after) = bucket.start.checked_sub(first) else { continue };
        let place = usize::try_from(after / long).unwrap_or(usize::MAX);
        if let Some(column) = columns.get_mut(place) {
            column.traffic.legacy += bucket.traffic.legacy;
            column.traffic.migrated += bucket.traffic.migrated;
        }
    }
    columns
}

pub(super) fn section(report: &Report, asked: Option<Range>) -> Markup {
    let usage = &report.usage;
    let range = asked.unwrap_or_else(|| Range::fitting(usage));
    let columns = columns(range, usage);
    let (_, label, unit) = range.texts();
    let sum = columns.iter().fold(Traffic::default(), |sum, column| Traffic {
        legacy: sum.legacy + column.traffic.legacy,
        migrated: sum.migrated + column.traffic.migrated,
    });
    let all = sum.legacy + sum.migrated;
    let said = format!(
        "{} of {} requests in {label} asked for 2025-09-18 ({}), {} for 2024-02-08.",
        grouped(sum.migrated),
        grouped(all),
        share(sum.migrated, all),
        grouped(sum.legacy),
    );
    html! {
        section id="progress" aria-labelledby="progress-title" {
            div.section-head {
                h2 id="progress-title" { "Progress" }
                nav.ranges aria-label="Time of the chart" {
                    @for each in Range::ALL {
                        @let (value, label, _) = each.texts();
                        a href=(format!("/?range={value}#progress")) aria-current=[(each == range).then_some("true")] { (label) }
                    }
                }
            }
            figure.chart {
                figcaption {
                    span.key.migrated { "2025-09-18" }
                    span.key.legacy { "2024-02-08" }
                    span.unit { "requests by " (unit) ", UTC" }
                }
                @if all == 0 {
                    p.empty { "No requests in this time." }
                } @else {
                    (svg(&columns, range, &said, 1000.0, "wide"))
                    (svg(&columns, range, &said, 340.0, "narrow"))
                }
                details {
                    summary { "As a table" }
                    (table(&columns, unit))
                }
            }
        }
    }
}

const HEIGHT: f64 = 220.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;

#[expect(clippy::cast_precision_loss, reason = "positions are rounded to tenths of a pixel")]
fn svg(columns: &[Bucket], range: Range, said: &str, width: f64, class: &str) -> Markup {
    let highest = columns.iter().map(|column| column.traffic.legacy + column.traffic.migrated);
    let top = ceiling(highest.max().unwrap_or_default());
    let (floor, plot) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP);
    let step = (width - LEFT) / columns.len() as f64;
    let bar = (step - if step > 8.0 { 2.0 } else { 0.6 }).max(1.0);
    let tall = |count: u64| plot * count as f64 / top as f64;
    let (title, description) = (format!("chart-title-{class}"), format!("chart-text-{class}"));
    html! {
        svg class=(class) viewBox=(format!("0 0 {width} {HEIGHT}")) role="img"
            aria-labelledby=(format!("{title} {description}")) {
            title id=(title) { "Requests over time" }
            desc id=(description) { (said) }
            @for part in [top, top / 2, 0] {
                @let y = floor - tall(part);
                line.grid x1=(tenths(LEFT)) x2=(tenths(width)) y1=(tenths(y)) y2=(tenths(y)) {}
                text.tick x=(tenths(LEFT - 8.0)) y=(tenths(y + 4.0)) text-anchor="end" { (short(part)) }
            }
            @for (place, column) in columns.iter().enumerate() {
                @let x = LEFT + step * place as f64 + (step - bar) / 2.0;
                @let (migrated, legacy) = (tall(column.traffic.migrated), tall(column.traffic.legacy));
                @if column.traffic.migrated > 0 {
                    rect.migrated x=(tenths(x)) y=(tenths(floor - migrated)) width=(tenths(bar)) height=(tenths(migrated)) {}
                }
                @if column.traffic.legacy > 0 {
                    rect.legacy x=(tenths(x)) y=(tenths(floor - migrated - legacy)) width=(tenths(bar)) height=(tenths(legacy)) {}
                }
            }
            line.axis x1=(tenths(LEFT)) x2=(tenths(width)) y1=(tenths(floor)) y2=(tenths(floor)) {}
            @for (place, anchor) in [(0, "start"), (columns.len() / 2, "middle"), (columns.len() - 1, "end")] {
                @let x = match anchor { "start" => LEFT, "end" => width, _ => LEFT + step * (place as f64 + 0.5) };
                @if let Some(column) = columns.get(place) {
                    text.tick x=(tenths(x)) y=(tenths(HEIGHT - 8.0)) text-anchor=(anchor) { (when(column.start, range)) }
                }
            }
        }
    }
}

fn table(columns: &[Bucket], unit: &str) -> Markup {
    let any = columns.iter().filter(|column| column.traffic != Traffic::default());
    html! {
        div.scroll tabindex="0" role="region" aria-label="Requests over time" {
            table {
                thead { tr { th scope="col" { (unit) ", UTC" } th.number scope="col" { "2025-09-18" } th.number scope="col" { "2024-02-08" } } }
                tbody {
                    @for column in any {
                        tr {
                            th scope="row" { (moment(column.start).trim_end_matches(" UTC")) }
                            td.number { (grouped(column.traffic.migrated)) }
                            td.number { (grouped(column.traffic.legacy)) }
                        }
                    }
                }
            }
        }
    }
}

/// The next number of the form 1, 2 or 5 times a power of ten, and at least 2, so that it has a half.
fn ceiling(highest: u64) -> u64 {
    let mut power = 1;
    loop {
        for step in [2, 5, 10] {
            let top = power * step;
            // Five has no whole half.
            if top >= highest && top % 2 == 0 {
                return top;
            }
        }
        if power > u64::MAX / 100 {
            return u64::MAX;
        }
        power *= 10;
    }
}

fn short(count: u64) -> String {
    match count {
        0..10_000 => grouped(count),
        10_000..10_000_000 => format!("{}k", grouped(count / 1_000)),
        _ => format!("{}M", grouped(count / 1_000_000)),
    }
}

fn when(start: u64, range: Range) -> String {
    let moment = moment(start);
    let (date, time) = moment.split_once(' ').unwrap_or((moment.as_str(), ""));
    let time = time.trim_end_matches(" UTC");
    match range {
        Range::Hours => time.to_owned(),
        Range::Days => format!("{} {time}", date.get(5..).unwrap_or(date)),
        Range::Month | Range::Year => date.to_owned(),
    }
}

fn tenths(number: f64) -> String {
    format!("{number:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (highest, top) in [
            (0, 2),
            (1, 2),
            (2, 2),
            (3, 10),
            (10, 10),
            (11, 20),
            (30, 50),
            (51, 100),
            (1_001, 2_000),
        ] {
            assert_eq!(ceiling(highest), top, "{highest}");
        }
        assert!(ceiling(u64::MAX) >= u64::MAX / 10);
    }

    #[test]
    fn columns_hold_what_belongs_to_them_and_no_more() {
        let bucket = |start, legacy| Bucket { start, traffic: Traffic { legacy, migrated: 1 } };
        let at = 1_000 * DAY + 5 * HOUR;
        let usage = View {
            at,
            days: vec![bucket(900 * DAY, 9), bucket(971 * DAY, 2), bucket(1_000 * DAY, 3)],
            ..View::default()
        };
        let columns = columns(Range::Month, &usage);
        assert_eq!(columns.len(), 30);
        let (first, last) = (columns.first().unwrap(), columns.last().unwrap());
        assert_eq!((first.start, first.traffic.legacy), (971 * DAY, 2));
        assert_eq!((last.start, last.traffic.legacy), (1_000 * DAY, 3));
        let sum: u64 =
            super::columns(Range::Year, &usage).iter().map(|column| column.traffic.legacy).sum();
        assert_eq!(sum, 14);
        assert_eq!(
            Range::fitting(&View { at, since: at - 3 * DAY, ..View::default() }),
            Range::Month
        );
    }
}
