//! An upstream that misbehaves on command: the emulator behind bytes that this file decides on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::Request;
use polytomic_shim::emulator::{Emulator, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::fault::{Deed, Fault, Form, Part, busy_body};
use crate::support::{PATIENCE, bound, refusing};

/// One request of a client, its own emulator, and where upstream fails.
pub struct Cell {
    pub emulator: Emulator,
    pub key: &'static str,
    pub writes_as: Option<&'static str>,
    /// The call that fails, and how; `refuse_at` says after how many calls nobody listens.
    pub failing: Option<(String, &'static Fault)>,
    /// How often the call fails.
    pub times: usize,
    fired: AtomicUsize,
    calls: Mutex<Vec<Call>>,
}

/// Emulators that have answered nothing but reads.
static UNWRITTEN: Mutex<Vec<Emulator>> = Mutex::new(Vec::new());

impl Drop for Cell {
    fn drop(&mut self) {
        if !self.calls().iter().any(Call::accepted) {
            UNWRITTEN.lock().unwrap().push(self.emulator.clone());
        }
    }
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct Call {
    /// Method and target.
    pub call: String,
    pub idempotency_key: Option<String>,
    /// The emulator's answer; none where it never got the request.
    pub status: Option<u16>,
}

impl Call {
    pub fn is_write(&self) -> bool {
        !self.call.starts_with("GET ")
    }

    pub fn accepted(&self) -> bool {
        self.is_write() && self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

impl Cell {
    pub fn new(key: &'static str, writes_as: Option<&'static str>) -> Self {
        let options = Options { model_syncs: 20, page_limit: 15, ..Options::default() };
        // One in which nothing was written is as good as new, and there at once.
        let unwritten = UNWRITTEN.lock().unwrap().pop();
        Self {
            emulator: unwritten.unwrap_or_else(|| Emulator::with_options(options)),
            key,
            writes_as,
            failing: None,
            times: usize::MAX,
            fired: AtomicUsize::new(0),
            calls: Mutex::default(),
        }
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Writes down a request that the emulator has answered.
    pub fn saw(&self, call: String, idempotency_key: Option<String>, status: u16) {
        self.calls.lock().unwrap().push(Call { call, idempotency_key, status: Some(status) });
    }

    pub fn fired(&self) -> usize {
        self.fired.load(Ordering::SeqCst)
    }

    fn fault(&self, call: &str) -> Option<&'static Fault> {
        let (at, fault) = self.failing.as_ref()?;
        if at != call || self.fired.load(Ordering::SeqCst) >= self.times {
            return None;
        }
        self.fired.fetch_add(1, Ordering::SeqCst);
        Some(fault)
    }
}

/// A listener whose connections lead to the cells.
pub struct Front {
    pub origin: String,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
    _port: TcpSocket,
}

#[derive(Default)]
struct Shared {
    cells: Mutex<HashMap<usize, Arc<Cell>>>,
    open: AtomicUsize,
    silent: AtomicUsize,
    late_writes: AtomicUsize,
}

impl Front {
    /// `calls`: after so many, nobody listens any more; each comes on a connection of its own.
    pub async fn start(calls: Option<usize>) -> Self {
        // The port stays taken when nobody listens any more: another trial must not be given it.
        let (port, address) = refusing();
        let listener = bound(address).listen(1024).unwrap();
        let origin = format!("http://{address}");
        let shared = Arc::new(Shared::default());
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, shared.clone(), calls));
        Self { origin, shared, _serving: serving, _port: port }
    }

    pub fn add(&self, number: usize, cell: Arc<Cell>) {
        self.shared.cells.lock().unwrap().insert(number, cell);
    }

    pub fn remove(&self, number: usize) {
        self.shared.cells.lock().unwrap().remove(&number);
    }

    /// Writes that arrived after their client had its answer.
    pub fn late_writes(&self) -> usize {
        self.shared.late_writes.load(Ordering::SeqCst)
    }

    /// Connections that are open, and those of them on which a request waits for ever.
    pub fn open(&self) -> (usize, usize) {
        (self.shared.open.load(Ordering::SeqCst), self.shared.silent.load(Ordering::SeqCst))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, calls: Option<usize>) {
    let mut connections = JoinSet::new();
    let Some(calls) = calls else {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(serve(stream, shared.clone()));
            while connections.try_join_next().is_some() {}
        }
    };
    for _ in 1..calls {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(once(stream, shared.clone()));
    }
    let last = match calls {
        0 => None,
        _ => Some(listener.accept().await.unwrap().0),
    };
    // Nobody listens any more before the last answer is out.
    drop(listener);
    if let Some(last) = last {
        once(last, shared).await;
    }
    while connections.join_next().await.is_some() {}
}

/// One request of a connection, which is closed then.
async fn once(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    let Some(request) = read(&mut stream, &mut buffer).await else { return };
    let Some(cell) = cell(&shared, &request) else { return };
    let answer = answer(&cell, &request).await;
    let _ = stream.write_all(&answer.bytes(&["Connection: close"])).await;
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    let _open = Counted::new(&shared.open);
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await {
        let Some(cell) = cell(&shared, &request) else { return };
        let Some(fault) = cell.fault(&request.call) else {
            let answer = answer(&cell, &request).await;
            if stream.write_all(&answer.bytes(&[])).await.is_err() {
                return;
            }
            continue;
        };
        let truth = match fault.applied {
            true => answer(&cell, &request).await,
            false => {
                cell.calls.lock().unwrap().push(request.seen(None));
                Answer { status: 200, headers: Vec::new(), body: Bytes::new() }
            }
        };
        if let End::Yes = commit(fault.deed, &truth, &mut stream, &shared).await {
            return;
        }
    }
}

enum End {
    Yes,
    No,
}

/// Does what the fault says.
async fn commit(deed: Deed, truth: &Answer, stream: &mut TcpStream, shared: &Shared) -> End {
    let (bytes, after) = match deed {
        // Done by not listening.
        Deed::Refuse => return End::Yes,
        Deed::Hang(part) => {
            let _ = stream.write_all(&truth.part(part)).await;
            let _silent = Counted::new(&shared.silent);
            silence(stream).await;
            return End::Yes;
        }
        Deed::Reset(part) => {
            let _ = stream.write_all(&truth.part(part)).await;
            // What was said should arrive: a reset throws away what is still on its way.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let _ = stream.set_zero_linger();
            return End::Yes;
        }
        Deed::Close(part) => (truth.part(part), End::Yes),
        Deed::Say(text) => (text.as_bytes().to_vec(), End::Yes),
        Deed::Answer(status, lines, body) => (whole(status, lines, body.as_bytes()), End::No),
        Deed::Date(status) => {
            // Dates know no fractions: this is between one and two seconds from now.
            let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
            let retry = format!("Retry-After: {date}");
            let lines = [retry.as_str(), "Content-Type: application/json"];
            (whole(status, &lines, busy_body(status).as_bytes()), End::No)
        }
        Deed::Form(Form::Dripping) => {
            for part in truth.bytes(&[]).chunks(truth.bytes(&[]).len() / 8 + 1) {
                let _ = stream.write_all(part).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            return End::No;
        }
        Deed::Form(form) => truth.formed(form).await,
    };
    let _ = stream.write_all(&bytes).await;
    after
}

/// Waits until the other side has had enough.
async fn silence(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while let Ok(1..) = stream.read(&mut rest).await {}
}

/// What the emulator said.
struct Answer {
    status: u16,
    headers: Vec<String>,
    body: Bytes,
}

impl Answer {
    fn bytes(&self, more: &[&str]) -> Vec<u8> {
        let lines: Vec<&str> =
            self.headers.iter().map(String::as_str).chain(more.iter().copied()).collect();
        whole(self.status, &lines, &self.body)
    }

    fn part(&self, part: Part) -> Vec<u8> {
        // Longer than it is, so that even an empty body can be cut.
        let length = format!("Content-Length: {}", self.body.len() + 2);
        let head = self.head(&[&length]);
        match part {
            Part::Nothing => Vec::new(),
            Part::HalfTheHead => head.as_bytes()[..head.len() / 2].to_vec(),
            Part::HalfTheBody => {
                let half = &self.body[..self.body.len() / 2];
                [head.as_bytes(), half].concat()
            }
        }
    }

    fn head(&self, more: &[&str]) -> String {
        let lines: Vec<&str> =
            self.headers.iter().map(String::as_str).chain(more.iter().copied()).collect();
        head(self.status, &lines)
    }

    async fn formed(&self, form: Form) -> (Vec<u8>, End) {
        let body = &self.body[..];
        let length = |length: usize| format!("Content-Length: {length}");
        let chunks = || {
            let parts = body.chunks(body.len() / 3 + 1);
            parts.fold(Vec::new(), |mut all, part| {
                all.extend(format!("{:x}\r\n", part.len()).bytes());
                all.extend(part);
                all.extend(b"\r\n");
                all
            })
        };
        let chunked = self.head(&["Transfer-Encoding: chunked"]).into_bytes();
        match form {
            Form::Encoded(name) => {
                let encoded = encode(name, body).await;
                let name = format!("Content-Encoding: {name}");
                let head = self.head(&[&name, &length(encoded.len())]).into_bytes();
                ([head, encoded].concat(), End::No)
            }
            Form::NotEncoded(name) => {
                let name = format!("Content-Encoding: {name}");
                let body = b"{\"data\": 1}";
                let head = self.head(&[&name, &length(body.len())]).into_bytes();
                ([&head[..], body].concat(), End::No)
            }
            Form::Bomb(name) => {
                let bomb = bomb(name).await;
                let name = format!("Content-Encoding: {name}");
                let head = self.head(&[&name, &length(bomb.len())]).into_bytes();
                ([head, bomb].concat(), End::No)
            }
            Form::Huge => {
                let head = self.head(&[&length(64 << 20)]).into_bytes();
                ([head, vec![b' '; 4 << 10]].concat(), End::Yes)
            }
            Form::Chunked => ([chunked, chunks(), b"0\r\n\r\n".to_vec()].concat(), End::No),
            Form::ChunkedWithoutEnd => ([chunked, chunks()].concat(), End::Yes),
            Form::ChunkedWrongly => ([chunked, chunks(), b"many\r\n".to_vec()].concat(), End::Yes),
            Form::LengthTooShort => {
                let head = self.head(&[&length(body.len() / 2)]).into_bytes();
                ([head, body.to_vec()].concat(), End::Yes)
            }
            Form::LengthTooLong => {
                let head = self.head(&[&length(body.len() + 9)]).into_bytes();
                ([head, body.to_vec()].concat(), End::Yes)
            }
            Form::LengthTwice => {
                let lengths = [length(body.len()), length(body.len() + 1)];
                let head = self.head(&[&lengths[0], &lengths[1]]).into_bytes();
                ([head, body.to_vec()].concat(), End::Yes)
            }
            Form::AfterHints => {
                let hints =
                    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
                ([hints.as_bytes().to_vec(), self.bytes(&[])].concat(), End::No)
            }
            Form::Dripping => (self.bytes(&[]), End::No),
        }
    }
}

fn head(status: u16, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {status} Said\r\n{lines}\r\n")
}

fn whole(status: u16, lines: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let lines: Vec<&str> = lines.iter().copied().chain([length.as_str()]).collect();
    [head(status, &lines).as_bytes(), body].concat()
}

/// Packs a body.
pub async fn encode(name: &str, body: &[u8]) -> Vec<u8> {
    use async_compression::tokio::write as by;
    macro_rules! with {
        ($encoder:ident) => {{
            let mut encoder = by::$encoder::new(Vec::new());
            encoder.write_all(body).await.unwrap();
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

/// Two megabytes, packed; packed once, as that takes a while without optimization, and before
/// anything is timed.
pub async fn bomb(name: &str) -> Vec<u8> {
    static PACKED: tokio::sync::OnceCell<HashMap<&str, Vec<u8>>> =
        tokio::sync::OnceCell::const_new();
    let pack = async || {
        let mut packed = HashMap::new();
        for name in ["gzip", "br", "zstd"] {
            packed.insert(name, encode(name, &vec![b' '; 2 << 20]).await);
        }
        packed
    };
    PACKED.get_or_init(pack).await[name].clone()
}

struct Arrived {
    call: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn seen(&self, status: Option<u16>) -> Call {
        let idempotency_key = self.header("idempotency-key").map(str::to_owned);
        Call { call: self.call.clone(), idempotency_key, status }
    }
}

/// Reads one request; none when the connection ends.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Arrived> {
    let end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end + 4,
            None => more(stream, buffer).await?,
        }
    };
    let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
    let mut lines = head.split("\r\n");
    let call = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut arrived = Arrived { call, headers, body: Vec::new() };
    assert!(arrived.header("transfer-encoding").is_none(), "calls of translations have a length");
    let length = arrived.header("content-length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        more(stream, buffer).await?;
    }
    arrived.body = buffer.drain(..length).collect();
    Some(arrived)
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(1..) => Some(()),
        _ => None,
    }
}

/// The cell that a credential names; none once its client has an answer: a read that nobody waits
/// for any more may still arrive, a write never.
fn cell(shared: &Shared, request: &Arrived) -> Option<Arc<Cell>> {
    let credential = request.header("authorization").unwrap();
    let number = credential.strip_prefix("Bearer c").unwrap().split_once('.').unwrap().0;
    let found = shared.cells.lock().unwrap().get(&number.parse().unwrap()).cloned();
    if found.is_none() && !request.call.starts_with("GET ") {
        shared.late_writes.fetch_add(1, Ordering::SeqCst);
    }
    found
}

/// The emulator's answer.
async fn answer(cell: &Cell, arrived: &Arrived) -> Answer {
    let (method, target) = arrived.call.split_once(' ').unwrap();
    // Short pages, so that twenty items are two of them.
    let target = target.replace("limit=50", "limit=15");
    let key = cell.writes_as.filter(|_| method != "GET").unwrap_or(cell.key);
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in &arrived.headers {
        if name != "authorization" {
            request = request.header(name, value);
        }
    }
    let request = request
        .header("authorization", format!("Bearer {key}"))
        .body(Body::from(arrived.body.clone()))
        .unwrap();
    let response = cell.emulator.router().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    cell.calls.lock().unwrap().push(arrived.seen(Some(status)));
    let headers = parts.headers.iter().filter(|(name, _)| *name != "content-length");
    let headers = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let headers = headers.collect();
    Answer { status, headers, body: to_bytes(body, usize::MAX).await.unwrap() }
}

/// One more for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Waits until something holds, within the patience of any test.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = std::time::Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
