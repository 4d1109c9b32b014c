//! Changes of the rollout while it runs.

use serde::{Deserialize, Serialize};

use super::callers::{FORMS, Pattern};
use super::plan::{Part, Percent};
use super::view::Mode;

/// What is changed at once: all of it, or nothing if anything is wrong.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSet {
    /// Who changes it, for the list of events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The changes, in their order.
    pub changes: Vec<Change>,
}

/// One change. What is left out stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The id of the rule; left out, what holds for rules that nothing else is said of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Percentage of callers, from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Percentage of translated requests that are compared, from 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<f64>,
    /// Callers that are in whatever the share, as the rollout file writes them; all of them, no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// Callers that stay with legacy, written alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny: Option<Vec<String>>,
    /// Whether the breaker is armed again: of the rule, or of all, and then legacy is believed to
    /// be served again too.
    #[serde(default)]
    pub rearm: bool,
    /// Whether earlier changes are taken back, so that what the file says holds.
    #[serde(default)]
    pub reset: bool,
}

/// What is wrong with a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// The field, such as `changes/0/rule`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

impl Change {
    /// What of a policy is changed.
    pub(super) fn part(&self) -> Part {
        Part {
            mode: self.mode,
            share: self.share.and_then(Percent::new),
            verify: self.verify.and_then(Percent::new),
            allow: self.allow.as_deref().map(patterns),
            deny: self.deny.as_deref().map(patterns),
        }
    }

    /// What is changed, as a sentence.
    pub(super) fn sentence(&self) -> String {
        let mut said = Vec::new();
        if self.reset {
            said.push("live changes taken back".to_owned());
        }
        if let Some(mode) = self.mode {
            said.push(format!("mode set to {}", mode.text()));
        }
        if let Some(share) = self.share {
            said.push(format!("share set to {share}%"));
        }
        if let Some(verify) = self.verify {
            said.push(format!("verify set to {verify}%"));
        }
        for (name, callers) in [("allow", &self.allow), ("deny", &self.deny)] {
            match callers.as_deref() {
                None => {}
                Some([]) => said.push(format!("{name} emptied")),
                Some(callers) => said.push(format!("{name} set to {}", callers.join(", "))),
            }
        }
        if self.rearm {
            said.push("breaker armed again".to_owned());
        }
        said.join(", ")
    }

    /// What is wrong with numbers and callers, and with saying nothing.
    pub(super) fn wrong(&self, index: usize) -> Vec<Wrong> {
        let field = |name: &str| format!("changes/{index}/{name}");
        let mut wrong = Vec::new();
        for (name, number) in [("share", self.share), ("verify", self.verify)] {
            if let Some(number) = number.filter(|number| Percent::new(*number).is_none()) {
                wrong.push(Wrong {
                    field: field(name),
                    message: format!("`{number}` is no percentage"),
                    hint: "write a number from 0 to 100, such as 25 or 0.5".to_owned(),
                });
            }
        }
        for (name, callers) in [("allow", &self.allow), ("deny", &self.deny)] {
            for text in callers.iter().flatten().filter(|text| Pattern::parse(text).is_none()) {
                wrong.push(Wrong {
                    field: field(name),
                    message: format!("`{text}` names no callers"),
                    hint: FORMS.to_owned(),
                });
            }
        }
        if self.sentence().is_empty() {
            wrong.push(Wrong {
                field: format!("changes/{index}"),
                message: "changes nothing".to_owned(),
                hint: "give `mode`, `share`, `verify`, `allow`, `deny`, `rearm` or `reset`"
                    .to_owned(),
            });
        }
        wrong
    }
}

/// The callers that texts name; those that name none are told of as wrong before.
fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().filter_map(|text| Pattern::parse(text)).collect()
}
