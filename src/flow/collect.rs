//! A list, walked page by page, each item perhaps completed by a read of its own.
//!
//! The next page is asked for as soon as its token is known, before the reads of the page it came
//! with, so that the walk and the reads overlap. Order is upstream's. A list comes whole or not at
//! all: half a list is worse than none.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::answer::{document, down_into, error_answer, members_down_into, strip_validators};
use super::single::query;
use super::{Answer, Flow, Job, Progress, Question, defect};
use crate::disclosure::Report;
use crate::failure::{Failure, Key};
use crate::json::{Object, Text};
use crate::lens::invalid;
use crate::message::{Content, LegacyResponse, UpstreamRequest, UpstreamResponse};
use crate::rules::{Calls, Collect};

/// Collect, complete.
pub(super) struct CollectFlow {
    job: Job,
    report: Report,
    /// The first page's envelope without its items, and its headers.
    first: Option<(String, HeaderMap)>,
    items: Items,
    /// Of a list whose items are completed: from the first whose read is not answered yet.
    slots: VecDeque<Slot>,
    /// How many slots there were before those.
    settled: usize,
    pages: usize,
    walked: bool,
    tokens: HashSet<String>,
    ids: HashSet<Box<str>, foldhash::fast::RandomState>,
}

/// The place of one item.
enum Slot {
    /// It is read.
    Awaited,
    /// It is gone.
    Gone,
    /// It waits for its turn.
    Waiting(Box<Waiting>),
}

/// An item that is to be written behind those before it.
struct Waiting {
    /// Its legacy view.
    item: String,
    report: Report,
}

/// The items of the answer so far, one behind another, in pieces.
#[derive(Default)]
struct Items {
    full: Vec<Bytes>,
    open: String,
    count: usize,
}

/// Bytes after which a piece ends: few enough that none is ever copied as it grows large, and
/// enough that a socket is not asked to write each item by itself.
const PIECE: usize = 38 << 10;
/// Room for a piece and the item that ends it; most are smaller than what is between the two. A little
/// less than 40 KiB, for which the allocator would take 48.
const ROOM: usize = (40 << 10) - 16;

impl Items {
    /// Makes room for items of so many bytes in all, unless there is some: growing from nothing would
    /// copy most of a piece.
    fn expect(&mut self, bytes: usize) {
        if self.open.capacity() == 0 {
            self.open.reserve_exact(bytes.min(ROOM));
        }
    }

    /// Where the next item is to be written.
    fn next(&mut self) -> &mut String {
        if self.open.len() >= PIECE {
            let fresh = String::with_capacity(ROOM);
            self.full.push(std::mem::replace(&mut self.open, fresh).into());
        }
        if self.count > 0 {
            self.open.push(',');
        }
        self.count += 1;
        &mut self.open
    }

    fn into_pieces(self) -> impl Iterator<Item = Bytes> {
        self.full.into_iter().chain([self.open.into()])
    }
}

/// The id of page questions; item `n` is asked for with `n + 1`.
const PAGE: usize = 0;

impl CollectFlow {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            report: Report::default(),
            first: None,
            items: Items::default(),
            slots: VecDeque::new(),
            settled: 0,
            pages: 0,
            walked: false,
            tokens: HashSet::new(),
            ids: HashSet::default(),
        }
    }

    fn ask_page(&self, collect: &Collect, token: Option<&str>) -> Result<Question, Failure> {
        let mut pairs: Vec<String> =
            query(&self.job).filter(|query| !query.is_empty()).into_iter().collect();
        if let Some(pages) = &collect.pages {
            pairs.push(format!("{}={}", pages.size.0, pages.size.1));
            if let Some(token) = token {
                let token = percent_encoding::utf8_percent_encode(
                    token,
                    percent_encoding::NON_ALPHANUMERIC,
                );
                pairs.push(format!("{}={token}", pages.token));
            }
        }
        let path = collect.path.fill(&self.job.bindings, None)?;
        let target = crate::rules::template::target(&path, Some(&pairs.join("&")))?;
        Ok(Question { id: PAGE, urgent: true, request: UpstreamRequest::new(Method::GET, target) })
    }

    fn page(&mut self, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let rule = self.job.rule.clone();
        let Calls::Collect(collect) = &rule.calls else {
            return Err(defect("one request in the flow of a list"));
        };
        if !answer.status.is_success() {
            self.report.took("collect.err_page");
            return Ok(Progress::Done(error_answer(&rule.renamed, answer)));
        }
        let document = document(&answer.body)?;
        let text = document.text();
        let envelope = text.object().ok_or_else(|| invalid("", "an object"))?;
        let items_pointer = format!("/{}", collect.items);
        let items = match envelope.present_value(&collect.items) {
            Some(items) => {
                items.into_array().ok_or_else(|| invalid(&items_pointer, "an array"))?.into_items()
            }
            None => Vec::new(),
        };
        let mut questions = Vec::new();
        self.pages += 1;
        match next_token(collect, &envelope)? {
            Some(token) => questions.push(self.next_page(collect, token)?),
            None => self.walked = true,
        }
        if collect.complete.is_none() {
            self.items.expect(answer.body.len());
        }
        self.ids.reserve(items.len());
        for item in items {
            questions.extend(self.item(collect, &item)?);
        }
        self.report.rebase("");
        if self.first.is_none() {
            self.first = Some((skeleton(envelope.clone(), collect), answer.headers));
        }
        self.progress(questions)
    }

    fn next_page(&mut self, collect: &Collect, token: String) -> Result<Question, Failure> {
        if self.pages >= self.job.max_pages {
            self.report.took("collect.err_too_many_pages");
            let message = format!(
                "Upstream's list has more than {} pages; narrow it with a filter, or raise `max_pages`.",
                self.job.max_pages
            );
            return Err(Failure::new(Key::TooManyPages, message));
        }
        let question = self.ask_page(collect, Some(&token))?;
        if !self.tokens.insert(token) {
            self.report.took("collect.err_repeated_token");
            return Err(Failure::new(
                Key::UpstreamPaging,
                "Upstream's list repeats a page token, so it has no end; try again, and report it if it stays.",
            ));
        }
        self.report.took("collect.next_page");
        Ok(question)
    }

    /// Takes one item of a page; gives the read that completes it.
    fn item(&mut self, collect: &Collect, item: &Text<'_>) -> Result<Option<Question>, Failure> {
        let object = item.object();
        if let Some(unique) = &collect.unique {
            let id = object.as_ref().and_then(|object| unique.first_of(object));
            let id = id
                .map(|id| Box::from(id.as_text()))
                .ok_or_else(|| invalid(unique.source(), "an id"))?;
            if !self.ids.insert(id) {
                self.report.took("collect.seen_twice");
                return Ok(None);
            }
        }
        let Some((template, _)) = &collect.complete else {
            self.add(collect, item, object)?;
            return Ok(None);
        };
        let place = self.settled + self.slots.len();
        self.slots.push_back(Slot::Awaited);
        let path = template.fill(&self.job.bindings, Some(item))?;
        let request =
            UpstreamRequest::new(Method::GET, crate::rules::template::target(&path, None)?);
        Ok(Some(Question { id: place + 1, urgent: false, request }))
    }

    fn completed(&mut self, place: usize, answer: UpstreamResponse) -> Result<Progress, Failure> {
        let rule = self.job.rule.clone();
        let Calls::Collect(collect) = &rule.calls else {
            return Err(defect("one request in the flow of a list"));
        };
        let Some((_, take)) = &collect.complete else {
            return Err(defect("an item nobody asked for"));
        };
        let slot = place.checked_sub(self.settled).and_then(|index| self.slots.get_mut(index));
        let slot = slot.ok_or_else(|| defect("an item without a place"))?;
        if answer.status == StatusCode::NOT_FOUND {
            *slot = Slot::Gone;
            self.report.took("complete.gone");
            self.settle(collect);
            return self.progress(Vec::new());
        }
        if !answer.status.is_success() {
            self.report.took("complete.err_item");
            return Ok(Progress::Done(error_answer(&rule.renamed, answer)));
        }
        let document = document(&answer.body)?;
        let text = document.text();
        let envelope = text.object();
        let item = envelope.as_ref().and_then(|envelope| take.first_of(envelope));
        let item = item.ok_or_else(|| invalid(take.source(), "the item"))?;
        let mut waiting = Waiting { item: String::new(), report: Report::default() };
        down_into(&rule, &item, &mut waiting.report, &mut waiting.item)?;
        waiting.item.shrink_to_fit();
        *slot = Slot::Waiting(Box::new(waiting));
        self.settle(collect);
        self.progress(Vec::new())
    }

    /// Adds an item that is full already.
    fn add(
        &mut self,
        collect: &Collect,
        item: &Text<'_>,
        object: Option<Object<'_>>,
    ) -> Result<(), Failure> {
        let rule = self.job.rule.clone();
        self.report.rebase_to_item(&collect.items, self.items.count);
        let out = self.items.next();
        match object.filter(|_| !rule.lenses.is_empty()) {
            Some(object) => members_down_into(&rule, object, &mut self.report, out)?,
            None => down_into(&rule, item, &mut self.report, out)?,
        }
        Ok(())
    }

    /// Adds the items whose turn has come: nothing is kept twice, and little out of its order.
    fn settle(&mut self, collect: &Collect) {
        while let Some(slot) = self.slots.pop_front_if(|slot| !matches!(slot, Slot::Awaited)) {
            self.settled += 1;
            let Slot::Waiting(waiting) = slot else { continue };
            self.items.expect((waiting.item.len() + 1) * (self.slots.len() + 1));
            if !waiting.report.is_empty() {
                self.report.rebase_to_item(&collect.items, self.items.count);
            }
            self.report.absorb(waiting.report);
            self.items.next().push_str(&waiting.item);
        }
        self.report.rebase("");
    }

    fn progress(&mut self, questions: Vec<Question>) -> Result<Progress, Failure> {
        if !self.walked || !self.slots.is_empty() {
            return Ok(Progress::Ask(questions));
        }
        let (skeleton, headers) =
            self.first.take().ok_or_else(|| defect("a list without a page"))?;
        let (before, after) =
            skeleton.split_once(MARK).ok_or_else(|| defect("a list without a place for items"))?;
        let mut body = Content::default();
        body.push(before.to_owned());
        std::mem::take(&mut self.items).into_pieces().for_each(|piece| body.push(piece));
        body.push(after.to_owned());
        Ok(Progress::Done(LegacyResponse {
            status: StatusCode::OK,
            headers: strip_validators(headers),
            body,
        }))
    }
}

impl Flow for CollectFlow {
    fn start(&mut self) -> Result<Progress, Failure> {
        match &self.job.rule.calls {
            Calls::Collect(collect) => Ok(Progress::Ask(vec![self.ask_page(collect, None)?])),
            Calls::Single(_) | Calls::Coded(_) => Err(defect("one request in the flow of a list")),
        }
    }

    fn answer(&mut self, id: usize, answer: Answer) -> Result<Progress, Failure> {
        let answer = answer?;
        match id.checked_sub(1) {
            None => self.page(answer),
            Some(place) => self.completed(place, answer),
        }
    }

    fn take_report(&mut self) -> Report {
        std::mem::take(&mut self.report)
    }
}

/// Where the items go in a skeleton: a text that no JSON contains.
const MARK: char = '\u{0}';

/// The text of the envelope with [`MARK`] in place of the items.
fn skeleton(mut envelope: Object<'_>, collect: &Collect) -> String {
    for key in &collect.drop {
        envelope.remove(key);
    }
    let mut text = String::new();
    envelope.write_with(&collect.items, &format!("[{MARK}]"), &mut text);
    text
}

/// The token of the next page; none on the last one.
fn next_token(collect: &Collect, page: &Object<'_>) -> Result<Option<String>, Failure> {
    let Some(pages) = &collect.pages else { return Ok(None) };
    let Some(token) = pages.next.first_of(page).filter(|token| !token.is_null()) else {
        return Ok(None);
    };
    let text = token.as_string().ok_or_else(|| invalid(pages.next.source(), "a string"))?;
    Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests;
