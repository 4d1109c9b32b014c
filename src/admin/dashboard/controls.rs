//! The controls: a form that changes the mode of a rule, for whoever knows the admin token.

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::{Wanted, page_of};
use crate::admin::Status;
use crate::report::Report;
use crate::rollout::view::Mode;
use crate::rollout::{Access, Change, ChangeSet};

/// What the form sends. The token is typed in each time: no cookie stands for it that another
/// site could make use of.
#[derive(Deserialize)]
pub(super) struct Asked {
    /// Empty for all rules that nothing else is said of.
    rule: String,
    mode: Mode,
    share: f64,
    verify: f64,
    /// There when the box is ticked.
    rearm: Option<String>,
    by: String,
    token: String,
}

pub(super) async fn change(State(status): State<Status>, Form(asked): Form<Asked>) -> Response {
    let Some(rollout) = status.rollout.get() else {
        return refused(
            &status,
            StatusCode::SERVICE_UNAVAILABLE,
            &asked,
            "The rollout is not loaded yet.",
        );
    };
    match rollout.access(Some(asked.token.as_bytes())) {
        Access::Granted => {}
        Access::Refused => {
            let why = "The admin token is wrong; nothing was changed.";
            return refused(&status, StatusCode::FORBIDDEN, &asked, why);
        }
        Access::NoToken => {
            let why = "No admin token is configured, so nothing can be changed.";
            return refused(&status, StatusCode::FORBIDDEN, &asked, why);
        }
    }
    let rule = (!asked.rule.is_empty()).then(|| asked.rule.clone());
    let change = Change {
        mode: Some(asked.mode),
        share: Some(asked.share),
        verify: Some(asked.verify),
        rearm: asked.rearm.is_some(),
        rule: rule.clone(),
        ..Change::default()
    };
    let set = ChangeSet { by: Some(asked.by.trim().to_owned()), changes: vec![change] };
    match rollout.change(&set, None) {
        Ok(()) => {
            // Only the id of a rule comes here, and that is safe in an address.
            let rule = rule.unwrap_or_default();
            Redirect::to(&format!("/?rule={rule}&changed={rule}#rules")).into_response()
        }
        Err(wrong) => {
            let each = wrong.iter().map(|wrong| format!("{}: {}.", wrong.message, wrong.hint));
            let why = each.collect::<Vec<_>>().join(" ");
            refused(&status, StatusCode::UNPROCESSABLE_ENTITY, &asked, &why)
        }
    }
}

fn refused(status: &Status, code: StatusCode, asked: &Asked, why: &str) -> Response {
    let wanted = Wanted {
        rule: Some(asked.rule.clone()),
        refused: Some(why.to_owned()),
        ..Wanted::default()
    };
    (code, page_of(status, &wanted)).into_response()
}

pub(super) fn section(report: &Report, wanted: &Wanted) -> Markup {
    html! {
        section.control id="control" aria-labelledby="control-title" {
            h2 id="control-title" { "Change the rollout" }
            @if report.rollout.can_change {
                (form(report, wanted))
            } @else {
                p.aside {
                    "This page only shows: no admin token is configured. Set " code { "SHIM_ADMIN_TOKEN" }
                    " to change modes here, and over " code { "PUT /rollout" } "."
                }
            }
        }
    }
}

fn form(report: &Report, wanted: &Wanted) -> Markup {
    let chosen = report.rules.iter().find(|rule| Some(&rule.view.id) == wanted.rule.as_ref());
    let mode = chosen.map(|rule| rule.view.mode);
    html! {
        @if let Some(refused) = &wanted.refused { p.notice.bad role="alert" { (refused) } }
        form method="post" action="/dashboard/rollout" {
            label { span { "Rule" }
                select name="rule" {
                    option value="" { "rules that nothing else is said of" }
                    @for rule in &report.rules {
                        option value=(rule.view.id) selected[Some(&rule.view.id) == wanted.rule.as_ref()] { (rule.view.id) }
                    }
                }
            }
            label { span { "Mode" }
                select name="mode" required {
                    @for each in Mode::ALL { option value=(each.text()) selected[mode == Some(each)] { (each.text()) } }
                }
            }
            label { span { "Callers in that mode, %" }
                input type="number" name="share" min="0" max="100" step="any" required
                    value=(chosen.map_or(100.0, |rule| rule.view.share));
            }
            label { span { "Translations verified, %" }
                input type="number" name="verify" min="0" max="100" step="any" required
                    value=(chosen.map_or(0.0, |rule| rule.view.verify));
            }
            label { span { "Your name" } input type="text" name="by" maxlength="64" required autocomplete="name"; }
            label { span { "Admin token" } input type="password" name="token" required autocomplete="off"; }
            label.tick-box { input type="checkbox" name="rearm" value="yes"; span { "Arm the breaker again" } }
            button type="submit" { "Change" }
        }
        p.aside { "In force at once, on this instance only, until it restarts or the rollout file changes. Whoever cannot run beside legacy, because it writes, has no shadow." }
    }
}
