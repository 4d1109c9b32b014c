//! Shims and upstreams on free ports of loopback, and clients that see every byte.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use polytomic_shim::admin::Status;
use polytomic_shim::exchange::Translator;
use polytomic_shim::passthrough::{Body, forward};
use polytomic_shim::rollout::{self, Rollout};
use polytomic_shim::rules::{Options, Rules};
use polytomic_shim::server::{self, Ending, Handler, Listeners, Live, answer as own_answer};
use polytomic_shim::settings::{Settings, Webhook};
use polytomic_shim::upstream::UpstreamClient;
use polytomic_shim::webhook::Desk;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Longest wait of any test for anything: generous, for machines that do other things as well.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for what must happen.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this takes too long")
}

/// Forwards every request as it is.
pub struct ForwardAll(pub UpstreamClient);

impl Handler for ForwardAll {
    async fn handle(&self, request: server::Incoming) -> Response<Body> {
        forward(&self.0, request, None).await.unwrap_or_else(|failure| own_answer(&failure))
    }
}

/// A shim in this process that forwards everything.
pub struct Shim {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    /// Where deliveries have a listener of their own.
    pub webhooks: Option<SocketAddr>,
    pub stop: mpsc::Sender<()>,
    pub ending: JoinHandle<Ending>,
}

impl Shim {
    /// Starts a shim in front of `upstream`, an origin, with further flags.
    pub async fn start(upstream: &str, flags: &[(&'static str, &str)]) -> Self {
        let settings = settings(upstream, flags);
        let client = UpstreamClient::new(&settings).unwrap();
        Self::with(settings, ForwardAll(client)).await
    }

    /// Starts a shim that translates.
    pub async fn translating(upstream: &str, flags: &[(&'static str, &str)]) -> Self {
        Self::translating_by(settings(upstream, flags)).await
    }

    /// Starts a shim that translates and is registered in place of `https://receiver.example/`.
    pub async fn with_webhook(upstream: &str, flags: &[(&'static str, &str)]) -> Self {
        let mut settings = settings(upstream, flags);
        let receiver = "https://receiver.example/".parse().unwrap();
        settings.webhooks = vec![Webhook::new("orders", receiver, "secret")];
        settings.webhook_public_url = Some("https://shim.example".parse().unwrap());
        Self::translating_by(settings).await
    }

    async fn translating_by(settings: Settings) -> Self {
        let status = Status::default();
        let client = UpstreamClient::new(&settings).unwrap();
        let rules = Rules::load(None, Options::from(&settings)).unwrap();
        let handler = Translator::new(client, rules, &settings, status.metrics.clone());
        handler.take_deliveries_at(Desk::open(&settings).unwrap());
        Self::run(settings, handler, status).await
    }

    /// Starts a shim that follows the rollout, and the rules, that the flags name.
    pub async fn staged(upstream: &str, flags: &[(&'static str, &str)]) -> Self {
        let settings = settings(upstream, flags);
        let status = Status::default();
        let client = UpstreamClient::new(&settings).unwrap();
        let rules = Rules::load(settings.rules.as_deref(), Options::default()).unwrap();
        let plan = rollout::load(&settings, &rules).unwrap();
        let metrics = status.metrics.clone();
        let rollout = Rollout::new(plan, &rules, &settings, metrics.clone());
        status.rollout.set(&rollout);
        let handler = Translator::staged(client, rules, &settings, metrics, rollout);
        Self::run(settings, handler, status).await
    }

    /// Starts a shim with a handler of its own.
    pub async fn with(settings: Settings, handler: impl Handler) -> Self {
        Self::run(settings, handler, Status::default()).await
    }

    async fn run(settings: Settings, handler: impl Handler, status: Status) -> Self {
        let listeners = Listeners::bind(&settings).await.unwrap();
        let (address, admin) = listeners.addresses().unwrap();
        let webhooks = listeners.webhook_address();
        status.readiness.ready();
        let (stop, stopped) = mpsc::channel(2);
        let ending = tokio::spawn(async move {
            server::serve(
                Arc::new(Live::new(settings).unwrap()),
                listeners,
                handler,
                status,
                stopped,
            )
            .await
        });
        Self { address, admin, webhooks, stop, ending }
    }
}

/// Settings for `upstream` with both listeners on free ports.
pub fn settings(upstream: &str, flags: &[(&'static str, &str)]) -> Settings {
    let mut all = vec![("upstream", upstream), ("listen", "127.0.0.1:0"), ("admin", "127.0.0.1:0")];
    all.extend(flags);
    let all = all.into_iter().map(|(name, value)| (name, value.into())).collect();
    Settings::load(all, std::iter::empty()).unwrap()
}

/// A request as upstream got it, its body read whole.
pub type Seen = Request<Bytes>;

/// An upstream of hyper, HTTP/1.1 and h2c, that answers by a function of the request.
pub struct Upstream {
    pub origin: String,
    pub seen: mpsc::UnboundedReceiver<Seen>,
}

impl Upstream {
    pub async fn start(answer: fn(&Seen) -> Response<Full<Bytes>>) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let origin =
            raw_upstream(move |stream| serve(TokioIo::new(stream), answer, sender.clone()));
        Self { origin: origin.await.0, seen }
    }

    /// The next request that arrived.
    pub async fn next(&mut self) -> Seen {
        soon(self.seen.recv()).await.unwrap()
    }
}

/// Serves one upstream connection, of whatever kind.
pub async fn serve<I>(
    io: I,
    answer: fn(&Seen) -> Response<Full<Bytes>>,
    seen: mpsc::UnboundedSender<Seen>,
) where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let seen = seen.clone();
        async move {
            let (parts, body) = request.into_parts();
            let request = Request::from_parts(parts, body.collect().await?.to_bytes());
            let response = answer(&request);
            let _ = seen.send(request);
            Ok::<_, hyper::Error>(response)
        }
    });
    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let _ = builder.serve_connection(io, service).await;
}

/// An answer of upstream.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body.into())).unwrap()
}

/// A port on which nobody listens, and that nobody else is given while the socket is there.
///
/// One that was only given back may belong to a listener of another test a moment later.
pub fn refusing() -> (TcpSocket, SocketAddr) {
    let socket = bound("127.0.0.1:0".parse().unwrap());
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A socket at the address, beside others that do not listen.
pub fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

/// An upstream that speaks bytes: `connection` gets each accepted stream. Returns its origin and
/// how many connections there have been.
pub async fn raw_upstream<F>(
    connection: impl Fn(TcpStream) -> F + Send + 'static,
) -> (String, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(connection(stream));
        }
    });
    (origin, count)
}

/// Reads one request head, and returns it with what came after it.
pub async fn read_head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return (String::from_utf8_lossy(&bytes).into_owned(), rest);
        }
        let mut buffer = [0; 4096];
        let read = soon(stream.read(&mut buffer)).await.unwrap();
        assert_ne!(read, 0, "the connection ended in the middle of a head");
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// Reads until `needle` has come.
pub async fn read_until(stream: &mut TcpStream, needle: &str) -> String {
    let mut text = String::new();
    while !text.contains(needle) {
        let mut buffer = [0; 4096];
        let read = soon(stream.read(&mut buffer)).await.unwrap();
        assert_ne!(read, 0, "the connection ended before {needle:?} came: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

/// Writes bytes to a fresh connection and reads until it ends, cleanly or not.
pub async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read_all(&mut stream).await
}

/// Reads until the connection ends, cleanly or not.
pub async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = soon(stream.read(&mut buffer)).await {
        bytes.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An HTTP/2 connection to a shim.
pub async fn http2(address: SocketAddr) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    sender
}

/// Status, headers and body of a response.
pub async fn collect(response: Response<Incoming>) -> (u16, HeaderMap, Bytes) {
    let (parts, body) = response.into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, body)
}

/// A shim in a process of its own, ended with the test.
pub struct Process {
    pub child: Child,
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub output: ChildStdout,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Process {
    /// Starts the program in front of `upstream` and reads both addresses from its first log line.
    pub fn start(upstream: &str, flags: &[&str]) -> Self {
        Self::run(&[&["serve", "--upstream", upstream], flags].concat())
    }

    /// Starts the program with a command that serves.
    pub fn run(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_polytomic-shim"))
            .args(arguments)
            .args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let field = |name: &str| {
            let found = first.split_once(&format!(" {name}="));
            let found = found.or_else(|| first.split_once(&format!("\"{name}\":\"")));
            let (_, rest) = found.unwrap_or_else(|| panic!("no {name} in {first}"));
            rest.split([' ', '"']).next().unwrap().parse().unwrap()
        };
        let (address, admin) = (field("listen"), field("admin"));
        // Read to its end in any case: a full pipe would stop the program.
        let log = std::thread::spawn(move || {
            let rest: Vec<String> = lines.map_while(Result::ok).collect();
            format!("{first}\n{}", rest.join("\n"))
        });
        Self { child, address, admin, output, log: Some(log) }
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(status.success());
    }

    /// Ends the process and gives everything that it has logged.
    pub async fn end(mut self) -> String {
        self.signal("TERM");
        let log = self.log.take().unwrap();
        assert_eq!(self.exit_code().await, Some(0));
        log.join().unwrap()
    }

    /// Waits for the end of the process.
    pub async fn exit_code(mut self) -> Option<i32> {
        soon(async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status.code();
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
