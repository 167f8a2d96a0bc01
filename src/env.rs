//! The environment: which variables there are, and how they become settings.
//!
//! Reads variables once, when asked. Invariant: a value is never echoed when it may hold a
//! secret; an empty variable counts as not set, and the start line says so.

use std::{env, fs::File, io::Read, path::PathBuf};

use crate::{
    error::{Error, Kind, shown},
    webhook::Webhook,
};

/// The whole webhook URL.
pub(crate) const WEBHOOK_URL: &str = "SPIKE_WEBHOOK_URL";
/// A file that holds the whole webhook URL.
pub(crate) const WEBHOOK_URL_FILE: &str = "SPIKE_WEBHOOK_URL_FILE";
/// The token alone.
pub(crate) const TOKEN: &str = "SPIKE_TOKEN";
/// `live`, `dry-run` or `off`.
pub(crate) const MODE: &str = "SPIKE_MODE";
/// The rules.
pub(crate) const FILTER: &str = "SPIKE_FILTER";
/// The name of the program.
pub(crate) const SERVICE: &str = "SPIKE_SERVICE";
/// The name of the program, as OpenTelemetry has it.
pub(crate) const OTEL_SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
/// `production`, say.
pub(crate) const ENVIRONMENT: &str = "SPIKE_ENVIRONMENT";
/// The directory of the spool.
pub(crate) const SPOOL: &str = "SPIKE_SPOOL";

/// Most of a file that is read: a URL is far shorter.
const FILE_CAP: u64 = 4 * 1024;

/// Whether incidents are sent, printed or neither.
///
/// ```
/// use tracing_spike::Mode;
/// let builder = tracing_spike::from_env().mode(Mode::DryRun);
/// # drop(builder);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// `live`: sent to the webhook. The default when there is a webhook.
    Live,
    /// `dry-run`: each incident is printed to stderr instead. Through a pipe it is a line that says
    /// what would be done, and the JSON exactly as it would be sent. On a terminal it is laid out
    /// for a person, in colour unless `NO_COLOR` is set: what the SMS would say, why it pages, and
    /// the body. What did not page is told with its reason when it has been at rest for a second,
    /// and at the end.
    DryRun,
    /// `off`: nothing is captured. The default when there is no webhook.
    Off,
}

/// The value of a variable; `None` when it is not set or empty.
pub(crate) fn variable(name: &'static str) -> Result<Option<String>, Error> {
    match env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Error::new(Kind::Setting {
            name,
            expected: "UTF-8 text",
            found: "other bytes".to_owned(),
        })),
    }
}

/// Whether a variable is set to nothing: a shell has eaten something, perhaps.
pub(crate) fn is_empty(name: &str) -> bool {
    env::var_os(name).is_some_and(|value| value.is_empty())
}

/// The webhook and the variable that names it.
pub(crate) fn webhook() -> Result<Option<(Webhook, &'static str)>, Error> {
    let mut found: Option<(&'static str, String)> = None;
    for name in [WEBHOOK_URL, WEBHOOK_URL_FILE, TOKEN] {
        if let Some(value) = variable(name)? {
            if let Some((first, _)) = found {
                return Err(Error::new(Kind::TwoSources { first, second: name }));
            }
            found = Some((name, value));
        }
    }
    let Some((name, value)) = found else { return Ok(None) };
    let webhook = match name {
        WEBHOOK_URL_FILE => Webhook::parse(read(&value)?.trim_ascii_end(), name)?,
        TOKEN => Webhook::with_token(&value, name)?,
        _ => Webhook::parse(&value, name)?,
    };
    Ok(Some((webhook, name)))
}

/// What is in the file that [`WEBHOOK_URL_FILE`] names.
pub(crate) fn read(path: &str) -> Result<String, Error> {
    let failed = |source| Error::new(Kind::File { variable: WEBHOOK_URL_FILE, source });
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_CAP).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

pub(crate) fn mode() -> Result<Option<Mode>, Error> {
    let Some(word) = variable(MODE)? else { return Ok(None) };
    match word.as_str() {
        "live" => Ok(Some(Mode::Live)),
        "dry-run" => Ok(Some(Mode::DryRun)),
        "off" => Ok(Some(Mode::Off)),
        other => Err(Error::new(Kind::Setting {
            name: MODE,
            expected: "live, dry-run or off",
            found: shown(other),
        })),
    }
}

/// Whether who has a terminal wants colour there: unless `NO_COLOR` says otherwise, or a terminal
/// that has none.
pub(crate) fn wants_color() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// The directory of the spool.
pub(crate) fn spool() -> Option<PathBuf> {
    env::var_os(SPOOL).filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// The service's name: from the environment, else the executable's name.
pub(crate) fn service(from_env: bool) -> Result<Option<String>, Error> {
    if from_env {
        for name in [SERVICE, OTEL_SERVICE_NAME] {
            if let Some(service) = variable(name)? {
                return Ok(Some(service));
            }
        }
    }
    let executable = env::current_exe().ok();
    Ok(executable.and_then(|path| Some(path.file_stem()?.to_string_lossy().into_owned())))
}
