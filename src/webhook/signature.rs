//! Signatures of deliveries: HMAC of the raw body (RFC 2104), checked in constant time.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use sha2::{Sha256, Sha384, Sha512};

use crate::secret::Secret;
use crate::settings::webhook::{Algorithm, Encoding};

/// How a signature is written: what stands before it, and how its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) prefix: String,
    pub(crate) encoding: Encoding,
}

/// Checks the signature of a body; gives the form that it is written in, none if it is wrong.
///
/// Hexadecimal and base64 are accepted, the latter in either alphabet and with or without padding,
/// and so is the name of the algorithm before it, such as `sha256=`, or `prefix`.
pub(crate) fn check(
    algorithm: Algorithm,
    secret: &Secret<Vec<u8>>,
    prefix: Option<&str>,
    header: &HeaderValue,
    body: &[u8],
) -> Option<Form> {
    let text = header.to_str().ok()?.trim();
    let (prefix, signature) = split(text, algorithm, prefix);
    let (bytes, encoding) = decode(signature, algorithm)?;
    let is_right = match algorithm {
        Algorithm::Sha256 => verify(mac::<Hmac<Sha256>>(secret, body)?, &bytes),
        Algorithm::Sha384 => verify(mac::<Hmac<Sha384>>(secret, body)?, &bytes),
        Algorithm::Sha512 => verify(mac::<Hmac<Sha512>>(secret, body)?, &bytes),
    };
    is_right.then(|| Form { prefix: prefix.to_owned(), encoding })
}

/// The signature of a body, as the value of its header; none only for a prefix that no header can
/// hold, which the settings refuse.
pub(crate) fn sign(
    algorithm: Algorithm,
    secret: &Secret<Vec<u8>>,
    prefix: &str,
    encoding: Encoding,
    body: &[u8],
) -> Option<HeaderValue> {
    let bytes = match algorithm {
        Algorithm::Sha256 => mac::<Hmac<Sha256>>(secret, body)?.finalize().into_bytes().to_vec(),
        Algorithm::Sha384 => mac::<Hmac<Sha384>>(secret, body)?.finalize().into_bytes().to_vec(),
        Algorithm::Sha512 => mac::<Hmac<Sha512>>(secret, body)?.finalize().into_bytes().to_vec(),
    };
    let text = match encoding {
        Encoding::Hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Encoding::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes),
    };
    HeaderValue::try_from(format!("{prefix}{text}")).ok()
}

fn mac<M: Mac + KeyInit>(secret: &Secret<Vec<u8>>, body: &[u8]) -> Option<M> {
    // HMAC takes keys of any length.
    let mut mac = <M as KeyInit>::new_from_slice(secret.expose()).ok()?;
    mac.update(body);
    Some(mac)
}

/// Compares in constant time.
fn verify<M: Mac>(mac: M, signature: &[u8]) -> bool {
    mac.verify_slice(signature).is_ok()
}

/// What stands before the signature, and the signature.
fn split<'t>(text: &'t str, algorithm: Algorithm, prefix: Option<&str>) -> (&'t str, &'t str) {
    let name = algorithm.text().len() + 1;
    let at = match prefix.filter(|prefix| !prefix.is_empty() && text.starts_with(prefix)) {
        Some(prefix) => prefix.len(),
        None => text
            .get(..name)
            .and_then(|start| start.strip_suffix('='))
            .filter(|start| start.eq_ignore_ascii_case(algorithm.text()))
            .map_or(0, |_| name),
    };
    text.split_at(at)
}

/// The bytes of a signature. The lengths of the two encodings differ, so none is taken for the
/// other.
fn decode(text: &str, algorithm: Algorithm) -> Option<(Vec<u8>, Encoding)> {
    const ANY_PADDING: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let length = match algorithm {
        Algorithm::Sha256 => 32,
        Algorithm::Sha384 => 48,
        Algorithm::Sha512 => 64,
    };
    if text.len() == 2 * length {
        return Some((from_hex(text)?, Encoding::Hex));
    }
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    let bytes = GeneralPurpose::new(alphabet, ANY_PADDING).decode(text).ok()?;
    (bytes.len() == length).then_some((bytes, Encoding::Base64))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    };
    text.as_bytes().chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 section 4.3, and the same bytes in base64.
    const KEY: &str = "Jefe";
    const BODY: &[u8] = b"what do ya want for nothing?";
    const HEX: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const BASE64: &str = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";

    fn key() -> Secret<Vec<u8>> {
        Secret::new(KEY.as_bytes().to_vec())
    }

    fn checked(text: &str, prefix: Option<&str>) -> Option<Form> {
        let header = HeaderValue::from_str(text).unwrap();
        check(Algorithm::Sha256, &key(), prefix, &header, BODY)
    }

    #[test]
    fn every_way_to_write_a_signature_is_read_and_written_again() {
        for (prefix, own) in [("", None), ("sha256=", None), ("v1:", Some("v1:"))] {
            for (text, encoding) in [(HEX, Encoding::Hex), (BASE64, Encoding::Base64)] {
                let text = format!("{prefix}{text}");
                let form = checked(&text, own).unwrap();
                assert_eq!(form, Form { prefix: prefix.to_owned(), encoding });
                let signed = sign(Algorithm::Sha256, &key(), prefix, encoding, BODY).unwrap();
                assert_eq!(signed, text);
            }
        }
        for other in [
            HEX.to_uppercase(),
            format!("SHA256={HEX}"),
            BASE64.trim_end_matches('=').to_owned(),
            BASE64.replace('+', "-").replace('/', "_"),
            format!(" {HEX} "),
        ] {
            assert!(checked(&other, None).is_some(), "{other}");
        }
    }

    #[test]
    fn err_any_other_text_is_wrong() {
        let cut = &HEX[..62];
        for wrong in [
            "",
            "sha256=",
            cut,
            &HEX.replace('5', "6"),
            &format!("{HEX}00"),
            &format!("sha512={HEX}"),
            &format!("v1:{HEX}"),
            &BASE64.replace('W', "X"),
            "zz",
            &"z".repeat(64),
        ] {
            assert_eq!(checked(wrong, None), None, "{wrong}");
        }
        let header = HeaderValue::from_static(HEX);
        let of = |secret: &str, body: &[u8]| {
            check(Algorithm::Sha256, &Secret::new(secret.into()), None, &header, body)
        };
        assert_eq!(of("Jeff", BODY), None);
        assert_eq!(of(KEY, b"what do ya want for nothing!"), None);
        assert_eq!(check(Algorithm::Sha512, &key(), None, &header, BODY), None);
    }

    #[test]
    fn longer_hashes_are_those_of_the_standard() {
        // RFC 4231 section 4.3.
        for (algorithm, start) in
            [(Algorithm::Sha384, "af45d2e376484031"), (Algorithm::Sha512, "164b7a7bfcf819e2")]
        {
            let signed = sign(algorithm, &key(), "", Encoding::Hex, BODY).unwrap();
            assert!(signed.to_str().unwrap().starts_with(start), "{signed:?}");
            assert!(check(algorithm, &key(), None, &signed, BODY).is_some());
        }
    }
}
