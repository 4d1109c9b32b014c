//! Items of a list that legacy clients do not know.

use super::{Disclosable, Lens};
use crate::disclosure::{How, Report};
use crate::failure::Failure;
use crate::json::{Array, Object, Text};

/// Items whose `field` has `value` are not shown.
#[derive(Debug, Clone)]
pub struct LeaveOut {
    /// The list.
    pub list: String,
    /// The field of its items that decides.
    pub field: String,
    /// The value of that field.
    pub value: String,
}

impl Lens for LeaveOut {
    fn name(&self) -> &'static str {
        "leave_out"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["leave_out.down.dropped"]
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let when = format!(
            "upstream lists an item whose `{}` is `{}`, which legacy clients do not know",
            self.field, self.value
        );
        vec![Disclosable {
            how: How::Dropped,
            in_request: false,
            pointer: format!("/{}/*", self.list),
            when,
        }]
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        let Some(items) = resource.value(&self.list).and_then(Text::into_array) else {
            return Ok(());
        };
        let unknown = |item: &Text<'_>| {
            let object = item.object();
            object.is_some_and(|object| {
                object.get(&self.field).is_some_and(|value| value.is_string(&self.value))
            })
        };
        let count = items.items().len();
        let mut shown = Vec::with_capacity(count);
        for (place, item) in items.into_items().into_iter().enumerate() {
            if unknown(&item) {
                report.took("leave_out.down.dropped");
                report.note(How::Dropped, &format!("/{}/{place}", self.list));
            } else {
                shown.push(item);
            }
        }
        if shown.len() < count {
            resource.set(self.list.clone(), shown.into_iter().collect::<Array<'_>>().to_text());
        }
        Ok(())
    }
}
