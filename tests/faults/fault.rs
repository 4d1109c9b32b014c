//! The ways in which upstream fails, as data.

use polytomic_shim::failure::Key;

/// One way to fail.
#[derive(Debug)]
pub struct Fault {
    pub name: &'static str,
    /// The column of the matrix.
    pub group: &'static str,
    /// Whether the emulator gets the request before the front fails.
    pub applied: bool,
    pub deed: Deed,
    pub heard: Heard,
}

/// What the front does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Deed {
    /// Accepts no connection from here on.
    Refuse,
    /// Says so much of the true answer, then nothing more, ever.
    Hang(Part),
    /// Says so much of the true answer, then resets the connection.
    Reset(Part),
    /// Says so much of the true answer, then closes the connection.
    Close(Part),
    /// Sends these bytes, then closes the connection.
    Say(&'static str),
    /// Sends a whole answer of this status, with further header lines and a body.
    Answer(u16, &'static [&'static str], &'static str),
    /// Like [`Deed::Answer`], with a `Retry-After` of one second from now, as a date.
    Date(u16),
    /// The true answer, in this form.
    Form(Form),
}

/// How much of an answer.
#[derive(Debug, Clone, Copy)]
pub enum Part {
    Nothing,
    HalfTheHead,
    HalfTheBody,
}

/// Odd forms of the true answer. Those that are no whole answer end the connection; one that ended
/// after a whole answer, without a word, would fail whatever write meets its end.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    Encoded(&'static str),
    /// Says that it is encoded, and is not.
    NotEncoded(&'static str),
    /// Some kilobytes that become megabytes.
    Bomb(&'static str),
    Chunked,
    ChunkedWithoutEnd,
    ChunkedWrongly,
    LengthTooShort,
    LengthTooLong,
    LengthTwice,
    /// Larger than the shim reads.
    Huge,
    Dripping,
    AfterHints,
}

/// What the shim can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Everything is right after all.
    Good,
    /// Nothing that tells whether a write was accepted.
    Nothing(Key),
    /// The head of a 2xx, and then not what it promised.
    Accepted(Key),
    /// A whole 2xx with a body that is not what the contract says.
    Garbage,
    /// A whole answer of another status.
    Status(u16),
}

impl Heard {
    /// Whether asking once more is of use, for a read or where an idempotency key protects.
    pub fn passes(self) -> bool {
        match self {
            Self::Nothing(key) | Self::Accepted(key) => {
                matches!(key, Key::UpstreamCut | Key::UpstreamUnreachable)
            }
            Self::Status(status) => status == 429 || status == 503,
            Self::Good | Self::Garbage => false,
        }
    }
}

const BUSY: &str = r#"{"key":"busy","message":"too much to do","metadata":{},"status":503}"#;
const LIMITED: &str = r#"{"key":"rate_limited","message":"too many","metadata":{},"status":429}"#;
const BROKEN: &str = r#"{"key":"internal","message":"a defect","metadata":{},"status":500}"#;
const REFUSED: &str =
    r#"{"key":"unauthorized","message":"no such key","metadata":{},"status":401}"#;
const INVALID: &str = r#"{"key":"invalid","message":"default_schedule is odd","metadata":{"default_schedule":"odd"},"status":422}"#;
const HTML: &str = "<html><body>a page</body></html>";
const JSON: &str = "Content-Type: application/json";
const TEXT: &str = "Content-Type: text/html";

/// Every failure of HTTP/1.1; those of HTTP/2 are in `goaway.rs`.
pub fn all() -> Vec<Fault> {
    use Deed::{Answer, Close, Date, Form as In, Hang, Refuse, Reset, Say};
    use Form::*;
    use Heard::{Accepted, Garbage, Good, Nothing, Status};
    use Key::{UpstreamCut as Cut, UpstreamInvalid as Invalid, UpstreamTimeout as Slow};
    use Part::{HalfTheBody, HalfTheHead};
    let fault = |name, group, applied, deed, heard| Fault { name, group, applied, deed, heard };
    let unreachable = Nothing(Key::UpstreamUnreachable);
    vec![
        fault("refuses", "refuses", false, Refuse, unreachable),
        fault("hangs, deaf", "hangs", false, Hang(Part::Nothing), Nothing(Slow)),
        fault("hangs before the head", "hangs", true, Hang(Part::Nothing), Nothing(Slow)),
        fault("hangs in the head", "hangs", true, Hang(HalfTheHead), Nothing(Slow)),
        fault("hangs in the body", "hangs", true, Hang(HalfTheBody), Accepted(Slow)),
        fault("resets, deaf", "resets", false, Reset(Part::Nothing), Nothing(Cut)),
        fault("resets before the head", "resets", true, Reset(Part::Nothing), Nothing(Cut)),
        fault("resets in the head", "resets", true, Reset(HalfTheHead), Nothing(Cut)),
        fault("resets in the body", "resets", true, Reset(HalfTheBody), Accepted(Cut)),
        fault("closes, deaf", "closes", false, Close(Part::Nothing), Nothing(Cut)),
        fault("closes before the head", "closes", true, Close(Part::Nothing), Nothing(Cut)),
        fault("closes in the head", "closes", true, Close(HalfTheHead), Nothing(Cut)),
        fault("closes in the body", "closes", true, Close(HalfTheBody), Accepted(Cut)),
        fault(
            "another protocol",
            "no HTTP",
            true,
            Say("SSH-2.0-OpenSSH_9.6\r\n\r\n"),
            Nothing(Invalid),
        ),
        fault("no status", "no HTTP", true, Say("HTTP/1.1 fine\r\n\r\n"), Nothing(Invalid)),
        fault(
            "switches protocols",
            "no HTTP",
            true,
            Say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            Nothing(Invalid),
        ),
        fault("a page", "garbage", true, Answer(200, &[TEXT], HTML), Garbage),
        fault("half of JSON", "garbage", true, Answer(200, &[JSON], r#"{"data": {"id"#), Garbage),
        fault("another JSON", "garbage", true, Answer(200, &[JSON], "[]"), Garbage),
        fault("nothing", "garbage", true, Answer(200, &[JSON], ""), Garbage),
        fault("chunks", "chunked", true, In(Chunked), Good),
        fault("chunks without end", "chunked", true, In(ChunkedWithoutEnd), Accepted(Cut)),
        fault("chunks that are none", "chunked", true, In(ChunkedWrongly), Accepted(Cut)),
        fault("length too short", "length", true, In(LengthTooShort), Garbage),
        fault("length too long", "length", true, In(LengthTooLong), Accepted(Cut)),
        fault("two lengths", "length", true, In(LengthTwice), Nothing(Invalid)),
        fault("too large", "size", true, In(Huge), Accepted(Key::UpstreamTooLarge)),
        fault("gzip bomb", "size", true, In(Bomb("gzip")), Accepted(Key::UpstreamTooLarge)),
        fault("zstd bomb", "size", true, In(Bomb("zstd")), Accepted(Key::UpstreamTooLarge)),
        fault("br bomb", "size", true, In(Bomb("br")), Accepted(Key::UpstreamTooLarge)),
        fault("gzip", "encoded", true, In(Encoded("gzip")), Good),
        fault("deflate", "encoded", true, In(Encoded("deflate")), Good),
        fault("br", "encoded", true, In(Encoded("br")), Good),
        fault("zstd", "encoded", true, In(Encoded("zstd")), Good),
        fault("no gzip", "encoded", true, In(NotEncoded("gzip")), Accepted(Invalid)),
        fault("an unknown encoding", "encoded", true, In(NotEncoded("rot13")), Accepted(Invalid)),
        fault("drips", "odd", true, In(Dripping), Good),
        fault("hints first", "odd", true, In(AfterHints), Good),
        fault(
            "429, seconds",
            "busy",
            false,
            Answer(429, &[JSON, "Retry-After: 1"], LIMITED),
            Status(429),
        ),
        fault("429, date", "busy", false, Date(429), Status(429)),
        fault(
            "503, seconds",
            "busy",
            false,
            Answer(503, &[JSON, "Retry-After: 1"], BUSY),
            Status(503),
        ),
        fault("503, date", "busy", false, Date(503), Status(503)),
        fault("503, a page", "busy", false, Answer(503, &[TEXT], HTML), Status(503)),
        fault("500", "status", false, Answer(500, &[JSON], BROKEN), Status(500)),
        fault("502, nothing", "status", false, Answer(502, &[], ""), Status(502)),
        fault("401", "status", false, Answer(401, &[JSON], REFUSED), Status(401)),
        fault("422", "status", false, Answer(422, &[JSON], INVALID), Status(422)),
    ]
}

/// The body that goes with a [`Deed::Date`].
pub fn busy_body(status: u16) -> &'static str {
    if status == 429 { LIMITED } else { BUSY }
}
