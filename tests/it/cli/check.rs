//! `spike check`, of an environment that is not as it should be.

use std::{fs, io::Write, os::unix::fs::PermissionsExt};

use tempfile::{NamedTempFile, tempdir};

use super::{run, spike, words};
use crate::rig::TOKEN;

fn url() -> String {
    format!("https://hooks.spike.sh/{TOKEN}/push-events")
}

/// What is said of these variables beside a good webhook.
fn checked(variables: &[(&str, &str)]) -> (String, Option<i32>) {
    let mut command = spike(&["check"]);
    command.env("SPIKE_WEBHOOK_URL", url()).envs(variables.iter().copied());
    let (stdout, _, code) = run(&mut command);
    (words(&stdout), code)
}

#[test]
fn f028_a_token_in_another_variable_is_not_shown() {
    let (url, path) = (url(), format!("/var/{TOKEN}/spool"));
    let wrong = [("SPIKE_SPOOL", url.as_str()), ("SPIKE_SPOOL", path.as_str())];
    for variable in wrong {
        let (stdout, code) = checked(&[variable]);
        assert!(stdout.contains("expected a directory, found a") && code == Some(1), "{stdout}");
        assert!(!stdout.contains("/var"), "{stdout}");
    }
    for name in ["SPIKE_SERVICE", "SPIKE_ENVIRONMENT", "OTEL_SERVICE_NAME"] {
        for value in [url.as_str(), TOKEN] {
            let (stdout, code) = checked(&[(name, value)]);
            assert!(stdout.contains("REDACTED") && stdout.contains("mixed up"), "{stdout}");
            assert_eq!(code, Some(0), "{stdout}");
        }
    }
    // Nor one of a webhook that is none, or is in a file.
    let mut file = NamedTempFile::new().unwrap();
    writeln!(file, "hooks.spike.sh/{TOKEN}").unwrap();
    let file = file.path().to_str().unwrap();
    for (name, value) in [("SPIKE_WEBHOOK_URL_FILE", file), ("SPIKE_TOKEN", &format!("<{TOKEN}>"))]
    {
        let mut command = spike(&["check"]);
        let (stdout, _, code) = run(command.env(name, value).env("SPIKE_SERVICE", TOKEN));
        assert!(stdout.contains("REDACTED") && code == Some(1), "{stdout}");
    }
}

#[test]
fn a_spool_is_looked_at_as_a_program_does_and_none_is_made() {
    let dir = tempdir().unwrap();
    let spool = dir.path().join("spool");
    let path = spool.to_str().unwrap();
    let (stdout, code) = checked(&[("SPIKE_SPOOL", path)]);
    assert!(stdout.contains(path) && code == Some(0) && !spool.exists(), "{stdout}");
    fs::create_dir(&spool).unwrap();
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o777)).unwrap();
    let (stdout, code) = checked(&[("SPIKE_SPOOL", path)]);
    assert!(stdout.contains("found one that others can, too") && code == Some(1), "{stdout}");
    assert!(stdout.contains("a program would not start"), "{stdout}");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let (stdout, code) = checked(&[("SPIKE_SPOOL", file.join("spool").to_str().unwrap())]);
    assert!(stdout.contains("found a file") && code == Some(1), "{stdout}");
    assert_eq!(fs::read_dir(&spool).unwrap().count(), 0);
}

#[test]
fn nothing_pages_beside_what_keeps_a_program_from_starting() {
    for variable in [("SPIKE_MODE", "on"), ("SPIKE_FILTER", "billing=debug")] {
        let (stdout, code) = checked(&[variable]);
        assert!(stdout.contains("paging a program would not start"), "{stdout}");
        assert!(!stdout.contains("on, to") && code == Some(1), "{stdout}");
    }
}

#[test]
fn variables_that_are_not_ours_are_told_once_and_those_of_kubernetes_are_not() {
    let (stdout, _) = checked(&[("SPIKE_FLITER", "error"), ("SPIKE_URL", "x")]);
    assert!(stdout.contains("SPIKE_FLITER, SPIKE_URL are no variables of ours"), "{stdout}");
    assert_eq!(stdout.matches("SPIKE_WEBHOOK_URL_FILE").count(), 1, "{stdout}");
    let service = [("SPIKE_SERVICE_HOST", "10.0.0.7"), ("SPIKE_PORT", "tcp://10.0.0.7:80")];
    let (stdout, _) = checked(&service);
    assert!(stdout.contains("nothing is wrong, nothing is odd"), "{stdout}");
}

#[test]
fn a_file_with_quotes_is_told_so() {
    let mut file = NamedTempFile::new().unwrap();
    writeln!(file, "\"{}\"", url()).unwrap();
    let mut command = spike(&["check"]);
    let (stdout, _, code) = run(command.env("SPIKE_WEBHOOK_URL_FILE", file.path()));
    assert!(words(&stdout).contains("SPIKE_WEBHOOK_URL_FILE has quotes around it"), "{stdout}");
    assert_eq!(code, Some(1));
}
