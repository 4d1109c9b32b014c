//! The command line entry point: stages only, each explained where it is defined.

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use polytomic_shim::admin::Status;
use polytomic_shim::cli::{
    Cli, Command, EmulatorArguments, Flags, HealthcheckArguments, RulesArguments, TableFormat,
    healthcheck, question,
};
use polytomic_shim::emulator::{Emulator, Options};
use polytomic_shim::exchange::Translator;
use polytomic_shim::reload::Reload;
use polytomic_shim::rollout::{self, Rollout};
use polytomic_shim::rules::Rules;
use polytomic_shim::server::{self, Ending, Listeners, Live, hangup_signals, stop_signals};
use polytomic_shim::settings::{self, Settings};
use polytomic_shim::upstream::UpstreamClient;
use polytomic_shim::{catalogue, check, cli, demo, explain, telemetry};

fn main() -> ExitCode {
    let Cli { command, flags } = Cli::parse();
    let outcome = match command.unwrap_or(Command::Serve(Flags::default())) {
        Command::Serve(more) => serve(flags.and(more)),
        Command::Demo(more) => load(flags.and(more)).and_then(demo),
        Command::Emulator(arguments) => emulator(arguments),
        Command::Check(more) => {
            let flags = flags.and(more);
            let rules = flags.get("rules").or_else(|| std::env::var_os("SHIM_RULES"));
            let settings = load(flags)
                .map_err(|mistakes| check::beside(mistakes, rules.as_deref().map(Path::new)));
            settings.and_then(|settings| {
                show(&format!("{}\n", check::run(&settings)?));
                Ok(ExitCode::SUCCESS)
            })
        }
        Command::Explain(asked) => {
            let question = question(&asked);
            load(flags.and(asked.flags)).and_then(|settings| {
                show(&format!("{}\n", block_on(explain::run(&settings, &question?))??));
                Ok(ExitCode::SUCCESS)
            })
        }
        Command::Healthcheck(HealthcheckArguments { live, flags: more }) => load(flags.and(more))
            .and_then(|settings| {
                block_on(healthcheck::run(settings.admin, live))?.map(|()| ExitCode::SUCCESS)
            }),
        Command::Capture(arguments) => {
            block_on(cli::rollout::capture(&arguments)).and_then(std::convert::identity).map(shown)
        }
        Command::Rearm(arguments) => {
            block_on(cli::rollout::rearm(&arguments)).and_then(std::convert::identity).map(shown)
        }
        Command::Rules(arguments) => {
            let RulesArguments { format, long, flags: more } = arguments;
            load(flags.and(more)).and_then(|settings| {
                show(&catalogue::run(&settings, format, long)?);
                Ok(ExitCode::SUCCESS)
            })
        }
        Command::Settings { format: TableFormat::Markdown } => {
            show(&settings::markdown());
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

fn serve(flags: Flags) -> Result<ExitCode, String> {
    let settings = load(flags.clone())?;
    block_on(async {
        let log = telemetry::start(&settings)?;
        let ending = stages(settings, Some(flags), |_| {}).await;
        log.finish().await;
        ending
    })?
}

/// Serves in front of an emulator of its own.
fn demo(mut settings: Settings) -> Result<ExitCode, String> {
    block_on(async {
        let log = telemetry::start(&settings)?;
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let upstream = demo::Upstream::start(loopback, Emulator::seeded()).await.map_err(text)?;
        settings.upstream = upstream.origin()?;
        let instructions = |shim| show(&demo::instructions(shim, upstream.address));
        let ending = stages(settings, None, instructions).await;
        log.finish().await;
        ending
    })?
}

/// Serves the emulator alone.
fn emulator(arguments: EmulatorArguments) -> Result<ExitCode, String> {
    let EmulatorArguments { listen, latency, model_syncs } = arguments;
    block_on(async {
        let stop = stop_signals().map_err(text)?;
        let emulator =
            Emulator::with_options(Options { latency, model_syncs, ..Options::default() });
        let upstream = demo::Upstream::start(listen, emulator).await.map_err(text)?;
        show(&format!("emulator   http://{}\n\nKeys:\n{}", upstream.address, demo::keys()));
        upstream.until(stop).await.map_err(text)?;
        Ok(ExitCode::SUCCESS)
    })?
}

/// The stages of serving, in their order. `listening` gets the address for clients once it is
/// known; with `flags`, settings are read again at SIGHUP.
async fn stages(
    settings: Settings,
    flags: Option<Flags>,
    listening: impl FnOnce(SocketAddr),
) -> Result<ExitCode, String> {
    let stop = stop_signals().map_err(|error| format!("signals cannot be caught: {error}"))?;
    let status = Status::default();
    let rules =
        Rules::load(settings.rules.as_deref(), polytomic_shim::rules::Options::from(&settings))
            .map_err(check::describe)?;
    let plan = rollout::load(&settings, &rules).map_err(check::describe_rollout)?;
    let client = UpstreamClient::new(&settings).map_err(text)?;
    let live = Arc::new(Live::new(settings.clone()).map_err(text)?);
    let listeners = Listeners::bind(&settings).await.map_err(text)?;
    listeners.announce(&settings, client.roots());
    listening(listeners.addresses().map_err(text)?.0);
    status.reachable.watch(settings.ready_upstream.then(|| client.clone()));
    let metrics = status.metrics.clone();
    let rollout = Rollout::new(plan, &rules, &settings, metrics.clone());
    status.rollout.set(&rollout);
    let translator = Translator::staged(client, rules, &settings, metrics, rollout);
    let translator = Arc::new(translator);
    tokio::spawn(rollout::watch(live.clone(), translator.clone()));
    if let Some(flags) = flags {
        let hangups = hangup_signals().map_err(text)?;
        let (live, translator, status) = (live.clone(), translator.clone(), status.clone());
        let reload = Reload { flags: flags.into_values(), live, translator, status };
        tokio::spawn(reload.at(hangups));
    }
    status.readiness.ready();
    let ending = server::serve(live, listeners, translator, status, stop).await;
    Ok(if ending == Ending::Drained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn block_on<F: Future>(future: F) -> Result<F::Output, String> {
    // Clients are served by threads of their own; this one accepts them, and answers the admin.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let output = runtime.block_on(future);
    // A name look-up that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    Ok(output)
}

/// Prints to standard output. A reader that has left (`| head`) is no reason to fail.
fn show(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Prints, and ends well.
fn shown(text: String) -> ExitCode {
    show(&text);
    ExitCode::SUCCESS
}

fn text(error: impl Display) -> String {
    error.to_string()
}
