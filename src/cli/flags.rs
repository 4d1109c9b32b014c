//! One flag for each setting, made from the table of settings.
//!
//! Values stay texts: they are parsed together with those of the other sources, so that all
//! mistakes are reported at once.

use std::ffi::OsString;
use std::sync::LazyLock;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};

use crate::settings::{CONFIG, Setting, TABLE};

/// The settings that were given as flags, as they were written.
#[derive(Debug, Default, Clone)]
pub struct Flags(Vec<(&'static str, OsString)>);

impl Flags {
    /// These flags and others, which stand later on the command line.
    #[must_use]
    pub fn and(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }

    /// The last value given for a setting.
    pub fn get(&self, name: &str) -> Option<OsString> {
        self.0.iter().rev().find(|(own, _)| *own == name).map(|(_, value)| value.clone())
    }

    /// Setting names and values, for [`crate::settings::Settings::load`].
    pub fn into_values(self) -> Vec<(&'static str, OsString)> {
        self.0
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let values = FLAGS.iter().flat_map(|flag| {
            let values = matches.get_many::<OsString>(flag.name).unwrap_or_default();
            values.map(|value| (flag.name, value.clone()))
        });
        Ok(Self(values.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.iter().map(Flag::argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The texts that clap wants to live as long as the program.
struct Flag {
    name: &'static str,
    long: String,
    value: &'static str,
    help: String,
}

static FLAGS: LazyLock<Vec<Flag>> =
    LazyLock::new(|| std::iter::once(&CONFIG).chain(TABLE).map(Flag::new).collect());

impl Flag {
    fn new(setting: &Setting) -> Self {
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        let help = format!("{} [env: {}]{default}", setting.about, setting.variable());
        Self { name: setting.name, long: setting.flag(), value: setting.value, help }
    }

    fn argument(&'static self) -> Arg {
        Arg::new(self.name)
            .long(self.long.as_str())
            .value_name(self.value)
            .help(self.help.as_str())
            .help_heading("Settings (flags beat the environment, which beats the file)")
            .value_parser(value_parser!(OsString))
            // A second value is reported together with the other mistakes.
            .action(ArgAction::Append)
    }
}
