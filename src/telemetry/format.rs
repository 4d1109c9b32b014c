//! The form of log lines, as text or as JSON.
//!
//! The library's own layer for JSON parses what a span has whenever something is added, and again
//! for each line: with it, logging was a third of what a plain call cost. Here a span's fields are
//! rendered once, as they come, and a line is put together from them.

use std::cell::RefCell;
use std::fmt::{Debug, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self, format::Writer};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

use super::lines::Lines;
use super::log::ALWAYS;
use crate::json::{push_escaped, push_quoted};
use crate::settings::LogFormat;

/// Writes a line for each event.
pub(super) struct Format {
    /// Where lines go.
    pub(super) lines: Lines,
    /// Their form.
    pub(super) format: LogFormat,
    /// Whether levels are coloured. Nothing else is: codes inside `field=value` would be in the way
    /// of programs that look for fields.
    pub(super) colours: bool,
}

/// The fields of a span as they stand in a line.
struct Rendered(String);

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Format {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut text = String::with_capacity(256);
        attributes.record(&mut Members { out: &mut text, format: self.format, message: false });
        span.extensions_mut().insert(Rendered(text));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(Rendered(text)) = extensions.get_mut() else { return };
        values.record(&mut Members { out: text, format: self.format, message: false });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        thread_local! {
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        LINE.with(|line| {
            // Taken only by a value that logs while it is formatted, whose own line is left out.
            let Ok(mut line) = line.try_borrow_mut() else { return };
            line.clear();
            match self.format {
                LogFormat::Human => self.human(&mut line, event, &context),
                LogFormat::Json => json(&mut line, event, &context),
            }
            line.push('\n');
            self.lines.write(line.as_bytes(), is_urgent(event.metadata()));
        });
    }
}

/// Whether somebody may wait for a line, or ask for it after the process has died.
fn is_urgent(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || metadata.target() == ALWAYS
}

impl Format {
    fn human<S: Subscriber + for<'l> LookupSpan<'l>>(
        &self,
        line: &mut String,
        event: &Event<'_>,
        context: &Context<'_, S>,
    ) {
        let metadata = event.metadata();
        now(line);
        let level = metadata.level();
        let colour = match (self.colours, *level) {
            (false, _) => None,
            (true, Level::ERROR) => Some("31"),
            (true, Level::WARN) => Some("33"),
            (true, Level::INFO) => Some("32"),
            (true, _) => Some("34"),
        };
        // Writing to a String cannot fail.
        let _ = match colour {
            Some(colour) => write!(line, " \x1b[{colour}m{level:>5}\x1b[0m "),
            None => write!(line, " {level:>5} "),
        };
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            line.push_str(span.name());
            if let Some(Rendered(fields)) = span.extensions().get() {
                line.push('{');
                line.push_str(fields.trim_start());
                line.push('}');
            }
            line.push_str(": ");
        }
        line.push_str(metadata.target());
        line.push(':');
        event.record(&mut Members { out: line, format: self.format, message: true });
    }
}

fn json<S: Subscriber + for<'l> LookupSpan<'l>>(
    line: &mut String,
    event: &Event<'_>,
    context: &Context<'_, S>,
) {
    let metadata = event.metadata();
    line.push_str("{\"timestamp\":\"");
    now(line);
    line.push_str("\",\"level\":\"");
    line.push_str(metadata.level().as_str());
    line.push('"');
    event.record(&mut Members { out: line, format: LogFormat::Json, message: true });
    line.push_str(",\"target\":\"");
    line.push_str(metadata.target());
    line.push('"');
    if let Some(span) = context.event_span(event) {
        line.push_str(",\"span\":{\"name\":\"");
        line.push_str(span.name());
        line.push('"');
        if let Some(Rendered(fields)) = span.extensions().get() {
            line.push_str(fields);
        }
        line.push('}');
    }
    line.push('}');
}

/// The time, such as `2026-01-31T12:00:00.000123Z`. All but the fraction is the same for a second.
fn now(line: &mut String) {
    thread_local! {
        static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_secs() {
            text.clear();
            // Writing to a String cannot fail.
            let _ = fmt::time::SystemTime.format_time(&mut Writer::new(text));
            text.truncate("2026-01-31T12:00:00".len());
            *second = now.as_secs();
        }
        line.push_str(text);
    });
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(1_000_000 + now.subsec_micros());
    line.push('.');
    line.push_str(digits.get(1..).unwrap_or_default());
    line.push('Z');
}

/// Renders fields: ` name=value` as text, `,"name":value` as JSON.
struct Members<'o> {
    out: &'o mut String,
    format: LogFormat,
    /// Whether the field `message` is the text of an event.
    message: bool,
}

/// A value of milliseconds and the like, with three decimals at most, as `{:?}` writes it: the search
/// for the shortest text that means the same takes ten times as long.
fn decimal(out: &mut String, value: f64) -> bool {
    const MOST: f64 = 1e9;
    let thousandths = (value * 1e3).round();
    if !(0.0..MOST).contains(&value) || value.is_sign_negative() || thousandths / 1e3 != value {
        return false;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not that large, nor negative"
    )]
    let thousandths = thousandths as u64;
    let mut digits = itoa::Buffer::new();
    out.push_str(digits.format(thousandths / 1000));
    out.push('.');
    let fraction = digits.format(1000 + thousandths % 1000).get(1..).unwrap_or_default();
    let shortest = fraction.trim_end_matches('0');
    out.push_str(if shortest.is_empty() { "0" } else { shortest });
    true
}

impl Members<'_> {
    fn name(&mut self, field: &Field) {
        // Texts that are known here are stored, not copied by a call.
        match self.format {
            LogFormat::Human => self.out.push(' '),
            LogFormat::Json => self.out.push_str(",\""),
        }
        self.out.push_str(field.name());
        match self.format {
            LogFormat::Human => self.out.push('='),
            LogFormat::Json => self.out.push_str("\":"),
        }
    }

    fn bare(&mut self, field: &Field, value: impl std::fmt::Display) {
        self.name(field);
        let _ = write!(self.out, "{value}");
    }
}

impl Visit for Members<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.name(field);
        self.out.push_str(itoa::Buffer::new().format(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.name(field);
        self.out.push_str(itoa::Buffer::new().format(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is no number.
        match value.is_finite() {
            // With a point, so that it stays a fraction for whoever reads it.
            true => {
                self.name(field);
                if !decimal(self.out, value) {
                    let _ = write!(self.out, "{value:?}");
                }
            }
            false => self.record_str(field, "none"),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        match self.format {
            LogFormat::Human => drop(write!(self.out, "{value:?}")),
            LogFormat::Json => push_quoted(value, self.out),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let is_message = self.message && field.name() == "message";
        match (self.format, is_message) {
            (LogFormat::Human, true) => self.out.push(' '),
            _ => self.name(field),
        }
        match self.format {
            LogFormat::Human => drop(write!(Plain(self.out), "{value:?}")),
            LogFormat::Json => {
                self.out.push('"');
                let _ = write!(Escaped(self.out), "{value:?}");
                self.out.push('"');
            }
        }
    }
}

/// Writes text on one line, whatever it holds: nobody can write a line of its own into the log, or
/// steer the terminal that shows it.
struct Plain<'o>(&'o mut String);

impl Write for Plain<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        for character in text.chars() {
            match character.is_control() {
                true => self.0.extend(character.escape_default()),
                false => self.0.push(character),
            }
        }
        Ok(())
    }
}

/// Writes what stands inside the quotes of a JSON string.
struct Escaped<'o>(&'o mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        push_escaped(text, self.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::lines::tests::Sink;
    use super::*;

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let sink = Sink::default();
        let lines = Lines::start(sink.clone()).unwrap();
        let layer = Format { lines: lines.clone(), format, colours: false };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, log);
        lines.flush();
        sink.text()
    }

    fn some_lines() {
        let caller = tracing::field::Empty;
        let span = tracing::error_span!("request", path = "/a\"b\n", caller);
        span.record("caller", tracing::field::display("0f"));
        let _entered = span.enter();
        let error = "cut\nINFO forged \x1b[31m \"x\"";
        tracing::info!(status = 200, %error, duration_ms = 2.0, rule = "a/b", "it's {}", "done");
    }

    #[test]
    fn text_has_a_line_for_each_event() {
        let text = logged(LogFormat::Human, some_lines);
        let (time, rest) = text.split_once("  INFO ").unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        let target = module_path!();
        assert_eq!(
            rest,
            format!(
                "request{{path=\"/a\\\"b\\n\" caller=0f}}: {target}: it's done status=200 \
                 error=cut\\nINFO forged \\u{{1b}}[31m \"x\" duration_ms=2.0 rule=\"a/b\"\n"
            )
        );
    }

    #[test]
    fn json_has_an_object_for_each_event() {
        let text = logged(LogFormat::Json, some_lines);
        let mut line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(line["timestamp"].take().as_str().unwrap().ends_with('Z'));
        assert_eq!(
            line,
            serde_json::json!({
                "timestamp": null, "level": "INFO", "message": "it's done", "status": 200,
                "error": "cut\nINFO forged \u{1b}[31m \"x\"", "duration_ms": 2.0, "rule": "a/b",
                "target": module_path!(),
                "span": { "name": "request", "path": "/a\"b\n", "caller": "0f" },
            })
        );
        assert!(text.contains("\"duration_ms\":2.0"), "{text}");
    }

    proptest::proptest! {
        #[test]
        fn decimals_are_written_as_the_library_does(
            micros in 0..u64::from(u32::MAX),
            other in proptest::num::f64::ANY,
        ) {
            for value in [f64::from(u32::try_from(micros).unwrap()) / 1e3, micros as f64, other] {
                let mut text = String::new();
                if decimal(&mut text, value) {
                    proptest::prop_assert_eq!(text, format!("{value:?}"));
                } else {
                    proptest::prop_assert!(text.is_empty());
                    proptest::prop_assert!(value.to_bits() == other.to_bits() || value >= 1e9);
                }
            }
            let mut text = String::new();
            proptest::prop_assert!(decimal(&mut text, 12.05) && text == "12.05");
            proptest::prop_assert!(!decimal(&mut text, -0.0) && !decimal(&mut text, f64::NAN));
        }
    }
}
