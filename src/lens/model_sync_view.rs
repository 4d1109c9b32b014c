//! Identities and filters of a model sync, of which legacy sees a simpler view.
//!
//! Upstream keeps `identities` (several mappings), `model_filters` and `target_filters`; legacy
//! clients see `identity`, `filters`, `filter_logic` and `target.filter_logic`. A PUT replaces
//! everything, and upstream refuses a view that contradicts what it shows. So what is hidden goes
//! back as it is while its view is unchanged in the body; a client that changes the view has its
//! way, and what could not be kept is disclosed.

use super::{Disclosable, Lens};
use crate::disclosure::{How, Report};
use crate::failure::Failure;
use crate::json::{Array, Object, Text};

/// The lens; it stands on the resource itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct ModelSyncView;

impl Lens for ModelSyncView {
    fn name(&self) -> &'static str {
        "model_sync_view"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec![
            "model_sync_view.up.identity_unchanged",
            "model_sync_view.up.identity_changed",
            "model_sync_view.up.identity_removed",
            "model_sync_view.up.identities_sent",
            "model_sync_view.up.filters_unchanged",
            "model_sync_view.up.filters_changed",
            "model_sync_view.up.filters_sent",
            "model_sync_view.down.identity",
        ]
    }

    fn reads(&self) -> Vec<&str> {
        vec!["identity", "identities", "filters", "filter_logic", "model_filters", "target_filters"]
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let disclosable = |how, in_request, pointer: &str, when: &str| Disclosable {
            how,
            in_request,
            pointer: pointer.to_owned(),
            when: when.to_owned(),
        };
        vec![
            disclosable(
                How::Synthesized,
                false,
                "/identity",
                "upstream gives only `identities`; the first mapping is shown",
            ),
            disclosable(
                How::Approximated,
                true,
                "/identity",
                "the sync has several mappings, and the client changes `identity`: only the first one is changed",
            ),
            disclosable(How::Dropped, true, "/identities", "the client removes `identity`"),
            disclosable(
                How::Dropped,
                true,
                "/model_filters",
                "the client changes `filters`, `filter_logic` or `target.filter_logic`",
            ),
            disclosable(
                How::Dropped,
                true,
                "/target_filters",
                "the client changes `filters`, `filter_logic` or `target.filter_logic`",
            ),
        ]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if let Some(current) = current {
            identities(body, current, report);
            filters(body, current, report);
        }
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        if resource.present("identity").is_none()
            && let Some(first) = mappings(resource).into_iter().next()
        {
            report.took("model_sync_view.down.identity");
            report.note(How::Synthesized, "/identity");
            resource.set("identity", first);
        }
        Ok(())
    }
}

fn identities<'a>(body: &mut Object<'a>, current: &Object<'a>, report: &mut Report) {
    let Some(stored) = current.present_value("identities") else { return };
    if body.present("identities").is_some_and(|sent| !sent.means(&stored)) {
        report.took("model_sync_view.up.identities_sent");
        return;
    }
    body.remove("identities");
    let mappings = mappings(current);
    let shown = current.present_value("identity").or_else(|| mappings.first().cloned());
    let sent = body.remove("identity").filter(|sent| !sent.is_null());
    let changed = match (&sent, &shown) {
        (Some(sent), Some(shown)) => !sent.means(shown),
        (None, None) => false,
        _ => true,
    };
    if !changed {
        report.took("model_sync_view.up.identity_unchanged");
        body.set("identities", stored);
        return;
    }
    let Some(sent) = sent else {
        report.took("model_sync_view.up.identity_removed");
        report.note(How::Dropped, "/identities");
        return;
    };
    report.took("model_sync_view.up.identity_changed");
    if mappings.len() > 1 {
        report.note(How::Approximated, "/identity");
    }
    let rest = mappings.into_iter().skip(1);
    let mappings: Array<'a> = std::iter::once(sent).chain(rest).collect();
    if let Some(mut identities) = stored.into_object() {
        identities.set("mappings", mappings.to_text());
        body.set("identities", identities.to_text());
    }
}

/// The filters that are hidden, and the view of each: the type of the view's items, and where its
/// logic stands.
const HIDDEN: [(&str, &str); 2] = [("model_filters", "Model"), ("target_filters", "Target")];

fn filters<'a>(body: &mut Object<'a>, current: &Object<'a>, report: &mut Report) {
    let stored: Vec<(&str, &str, Text<'a>)> = HIDDEN
        .iter()
        .filter_map(|(key, kind)| Some((*key, *kind, current.present_value(key)?)))
        .collect();
    if stored.is_empty() {
        return;
    }
    if stored
        .iter()
        .any(|(key, _, stored)| body.present(key).is_some_and(|sent| !sent.means(stored)))
    {
        report.took("model_sync_view.up.filters_sent");
        return;
    }
    for (key, ..) in &stored {
        body.remove(key);
    }
    if view(body) != view(current) {
        report.took("model_sync_view.up.filters_changed");
        for (key, ..) in &stored {
            report.note(How::Dropped, &format!("/{key}"));
        }
        return;
    }
    report.took("model_sync_view.up.filters_unchanged");
    let covered = |kind: &str| stored.iter().any(|(_, own, _)| *own == kind);
    let left: Vec<Text<'a>> =
        items(body, "filters").into_iter().filter(|filter| !covered(kind_of(filter))).collect();
    match left.is_empty() {
        true => drop(body.remove("filters")),
        false => body.set("filters", left.into_iter().collect::<Array<'_>>().to_text()),
    }
    if covered("Model") {
        body.remove("filter_logic");
    }
    if covered("Target")
        && let Some(mut target) = body.value("target").and_then(Text::into_object)
        && target.remove("filter_logic").is_some()
    {
        body.set("target", target.to_text());
    }
    for (key, _, stored) in stored {
        body.set(key, stored);
    }
}

/// The legacy view of filters: what a client can change.
fn view(resource: &Object<'_>) -> [serde_json::Value; 3] {
    let filters = items(resource, "filters");
    let filters = filters.iter().map(|filter| {
        let mut filter = filter.meaning();
        if let Some(filter) = filter.as_object_mut() {
            // New in 2025-09-18: a client that knows its contract by heart does not send it back.
            filter.remove("value_field");
        }
        filter
    });
    let filters = filters.collect();
    let logic = |text: Option<Text<'_>>| {
        text.map(|text| text.to_tree()).filter(|logic| *logic != "").unwrap_or_default()
    };
    let target = resource.get("target").and_then(Text::into_object);
    [
        filters,
        logic(resource.get("filter_logic")),
        logic(target.as_ref().and_then(|target| target.get("filter_logic"))),
    ]
}

/// Whether a filter is on the model or on the target; on the model where it does not say.
fn kind_of(filter: &Text<'_>) -> &'static str {
    let is_target = filter.object().is_some_and(|filter| {
        filter.get("field_type").is_some_and(|kind| kind.is_string("Target"))
    });
    if is_target { "Target" } else { "Model" }
}

fn mappings<'a>(resource: &Object<'a>) -> Vec<Text<'a>> {
    let identities = resource.present_value("identities").and_then(Text::into_object);
    identities.map(|identities| items(&identities, "mappings")).unwrap_or_default()
}

fn items<'a>(resource: &Object<'a>, key: &str) -> Vec<Text<'a>> {
    resource.value(key).and_then(Text::into_array).map(Array::into_items).unwrap_or_default()
}
