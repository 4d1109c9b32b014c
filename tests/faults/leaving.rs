//! Clients that leave: before their request is whole, while they wait, while the answer is sent.
//! Upstream work stops then, but for a write that is sent already, and nothing is left.

use std::sync::Arc;
use std::time::Duration;

use polytomic_shim::server::Ending;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{ask, bytes};
use crate::fault::{Deed, Fault, Heard, Part};
use crate::front::{Call, Cell, Front, until};
use crate::matrix::{in_flight, rows};
use crate::support::{PATIENCE, Shim, raw, raw_upstream, read_head, soon};

/// Long after the client has left: nothing here may end because of it.
const TIMEOUT: [(&str, &str); 2] = [("upstream_timeout", "60s"), ("deadline", "60s")];

static SILENT: Fault = Fault {
    name: "silent",
    group: "",
    applied: true,
    deed: Deed::Hang(Part::Nothing),
    heard: Heard::Good,
};

async fn idle(shim: &Shim) {
    let since = std::time::Instant::now();
    while in_flight(shim).await != "0" {
        assert!(since.elapsed() < PATIENCE, "requests under way that nobody waits for");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_while_it_waits_ends_the_work_at_every_call() {
    let front = Front::start(None).await;
    let shim = Shim::with_webhook(&front.origin, &TIMEOUT).await;
    let rows = rows(&front, &shim).await;
    let mut tried = 0;
    for row in &rows {
        for point in &row.points {
            tried += 1;
            let number = 1000 + tried;
            let mut cell = Cell::new(row.asked.key, row.asked.writes_as);
            cell.failing = Some((point.call.clone(), &SILENT));
            let cell = Arc::new(cell);
            front.add(number, cell.clone());
            let mut client = TcpStream::connect(shim.address).await.unwrap();
            client.write_all(bytes(&row.asked, number).as_bytes()).await.unwrap();
            until("the call arrives", || cell.fired() == 1 && front.open().1 > 0).await;
            drop(client);
            until("the call ends", || front.open().1 == 0).await;
            idle(&shim).await;
            let calls = cell.calls();
            assert!(calls.iter().filter(|call| call.is_write()).count() <= 1, "{}", row.asked.name);
            let at_once = calls.len();
            front.remove(number);
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert_eq!(cell.calls().len(), at_once, "{} {}", row.asked.name, point.call);
        }
    }
    assert_eq!(front.late_writes(), 0);
    println!("clients that left while they waited: {tried} calls");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_gets_whole_writes_nothing() {
    let front = Front::start(None).await;
    let shim = Shim::with_webhook(&front.origin, &TIMEOUT).await;
    for (number, asked) in crate::requests::all().into_iter().enumerate() {
        if asked.body.is_none() {
            continue;
        }
        let cell = Arc::new(Cell::new(asked.key, asked.writes_as));
        front.add(number, cell.clone());
        let whole = bytes(&asked, number);
        let mut client = TcpStream::connect(shim.address).await.unwrap();
        client.write_all(&whole.as_bytes()[..whole.len() - 1]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        drop(client);
        idle(&shim).await;
        let calls = cell.calls();
        assert!(!calls.iter().any(Call::is_write), "{}: {calls:?}", asked.name);
        front.remove(number);
    }
    assert_eq!(front.late_writes(), 0);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_answer_leaves_nothing() {
    // More than any socket holds.
    let (origin, _) = raw_upstream(async |mut stream: TcpStream| {
        while !read_head(&mut stream).await.0.is_empty() {
            let body = format!(r#"{{"data":{{"id":"1","name":"{}"}}}}"#, "a".repeat(32 << 20));
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
            let mut next = [0];
            if stream.peek(&mut next).await.is_ok_and(|read| read == 0) {
                return;
            }
        }
    })
    .await;
    // One thread, and so one kept connection to upstream: each has its own.
    let flags = [TIMEOUT[0], TIMEOUT[1], ("threads", "1"), ("drain", "10s")];
    let shim = Shim::with_webhook(&origin, &flags).await;
    // Upstream's, as the shim has threads of its own: one for each connection that it keeps.
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let get = "GET /api/queries/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nConnection: close\r\n\r\n";
    assert!(raw(shim.address, get).await.starts_with("HTTP/1.1 200 "));
    idle(&shim).await;
    // The pooled connection to upstream stays.
    let before = tasks();
    for path in ["/api/queries/1", "/api/bulk/syncs/1"] {
        let mut client = TcpStream::connect(shim.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut start = [0; 64];
        soon(client.read_exact(&mut start)).await.unwrap();
        assert!(start.starts_with(b"HTTP/1.1 200 "));
        drop(client);
        idle(&shim).await;
        until("the connection to upstream ends", || tasks() <= before).await;
    }
    // Whatever still served the clients that left would hold this up.
    shim.stop.send(()).await.unwrap();
    assert_eq!(soon(shim.ending).await.unwrap(), Ending::Drained);
}

/// Many wait for one question; whoever asked it may leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_others_wait_for_outlives_who_asked_it() {
    let front = Front::start(None).await;
    let shim = Shim::with_webhook(&front.origin, &TIMEOUT).await;
    let all = crate::requests::all();
    for (number, name, question) in [
        (1, "users/list", "GET /api/me".to_owned()),
        (
            2,
            "connections/list_share_for_partner",
            format!("GET /api/organizations/entities/{}", crate::requests::DATABASE),
        ),
    ] {
        let asked = all.iter().find(|asked| asked.name == name).unwrap();
        let mut cell = Cell::new(asked.key, None);
        cell.failing = Some((question, &SILENT));
        cell.times = 1;
        let cell = Arc::new(cell);
        front.add(number, cell.clone());
        let mut first = TcpStream::connect(shim.address).await.unwrap();
        first.write_all(bytes(asked, number).as_bytes()).await.unwrap();
        until("the question arrives", || cell.fired() == 1).await;
        let second = ask(shim.address, asked, number);
        let leave = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(second, leave);
        assert_eq!(second.unwrap().status, 200, "{name}");
    }
    idle(&shim).await;
}
