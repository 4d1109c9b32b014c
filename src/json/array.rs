//! One JSON array, split into items that nobody has looked into.

use super::Text;
use super::map::{Member, Place};
use super::scan::{skip_space, skip_value};

/// The items of an array, in order.
#[derive(Debug, Clone, Default)]
pub struct Array<'a> {
    items: Vec<Text<'a>>,
}

impl<'a> Array<'a> {
    /// Splits the text of an array; none if it is the text of something else.
    pub(super) fn split(text: &'a str, place: Option<Place<'a>>) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.first() != Some(&b'[') {
            return None;
        }
        if let Some(place) = place.filter(|place| place.has_children()) {
            let item = |item: Member<'_>| {
                Some(Text::placed(text.get(item.value())?, place.of(item.index)))
            };
            return Some(Self { items: place.members().map(item).collect::<Option<_>>()? });
        }
        let mut items = Vec::new();
        let mut at = skip_space(bytes, 1);
        while bytes.get(at).is_some_and(|&byte| byte != b']') {
            let end = skip_value(bytes, at);
            items.push(Text::trusted(text.get(at..end)?));
            at = skip_space(bytes, end);
            if bytes.get(at) != Some(&b',') {
                break;
            }
            at = skip_space(bytes, at + 1);
        }
        Some(Self { items })
    }

    /// The items.
    pub fn items(&self) -> &[Text<'a>] {
        &self.items
    }

    /// The items, given away.
    pub fn into_items(self) -> Vec<Text<'a>> {
        self.items
    }

    /// The same array, owning its text.
    pub fn into_owned(self) -> Array<'static> {
        Array { items: self.items.into_iter().map(Text::into_owned).collect() }
    }
}

impl<'a> FromIterator<Text<'a>> for Array<'a> {
    fn from_iter<I: IntoIterator<Item = Text<'a>>>(items: I) -> Self {
        Self { items: items.into_iter().collect() }
    }
}

impl Array<'_> {
    /// The JSON text.
    pub fn to_text(&self) -> Text<'static> {
        let size: usize = self.items.iter().map(|item| item.as_text().len() + 1).sum();
        let mut out = String::with_capacity(size + 2);
        out.push('[');
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(item.as_text());
        }
        out.push(']');
        Text::owned(out)
    }
}
