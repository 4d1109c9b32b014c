//! Bodies from upstream: chunked, with odd lengths, packed.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use polytomic_shim::passthrough::{incoming_headers, read_whole};
use polytomic_shim::upstream::decode_body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use crate::driver::fuzz;

const LIMIT: usize = 1 << 12;

const CHUNK_WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "0\r\n\r\n",
    "4\r\nbody\r\n",
    "1;x=\"\r\n\"\r\n",
    "ffffffffffffffff\r\n",
    "10000000000000000\r\n",
    "-1\r\n",
    "+4\r\n",
    "0x4\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 204 No\r\n",
    "X-T: 1\r\n",
    " ",
    "\t",
];

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Whatever upstream sends, an answer is whole and within the limit, or an error.
#[test]
fn chunked_body() {
    let runtime = runtime();
    let inputs = [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n3;a=b\r\nand\r\n0\r\nX-Trailer: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.0 200 OK\r\n\r\nuntil the end",
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ];
    let inputs = inputs.map(|text| text.as_bytes().to_vec()).to_vec();
    fuzz("chunked_body", inputs, CHUNK_WORDS, |input| runtime.block_on(read_answer(input)));
}

async fn read_answer(input: &[u8]) -> String {
    let (mut upstream, client) = tokio::io::duplex(1 << 17);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(TokioIo::new(client))
            .await
            .unwrap();
    let say = async {
        let mut head = [0; 512];
        let _ = upstream.read(&mut head).await;
        let _ = upstream.write_all(input).await;
        let _ = upstream.shutdown().await;
        drop(upstream);
    };
    let ask = async move {
        let request = Request::get("/api/syncs").header("host", "x").body(Empty::new()).unwrap();
        let response = match sender.send_request(request).await {
            Ok(response) => response,
            Err(error) => return error.to_string(),
        };
        let (parts, body) = response.into_parts();
        let headers = incoming_headers(parts.headers, parts.version);
        assert!(headers.get_all("content-length").iter().count() <= 1);
        assert!(!headers.contains_key("transfer-encoding"));
        let announced = headers.get("content-length").and_then(|length| length.to_str().ok());
        let announced = announced.and_then(|length| length.parse::<usize>().ok());
        let exact = http_body::Body::size_hint(&body).exact();
        match read_whole(body.map_frame(|frame| frame), LIMIT, Duration::from_secs(1)).await {
            Ok(body) => {
                assert!(body.len() <= LIMIT);
                // A length that was announced and counts is the one that came.
                if exact.is_some() && announced.is_some() {
                    assert_eq!(exact, Some(body.len() as u64));
                }
                format!("{} {}", parts.status, body.len().min(40))
            }
            Err(error) => format!("{error:?}").chars().filter(char::is_ascii_alphabetic).collect(),
        }
    };
    let (_, (), said) = tokio::join!(connection, say, ask);
    said
}

const NAMES: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip, br", "identity"];

/// The first byte says how the rest is packed. Nothing that comes out exceeds the limit.
#[test]
fn content_decoding() {
    let runtime = runtime();
    let plain = b"{\"data\":[{\"id\":\"0000000b\"},{\"id\":\"0000000c\"}]}".repeat(20);
    let mut inputs = Vec::new();
    for (place, name) in NAMES.iter().enumerate().take(4) {
        let packed = runtime.block_on(pack(name, &plain));
        let decoded = runtime.block_on(unpack(name, &packed)).unwrap();
        assert_eq!(decoded, plain, "{name}");
        inputs.push([&[u8::try_from(place).unwrap()][..], &packed].concat());
        // A bomb: much of nothing.
        let bomb = runtime.block_on(pack(name, &vec![0; 1 << 18]));
        inputs.push([&[u8::try_from(place).unwrap()][..], &bomb].concat());
    }
    fuzz("content_decoding", inputs, &["\x1f", "\x08", "(", "\0\0\0\0"], |input| {
        let (first, packed) = input.split_first().unwrap_or((&0, &[]));
        let name = NAMES[usize::from(*first) % NAMES.len()];
        match runtime.block_on(unpack(name, packed)) {
            Ok(decoded) => {
                assert!(decoded.len() <= LIMIT);
                format!("{name} {}", decoded.len().min(64))
            }
            Err(error) => format!("{name} {error}"),
        }
    });
}

async fn unpack(name: &str, packed: &[u8]) -> Result<Bytes, String> {
    let name = HeaderValue::from_str(name).unwrap();
    let packed = Bytes::copy_from_slice(packed);
    decode_body([&name], packed, LIMIT).await.map_err(|error| format!("{error:?}"))
}

async fn pack(name: &str, plain: &[u8]) -> Vec<u8> {
    use async_compression::tokio::write as by;
    macro_rules! with {
        ($encoder:ident) => {{
            let mut encoder = by::$encoder::new(Vec::new());
            encoder.write_all(plain).await.unwrap();
            encoder.shutdown().await.unwrap();
            encoder.into_inner()
        }};
    }
    match name {
        "gzip" => with!(GzipEncoder),
        "deflate" => with!(ZlibEncoder),
        "br" => with!(BrotliEncoder),
        _ => with!(ZstdEncoder),
    }
}
