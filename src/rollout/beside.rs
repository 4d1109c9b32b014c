//! What runs beside a request, or after it: the other version is asked, and the two answers are
//! compared. Nobody waits for it, and it only reads.
//!
//! Answers that differ are asked for again, in this order: the translation runs once more, with
//! everything that is said written down, and then legacy is asked a second time. What changed
//! meanwhile differs between the two legacy answers, and is noise.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use tokio::sync::oneshot;

use super::capture::{Evidence, sample};
use super::compare::{Answer, Content, Context, Found, compare};
use super::gone::{Sign, sign};
use super::guarded::Guarded;
use super::state::Rollout;
use super::verdict::{Verdict, settle, without_noise};
use crate::caller::Fingerprint;
use crate::disclosure::Report;
use crate::exchange::{Choice, Exchange, Outcome};
use crate::failure::Key;
use crate::message::{LegacyRequest, Origins, UpstreamRequest};
use crate::rules::Rule;
use crate::server::Pass;
use crate::upstream::{Envelope, UpstreamClient, decode_body};

pub(super) use super::guarded::Room;

/// A request whose answers are compared. It has no body.
pub struct Asked {
    /// Path and query.
    pub target: PathAndQuery,
    /// What all calls have in common.
    pub envelope: Envelope,
    /// Who asked.
    pub caller: Fingerprint,
    /// Where upstream and the shim are.
    pub origins: Option<Origins>,
}

/// One comparison, with its place among those that run at once.
pub struct Beside {
    rollout: Rollout,
    rules: Vec<Arc<Rule>>,
    asked: Arc<Asked>,
    exchange: Exchange<Guarded>,
    budget: usize,
    _place: Pass,
}

/// A translated answer.
struct Translated {
    rule: Arc<Rule>,
    answer: Answer,
    report: Report,
}

/// What came of trying to translate.
enum Turn {
    Answered(Box<Translated>),
    /// The request comes under a rule that is not compared, or under none.
    Elsewhere,
    Failed,
}

impl Beside {
    /// Takes a place for comparing what one of `rules` makes of a request; none where there is
    /// none, which is counted for the first of them.
    pub fn prepare(
        rollout: &Rollout,
        rules: Vec<Arc<Rule>>,
        exchange: &Exchange<UpstreamClient>,
        asked: impl FnOnce() -> Asked,
    ) -> Option<Self> {
        let limits = rollout.limits();
        let first = rules.first()?.id.clone();
        let Some(place) = rollout.room().enter(&limits) else {
            rollout.compared(&first, Verdict::Skipped, 0);
            return None;
        };
        let mut asked = asked();
        asked.envelope.deadline = tokio::time::Instant::now() + limits.deadline;
        let budget = limits.memory / limits.comparisons.max(1);
        let guarded = Guarded::new(
            exchange.upstream().clone(),
            rollout.clone(),
            Arc::new(AtomicUsize::new(budget)),
        );
        let exchange = exchange.beside(guarded, rollout.room().unseen.clone());
        let rollout = rollout.clone();
        let asked = Arc::new(asked);
        Some(Self { rollout, rules, asked, exchange, budget, _place: place })
    }

    /// The largest answer that can be compared, in bytes.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Compares the legacy answer that the caller is getting, once it is there as a whole, with
    /// what the translation makes of the request meanwhile.
    pub async fn shadow(
        self,
        (status, headers): (StatusCode, HeaderMap),
        pieces: oneshot::Receiver<Vec<Bytes>>,
    ) {
        let pieces = tokio::time::timeout_at(self.asked.envelope.deadline, pieces);
        let (pieces, turn) = tokio::join!(pieces, self.translate(&self.exchange));
        let translated = match turn {
            Turn::Elsewhere => return,
            Turn::Failed => return self.end(&self.first(), Verdict::Failed, 0),
            Turn::Answered(translated) => translated,
        };
        // The caller has left, or the answer is too large to be kept.
        let Ok(Ok(pieces)) = pieces else {
            return self.end(&translated.rule.id, Verdict::Skipped, 0);
        };
        let body = match pieces.len() {
            1 => pieces.into_iter().next().unwrap_or_default(),
            _ => pieces.concat().into(),
        };
        let body = decode_body(headers.get_all(CONTENT_ENCODING), body, self.budget).await;
        let Some(body) = body.ok().filter(|body| self.exchange.upstream().take(body.len())) else {
            return self.end(&translated.rule.id, Verdict::Skipped, 0);
        };
        if self.is_refused(sign(status, &headers, &body)).await {
            return self.end(&translated.rule.id, Verdict::Failed, 0);
        }
        self.conclude(read(status.as_u16(), body).await, Arc::from(translated)).await;
    }

    /// Compares a translated answer, which the caller has, with upstream's legacy one.
    pub async fn verify(self, rule: Arc<Rule>, outcome: Outcome) {
        let Some(translated) = answered(rule.clone(), outcome).await else {
            return self.end(&rule.id, Verdict::Failed, 0);
        };
        let Some(legacy) = self.legacy().await else {
            return self.end(&rule.id, Verdict::Failed, 0);
        };
        self.conclude(legacy, Arc::new(translated)).await;
    }

    async fn conclude(&self, legacy: Arc<Answer>, translated: Arc<Translated>) {
        let rule = translated.rule.clone();
        let end = |verdict, noise| self.end(&rule.id, verdict, noise);
        let Some((found, is_tolerated)) = self.differences(&legacy, &translated).await else {
            return end(Verdict::Failed, 0);
        };
        if found.is_empty() {
            return end(if is_tolerated { Verdict::Tolerated } else { Verdict::Same }, 0);
        }
        let taped = self.exchange.apart(self.exchange.upstream().taped());
        let Turn::Answered(again) = self.translate(&taped).await else {
            return end(Verdict::Failed, 0);
        };
        let (Some(second), Some((found, _))) =
            (self.legacy().await, self.differences(&legacy, &Arc::from(again)).await)
        else {
            return end(Verdict::Failed, 0);
        };
        let evidence = Evidence {
            rule: rule.clone(),
            asked: self.asked.clone(),
            kind: self.exchange.pinned(),
            tape: taped.upstream().tape(),
            legacy,
            found,
        };
        let rollout = self.rollout.clone();
        let kept = aside(move || keep(&rollout, evidence, &second)).await;
        match kept {
            Some((true, noise)) => end(Verdict::Different, noise),
            Some((false, noise)) => end(Verdict::Noise, noise),
            None => end(Verdict::Failed, 0),
        }
    }

    async fn differences(
        &self,
        legacy: &Arc<Answer>,
        translated: &Arc<Translated>,
    ) -> Option<(Vec<Found>, bool)> {
        let (legacy, translated) = (legacy.clone(), translated.clone());
        let (asked, tolerances) = (self.asked.clone(), self.rollout.tolerances());
        let compared = aside(move || {
            let Translated { rule, answer, report } = &*translated;
            let found = compare(&legacy, answer, &context(rule, &asked));
            settle(found, &rule.id, &tolerances, (answer, report))
        });
        compared.await
    }

    async fn translate(&self, exchange: &Exchange<Guarded>) -> Turn {
        let envelope = &self.asked.envelope;
        let target = self.asked.target.clone();
        let candidates = exchange.candidates(&Method::GET, target.path());
        // Addresses of upstream stay, as in the answer that this is compared with.
        let request =
            LegacyRequest { method: Method::GET, target, body: Bytes::new(), origins: None };
        let (rule, outcome) = match exchange.choose(candidates, envelope).await {
            Ok(Choice::Forward) => return Turn::Elsewhere,
            Ok(Choice::Translate(chosen)) => {
                let rule = chosen.rule().clone();
                if !self.rules.iter().any(|own| own.id == rule.id) {
                    return Turn::Elsewhere;
                }
                let Some(outcome) = exchange.translate(chosen, request, envelope).await else {
                    return Turn::Elsewhere;
                };
                (rule, outcome)
            }
            Err(refused) => match self.rules.first() {
                Some(rule) => (rule.clone(), *refused),
                None => return Turn::Elsewhere,
            },
        };
        answered(rule, outcome).await.map_or(Turn::Failed, |own| Turn::Answered(Box::new(own)))
    }

    /// Upstream's legacy answer; none where there is none that says anything.
    async fn legacy(&self) -> Option<Arc<Answer>> {
        let request = UpstreamRequest::new(Method::GET, self.asked.target.clone());
        let answer = self.exchange.upstream().ask_legacy(&request, &self.asked.envelope).await;
        let answer = answer.ok()?;
        let refused = self.is_refused(sign(answer.status, &answer.headers, &answer.body)).await;
        if refused || answer.status.is_server_error() {
            return None;
        }
        Some(read(answer.status.as_u16(), answer.body).await)
    }

    /// Whether an answer is no legacy one, because upstream may not serve 2024-02-08 any more:
    /// there is nothing to compare with then, and upstream is asked what it serves.
    async fn is_refused(&self, sign: Sign) -> bool {
        self.rollout.heard(sign);
        if self.rollout.should_ask() {
            ask(&self.rollout, self.exchange.upstream(), &self.asked.envelope).await;
        }
        sign == Sign::Refused
    }

    fn first(&self) -> String {
        self.rules.first().map(|rule| rule.id.clone()).unwrap_or_default()
    }

    fn end(&self, rule: &str, verdict: Verdict, noise: usize) {
        self.rollout.compared(rule, verdict, noise);
    }
}

/// The answer as far as it says something of the translation: not where upstream was out of reach,
/// or the comparison was given up.
async fn answered(rule: Arc<Rule>, outcome: Outcome) -> Option<Translated> {
    let key = outcome.failure.as_ref().map(|failure| failure.key);
    let is_of_the_way = matches!(
        key,
        Some(
            Key::UpstreamUnreachable
                | Key::UpstreamCut
                | Key::UpstreamTimeout
                | Key::Overloaded
                | Key::TooManyTranslations
                | Key::ShuttingDown
        )
    );
    let status = outcome.response.status;
    let is_of_upstream =
        key.is_none() && (status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS);
    if is_of_the_way || is_of_upstream {
        return None;
    }
    let (report, body) = (outcome.report, outcome.response.body);
    aside(move || {
        let answer = Answer::new(status.as_u16(), body.to_bytes());
        Translated { rule, answer, report }
    })
    .await
}

/// Takes the noise out of what differs, and keeps a sample of the rest; tells whether there is any,
/// and at how many places legacy disagreed with itself.
fn keep(rollout: &Rollout, mut evidence: Evidence, second: &Answer) -> (bool, usize) {
    let noise = compare(&evidence.legacy, second, &context(&evidence.rule, &evidence.asked));
    evidence.found = without_noise(evidence.found, &noise);
    let differs = !evidence.found.is_empty();
    if differs {
        sample(rollout, &evidence);
    }
    (differs, noise.len())
}

fn context(rule: &Rule, asked: &Asked) -> Context<'static> {
    Context::new(rule.method.as_str(), rule.path.source(), asked.origins.clone())
}

async fn read(status: u16, body: Bytes) -> Arc<Answer> {
    let unread = Answer { status, body: Content::Bytes(Bytes::new()) };
    Arc::new(aside(move || Answer::new(status, body)).await.unwrap_or(unread))
}

/// Does work on a thread that serves nobody: answers may be megabytes. None if it panicked.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Asks upstream in both versions who is calling, to learn whether it still serves 2024-02-08.
pub(crate) async fn ask_what_is_served(
    rollout: Rollout,
    client: UpstreamClient,
    mut envelope: Envelope,
) {
    envelope.deadline = tokio::time::Instant::now() + rollout.limits().deadline;
    let budget = Arc::new(AtomicUsize::new(64 << 10));
    let guarded = Guarded::new(client, rollout.clone(), budget);
    ask(&rollout, &guarded, &envelope).await;
}

async fn ask(rollout: &Rollout, guarded: &Guarded, envelope: &Envelope) {
    use crate::upstream::Upstream as _;
    let me = || UpstreamRequest::new(Method::GET, PathAndQuery::from_static("/api/me"));
    let legacy = guarded.ask_legacy(&me(), envelope).await;
    let upstream = guarded.call(&me(), envelope).await;
    let legacy = match &legacy {
        Ok(answer) => sign(answer.status, &answer.headers, &answer.body),
        Err(_) => Sign::None,
    };
    rollout.told(legacy, upstream.is_ok_and(|answer| answer.status.is_success()));
}
