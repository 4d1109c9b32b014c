//! How each kind of value is written.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing::Level;

use super::mistake::Problem;
use crate::rollout::view::Mode;
use crate::secret::Secret;

/// What kind of credential callers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    /// Ask upstream when a rule needs to know.
    Auto,
    /// Every caller is a partner.
    Partner,
    /// Every caller belongs to one organization.
    Organization,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text with `field=value`.
    Human,
    /// One JSON object a line.
    Json,
}

/// Where the rollout is described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutSource {
    /// Every rule is in one mode.
    Mode(Mode),
    /// In a file.
    File(PathBuf),
}

/// A mode or the path of a file, or nothing. The file is read with the rules, which it names.
pub(super) fn rollout(text: &str) -> Result<Option<RolloutSource>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(mode) = Mode::parse(text) {
        return Ok(Some(RolloutSource::Mode(mode)));
    }
    if !Path::new(text).is_file() {
        let hint = "name a TOML file that exists, or write legacy, shadow or translate";
        return Err(Problem::new(format!("`{text}` is no file"), hint));
    }
    Ok(Some(RolloutSource::File(PathBuf::from(text))))
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Problem> {
    text.parse().map_err(|_| {
        Problem::new(
            format!("`{text}` is not an IP address with a port"),
            "write it like 127.0.0.1:8080 or [::]:8080; names are not looked up",
        )
    })
}

/// A PEM file with at least one certificate, or nothing.
pub(super) fn certificates(text: &str) -> Result<Option<PathBuf>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let hint = "name a PEM file with `-----BEGIN CERTIFICATE-----` in it";
    let pem = std::fs::read(text).map_err(|error| {
        Problem::new(format!("the file `{text}` cannot be read: {error}"), hint)
    })?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    if !certificates.is_ok_and(|certificates| !certificates.is_empty()) {
        return Err(Problem::new(format!("the file `{text}` holds no certificate"), hint));
    }
    Ok(Some(PathBuf::from(text)))
}

/// A PEM file with a private key, or nothing. Nothing of the key is repeated.
pub(super) fn private_key(text: &str) -> Result<Option<PathBuf>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let hint = "name a PEM file with `-----BEGIN PRIVATE KEY-----` in it, without a passphrase";
    let pem = std::fs::read(text).map_err(|error| {
        Problem::new(format!("the file `{text}` cannot be read: {error}"), hint)
    })?;
    if PrivateKeyDer::from_pem_slice(&pem).is_err() {
        return Err(Problem::new(format!("the file `{text}` holds no private key"), hint));
    }
    Ok(Some(PathBuf::from(text)))
}

pub(super) fn directory(text: &str) -> Result<Option<PathBuf>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    if !Path::new(text).is_dir() {
        let hint = "name a directory that exists, or leave this out for the built-in rules";
        return Err(Problem::new(format!("`{text}` is not a directory"), hint));
    }
    Ok(Some(PathBuf::from(text)))
}

/// A secret of at least 16 characters, or nothing. The value is not repeated in messages.
pub(super) fn secret(text: &str) -> Result<Option<Secret<String>>, Problem> {
    match text.len() {
        0 => Ok(None),
        1..16 => {
            let hint = "make one with `openssl rand -hex 16`";
            Err(Problem::new("is shorter than 16 characters, so it could be guessed", hint))
        }
        _ => Ok(Some(Secret::new(text.to_owned()))),
    }
}

/// A version of the API: a date.
pub(super) fn version(text: &str) -> Result<HeaderValue, Problem> {
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| match index {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    HeaderValue::from_str(text).ok().filter(|_| is_date).ok_or_else(|| {
        Problem::new(format!("`{text}` is not a version"), "versions are dates: 2024-02-08")
    })
}

pub(super) fn caller_kind(text: &str) -> Result<CallerKind, Problem> {
    use CallerKind::{Auto, Organization, Partner};
    one_of(text, &[("auto", Auto), ("partner", Partner), ("organization", Organization)])
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Problem> {
    one_of(text, &[("human", LogFormat::Human), ("json", LogFormat::Json)])
}

pub(super) fn boolean(text: &str) -> Result<bool, Problem> {
    one_of(text, &[("true", true), ("false", false)])
}

pub(super) fn level(text: &str) -> Result<Level, Problem> {
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    one_of(text, &levels)
}

/// A whole number from 1 to a billion, `_` between digits allowed as in TOML.
pub(super) fn count<T: TryFrom<u32>>(text: &str) -> Result<T, Problem> {
    let number = text.replace('_', "").parse::<u32>().ok();
    let number = number.filter(|number| (1..=1_000_000_000).contains(number));
    number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
        Problem::new(
            format!("`{text}` is not a whole number from 1 to 1000000000"),
            "write digits only, such as 16",
        )
    })
}

/// A number of threads, or `auto` for as many as there are cores to run them.
pub(super) fn threads(text: &str) -> Result<usize, Problem> {
    if text == "auto" {
        return Ok(std::thread::available_parallelism().map_or(1, usize::from));
    }
    let number = text.parse().ok().filter(|number| (1..=256).contains(number));
    number.ok_or_else(|| {
        let hint = "write a whole number from 1 to 256, or auto";
        Problem::new(format!("`{text}` is no number of threads"), hint)
    })
}

/// A number of bytes from 1 to 1 TiB, such as `16MiB`.
pub(super) fn size(text: &str) -> Result<usize, Problem> {
    const UNITS: &[(&str, u64)] = &[
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let size = measured(text, UNITS).filter(|size| (1..=1 << 40).contains(size));
    size.and_then(|size| usize::try_from(size).ok()).ok_or_else(|| {
        Problem::new(
            format!("`{text}` is not a size of at least 1 byte and at most 1024GiB"),
            "write a whole number with B, KiB, MiB, GiB, kB, MB or GB, such as 16MiB",
        )
    })
}

/// A number of bytes from 1 KiB to 256 KiB: what the protocols carry without being asked twice.
pub(super) fn head_size(text: &str) -> Result<usize, Problem> {
    let size = size(text)?;
    if !(1 << 10..=256 << 10).contains(&size) {
        let hint = "write a size from 1KiB to 256KiB";
        return Err(Problem::new(format!("`{text}` is no sensible size of a head"), hint));
    }
    Ok(size)
}

/// A time of at least a millisecond and at most 30 days, such as `250ms`.
pub(super) fn duration(text: &str) -> Result<Duration, Problem> {
    let duration = duration_or_none(text)?;
    if duration.is_zero() {
        return Err(Problem::new("must be more than zero", "write a duration such as 30s"));
    }
    Ok(duration)
}

/// Like [`duration`], or zero.
pub(super) fn duration_or_none(text: &str) -> Result<Duration, Problem> {
    const UNITS: &[(&str, u64)] =
        &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    const LONGEST: u64 = 30 * 86_400_000;
    measured(text, UNITS).filter(|millis| *millis <= LONGEST).map(Duration::from_millis).ok_or_else(
        || {
            Problem::new(
                format!("`{text}` is not a duration of at most 30d"),
                "write a whole number with ms, s, m, h or d, such as 30s",
            )
        },
    )
}

/// A whole number directly followed by one of the units.
fn measured(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Problem> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    Err(Problem::new(
        format!("`{text}` is none of the choices"),
        format!("choose {}", names.join(", ")),
    ))
}
