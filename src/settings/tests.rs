//! Settings from all sources, right and wrong.

use super::*;

fn load(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> Result<Settings, Mistakes> {
    let flags = flags.iter().map(|(name, value)| (*name, OsString::from(value))).collect();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Settings::load(flags, variables)
}

fn with_file(text: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let path = file.path().to_str().unwrap().to_owned();
    (file, path)
}

#[test]
fn defaults_are_valid_and_documented() {
    let settings = load(&[], &[]).unwrap();
    assert_eq!(settings.upstream.to_string(), "https://app.polytomic.com");
    assert_eq!(settings.max_request_body, 16 << 20);
    assert_eq!(settings.drain, Duration::from_secs(25));
    assert_eq!(settings.trusted_proxies, []);
    for setting in TABLE {
        assert!(setting.about.ends_with('.'), "{}", setting.name);
        assert!(markdown().contains(&format!("`{}`", setting.variable())), "{}", setting.name);
    }
}

#[test]
fn a_flag_beats_a_variable_and_a_variable_the_file() {
    let (_file, path) = with_file(
        "listen = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\nmax_pages = 3\nshim_headers = false\n",
    );
    let settings = load(
        &[("config", &path), ("listen", "127.0.0.1:7")],
        &[("SHIM_LISTEN", "127.0.0.1:8"), ("SHIM_ADMIN", "127.0.0.1:9"), ("SHIM_DRAIN", "")],
    )
    .unwrap();
    assert_eq!(settings.listen.port(), 7);
    assert_eq!(settings.admin.port(), 9);
    assert_eq!(settings.max_pages, 3);
    assert!(!settings.shim_headers);
    assert_eq!(settings.drain, Duration::from_secs(25), "an empty variable counts as not set");
}

#[test]
fn the_file_can_be_named_by_a_variable_and_lists_be_arrays() {
    let (_file, path) = with_file("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n");
    let settings = load(&[], &[("SHIM_CONFIG", &path)]).unwrap();
    assert_eq!(settings.trusted_proxies.len(), 2);
    let twice = [("trusted_proxies", "10.0.0.0/8"), ("trusted_proxies", "::1, 127.0.0.1")];
    assert_eq!(load(&twice, &[]).unwrap().trusted_proxies.len(), 3);
}

#[test]
fn all_mistakes_of_all_sources_are_in_one_report() {
    let (_file, path) = with_file(
        "# A comment.\nlisten = \"nowhere\"\nlistne = \"127.0.0.1:1\"\n\nmax_pages = 0\ndrain = 2024-01-01\n",
    );
    let report = load(
        &[("config", &path), ("listen", "127.0.0.1:7"), ("deadline", "soon")],
        &[("SHIM_UPSTREAM", "https://user:hunter2@host"), ("SHIM_LISTE", "x")],
    )
    .unwrap_err()
    .to_string();
    let report = report.replace(&path, "shim.toml");
    for expected in [
        "7 mistakes in the settings\n",
        "  --deadline: `soon` is not a duration of at most 30d\n    hint: write a whole number",
        "  SHIM_UPSTREAM: has user information",
        "  SHIM_LISTE: is no setting\n    hint: did you mean `SHIM_LISTEN`?",
        "  shim.toml:2: `nowhere` is not an IP address",
        "  shim.toml:3: unknown key `listne`\n    hint: did you mean `listen`?",
        "  shim.toml:5: `0` is not a whole number",
        "  shim.toml:6: `drain` cannot be a TOML datetime",
    ] {
        assert!(report.contains(expected), "{expected}\nis not in\n{report}");
    }
    assert!(!report.contains("hunter2"), "{report}");
}

#[test]
fn broken_toml_is_reported_with_its_line_and_without_its_text() {
    let (_file, path) = with_file("listen = \"127.0.0.1:1\"\nadmin = hunter2 oops\n");
    let report = load(&[("config", &path)], &[]).unwrap_err().to_string();
    assert!(report.contains(&format!("{path}:2: not valid TOML")), "{report}");
    assert!(!report.contains("hunter2"), "{report}");
    let missing = load(&[("config", "/does/not/exist.toml")], &[]).unwrap_err().to_string();
    assert!(
        missing.contains("--config: the file /does/not/exist.toml cannot be read"),
        "{missing}"
    );
}

#[test]
fn every_kind_of_value_refuses_what_it_is_not() {
    for (name, wrong) in [
        ("listen", "8080"),
        ("listen", "localhost:8080"),
        ("upstream", "app.polytomic.com"),
        ("upstream", "ftp://host"),
        ("upstream", "https://"),
        ("upstream", "https://host/api"),
        ("upstream", "https://host?x=1"),
        ("upstream", "https://host#top"),
        ("upstream", "https://user@host"),
        ("upstream", "https://host:0"),
        ("upstream", "https://host:70000"),
        ("upstream", "https://host:"),
        ("upstream", "http://127.0.0.1:8080"),
        ("upstream_ca", "/does/not/exist.pem"),
        ("upstream_ca", "/dev/null"),
        ("default_version", "latest"),
        ("default_version", "2024-2-8"),
        ("rules", "/does/not/exist"),
        ("caller_kind", "Partner"),
        ("caller_cache_size", "0"),
        ("caller_cache_size", "-1"),
        ("caller_cache_ttl", "5"),
        ("max_request_body", "16 mebibytes"),
        ("max_request_body", "0B"),
        ("max_upstream_body", "99999999999999999999GiB"),
        ("request_timeout", "0s"),
        ("upstream_timeout", "1.5s"),
        ("deadline", "31d"),
        ("trusted_proxies", "10.0.0.0/33"),
        ("trusted_proxies", "example.com"),
        ("public_url", "https://shim.example.com/prefix"),
        ("shim_headers", "yes"),
        ("log_level", "verbose"),
        ("log_format", "xml"),
        ("admin", "127.0.0.1:8080"),
    ] {
        let mistakes = load(&[(name, wrong)], &[]).expect_err(wrong).0;
        assert_eq!(mistakes.len(), 1, "{name} {wrong}");
        assert_eq!(mistakes[0].source, Source::Flag(format!("--{}", name.replace('_', "-"))));
        assert!(mistakes[0].hint.is_some(), "{name} {wrong} has no hint");
    }
    for upstream in ["http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"] {
        let mistakes = load(&[("listen", "[::]:1"), ("upstream", upstream)], &[]).unwrap_err();
        assert!(mistakes.to_string().contains("the shim's own"), "{upstream}");
    }
    let twice = load(&[("listen", "127.0.0.1:1"), ("listen", "127.0.0.1:2")], &[]).unwrap_err();
    assert!(twice.to_string().contains("--listen: is given more than once"));
}

#[test]
fn origins_are_normalized() {
    for (text, expected) in [
        ("HTTPS://App.Polytomic.COM:443/", "https://app.polytomic.com"),
        ("http://host:80", "http://host"),
        ("https://host:80", "https://host:80"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ] {
        let settings = load(&[("upstream", text)], &[]).unwrap();
        assert_eq!(settings.upstream.to_string(), expected);
    }
    let settings = load(&[("upstream", "https://host:8443")], &[]).unwrap();
    let uri = settings.upstream.uri("//evil/x?y".parse().unwrap());
    assert_eq!(uri.to_string(), "https://host:8443//evil/x?y");
}
