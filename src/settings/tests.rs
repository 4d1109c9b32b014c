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

fn with_webhook(lines: &str) -> Result<Settings, Mistakes> {
    let (_file, path) = with_file(&format!("upstream = \"https://host\"\n[[webhook]]\n{lines}"));
    let variables = [("SHIM_CONFIG", path.as_str()), ("HOOK", "hunter2-hook"), ("EMPTY", "")];
    load(&[], &variables).map_err(|mistakes| {
        let Mistakes(mut all) = mistakes;
        for mistake in &mut all {
            if let Source::File { path, .. } = &mut mistake.source {
                *path = "shim.toml".into();
            }
        }
        Mistakes(all)
    })
}

const WEBHOOK: &str =
    "name = \"orders\"\nforward = \"https://receiver.example/x?y\"\nsecret_env = \"HOOK\"\n";

#[test]
fn webhooks_have_defaults_and_secrets_from_files_or_the_environment() {
    let settings = with_webhook(WEBHOOK).unwrap();
    let [webhook] = settings.webhooks.as_slice() else { panic!("{settings:?}") };
    assert_eq!(
        webhook,
        &Webhook::new("orders", "https://receiver.example/x?y".parse().unwrap(), "hunter2-hook")
    );
    assert!(!format!("{settings:?}").contains("hunter2"));

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    };
    let (other, key) = (file("other", " b \r\n"), file("key", "K3Y\n"));
    let more = format!(
        "signing_secret_file = \"{other}\"\napi_key_file = \"{key}\"\nalgorithm = \"sha512\"\nencoding = \"base64\"\nprefix = \"sha512=\"\nheader = \"X-Sig\"\ntimeout = \"1s\"\nlogs_timeout = \"2s\"\n"
    );
    let settings = with_webhook(&format!("{WEBHOOK}{more}")).unwrap();
    let webhook = &settings.webhooks[0];
    assert_eq!(webhook.signing_secret.expose(), b" b ");
    assert_eq!(webhook.authorization.as_ref().unwrap().expose(), "Bearer K3Y");
    assert_eq!(
        (webhook.algorithm, webhook.encoding),
        (webhook::Algorithm::Sha512, Some(webhook::Encoding::Base64))
    );
    assert_eq!((webhook.timeout.as_secs(), webhook.logs_timeout.as_secs()), (1, 2));
    assert_eq!((webhook.header.as_str(), webhook.prefix.as_deref()), ("x-sig", Some("sha512=")));
    assert!(settings.differences(&with_webhook(WEBHOOK).unwrap()).contains(&"webhook"));
}

#[test]
fn err_mistakes_in_webhooks_are_in_the_one_report() {
    let long = "a".repeat(65);
    for (lines, expected) in [
        ("", "shim.toml:2: a webhook has no `name`"),
        ("", "shim.toml:2: a webhook has no `forward`"),
        (
            "name = \"a\"\nforward = \"https://h\"",
            "shim.toml:2: a webhook has no secret\n    hint: set `secret_file` or `secret_env`",
        ),
        (
            "secret = \"hunter2\"",
            "shim.toml:3: `secret` stands in the settings file itself\n    hint: put it into a file or the environment, and say where: `secret_file` or `secret_env`",
        ),
        ("api_key = \"hunter2\"", "`api_key_file` or `api_key_env`"),
        (
            "encodign = \"hex\"",
            "shim.toml:3: unknown key `encodign` of a webhook\n    hint: did you mean `encoding`?",
        ),
        ("zzzz = 1", "a webhook has name, forward, secret_file"),
        ("name = \"a/b\"", "shim.toml:3: `name` cannot be part of a path"),
        (&format!("name = \"{long}\""), "`name` cannot be part of a path"),
        ("name = 3", "shim.toml:3: `name` is not a text"),
        ("secret_env = \"HOOKS\"", "the environment variable `HOOKS` is not set"),
        ("secret_env = \"EMPTY\"", "the environment variable `EMPTY` is not set"),
        ("secret_file = \"/does/not/exist\"", "the file `/does/not/exist` cannot be read"),
        ("secret_file = \"/dev/null\"", "the file `/dev/null` is empty"),
        (
            "\nsecret_file = \"/dev/null\"\nsecret_env = \"HOOK\"",
            "shim.toml:5: `secret_file` and `secret_env` are both set",
        ),
        ("forward = \"receiver\"", "`forward` is not a URL with scheme and host"),
        ("forward = \"https://user:hunter2@host/\"", "`forward` has user information"),
        ("forward = \"ftp://host/\"", "`forward` has a scheme other than"),
        ("forward = \"https://host/#top\"", "`forward` has a fragment"),
        ("algorithm = \"md5\"", "hint: choose sha256, sha384, sha512"),
        ("encoding = \"HEX\"", "hint: choose hex, base64"),
        ("prefix = \"a b\"", "`prefix` cannot stand in a header"),
        ("header = \"a b\"", "`header` is not the name of a header"),
        ("timeout = \"0s\"", "must be more than zero"),
        (
            &format!("{WEBHOOK}[[webhook]]\n{WEBHOOK}"),
            "shim.toml:7: another webhook is called `orders` too",
        ),
        (
            &WEBHOOK.replace("https://receiver.example/x?y", "http://127.0.0.1:8080/x"),
            "the webhook `orders` forwards to the shim itself",
        ),
    ] {
        let report = with_webhook(lines).expect_err(lines).to_string();
        assert!(report.contains(expected), "{expected}\nis not in\n{report}");
        assert!(!report.contains("hunter2"), "{report}");
    }
    let (_file, path) = with_file("webhook = \"orders\"");
    let report = load(&[("config", &path)], &[]).unwrap_err().to_string();
    assert!(report.contains(":1: `webhook` is not a list of tables"), "{report}");
    let (_file, path) = with_file("[[webhok]]\n");
    let report = load(&[("config", &path)], &[]).unwrap_err().to_string();
    assert!(report.contains("did you mean `webhook`?"), "{report}");
}

#[test]
fn err_webhooks_that_contradict_each_other_or_the_listeners() {
    let twice =
        format!("[[webhook]]\n{WEBHOOK}[[webhook]]\n{}", WEBHOOK.replace("orders", "other"));
    let (_file, path) = with_file(&twice);
    let variables = [("SHIM_CONFIG", path.as_str()), ("HOOK", "h")];
    assert!(load(&[], &variables).is_ok());
    let public = [("webhook_public_url", "https://shim.example")];
    let report = load(&public, &variables).unwrap_err().to_string();
    assert!(report.contains("a registration cannot tell them apart"), "{report}");
    let own = [("webhook_public_url", "https://receiver.example")];
    let report = load(&own, &variables).unwrap_err().to_string();
    assert!(report.contains("forwards to the shim itself"), "{report}");
    let report = load(&[("webhook_listen", "127.0.0.1:8081")], &[]).unwrap_err().to_string();
    assert!(report.contains("`webhook_listen` is the same address as `admin`"), "{report}");
}
