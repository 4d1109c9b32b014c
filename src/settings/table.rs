//! The declarative table of settings, and what is documented from it.

use std::fmt::Write;

/// How one setting is documented, and the names it goes by.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The key in the file, such as `request_timeout`; the other names derive from it.
    pub name: &'static str,
    /// What it is, in sentences.
    pub about: &'static str,
    /// What stands for the value in help texts, such as `DURATION`.
    pub value: &'static str,
    /// The value when no source gives one, as it would be written; empty when there is none.
    pub default: &'static str,
}

/// The setting that no file can hold: where the file is.
pub const CONFIG: Setting = Setting {
    name: "config",
    about: "TOML file with settings, its keys as the flags are named, with `_` for `-`.",
    value: "FILE",
    default: "",
};

impl Setting {
    /// The flag without its dashes, such as `request-timeout`.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The environment variable, such as `SHIM_REQUEST_TIMEOUT`.
    pub fn variable(&self) -> String {
        format!("SHIM_{}", self.name.to_uppercase())
    }

    /// Whether several values, separated by commas, make one.
    pub fn is_list(&self) -> bool {
        self.value == "NETWORKS"
    }
}

/// The table of all settings in Markdown, for the README.
pub fn markdown() -> String {
    let mut text = String::from("| flag | variable | key | default | meaning |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for setting in std::iter::once(&CONFIG).chain(super::TABLE) {
        let key = if setting.name == CONFIG.name { "" } else { setting.name };
        let cells = [key, setting.default].map(|cell| match cell {
            "" => String::new(),
            cell => format!("`{cell}`"),
        });
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `--{} {}` | `{}` | {} | {} | {} |",
            setting.flag(),
            setting.value,
            setting.variable(),
            cells[0],
            cells[1],
            setting.about,
        );
    }
    text
}

/// Makes [`super::Settings`], its table and the function that fills it from one list of
/// `name: type = "default", "VALUE", parser;`.
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:literal, $value:literal, $parse:path;)+) => {
        /// Everything that can be configured, checked.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $($(#[doc = $doc])+ pub $name: $kind,)+
            /// The `[[webhook]]` tables of the file, in their order.
            pub webhooks: Vec<Webhook>,
        }

        /// How each field of [`Settings`] is documented, in their order.
        pub const TABLE: &[Setting] = &[$(Setting {
            name: stringify!($name),
            about: concat!($($doc),+).trim_ascii(),
            value: $value,
            default: $default,
        },)+];

        impl Settings {
            /// Parses every value that any source gave; the strongest source of each setting wins.
            fn settle(given: &[Given], mistakes: &mut Vec<Mistake>) -> Option<Self> {
                // All fields are parsed before the first missing one ends this, so that no mistake hides another.
                $(let $name: Option<$kind> =
                    source::settle(given, stringify!($name), $default, $parse, mistakes);)+
                Some(Self { $($name: $name?,)+ webhooks: Vec::new() })
            }

            /// The names of the settings that differ.
            pub fn differences(&self, other: &Self) -> Vec<&'static str> {
                let webhooks = ("webhook", self.webhooks != other.webhooks);
                let all = [$((stringify!($name), self.$name != other.$name),)+ webhooks];
                all.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
            }
        }
    };
}
pub(super) use settings;
