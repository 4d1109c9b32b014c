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
    Cli, Command, DemoArguments, Flags, HealthcheckArguments, ReportArguments, RulesArguments,
    TableFormat, healthcheck, question,
};
use polytomic_shim::exchange::Translator;
use polytomic_shim::reload::Reload;
use polytomic_shim::rollout::{self, Rollout};
use polytomic_shim::rules::Rules;
use polytomic_shim::server::{self, Ending, Listeners, Live, hangup_signals, stop_signals};
use polytomic_shim::settings::{self, Settings};
use polytomic_shim::upstream::UpstreamClient;
use polytomic_shim::usage::state::{State, StateError};
use polytomic_shim::usage::{Keeper, Usage};
use polytomic_shim::webhook::Desk;
use polytomic_shim::{catalogue, check, cli, explain, report, telemetry};

// glibc's allocator mixes what lives long with the buffers of busy moments, and cannot give those
// back: 10,000 connections that rest after an answer each kept four times the memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let Cli { command, flags } = Cli::parse();
    let outcome = match command.unwrap_or(Command::Serve(Flags::default())) {
        Command::Serve(more) => serve(flags.and(more)),
        Command::Demo(more) => {
            let DemoArguments { traffic, flags: more } = more;
            load(flags.and(more)).and_then(|settings| trial::demo(settings, traffic))
        }
        Command::Emulator(arguments) => trial::emulator(arguments),
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
        Command::Report(arguments) => report(&arguments),
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
    // Before there is a second thread: a lock-free map in it registers with the kernel (`membarrier`),
    // which then has to wait for all processors: 8 ms of 17 until the first answer.
    let status = Status::default();
    block_on(async {
        let log = telemetry::start(&settings)?;
        let ending = stages(settings, status, Some(flags), |_| {}).await;
        log.finish().await;
        ending
    })?
}

/// The exit status where legacy traffic is left, and that was to be found out.
const LEGACY_IS_LEFT: u8 = 3;

fn report(arguments: &ReportArguments) -> Result<ExitCode, String> {
    let asked = report::Asked {
        admin: arguments.admin.clone(),
        form: arguments.format,
        since: arguments.since,
        idle: arguments.idle,
    };
    let (printed, has_legacy) = block_on(report::run(&asked))??;
    show(&printed);
    let fails = arguments.fail_if_legacy && has_legacy;
    Ok(if fails { ExitCode::from(LEGACY_IS_LEFT) } else { ExitCode::SUCCESS })
}

/// The stages of serving, in their order. `listening` gets the addresses for clients and
/// for admins once they are known; with `flags`, settings are read again at SIGHUP.
async fn stages(
    mut settings: Settings,
    status: Status,
    flags: Option<Flags>,
    listening: impl FnOnce((SocketAddr, SocketAddr)),
) -> Result<ExitCode, String> {
    let stop = stop_signals().map_err(|error| format!("signals cannot be caught: {error}"))?;
    let state = kept_usage(&mut settings, status.metrics.usage()).map_err(text)?;
    let rules =
        Rules::load(settings.rules.as_deref(), polytomic_shim::rules::Options::from(&settings))
            .map_err(check::describe)?;
    let plan = rollout::load(&settings, &rules).map_err(check::describe_rollout)?;
    let client = UpstreamClient::new(&settings).map_err(text)?;
    let live = Arc::new(Live::new(settings.clone()).map_err(text)?);
    let listeners = Listeners::bind(&settings).await.map_err(text)?;
    listeners.announce(&settings, client.roots());
    listening(listeners.addresses().map_err(text)?);
    status.reachable.watch(settings.ready_upstream.then(|| client.clone()));
    status.told.tell(&rules, &settings);
    let metrics = status.metrics.clone();
    let rollout = Rollout::new(plan, &rules, &settings, metrics.clone());
    status.rollout.set(&rollout);
    let translator = Translator::staged(client, rules, &settings, metrics, rollout);
    let translator = Arc::new(translator);
    translator.take_deliveries_at(Desk::open(&settings).map_err(text)?);
    tokio::spawn(rollout::watch(live.clone(), translator.clone()));
    if let Some(flags) = flags {
        let hangups = hangup_signals().map_err(text)?;
        let (live, translator, status) = (live.clone(), translator.clone(), status.clone());
        let reload = Reload { flags: flags.into_values(), live, translator, status };
        tokio::spawn(reload.at(hangups));
    }
    let keeper = Keeper::start(status.metrics.usage().clone(), state);
    status.readiness.ready();
    let ending = server::serve(live, listeners, translator, status, stop).await;
    keeper.finish().await;
    Ok(if ending == Ending::Drained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Usage counts on from the state file, where there is one, and callers go by the names in it.
fn kept_usage(settings: &mut Settings, usage: &Usage) -> Result<Option<State>, StateError> {
    usage.limit(settings.usage_callers);
    let Some(path) = &settings.state else { return Ok(None) };
    let state = State::open(path, settings.fingerprint_salt.as_ref(), usage)?;
    settings.fingerprint_salt = Some(state.salt().clone());
    Ok(Some(state))
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

/// The commands that need an upstream in the same process.
#[cfg(feature = "demo")]
mod trial {
    use std::net::SocketAddr;
    use std::process::ExitCode;

    use polytomic_shim::admin::Status;
    use polytomic_shim::cli::EmulatorArguments;
    use polytomic_shim::demo::receiver::Receiver;
    use polytomic_shim::emulator::{Emulator, Options};
    use polytomic_shim::secret::Secret;
    use polytomic_shim::server::stop_signals;
    use polytomic_shim::settings::Settings;
    use polytomic_shim::{demo, telemetry};

    use super::{block_on, show, stages, text};

    /// Serves in front of an emulator of its own, which pretend clients may call, and of a receiver of
    /// webhooks.
    pub(super) fn demo(mut settings: Settings, traffic: Option<bool>) -> Result<ExitCode, String> {
        let traffic = traffic.unwrap_or(settings.rollout.is_some());
        let own_token = settings.admin_token.is_none();
        settings.admin_token.get_or_insert_with(|| Secret::new(demo::ADMIN_TOKEN.to_owned()));
        block_on(async {
            let log = telemetry::start(&settings)?;
            let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
            let emulator = Emulator::seeded();
            let delivery = demo::receiver::delivery(&emulator);
            let upstream = demo::Upstream::start(loopback, emulator).await.map_err(text)?;
            settings.upstream = upstream.origin()?;
            let receiver = Receiver::start().await.map_err(text)?;
            settings.webhooks = vec![receiver.webhook()?];
            settings.webhook_listen = None;
            let instructions = |(shim, admin)| {
                let emulator = upstream.address;
                let addresses = demo::Addresses { shim, admin, emulator };
                show(&demo::instructions(addresses, own_token, receiver, &delivery));
                if traffic {
                    tokio::spawn(demo::generate(shim));
                }
            };
            let ending = stages(settings, Status::default(), None, instructions).await;
            log.finish().await;
            ending
        })?
    }

    /// Serves the emulator alone.
    pub(super) fn emulator(arguments: EmulatorArguments) -> Result<ExitCode, String> {
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
}

/// What there is instead in a program without the demo.
#[cfg(not(feature = "demo"))]
mod trial {
    use std::process::ExitCode;

    use polytomic_shim::cli::EmulatorArguments;
    use polytomic_shim::settings::Settings;

    const WITHOUT: &str = "this program has no demo and no emulator, as the container's image has none; \
        `cargo run --release -- demo` in the source has both";

    pub(super) fn demo(_: Settings, _: Option<bool>) -> Result<ExitCode, String> {
        Err(WITHOUT.to_owned())
    }

    pub(super) fn emulator(_: EmulatorArguments) -> Result<ExitCode, String> {
        Err(WITHOUT.to_owned())
    }
}
