//! The matrix: every call of every translation, failing in every way.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use polytomic_shim::contract::{Contract, Version};
use polytomic_shim::rules::{Rule, Rules};

use crate::client::{Got, ask};
use crate::fault::{self, Deed, Fault, Heard};
use crate::front::{self, Cell, Front, until};
use crate::judge::{Case, Must, Role, check, must, operation};
use crate::requests::{self, Asked};
use crate::support::{Shim, raw, soon};

/// Requests at once: enough to overlap the waits, few enough for a machine with two cores.
const AT_ONCE: usize = 48;

/// A request, the rule for it, its answer when nothing fails, and the calls that may.
pub struct Row {
    pub asked: Asked,
    pub rule: Arc<Rule>,
    pub healthy: Got,
    pub points: Vec<Point>,
}

/// An upstream call: what it asks, its place among all, and what it is for.
pub struct Point {
    pub call: String,
    pub place: usize,
    pub role: Role,
    /// The status of the true answer.
    pub status: Option<u16>,
}

/// Sends every request once with nothing failing.
pub async fn rows(front: &Front, shim: &Shim) -> Vec<Row> {
    let rules = Rules::embedded().unwrap();
    let mut rows = Vec::new();
    for (number, asked) in requests::all().into_iter().enumerate() {
        let rule = rules.iter().find(|rule| rule.id == asked.rule()).unwrap().clone();
        let cell = Arc::new(Cell::new(asked.key, asked.writes_as));
        front.add(number, cell.clone());
        let healthy = ask(shim.address, &asked, number).await.unwrap();
        let body = healthy.json();
        assert!(healthy.status < 300, "{}: {}", asked.name, healthy.body);
        assert_eq!(healthy.header("x-shim-rule"), Some(asked.rule()), "{}", asked.name);
        let findings = body.map(|body| operation(&asked).check_answer(200, &body));
        assert_eq!(findings.unwrap_or_default(), [], "{}", asked.name);
        let points = points(&asked, &rule, &cell);
        rows.push(Row { asked, rule, healthy, points });
    }
    let asked: BTreeSet<&str> = rows.iter().map(|row| row.asked.rule()).collect();
    let missing: Vec<_> = rules.iter().filter(|rule| !asked.contains(rule.id.as_str())).collect();
    assert!(missing.is_empty(), "rules without a request: {missing:?}");
    rows
}

/// One call of each kind: of twenty items the first is like the others.
fn points(asked: &Asked, rule: &Rule, cell: &Cell) -> Vec<Point> {
    let mut kinds = BTreeSet::new();
    let mut written = false;
    let mut points = Vec::new();
    for (place, call) in cell.calls().into_iter().enumerate() {
        let (method, target) = call.call.split_once(' ').unwrap();
        let path = target.split('?').next().unwrap();
        let operation = Contract::of(Version::Upstream).find(method, path).unwrap().operation;
        let role = Role::of(asked, rule, &call.call, written);
        written |= call.is_write();
        if kinds.insert((operation.id.clone(), target.contains("page_token"))) {
            points.push(Point { call: call.call, place, role, status: call.status });
        }
    }
    points
}

/// One cell of the matrix.
struct Trial<'a> {
    row: &'a Row,
    point: &'a Point,
    fault: &'static Fault,
    once: bool,
}

/// Deadlines of whole requests.
const LISTS: &str = "7s";
const OTHERS: &str = "3s";

impl Trial<'_> {
    /// Whether the request is one of those that take many calls.
    fn is_list(&self) -> bool {
        self.row.points.iter().any(|point| matches!(point.role, Role::Listed | Role::Logs))
    }

    fn deadline(&self) -> &'static str {
        if self.is_list() { LISTS } else { OTHERS }
    }
}

/// Where a trial takes place.
struct Place {
    front: Front,
    shim: Shim,
}

impl Place {
    async fn new(calls: Option<usize>, upstream_timeout: &str, deadline: &str) -> Self {
        let front = Front::start(calls).await;
        let flags = [
            ("upstream_timeout", upstream_timeout),
            ("deadline", deadline),
            ("max_upstream_body", "1MiB"),
        ];
        let shim = Shim::with_webhook(&front.origin, &flags).await;
        Self { front, shim }
    }

    /// Ends the shim, and checks that nothing of it is left.
    async fn end(self, what: &str) {
        let Self { front, shim } = self;
        let silent = || front.open().1 == 0;
        until("no request is left upstream", silent).await;
        assert_eq!(front.late_writes(), 0, "{what}: writes after the answer");
        assert_eq!(in_flight(&shim).await, "0", "{what}: requests under way");
        shim.stop.send(()).await.unwrap();
        soon(shim.ending).await.unwrap();
        until("no connection is left upstream", || front.open().0 == 0).await;
    }
}

/// The gauge, as an operator sees it.
pub async fn in_flight(shim: &Shim) -> String {
    let text =
        raw(shim.admin, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let line = text.lines().find(|line| line.starts_with("polytomic_shim_in_flight"));
    line.unwrap_or_else(|| panic!("{text}")).rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_every_translation_fails_in_every_way() {
    let begun = Instant::now();
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let faults: &'static [Fault] = Box::leak(fault::all().into_boxed_slice());
    front::bomb("br").await;
    // Lists take many calls; what is tried again and again ends with the deadline.
    let listing = Place::new(None, "20s", LISTS).await;
    let quick = Place::new(None, "20s", OTHERS).await;
    let hanging = Place::new(None, "2s", "20s").await;
    let rows = rows(&quick.front, &quick.shim).await;

    let mut trials = Vec::new();
    for row in &rows {
        for (point, fault) in
            row.points.iter().flat_map(|point| faults.iter().map(move |fault| (point, fault)))
        {
            trials.push(Trial { row, point, fault, once: false });
            // Once is told apart from always only where the shim asks again.
            let again = must(&row.rule, point.role, fault, true, point.status) == Must::Succeed;
            if again && fault.heard.passes() && !matches!(fault.deed, Deed::Refuse) {
                trials.push(Trial { row, point, fault, once: true });
            }
        }
    }
    let total = trials.len();
    let results: Vec<(&Row, &Fault, Result<(), String>)> =
        stream::iter(trials.into_iter().enumerate())
            .map(|(number, trial)| {
                let (quick, listing, hanging) = (&quick, &listing, &hanging);
                async move {
                    let place = match trial.fault.deed {
                        Deed::Hang(_) => hanging,
                        _ if trial.is_list() => listing,
                        _ => quick,
                    };
                    let result = run(&trial, place, 1000 + number).await;
                    (trial.row, trial.fault, result)
                }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
    quick.end("quick").await;
    listing.end("listing").await;
    hanging.end("hanging").await;
    until("every task has ended", || tasks() <= before).await;

    let failed: Vec<_> = results.iter().filter_map(|(.., result)| result.as_ref().err()).collect();
    println!("{}", table(&rows, faults, &results));
    println!("{total} cells, {} failed, {:.0?}", failed.len(), begun.elapsed());
    println!("left: no task, no connection, no request under way");
    let shown: String = failed.iter().take(40).map(|text| format!("{text}\n")).collect();
    assert!(failed.is_empty(), "\n{shown}");
    assert_eq!(results.len(), total);
}

async fn run(trial: &Trial<'_>, place: &Place, number: usize) -> Result<(), String> {
    let Trial { row, point, fault, once } = trial;
    let asked = &row.asked;
    let mut cell = Cell::new(asked.key, asked.writes_as);
    let refusing = match fault.deed {
        Deed::Refuse => Some(Place::new(Some(point.place), "20s", trial.deadline()).await),
        _ => None,
    };
    cell.failing = Some((point.call.clone(), fault));
    cell.times = if *once { 1 } else { usize::MAX };
    let cell = Arc::new(cell);
    let place = refusing.as_ref().unwrap_or(place);
    place.front.add(number, cell.clone());
    let got = ask(place.shim.address, asked, number).await;
    place.front.remove(number);
    let calls = cell.calls();
    let must = must(&row.rule, point.role, fault, *once, point.status);
    let healthy = &row.healthy;
    let case = Case { asked, role: point.role, fault, must, once: *once, healthy };
    let mut result = check(&case, got.as_ref(), &calls);
    if result.is_ok() && cell.fired() == 0 && refusing.is_none() {
        result = Err("the fault never happened".to_owned());
    }
    if let Some(place) = refusing {
        place.end("refusing").await;
    }
    let times = if *once { "once" } else { "always" };
    result.map_err(|error| {
        let (name, call) = (asked.name, &point.call);
        format!("{name} · {call} · {} {times} · {must:?} · {error}", fault.name)
    })
}

/// Rows are requests, columns groups of faults; `9` cells, or `9!2` with two failed.
fn table(rows: &[Row], faults: &[Fault], results: &[(&Row, &Fault, Result<(), String>)]) -> String {
    let mut groups: Vec<&str> = Vec::new();
    for fault in faults {
        if !groups.contains(&fault.group) {
            groups.push(fault.group);
        }
    }
    let mut counts: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for (row, fault, result) in results {
        let (all, failed) = counts.entry((row.asked.name, fault.group)).or_default();
        *all += 1;
        *failed += usize::from(result.is_err());
    }
    let mut text = format!("{:<34}calls", "translation \\ failure");
    for group in &groups {
        let _ = write!(text, "{group:>9}");
    }
    for row in rows {
        let _ = write!(text, "\n{:<34}{:>5}", row.asked.name, row.points.len());
        for group in &groups {
            let cell = match counts.get(&(row.asked.name, *group)) {
                None => "-".to_owned(),
                Some((all, 0)) => all.to_string(),
                Some((all, failed)) => format!("{all}!{failed}"),
            };
            let _ = write!(text, "{cell:>9}");
        }
    }
    text
}

/// What the table promises of itself: whoever adds a fault says what can be known of it.
#[test]
fn faults_are_told_apart() {
    let faults = fault::all();
    let names: BTreeSet<&str> = faults.iter().map(|fault| fault.name).collect();
    assert_eq!(names.len(), faults.len());
    for fault in &faults {
        // What upstream said to a write, it must have done.
        let says = matches!(fault.heard, Heard::Good | Heard::Accepted(_) | Heard::Garbage);
        assert!(!says || fault.applied, "{}", fault.name);
    }
}
