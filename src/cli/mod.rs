//! The command line: what can be asked, and the flags of every setting.
//!
//! Adding a command takes a variant of [`Command`], its arguments, and an arm in `main.rs`.

pub mod admin;
mod explain;
mod flags;
pub mod healthcheck;
pub mod rollout;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use explain::question;
pub use flags::Flags;
pub use rollout::{CaptureArguments, RearmArguments};

use crate::settings;

/// Lets unmodified clients of Polytomic's REST API 2024-02-08 work against 2025-09-18.
#[derive(Parser)]
#[command(version, after_help = EXAMPLES, after_long_help = EXAMPLES)]
pub struct Cli {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings that stand before the command.
    #[command(flatten)]
    pub flags: Flags,
}

const EXAMPLES: &str = "\
Examples:
  polytomic-shim
      Serves legacy clients at http://127.0.0.1:8080.
  polytomic-shim serve --listen 0.0.0.0:8080 --upstream https://polytomic.example.com
      Serves the whole network, in front of a self-hosted deployment.
  SHIM_LOG_FORMAT=json polytomic-shim --config shim.toml
      Takes settings from a file and from the environment; flags beat both.";

/// One thing that the program does.
#[derive(Subcommand)]
pub enum Command {
    /// Run the proxy until SIGTERM or SIGINT.
    #[command(after_help = SERVE_EXAMPLES, after_long_help = SERVE_EXAMPLES)]
    Serve(Flags),
    /// Run a shim and an emulated upstream in one process, and print what to try.
    ///
    /// Takes the settings of `serve`; `upstream` is the emulator, whatever is configured.
    #[command(after_help = DEMO_EXAMPLES, after_long_help = DEMO_EXAMPLES)]
    Demo(Flags),
    /// Run the emulated upstream alone: both versions of the API, with the demo's data.
    #[command(after_help = EMULATOR_EXAMPLES, after_long_help = EMULATOR_EXAMPLES)]
    Emulator(EmulatorArguments),
    /// Check settings and rules, and report everything that is wrong with them: exits with 0 or 1.
    Check(Flags),
    /// Show what would happen to a legacy request, without sending anything.
    #[command(after_help = EXPLAIN_EXAMPLES, after_long_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Ask a running shim, at its admin address, whether it is ready: exits with 0 or 1.
    #[command(after_help = HEALTHCHECK_EXAMPLES, after_long_help = HEALTHCHECK_EXAMPLES)]
    Healthcheck(HealthcheckArguments),
    /// Print the fixture of two answers that differed, redacted, from a running shim.
    #[command(after_help = CAPTURE_EXAMPLES, after_long_help = CAPTURE_EXAMPLES)]
    Capture(CaptureArguments),
    /// Arm the breaker of a running shim again, with SHIM_ADMIN_TOKEN as its `admin_token`.
    #[command(after_help = REARM_EXAMPLES, after_long_help = REARM_EXAMPLES)]
    Rearm(RearmArguments),
    /// Print the rules: what each does, closes and costs, and what proves it.
    #[command(after_help = RULES_EXAMPLES, after_long_help = RULES_EXAMPLES)]
    Rules(RulesArguments),
    /// Print the table of all settings.
    #[command(hide = true)]
    Settings {
        /// How to print it.
        #[arg(long, value_enum)]
        format: TableFormat,
    },
}

const SERVE_EXAMPLES: &str = "\
Examples:
  polytomic-shim serve --listen 0.0.0.0:8080 --admin 0.0.0.0:8081
  polytomic-shim serve --upstream https://polytomic.internal --upstream-ca ca.pem
  SHIM_CALLER_KIND=partner polytomic-shim serve";

const DEMO_EXAMPLES: &str = "\
Examples:
  polytomic-shim demo
  polytomic-shim demo --listen 127.0.0.1:0 --admin 127.0.0.1:0";

const EMULATOR_EXAMPLES: &str = "\
Examples:
  polytomic-shim emulator
  polytomic-shim emulator --listen 127.0.0.1:9090 --latency 20ms --model-syncs 500";

/// The arguments of `explain`.
#[derive(Args)]
pub struct Explain {
    /// The method of the legacy request.
    pub method: String,
    /// Its path, with a query if it has one; a whole address works too.
    pub path: String,
    /// The file with its body; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// Who calls; left out, every kind of caller is explained where that makes a difference.
    #[arg(long = "as", value_name = "CALLER", value_parser = ["user", "organization", "partner"])]
    pub caller: Option<String>,
    /// Settings; rules and limits count here.
    #[command(flatten)]
    pub flags: Flags,
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  polytomic-shim explain GET /api/syncs
  polytomic-shim explain GET /api/organizations --as user
  echo '{\"status\": \"canceled\"}' | polytomic-shim explain PUT /api/syncs/S/executions/E --body -";

/// The arguments of `healthcheck`.
#[derive(Args)]
pub struct HealthcheckArguments {
    /// Ask whether it lives (`/healthz`), also while it drains, rather than whether it is ready for requests
    #[arg(long)]
    pub live: bool,
    /// Settings; `admin` says where to ask.
    #[command(flatten)]
    pub flags: Flags,
}

const HEALTHCHECK_EXAMPLES: &str = "\
Examples:
  polytomic-shim healthcheck
  polytomic-shim healthcheck --live
  polytomic-shim healthcheck --admin 127.0.0.1:9000
  HEALTHCHECK CMD [\"polytomic-shim\", \"healthcheck\"]      (in a Dockerfile)";

const CAPTURE_EXAMPLES: &str = "\
Examples:
  polytomic-shim capture 3fa9-1 > fixtures/bulk_sync/get/captured.toml
  polytomic-shim capture 3fa9-1 --admin http://shim.internal:8081";

const REARM_EXAMPLES: &str = "\
Examples:
  SHIM_ADMIN_TOKEN=… polytomic-shim rearm bulk_sync/list --by jo
  SHIM_ADMIN_TOKEN=… polytomic-shim rearm      (all rules)";

/// How the emulator runs.
#[derive(Args)]
pub struct EmulatorArguments {
    /// Where it listens; port 0 picks a free port, which is printed.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// How long it waits before each answer.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = settings::duration)]
    pub latency: Duration,
    /// How many model syncs organization A has, at least 20.
    #[arg(long, value_name = "COUNT", default_value_t = 120)]
    pub model_syncs: usize,
}

/// The arguments of `rules`.
#[derive(Args)]
pub struct RulesArguments {
    /// How to print them.
    #[arg(long, value_enum, default_value = "table")]
    pub format: CatalogueFormat,
    /// Each difference that a rule closes, and each call that it makes.
    #[arg(long)]
    pub long: bool,
    /// Settings; `rules` names the folder.
    #[command(flatten)]
    pub flags: Flags,
}

const RULES_EXAMPLES: &str = "\
Examples:
  polytomic-shim rules
  polytomic-shim rules --long --rules my-rules
  polytomic-shim rules --format json
  polytomic-shim rules --format markdown      (the catalogue of rewrite-rules/README.md)";

/// How the rules are printed.
#[derive(Clone, Copy, ValueEnum)]
pub enum CatalogueFormat {
    /// For a terminal.
    Table,
    /// As in the README of the rules.
    Markdown,
    /// For tools: an array of rules.
    Json,
}

/// How the table of settings is printed.
#[derive(Clone, Copy, ValueEnum)]
pub enum TableFormat {
    /// As in the README.
    Markdown,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::settings::{CONFIG, TABLE};

    #[test]
    fn the_command_line_is_sound_and_help_documents_every_setting() {
        Cli::command().debug_assert();
        let mut command = Cli::command();
        let serve = command.find_subcommand_mut("serve").unwrap();
        let help = serve.render_long_help().to_string();
        for setting in std::iter::once(&CONFIG).chain(TABLE) {
            assert!(help.contains(&format!("--{} <{}>", setting.flag(), setting.value)));
            assert!(help.contains(&format!("[env: {}]", setting.variable())));
            assert!(
                help.contains(&format!("[default: {}]", setting.default))
                    || setting.default.is_empty()
            );
        }
    }

    #[test]
    fn flags_may_stand_before_and_after_the_command() {
        let arguments = ["polytomic-shim", "--listen", "a", "serve", "--admin", "b"];
        let cli = Cli::try_parse_from(arguments).unwrap();
        let Some(Command::Serve(after)) = cli.command else { panic!("serve was asked for") };
        let all = cli.flags.and(after).into_values();
        assert_eq!(all, [("listen", "a".into()), ("admin", "b".into())]);
    }
}
