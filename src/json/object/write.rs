//! Writing an object again.

use super::{Object, Text};
use crate::json::writer::Writer;

impl Object<'_> {
    /// Appends the JSON text to `out`.
    pub fn write(&self, out: &mut String) {
        if self.edits.is_empty() {
            out.push_str(&self.source);
            return;
        }
        if out.is_empty() {
            // Once, for what is there and what was set, and no more than that: what is written is often kept.
            out.reserve_exact(self.source.len() + self.edits.size());
        }
        self.write_edited(out);
    }

    /// The text that the object was read from with `value` as the value of `key`; none where the key does
    /// not stand there once, or something was changed.
    pub fn text_around(&self, key: &str, value: &Text<'_>) -> Option<Text<'static>> {
        let mut listed = self.listed();
        let own = listed.next_with(&self.source, key)?.value();
        if !self.edits.is_empty() || listed.next_with(&self.source, key).is_some() {
            return None;
        }
        let (before, after) = (self.source.get(..own.start)?, self.source.get(own.end..)?);
        Some(Text::owned([before, value.as_text(), after].concat()))
    }

    /// Appends the object with those of its members that `is_kept`, which is asked of each in order: by its
    /// key, and by its value where it asks for that.
    pub fn write_some<'o>(
        &'o self,
        mut is_kept: impl FnMut(&str, &dyn Fn() -> Text<'o>) -> bool,
        out: &mut String,
    ) {
        let mut writer = Writer::new(&self.source, out);
        for member in self.listed() {
            match self.edits.of(member.order) {
                None if is_kept(&member.name(&self.source), &|| self.look(member)) => {
                    writer.extend(member.whole());
                }
                None => writer.end_run(),
                Some(edit) => {
                    writer.end_run();
                    if let Some(set) = edit
                        && is_kept(&set.key, &|| set.value.borrowed())
                    {
                        writer.member(set);
                    }
                }
            }
        }
        writer.end_run();
        for set in self.edits.added() {
            if is_kept(&set.key, &|| set.value.borrowed()) {
                writer.member(set);
            }
        }
        writer.end();
    }

    /// Appends the object with `text` as the value of `key`, which need not be JSON: a place to
    /// fill in later.
    pub fn write_with(&self, key: &str, text: &str, out: &mut String) {
        let mut marked = self.clone();
        marked.set(key.to_owned(), Text::owned(text.to_owned()));
        marked.write(out);
    }

    /// The JSON text.
    pub fn to_text(&self) -> Text<'static> {
        let mut out = String::new();
        self.write(&mut out);
        Text::owned(out)
    }

    fn write_edited(&self, out: &mut String) {
        let mut writer = Writer::new(&self.source, out);
        let members = self.listed();
        let touched = self.edits.touched();
        let mut order = 0;
        while order < self.index().count() {
            let untouched = (touched >> order).trailing_zeros().min(self.index().count() - order);
            if untouched > 0 {
                let last = self.index().member(&members, order + untouched - 1);
                if let (Some(first), Some(last)) = (self.index().member(&members, order), last) {
                    writer.extend(first.whole().start..last.whole().end);
                }
                order += untouched;
                continue;
            }
            writer.end_run();
            if let Some(Some(edit)) = self.edits.of(order) {
                writer.member(edit);
            }
            order += 1;
        }
        for member in self.index().rest(members) {
            let Some(edit) = self.edits.of(member.order) else {
                writer.extend(member.whole());
                continue;
            };
            writer.end_run();
            edit.into_iter().for_each(|edit| writer.member(edit));
        }
        writer.end_run();
        self.edits.added().for_each(|added| writer.member(added));
        writer.end();
    }
}
