//! The lenses that rule files declare: each a small change with two directions.

use super::{Disclosable, Lens};
use crate::disclosure::{How, Report};
use crate::failure::{Failure, Key};
use crate::json::{Array, Object, Text};
use crate::rules::path::Path;

/// A field has another name upstream.
#[derive(Debug, Clone)]
pub struct Rename {
    /// Its name in legacy.
    pub legacy: String,
    /// Its name upstream.
    pub upstream: String,
}

impl Lens for Rename {
    fn name(&self) -> &'static str {
        "rename"
    }

    fn reads(&self) -> Vec<&str> {
        vec![&self.legacy, &self.upstream]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        _: &mut Report,
    ) -> Result<(), Failure> {
        body.rename(&self.legacy, self.upstream.clone());
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, _: &mut Report) -> Result<(), Failure> {
        resource.rename(&self.upstream, self.legacy.clone());
        Ok(())
    }
}

/// Some released clients send a field under another name; its own name wins.
#[derive(Debug, Clone)]
pub struct Alias {
    /// The field's name in both versions.
    pub field: String,
    /// What some clients call it in requests.
    pub also: String,
}

impl Lens for Alias {
    fn name(&self) -> &'static str {
        "alias"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["alias.up.renamed", "alias.up.own_name"]
    }

    fn reads(&self) -> Vec<&str> {
        vec![&self.field, &self.also]
    }

    fn concerns(&self, text: &str) -> bool {
        // A key may be escaped.
        text.contains(&self.also) || text.contains('\\')
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if body.present(&self.field).is_some() || !body.has(&self.also) {
            report.took("alias.up.own_name");
            return Ok(());
        }
        report.took("alias.up.renamed");
        body.remove(&self.field);
        body.rename(&self.also, self.field.clone());
        Ok(())
    }
}

/// A value that legacy clients do not know is shown as another one, and kept when that one
/// comes back.
#[derive(Debug, Clone)]
pub struct HiddenValue {
    /// The field.
    pub field: String,
    /// The value that upstream has.
    pub upstream: String,
    /// What legacy clients see.
    pub legacy: String,
}

impl Lens for HiddenValue {
    fn name(&self) -> &'static str {
        "hidden_value"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["hidden_value.down.shown", "hidden_value.up.kept"]
    }

    fn reads(&self) -> Vec<&str> {
        vec![&self.field]
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let when = format!(
            "upstream says `{}`, which legacy clients do not know; they see `{}`",
            self.upstream, self.legacy
        );
        vec![Disclosable {
            how: How::Synthesized,
            in_request: false,
            pointer: format!("/{}", self.field),
            when,
        }]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let is_hidden = current
            .and_then(|current| current.get(&self.field))
            .is_some_and(|value| value.is_string(&self.upstream));
        if is_hidden && body.get(&self.field).is_some_and(|value| value.is_string(&self.legacy)) {
            report.took("hidden_value.up.kept");
            body.set(self.field.clone(), Text::string(&self.upstream));
        }
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        if resource.get(&self.field).is_some_and(|value| value.is_string(&self.upstream)) {
            report.took("hidden_value.down.shown");
            report.note(How::Synthesized, &["/", &self.field].concat());
            resource.set(self.field.clone(), Text::string(&self.legacy));
        }
        Ok(())
    }
}

/// A field that upstream cannot change: sent back as it is, it is left out; changed, it is refused.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The field.
    pub field: String,
    /// What to do instead of changing it, for the error's message.
    pub instead: String,
}

impl Lens for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["fixed.up.unchanged", "fixed.up.err_changed"]
    }

    fn reads(&self) -> Vec<&str> {
        vec![&self.field]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let Some(sent) = body.remove(&self.field) else { return Ok(()) };
        let now = current.and_then(|current| current.get(&self.field));
        if sent.is_null() || now.is_some_and(|now| now.to_tree() == sent.to_tree()) {
            report.took("fixed.up.unchanged");
            return Ok(());
        }
        report.took("fixed.up.err_changed");
        let pointer = format!("/{}", self.field);
        Err(Failure::new(
            Key::EmailFixed,
            format!("`{pointer}` cannot be changed here. {}", self.instead),
        )
        .with("pointer", pointer))
    }
}

/// Fields that legacy clients cannot know keep their current value where the body leaves them out.
#[derive(Debug, Clone)]
pub struct Keep {
    /// The fields.
    pub fields: Vec<String>,
}

impl Lens for Keep {
    fn name(&self) -> &'static str {
        "keep"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["keep.up.kept"]
    }

    fn reads(&self) -> Vec<&str> {
        self.fields.iter().map(String::as_str).collect()
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        current: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        for field in &self.fields {
            if let Some(value) =
                current.and_then(|current| current.value(field)).filter(|_| !body.has(field))
            {
                report.took("keep.up.kept");
                body.set(field.clone(), value.clone());
            }
        }
        Ok(())
    }
}

/// One object upstream is a list of one in legacy. Stands on the envelope.
#[derive(Debug, Clone)]
pub struct Wrap {
    /// The member of the envelope.
    pub field: String,
}

impl Lens for Wrap {
    fn name(&self) -> &'static str {
        "wrap"
    }

    fn branches(&self) -> Vec<&'static str> {
        vec!["wrap.down.list_of_one", "wrap.down.empty"]
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        _: &mut Report,
    ) -> Result<(), Failure> {
        body.map(self.field.clone(), |value| {
            value.array()?.items().first().map(|item| item.clone().into_owned())
        });
        Ok(())
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        let Some(value) = resource.present(&self.field) else {
            report.took("wrap.down.empty");
            resource.set(self.field.clone(), Array::default().to_text());
            return Ok(());
        };
        report.took("wrap.down.list_of_one");
        let list = std::iter::once(value.clone()).collect::<Array<'_>>().to_text();
        resource.set(self.field.clone(), list);
        Ok(())
    }
}

/// Another lens, at every place of the resource that a path selects.
#[derive(Debug)]
pub struct At {
    /// Where, from the resource.
    pub path: Path,
    /// What.
    pub lens: Box<dyn Lens>,
}

impl Lens for At {
    fn name(&self) -> &'static str {
        self.lens.name()
    }

    fn branches(&self) -> Vec<&'static str> {
        self.lens.branches()
    }

    fn discloses(&self) -> Vec<Disclosable> {
        let base =
            self.path.source().trim_start_matches('$').replace("[*]", "/*").replace('.', "/");
        let below =
            |own: Disclosable| Disclosable { pointer: format!("{base}{}", own.pointer), ..own };
        self.lens.discloses().into_iter().map(below).collect()
    }

    fn up<'a>(
        &self,
        body: &mut Object<'a>,
        _: Option<&Object<'a>>,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let part = self.path.first_key().and_then(|key| body.get(key));
        if part.is_some_and(|part| !self.lens.concerns(part.as_text())) {
            return Ok(());
        }
        self.edit(body, report, |object, report| self.lens.up(object, None, report))
    }

    fn down(&self, resource: &mut Object<'_>, report: &mut Report) -> Result<(), Failure> {
        self.edit(resource, report, |object, report| self.lens.down(object, report))
    }
}

impl At {
    fn edit<'a>(
        &self,
        resource: &mut Object<'a>,
        report: &mut Report,
        change: impl Fn(&mut Object<'a>, &mut Report) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut edit = |value: Text<'a>, pointer: &str| {
            let Some(mut object) = value.clone().into_object() else { return Ok(value) };
            let mut part = Report::default();
            let result = change(&mut object, &mut part);
            report.absorb_at(pointer, part);
            result.map(|()| object.into_text())
        };
        self.path.edit_members(resource, &mut edit)
    }
}
