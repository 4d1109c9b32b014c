//! The controls: a form that changes the mode of a rule, for whoever knows the admin token.

use maud::{Markup, html};

use super::Shown;
use crate::report::Report;
use crate::rollout::view::Mode;

pub(super) fn section(report: &Report, shown: &Shown) -> Markup {
    html! {
        section.control id="control" aria-labelledby="control-title" {
            h2 id="control-title" { "Change the rollout" }
            @if report.rollout.can_change {
                (form(report, shown))
            } @else {
                p.aside {
                    "This page only shows: no admin token is configured. Set " code { "SHIM_ADMIN_TOKEN" }
                    " to change modes here, and over " code { "PUT /rollout" } "."
                }
            }
        }
    }
}

fn form(report: &Report, shown: &Shown) -> Markup {
    let chosen = report.rules.iter().find(|rule| Some(&rule.view.id) == shown.rule.as_ref());
    let mode = chosen.map(|rule| rule.view.mode);
    html! {
        @if let Some(refused) = &shown.refused { p.notice.bad role="alert" { (refused) } }
        form method="post" action="/dashboard/rollout" {
            label { span { "Rule" }
                select name="rule" required {
                    @for rule in &report.rules {
                        option value=(rule.view.id) selected[Some(&rule.view.id) == shown.rule.as_ref()] { (rule.view.id) }
                    }
                }
            }
            label { span { "Mode" }
                select name="mode" required {
                    @for each in Mode::ALL { option value=(each.text()) selected[mode == Some(each)] { (each.text()) } }
                }
            }
            label { span { "Share of callers, %" }
                input type="number" name="share" min="0" max="100" step="any" required
                    value=(chosen.map_or(100.0, |rule| rule.view.share));
            }
            label { span { "Your name" } input type="text" name="by" maxlength="64" required autocomplete="name"; }
            label { span { "Admin token" } input type="password" name="token" required autocomplete="off"; }
            button type="submit" { "Change" }
        }
        p.aside { "The change is in force at once, on this instance, and until the next one: the rollout file stays as it is." }
    }
}
