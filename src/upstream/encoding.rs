//! Undoing `Content-Encoding`, within a limit that counts decoded bytes.

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::failure::{Failure, Key};
use crate::passthrough::too_large;

/// Bodies encoded more often than this are not honest.
const MOST_ENCODINGS: usize = 2;

/// The largest window that HTTP allows for zstd, as a power of two: 8 MiB (RFC 9659).
const ZSTD_WINDOW: u32 = 23;

/// Decoded bytes after which other tasks of the same thread get their turn.
const TURN: usize = 256 << 10;

/// Why a body cannot be decoded.
#[derive(Debug)]
pub enum DecodeError {
    /// None of gzip, deflate, br and zstd, or too many of them at once; holds its name.
    Unsupported(String),
    /// Decoded, it is larger than the limit.
    TooLarge,
    /// Not what its encoding says; holds the decoder's reason.
    Corrupt(String),
}

impl DecodeError {
    /// What a caller is told about its own body: 415, 413 or 400. `limit` is in bytes.
    pub fn of_request(self, limit: usize) -> Failure {
        match self {
            Self::Unsupported(name) => {
                let message = "The request body has a Content-Encoding that cannot be undone; send \
                               it as it is, or with gzip, deflate, br or zstd.";
                Failure::new(Key::UnsupportedEncoding, message).with("encoding", name)
            }
            Self::TooLarge => too_large(limit),
            Self::Corrupt(reason) => {
                let message = "The request body is not what its Content-Encoding says.";
                Failure::new(Key::BadBody, message).detail(reason)
            }
        }
    }

    /// What a caller is told about upstream's body: 502. `limit` is in bytes.
    pub fn of_upstream(self, limit: usize) -> Failure {
        let message = "Upstream's answer is not what its Content-Encoding says.";
        match self {
            Self::TooLarge => upstream_too_large(limit),
            Self::Unsupported(detail) | Self::Corrupt(detail) => {
                Failure::new(Key::UpstreamInvalid, message).detail(detail)
            }
        }
    }
}

/// The failure for an upstream answer over the limit, encoded or decoded.
pub(super) fn upstream_too_large(limit: usize) -> Failure {
    let message = format!(
        "Upstream's answer is larger than {limit} bytes, the limit of this shim \
         (`max_upstream_body`)."
    );
    Failure::new(Key::UpstreamTooLarge, message).with("limit", limit)
}

/// Undoes the encodings that the `Content-Encoding` lines of a message name, last one first.
/// Stops as soon as more than `limit` bytes have come out of any of them.
pub async fn decode_body<'a>(
    encodings: impl IntoIterator<Item = &'a HeaderValue>,
    bytes: Bytes,
    limit: usize,
) -> Result<Bytes, DecodeError> {
    let mut names = Vec::new();
    for line in encodings {
        let text = line.to_str().map_err(|_| DecodeError::Unsupported("not a text".to_owned()))?;
        let listed = text.split(',').map(|name| name.trim().to_ascii_lowercase());
        names.extend(listed.filter(|name| !name.is_empty() && name != "identity"));
    }
    if names.len() > MOST_ENCODINGS {
        return Err(DecodeError::Unsupported(names.join(", ")));
    }
    let mut body = bytes;
    for name in names.iter().rev() {
        body = decode_one(name, body, limit).await?;
    }
    Ok(body)
}

async fn decode_one(name: &str, bytes: Bytes, limit: usize) -> Result<Bytes, DecodeError> {
    let source = bytes.as_ref();
    match name {
        "gzip" | "x-gzip" | "deflate" | "br" | "zstd" if source.is_empty() => Ok(bytes),
        "gzip" | "x-gzip" => {
            let mut decoder = GzipDecoder::new(source);
            decoder.multiple_members(true);
            read(decoder, limit).await
        }
        "deflate" => read(ZlibDecoder::new(source), limit).await,
        "br" => read(BrotliDecoder::new(source), limit).await,
        "zstd" => {
            let window = [DParameter::window_log_max(ZSTD_WINDOW)];
            read(ZstdDecoder::with_params(source, &window), limit).await
        }
        other => Err(DecodeError::Unsupported(other.to_owned())),
    }
}

async fn read(mut decoder: impl AsyncRead + Unpin, limit: usize) -> Result<Bytes, DecodeError> {
    let mut decoded = BytesMut::new();
    let mut turn = TURN;
    loop {
        // Room for what comes next, and at most for one byte over the limit.
        let room = decoded.len().clamp(8 << 10, 1 << 20).min(limit - decoded.len() + 1);
        decoded.reserve(room);
        let read = (&mut decoder).take(room as u64).read_buf(&mut decoded).await;
        match read.map_err(|error| DecodeError::Corrupt(error.to_string()))? {
            0 => return Ok(decoded.freeze()),
            _ if decoded.len() > limit => return Err(DecodeError::TooLarge),
            _ => {}
        }
        if decoded.len() > turn {
            turn = decoded.len() + TURN;
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn encode(name: &str, plain: &[u8]) -> Bytes {
        macro_rules! with {
            ($encoder:ident) => {{
                let mut encoder = $encoder::new(Vec::new());
                encoder.write_all(plain).await.unwrap();
                encoder.shutdown().await.unwrap();
                encoder.into_inner().into()
            }};
        }
        match name {
            "gzip" => with!(GzipEncoder),
            "deflate" => with!(ZlibEncoder),
            "br" => with!(BrotliEncoder),
            _ => with!(ZstdEncoder),
        }
    }

    async fn decode(encoding: &str, bytes: Bytes, limit: usize) -> Result<Bytes, DecodeError> {
        decode_body([&encoding.parse().unwrap()], bytes, limit).await
    }

    #[tokio::test]
    async fn every_encoding_is_undone_and_bombs_are_refused() {
        let plain = b"0123456789".repeat(1000);
        let bomb = vec![0; 4 << 20];
        for name in ["gzip", "deflate", "br", "zstd"] {
            let encoded = encode(name, &plain).await;
            assert_eq!(decode(name, encoded.clone(), plain.len()).await.unwrap(), plain);
            assert_eq!(
                decode(&name.to_uppercase(), encoded.clone(), 1 << 20).await.unwrap(),
                plain
            );
            let over = decode(name, encoded.clone(), plain.len() - 1).await;
            assert!(matches!(over, Err(DecodeError::TooLarge)), "{name}");
            let cut = decode(name, encoded.slice(..encoded.len() / 2), 1 << 20).await;
            assert!(matches!(cut, Err(DecodeError::Corrupt(_))), "{name}");
            let wrong = decode(name, Bytes::from_static(b"{\"a\": 1}"), 1 << 20).await;
            assert!(matches!(wrong, Err(DecodeError::Corrupt(_))), "{name}");
            let bomb = decode(name, encode(name, &bomb).await, 64 << 10).await;
            assert!(matches!(bomb, Err(DecodeError::TooLarge)), "{name}");
            assert!(decode(name, Bytes::new(), 0).await.unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn lists_of_encodings_are_undone_from_the_last_to_the_first() {
        let twice = encode("gzip", &encode("br", b"plain").await).await;
        assert_eq!(decode("br, identity, gzip", twice, 100).await.unwrap(), "plain");
        for unsupported in ["compress", "gzip, gzip, gzip", "br;q=1"] {
            let result = decode(unsupported, Bytes::from_static(b"x"), 100).await;
            assert!(matches!(result, Err(DecodeError::Unsupported(_))), "{unsupported}");
        }
    }
}
