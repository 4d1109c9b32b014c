//! A legacy client that sees every byte.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::net::TcpStream;

use tokio::io::AsyncWriteExt;

use crate::requests::Asked;
use crate::support::{read_all, soon};

/// What the client got.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.body).ok()
    }

    pub fn key(&self) -> Option<String> {
        self.json()?.get("key")?.as_str().map(str::to_owned)
    }

    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Some(Self { status, headers: headers.collect(), body: body.to_owned() })
    }
}

/// The bytes of a request. `cell` stands before the key, for the front.
pub fn bytes(asked: &Asked, cell: usize) -> String {
    let body = asked.body.as_ref().map(Value::to_string).unwrap_or_default();
    let length = match asked.body {
        Some(_) => format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()),
        None => String::new(),
    };
    format!(
        "{} {} HTTP/1.1\r\nHost: shim\r\nConnection: close\r\nX-Polytomic-Version: 2024-02-08\r\n\
         Authorization: Bearer c{cell}.{}\r\n{length}\r\n{body}",
        asked.method, asked.target, asked.key
    )
}

/// Sends a request and waits for its whole answer; none if there is no whole one.
pub async fn ask(shim: SocketAddr, asked: &Asked, cell: usize) -> Option<Got> {
    let mut stream = soon(TcpStream::connect(shim)).await.unwrap();
    stream.write_all(bytes(asked, cell).as_bytes()).await.unwrap();
    let got = Got::parse(&read_all(&mut stream).await)?;
    let length = got.header("content-length").map(|length| length.parse::<usize>().unwrap());
    (length.is_none_or(|length| length == got.body.len())).then_some(got)
}
