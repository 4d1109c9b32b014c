//! From a `[[lens]]` to a lens.

use toml::Spanned;

use super::compile::Compiler;
use super::document::LensDocument;
use super::finding::nearest;
use super::{Need, Options};
use crate::lens::{
    Alias, At, BulkDiscover, BulkResync, BulkSchedule, BulkSchemas, Fixed, HiddenValue, Keep,
    LeaveOut, Lens, ModelSyncFields, ModelSyncView, OrganizationSignOn, ReadOnly, Rename,
    WebhookEndpoint, Wrap,
};

type MakeLens = fn(&Options) -> Box<dyn Lens>;

/// The lenses that are written in Rust, by the name that rule files use.
const CODED: [(&str, MakeLens); 8] = [
    ("bulk_schedule", |_| Box::new(BulkSchedule)),
    ("bulk_discover", |_| Box::new(BulkDiscover)),
    ("bulk_resync", |_| Box::new(BulkResync)),
    ("bulk_schemas", |_| Box::new(BulkSchemas)),
    ("model_sync_fields", |_| Box::new(ModelSyncFields)),
    ("model_sync_view", |_| Box::new(ModelSyncView)),
    ("organization_sign_on", |options| {
        Box::new(OrganizationSignOn { may_lose_client: options.allow_oidc_loss })
    }),
    ("webhook_endpoint", |options| {
        Box::new(WebhookEndpoint { registrations: options.registrations.clone() })
    }),
];

impl Compiler<'_, '_, '_> {
    pub(super) fn need(&mut self, needs: &Spanned<String>) -> Option<Need> {
        let found = Need::ALL.into_iter().find(|need| need.text() == needs.get_ref());
        if found.is_none() {
            let known = Need::ALL.map(Need::text).join(", ");
            let message = format!("no rule can need `{}`", needs.get_ref());
            let hint = format!("known: {known}");
            self.findings.add("needs", needs.span(), message, Some(&hint));
        }
        found
    }

    pub(super) fn lens(&mut self, lens: Spanned<LensDocument>) -> Option<Box<dyn Lens>> {
        let span = lens.span();
        let lens = lens.into_inner();
        let at = match &lens.at {
            Some(at) => Some(self.path("lens.at", at)?),
            None => None,
        };
        let mut kinds: Vec<Box<dyn Lens>> = Vec::new();
        if let Some(code) = &lens.code {
            kinds.push(self.coded(code)?);
        }
        kinds.extend(lens.rename.map(|pair| {
            Box::new(Rename { legacy: pair.legacy, upstream: pair.upstream }) as Box<dyn Lens>
        }));
        kinds.extend(lens.alias.map(|alias| {
            Box::new(Alias { field: alias.field, also: alias.also }) as Box<dyn Lens>
        }));
        kinds.extend(lens.hidden_value.map(|own| {
            Box::new(HiddenValue { field: own.field, upstream: own.upstream, legacy: own.legacy })
                as Box<dyn Lens>
        }));
        kinds.extend(lens.fixed.map(|fixed| {
            Box::new(Fixed { field: fixed.field, instead: fixed.instead }) as Box<dyn Lens>
        }));
        kinds.extend(lens.keep.map(|fields| Box::new(Keep { fields }) as Box<dyn Lens>));
        kinds.extend(lens.leave_out.map(|own| {
            Box::new(LeaveOut { list: own.list, field: own.field, value: own.value })
                as Box<dyn Lens>
        }));
        kinds.extend(lens.read_only.map(|fields| Box::new(ReadOnly { fields }) as Box<dyn Lens>));
        kinds.extend(lens.wrap.map(|field| Box::new(Wrap { field }) as Box<dyn Lens>));
        let count = kinds.len();
        let Some(kind) = kinds.pop().filter(|_| count == 1) else {
            let message = format!("has {count} kinds of lens, not one");
            self.findings.add("lens", span, message, Some("write one [[lens]] for each of `code`, `rename`, `alias`, `hidden_value`, `fixed`, `keep`, `leave_out`, `read_only`, `wrap`"));
            return None;
        };
        Some(match at {
            Some(path) if !path.is_root() => Box::new(At { path, lens: kind }),
            _ => kind,
        })
    }

    fn coded(&mut self, code: &Spanned<String>) -> Option<Box<dyn Lens>> {
        let name = code.get_ref();
        let found = CODED.iter().find(|(known, _)| known == name);
        if found.is_none() {
            let known = CODED.map(|(known, _)| known);
            let hint = nearest(name, known).map_or_else(
                || format!("known: {}", known.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.findings.add(
                "lens.code",
                code.span(),
                format!("no lens is called `{name}`"),
                Some(&hint),
            );
        }
        found.map(|(_, make)| make(self.options))
    }
}
