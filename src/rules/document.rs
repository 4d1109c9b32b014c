//! A rule file as it is written. `rewrite-rules/README.md` explains each part; unknown keys are
//! errors, and every value that can be wrong knows where it stands.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

/// One rule file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// What the rule does, in one line.
    pub summary: Spanned<String>,
    /// Why, and what was decided where the vendor is silent.
    pub why: Spanned<String>,
    /// The contract differences that it answers for.
    #[serde(default)]
    pub closes: Vec<Spanned<String>>,
    /// Which requests.
    #[serde(rename = "match")]
    pub matches: MatchDocument,
    /// The setting without which the rule is for no request.
    pub needs: Option<Spanned<String>>,
    /// The path parameter that has to be the caller's own organization.
    pub own_organization: Option<Spanned<String>>,
    /// The path parameter with the connection whose owner `{owner}` stands for.
    pub owner_of: Option<Spanned<String>>,
    /// Values that the body has to have.
    #[serde(default)]
    pub accept: Vec<AcceptDocument>,
    /// What happens to the query.
    #[serde(default)]
    pub query: QueryDocument,
    /// The current resource, read before the request is sent.
    pub read: Option<ReadDocument>,
    /// Further reads, whose results the lenses see as members of the current resource.
    #[serde(default)]
    pub also_read: Vec<AlsoReadDocument>,
    /// A flow written in Rust, by name, in place of `[send]` and `[collect]`.
    pub flow: Option<Spanned<String>>,
    /// The request that is sent.
    pub send: Option<SendDocument>,
    /// A list that is walked page by page.
    pub collect: Option<CollectDocument>,
    /// A read that completes each item of the list.
    pub complete: Option<CompleteDocument>,
    /// A read that answers in place of the request sent.
    pub follow: Option<FollowDocument>,
    /// Where resources stand in the answer.
    #[serde(default)]
    pub response: ResponseDocument,
    /// What happens to upstream's errors.
    #[serde(default)]
    pub errors: ErrorsDocument,
    /// Both directions of the data, in the order in which `up` applies them.
    #[serde(default)]
    pub lens: Vec<Spanned<LensDocument>>,
}

/// `[match]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchDocument {
    /// The method.
    pub method: Spanned<String>,
    /// The legacy path template.
    pub path: Spanned<String>,
    /// Paths that the template matches too and that are other operations.
    #[serde(default)]
    pub except: Vec<String>,
    /// The kinds of caller; all where left out.
    pub callers: Option<Spanned<Vec<String>>>,
}

/// `[[accept]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptDocument {
    /// The key of the body.
    pub field: Spanned<String>,
    /// The values that have a counterpart.
    pub values: Vec<String>,
    /// What to do instead, for the error's message.
    pub instead: String,
}

/// `[query]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryDocument {
    /// Parameters that do not go up.
    #[serde(default)]
    pub drop: Vec<String>,
}

/// `[read]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadDocument {
    /// The path of the read.
    pub path: Spanned<String>,
    /// Where the resource stands in its answer.
    pub take: Spanned<String>,
}

/// `[[also_read]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlsoReadDocument {
    /// The path of the read.
    pub path: Spanned<String>,
    /// Where its result stands in its answer.
    pub take: Spanned<String>,
    /// The member of the current resource that lenses find it under.
    pub name: String,
    /// The key of the body without which it is not needed.
    pub when: String,
    /// One read for each item under `when` that has this key.
    pub each: Option<String>,
}

/// `[send]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendDocument {
    /// The method, where it is not the one matched.
    pub method: Option<Spanned<String>>,
    /// The path.
    pub path: Spanned<String>,
    /// Whether the translated body goes along.
    #[serde(default = "yes")]
    pub body: bool,
    /// Whether the request gets an `Idempotency-Key` where the client sent none.
    #[serde(default)]
    pub idempotency_key: bool,
}

/// `[collect]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectDocument {
    /// Where the items of a page stand.
    pub items: Spanned<String>,
    /// Pages, where the list has them.
    pub pages: Option<PagesDocument>,
    /// The members of the answer that only speak of pages.
    #[serde(default)]
    pub drop: Vec<String>,
    /// The path that identifies an item: seen twice, it appears once.
    pub unique: Option<Spanned<String>>,
}

/// `[collect.pages]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagesDocument {
    /// Where the token of the next page stands.
    pub next: Spanned<String>,
    /// The query parameter that carries the token.
    pub token: String,
    /// The query parameter and the value for the size of a page.
    pub size: PageSizeDocument,
}

/// `size`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageSizeDocument {
    /// The query parameter.
    pub query: String,
    /// Items a page.
    pub value: u32,
}

/// `[complete]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompleteDocument {
    /// The path of the read; `{$.id}` is taken from the item.
    pub path: Spanned<String>,
    /// Where the whole item stands in its answer.
    pub take: Spanned<String>,
}

/// `[follow]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FollowDocument {
    /// The path of the read.
    pub path: Spanned<String>,
    /// When a refusal is a success after all.
    pub settled: Option<SettledDocument>,
    /// The answer where the read fails after the request was accepted; texts may hold variables.
    pub fallback: Spanned<toml::Table>,
    /// The pointers of `fallback` that are made up.
    pub synthesized: Vec<String>,
}

/// `settled`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettledDocument {
    /// The status of the refusal.
    pub status: u16,
    /// Where the state stands in the read's answer.
    pub at: Spanned<String>,
    /// The states that mean that the request had its effect before.
    pub values: Vec<String>,
}

/// `[response]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResponseDocument {
    /// Where resources stand; the lenses see each of them.
    pub resource: Option<Spanned<String>>,
    /// Where addresses of upstream stand, which become the client's.
    #[serde(default)]
    pub addresses: Vec<Spanned<String>>,
}

/// `[errors]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorsDocument {
    /// Upstream's names and the legacy ones.
    #[serde(default)]
    pub rename: BTreeMap<String, String>,
}

/// `[[lens]]`: exactly one of the kinds, and where it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LensDocument {
    /// Where, from the resource; the resource itself where left out.
    pub at: Option<Spanned<String>>,
    /// A lens written in Rust, by name.
    pub code: Option<Spanned<String>>,
    /// Another name upstream.
    pub rename: Option<Pair>,
    /// A name that some clients use.
    pub alias: Option<AliasDocument>,
    /// A value that legacy does not know.
    pub hidden_value: Option<HiddenValueDocument>,
    /// A field that cannot be changed.
    pub fixed: Option<FixedDocument>,
    /// Fields that keep their value.
    pub keep: Option<Vec<String>>,
    /// Items of a list that legacy does not know.
    pub leave_out: Option<LeaveOutDocument>,
    /// Fields that answers have and requests do not take.
    pub read_only: Option<Vec<String>>,
    /// A member of the envelope that becomes a list of one.
    pub wrap: Option<String>,
}

/// `rename`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    /// The legacy name.
    pub legacy: String,
    /// Upstream's name.
    pub upstream: String,
}

/// `alias`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliasDocument {
    /// The field's name.
    pub field: String,
    /// Its other name.
    pub also: String,
}

/// `hidden_value`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HiddenValueDocument {
    /// The field.
    pub field: String,
    /// Upstream's value.
    pub upstream: String,
    /// The value that is shown.
    pub legacy: String,
}

/// `leave_out`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaveOutDocument {
    /// The list.
    pub list: String,
    /// The field of its items that decides.
    pub field: String,
    /// The value of that field.
    pub value: String,
}

/// `fixed`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedDocument {
    /// The field.
    pub field: String,
    /// What to do instead of changing it.
    pub instead: String,
}

const fn yes() -> bool {
    true
}
