//! The demo's printed lines work as printed, and the emulator runs alone.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::*;

/// A printed curl line as the request that curl would send, and where to.
fn request_of(line: &str) -> (String, String) {
    // Quoted words are every second part between quotes; all others are split at spaces.
    let parts = line.split('\'').enumerate();
    let mut words = parts.flat_map(|(index, part)| match index % 2 {
        1 => vec![part],
        _ => part.split_whitespace().collect(),
    });
    let (mut method, mut address, mut path) = ("GET", String::new(), String::new());
    let (mut headers, mut body) = (String::new(), "");
    while let Some(word) = words.next() {
        match word {
            "curl" | "-s" => {}
            "-o" | "-D" => drop(words.next()),
            "-X" => method = words.next().unwrap(),
            "-d" => body = words.next().unwrap(),
            "-H" => headers.push_str(&format!("{}\r\n", words.next().unwrap())),
            "-u" => {
                let credential = STANDARD.encode(words.next().unwrap());
                headers.push_str(&format!("Authorization: Basic {credential}\r\n"));
            }
            url => {
                let rest = url.strip_prefix("http://").unwrap();
                let slash = rest.find('/').unwrap();
                (address, path) = (rest[..slash].to_owned(), rest[slash..].to_owned());
            }
        }
    }
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\
         Content-Length: {length}\r\n\r\n{body}"
    );
    (address, request)
}

#[tokio::test]
async fn every_printed_curl_line_is_answered() {
    let mut demo = Process::run(&["demo"]);
    let output = BufReader::new(&mut demo.output).lines().map(Result::unwrap);
    let lines: Vec<String> = output.take_while(|line| !line.starts_with("Ctrl-C")).collect();
    assert!(lines.iter().any(|line| line.contains(&format!("shim       http://{}", demo.address))));
    let curl: Vec<&String> = lines.iter().filter(|line| line.starts_with("  curl")).collect();
    assert_eq!(curl.len(), 9);
    for line in curl {
        let (address, request) = request_of(line);
        let answer = raw(address.parse().unwrap(), &request).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{line}\n{answer}");
        if line.contains("Polytomic-Signature") {
            assert!(answer.contains(r#""signature":"right""#), "{line}\n{answer}");
            let through_the_shim = line.contains("/webhooks/demo");
            assert_eq!(answer.contains("total_records"), through_the_shim, "{line}\n{answer}");
        }
    }
    demo.signal("INT");
    assert_eq!(demo.exit_code().await, Some(0));
}

#[tokio::test]
async fn the_emulator_runs_alone() {
    let child = Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
        .args(["emulator", "--listen", "127.0.0.1:0", "--model-syncs", "20"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = Killed(child);
    let mut first = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.trim().rsplit("http://").next().unwrap().parse().unwrap();
    let request = "GET /api/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer demo-a-user\r\n\r\n";
    let answer = raw(address, request).await;
    assert!(answer.contains("ada@acme.example"), "{answer}");
}

/// Ends with the test, whatever its outcome.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
