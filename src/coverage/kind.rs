//! What a schema allows, as far as comparing needs to know.

use serde_json::Value;

use crate::contract::Operation;

/// One of the types that a schema allows: most schemas allow one, `anyOf` and null make more.
#[derive(Debug)]
pub struct Member<'a> {
    /// The component that it is, if it is one.
    pub name: Option<&'a str>,
    /// The schema, without reference.
    pub schema: &'a Value,
    /// What it allows.
    pub kind: Kind<'a>,
}

/// A type.
#[derive(Debug)]
pub enum Kind<'a> {
    /// Anything.
    Any,
    /// Null.
    Null,
    /// One of these texts.
    Enum(Vec<&'a str>),
    /// A text of a format, or of any.
    Text(Option<&'a str>),
    /// A number without fraction.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list of such items.
    Array(&'a Value),
    /// An object or a map.
    Object,
}

/// The types that a schema allows.
pub fn members<'a>(operation: &'a Operation, schema: &'a Value) -> Vec<Member<'a>> {
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let schema = operation.resolve(schema);
    for combined in ["anyOf", "oneOf"] {
        if let Some(options) = schema[combined].as_array() {
            return options.iter().flat_map(|option| members(operation, option)).collect();
        }
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(Value::as_str).collect(),
        single => vec![single.as_str()],
    };
    types.into_iter().map(|kind| Member { name, schema, kind: Kind::of(schema, kind) }).collect()
}

/// A type for a reader: `[string]`, `{a, b, … 5 more}`.
pub fn text(operation: &Operation, schema: &Value) -> String {
    let texts: Vec<String> = members(operation, schema)
        .iter()
        .map(|member| match &member.kind {
            Kind::Array(items) => format!("[{}]", text(operation, items)),
            Kind::Object => object_text(member.schema),
            kind => kind.text(),
        })
        .collect();
    texts.join(" or ")
}

impl<'a> Kind<'a> {
    fn of(schema: &'a Value, kind: Option<&str>) -> Self {
        if let Some(values) = schema["enum"].as_array().filter(|_| kind != Some("null")) {
            return Self::Enum(values.iter().filter_map(Value::as_str).collect());
        }
        match kind {
            Some("string") => Self::Text(schema["format"].as_str()),
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Boolean,
            Some("null") => Self::Null,
            Some("array") => Self::Array(schema.get("items").unwrap_or(&Value::Null)),
            Some("object") => Self::Object,
            _ => Self::Any,
        }
    }

    /// Whether the two are variants of one type, so that comparing them says more than that one
    /// replaced the other.
    pub fn is_like(&self, other: &Self) -> bool {
        self.fits(other) || other.fits(self) || {
            let pair = (self, other);
            matches!(pair, (Self::Enum(_), Self::Enum(_)) | (Self::Text(_), Self::Text(_)))
        }
    }

    /// Whether every value of this type is one of the other; what is inside lists and objects
    /// does not count.
    pub fn fits(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any)
            | (Self::Null, Self::Null)
            | (Self::Boolean, Self::Boolean)
            | (Self::Integer, Self::Integer | Self::Number)
            | (Self::Number, Self::Number)
            | (Self::Array(_), Self::Array(_))
            | (Self::Object, Self::Object)
            | (Self::Enum(_) | Self::Text(_), Self::Text(None)) => true,
            (Self::Enum(values), Self::Enum(others)) => {
                values.iter().all(|value| others.contains(value))
            }
            (Self::Text(format), Self::Text(other)) => format == other,
            _ => false,
        }
    }

    /// What the type is called in the name of a difference.
    pub fn name(&self) -> &str {
        match self {
            Self::Any => "anything",
            Self::Null => "null",
            Self::Enum(_) => "enum",
            Self::Text(format) => format.unwrap_or("string"),
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array(_) => "list",
            Self::Object => "object",
        }
    }

    /// The type for a reader.
    pub fn text(&self) -> String {
        match self {
            Self::Enum(values) => values.join(", "),
            _ => self.name().to_owned(),
        }
    }
}

impl Member<'_> {
    /// How unlike two objects are: the number of properties that only one of them has. It picks the
    /// counterpart of a union's member where several fit.
    pub fn distance(&self, other: &Self) -> usize {
        let only = |one: &Value, other: &Value| {
            let names = one["properties"].as_object().into_iter().flatten();
            names.filter(|(name, _)| other["properties"].get(name.as_str()).is_none()).count()
        };
        only(self.schema, other.schema) + only(other.schema, self.schema)
    }
}

fn object_text(schema: &Value) -> String {
    const SHOWN: usize = 4;
    let names: Vec<&str> = schema["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    if names.is_empty() {
        return "object".to_owned();
    }
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(", … {more} more"),
    };
    let shown: Vec<&str> = names.into_iter().take(SHOWN).collect();
    format!("{{{}{more}}}", shown.join(", "))
}
