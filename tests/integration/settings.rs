//! Mistakes in the settings, as the program reports them.

use std::process::Command;

/// Runs the program with settings from all three sources; gives exit code and standard error.
fn run(flags: &[&str], variables: &[(&str, &str)], file: &str) -> (Option<i32>, String) {
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), file).unwrap();
    let path = config.path().to_str().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
        .args(flags)
        .envs(variables.iter().copied())
        .env("SHIM_CONFIG", path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap().replace(path, "shim.toml");
    (output.status.code(), text)
}

#[test]
fn err_mistakes_of_every_source_end_the_program_with_one_report() {
    for (flags, variables, file, expected) in [
        (
            &["--listen", "here"][..],
            &[("SHIM_DRAIN", "later")][..],
            "drian = \"1s\"",
            "3 mistakes in the settings
  --listen: `here` is not an IP address with a port
    hint: write it like 127.0.0.1:8080 or [::]:8080; names are not looked up
  SHIM_DRAIN: `later` is not a duration of at most 30d
    hint: write a whole number with ms, s, m, h or d, such as 30s
  shim.toml:1: unknown key `drian`
    hint: did you mean `drain`?",
        ),
        (
            &["--upstream", "http://user:hunter2@host"],
            &[],
            "\n\nconcurrency = 1.5\n",
            "2 mistakes in the settings
  --upstream: has user information before the host, and credentials come from callers
    hint: write scheme, host and perhaps a port, such as https://app.polytomic.com
  shim.toml:3: `concurrency` cannot be a TOML float
    hint: write it as text, such as concurrency = \"16\"",
        ),
        (
            &["--admin", "127.0.0.1:8080"],
            &[],
            "",
            "1 mistake in the settings
  --admin: `admin` is the same address as `listen`
    hint: give the admin listener a port of its own",
        ),
    ] {
        let (code, text) = run(flags, variables, file);
        assert_eq!(code, Some(1), "{text}");
        let mut lines: Vec<&str> = text.trim_end().lines().collect();
        let mut wanted: Vec<String> =
            format!("polytomic-shim: {expected}").lines().map(str::to_owned).collect();
        // Mistakes are in the order of the settings, which may change; each must be there.
        lines.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(lines, wanted, "{text}");
    }
}
