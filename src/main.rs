//! The command line entry point: stages only, each explained where it is defined.

use std::process::ExitCode;

use clap::Parser;
use polytomic_shim::admin::Readiness;
use polytomic_shim::check;
use polytomic_shim::cli::{Cli, Command, Flags, TableFormat, healthcheck, question};
use polytomic_shim::exchange::Translator;
use polytomic_shim::explain;
use polytomic_shim::rules::Rules;
use polytomic_shim::server::{self, Ending, Listeners, stop_signals};
use polytomic_shim::settings::{self, Settings};
use polytomic_shim::telemetry;
use polytomic_shim::upstream::UpstreamClient;

fn main() -> ExitCode {
    let Cli { command, flags } = Cli::parse();
    let outcome = match command.unwrap_or(Command::Serve(Flags::default())) {
        Command::Serve(more) => load(flags.and(more)).and_then(serve),
        Command::Check(more) => load(flags.and(more)).and_then(|settings| {
            println!("{}", check::run(&settings)?);
            Ok(ExitCode::SUCCESS)
        }),
        Command::Explain(asked) => {
            let question = question(&asked);
            load(flags.and(asked.flags)).and_then(|settings| {
                println!("{}", block_on(explain::run(&settings, &question?))??);
                Ok(ExitCode::SUCCESS)
            })
        }
        Command::Healthcheck(more) => load(flags.and(more)).and_then(|settings| {
            block_on(healthcheck::run(settings.admin))?.map(|()| ExitCode::SUCCESS)
        }),
        Command::Settings { format: TableFormat::Markdown } => {
            print!("{}", settings::markdown());
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|message| {
        eprintln!("polytomic-shim: {message}");
        ExitCode::FAILURE
    })
}

fn load(flags: Flags) -> Result<Settings, String> {
    Settings::load(flags.into_values(), std::env::vars_os())
        .map_err(|mistakes| mistakes.to_string())
}

/// The stages of serving, in their order.
fn serve(settings: Settings) -> Result<ExitCode, String> {
    telemetry::start(settings.log_level, settings.log_format);
    let ending = block_on(async {
        let stop = stop_signals().map_err(|error| format!("signals cannot be caught: {error}"))?;
        let readiness = Readiness::default();
        let rules = Rules::load(settings.rules.as_deref()).map_err(check::describe)?;
        let client = UpstreamClient::new(&settings).map_err(|error| error.to_string())?;
        let listeners = Listeners::bind(&settings).await.map_err(|error| error.to_string())?;
        listeners.announce(&settings, client.roots());
        let handler = Translator::new(client, rules, &settings);
        readiness.ready();
        Ok::<_, String>(server::serve(&settings, listeners, handler, readiness, stop).await)
    })??;
    Ok(if ending == Ending::Drained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn block_on<F: Future>(future: F) -> Result<F::Output, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    Ok(runtime.block_on(future))
}
