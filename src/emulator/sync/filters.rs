//! `model_filters` and `target_filters`, and the deprecated view of both: `filters` with
//! `filter_logic` and `target.filter_logic`.

use serde_json::{Value, json};

use crate::emulator::call::Failure;
use crate::emulator::json::{given, list, pick, put, text};

/// The stored form of both kinds of filters.
#[derive(Default)]
pub(super) struct Filters {
    pub(super) model: Option<Value>,
    pub(super) target: Option<Value>,
}

impl Filters {
    /// What a row stores.
    pub(super) fn stored(row: &Value) -> Filters {
        Filters {
            model: given(row, "model_filters").cloned(),
            target: given(row, "target_filters").cloned(),
        }
    }

    /// What the deprecated properties of a body say. A condition of a model that does not say
    /// which model is about that of the first mapped field.
    pub(super) fn deprecated(body: &Value) -> Filters {
        let model_id =
            list(body, "fields").first().map(|field| field["source"]["model_id"].clone());
        let (mut model, mut target) = (Vec::new(), Vec::new());
        for filter in list(body, "filters") {
            if is_of_target(filter) {
                target.push(target_condition(filter));
            } else {
                model.push(model_condition(filter, model_id.as_ref()));
            }
        }
        Filters {
            model: assemble(model, given(body, "filter_logic")),
            target: assemble(target, given(&body["target"], "filter_logic")),
        }
    }

    /// The filters of an upstream body. Where `model_filters` or `target_filters` stand beside the
    /// deprecated properties, both have to agree.
    ///
    /// # Errors
    ///
    /// 422 naming the deprecated property that contradicts.
    pub(super) fn of_body(body: &Value) -> Result<Filters, Failure> {
        let named = Filters::stored(body);
        let deprecated = Filters::deprecated(body);
        let target = &body["target"];
        for (named, deprecated, logic, at) in [
            (&named.model, &deprecated.model, given(body, "filter_logic"), "/filter_logic"),
            (
                &named.target,
                &deprecated.target,
                given(target, "filter_logic"),
                "/target/filter_logic",
            ),
        ] {
            let Some(named) = named else { continue };
            let deprecated = deprecated.as_ref().unwrap_or(&Value::Null);
            if given(body, "filters").is_some() && !same_conditions(named, deprecated) {
                let message = "contradicts model_filters or target_filters";
                return Err(Failure::invalid("/filters", message));
            }
            if logic.is_some_and(|logic| *logic != named["logic"]) {
                let message = "contradicts the logic of model_filters or target_filters";
                return Err(Failure::invalid(at, message));
            }
        }
        Ok(Filters {
            model: named.model.or(deprecated.model),
            target: named.target.or(deprecated.target),
        })
    }

    /// Sets the deprecated properties of a sync that is shown.
    pub(super) fn show_deprecated(&self, shown: &mut Value) {
        let mut filters = Vec::new();
        for condition in conditions(self.model.as_ref()) {
            let mut filter = pick(condition, &["function", "value", "label"]);
            filter["field"] = condition["source"].clone();
            filter["field_id"] = condition["source"]["field"].clone();
            filter["field_type"] = json!("Model");
            filters.push(filter);
        }
        for condition in conditions(self.target.as_ref()) {
            let mut filter = pick(condition, &["function", "value", "label"]);
            filter["field_id"] = condition["field"].clone();
            filter["field_type"] = json!("Target");
            put(&mut filter, "value_field", given(condition, "value_source").cloned());
            filters.push(filter);
        }
        put(shown, "filters", (!filters.is_empty()).then(|| json!(filters)));
        put(shown, "filter_logic", logic(self.model.as_ref()));
        if let Some(target) = shown.get_mut("target") {
            put(target, "filter_logic", logic(self.target.as_ref()));
        }
    }
}

fn assemble(conditions: Vec<Value>, logic: Option<&Value>) -> Option<Value> {
    if conditions.is_empty() && logic.is_none() {
        return None;
    }
    let mut filters = json!({ "conditions": conditions });
    put(&mut filters, "logic", logic.cloned());
    Some(filters)
}

fn is_of_target(filter: &Value) -> bool {
    match text(filter, "field_type") {
        "Target" => true,
        "Model" => false,
        _ => given(filter, "field").is_none(),
    }
}

fn model_condition(filter: &Value, model_id: Option<&Value>) -> Value {
    let mut condition = pick(filter, &["function", "value", "label"]);
    condition["source"] = given(filter, "field").cloned().unwrap_or_else(
        || json!({ "field": text(filter, "field_id"), "model_id": model_id.unwrap_or(&json!("")) }),
    );
    condition
}

fn target_condition(filter: &Value) -> Value {
    let mut condition = pick(filter, &["function", "value", "label"]);
    let field = given(filter, "field_id").unwrap_or(&filter["field"]["field"]);
    condition["field"] = field.clone();
    put(&mut condition, "value_source", given(filter, "value_field").cloned());
    condition
}

/// Whether both say the same. `value_source` counts only where both have one: a legacy view
/// cannot show it.
fn same_conditions(one: &Value, other: &Value) -> bool {
    const SHOWN: [&str; 5] = ["source", "field", "function", "value", "label"];
    let (one, other) = (list(one, "conditions"), list(other, "conditions"));
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            let sources = (given(one, "value_source"), given(other, "value_source"));
            pick(one, &SHOWN) == pick(other, &SHOWN)
                && !matches!(sources, (Some(one), Some(other)) if one != other)
        })
}

fn conditions(filters: Option<&Value>) -> &[Value] {
    filters.map_or(&[], |filters| list(filters, "conditions"))
}

fn logic(filters: Option<&Value>) -> Option<Value> {
    given(filters?, "logic").cloned()
}
