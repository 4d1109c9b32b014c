//! The reads that come before a request: the current resource, and what else its lenses need.

use http::{Method, StatusCode};

use super::answer::read;
use super::{Job, Question, defect};
use crate::failure::Failure;
use crate::json::{Array, Object, Text};
use crate::lens::invalid;
use crate::message::{UpstreamRequest, UpstreamResponse};
use crate::rules::path::Path;
use crate::rules::template::{Template, target};
use crate::rules::{AlsoRead, Single};

/// The reads of one request, and what they were answered.
#[derive(Debug, Default)]
pub(super) struct Reads {
    planned: Vec<Planned>,
}

#[derive(Debug)]
struct Planned {
    /// Which of the rule's further reads this is; none for the resource itself.
    also: Option<usize>,
    answer: Option<UpstreamResponse>,
}

/// What became of an answer.
pub(super) enum Taken {
    /// Others are still under way.
    Waiting,
    /// All are there.
    Complete,
    /// Upstream refused this one.
    Refused(UpstreamResponse),
}

impl Reads {
    /// The reads that a rule wants for a job and the body that the client sent, with ids from `first` on;
    /// none where it wants none.
    pub(super) fn plan(
        single: &Single,
        job: &Job,
        first: usize,
        body: Option<&Object<'_>>,
    ) -> Result<(Self, Vec<Question>), Failure> {
        let mut reads = Self::default();
        let mut questions = Vec::new();
        let Some((path, _)) = &single.read else { return Ok((reads, questions)) };
        reads.add(path, None, None, job, first, &mut questions)?;
        for (place, also) in single.also_read.iter().enumerate() {
            let value = body.and_then(|body| body.present(&also.when));
            let Some(value) = value.filter(|value| !value.is_empty_array()) else { continue };
            match &also.each {
                None => reads.add(&also.path, Some(place), None, job, first, &mut questions)?,
                Some(key) => {
                    for item in items_with(&value, key) {
                        reads.add(
                            &also.path,
                            Some(place),
                            Some(&item),
                            job,
                            first,
                            &mut questions,
                        )?;
                    }
                }
            }
        }
        Ok((reads, questions))
    }

    fn add(
        &mut self,
        path: &Template,
        also: Option<usize>,
        item: Option<&Text<'_>>,
        job: &Job,
        first: usize,
        questions: &mut Vec<Question>,
    ) -> Result<(), Failure> {
        let path = path.fill(&job.bindings, item)?;
        let request = UpstreamRequest::new(Method::GET, target(&path, None)?);
        questions.push(Question { id: first + self.planned.len(), urgent: false, request });
        self.planned.push(Planned { also, answer: None });
        Ok(())
    }

    /// Takes the answer of the read at `place`. An item that is not there is simply not read: what
    /// the request says of it is upstream's to judge.
    pub(super) fn take(
        &mut self,
        single: &Single,
        place: usize,
        answer: UpstreamResponse,
    ) -> Result<Taken, Failure> {
        let planned =
            self.planned.get_mut(place).ok_or_else(|| defect("a read nobody asked for"))?;
        let also = planned.also.and_then(|also| single.also_read.get(also));
        let may_lack =
            also.is_some_and(|also| also.each.is_some()) && answer.status == StatusCode::NOT_FOUND;
        if !answer.status.is_success() && !may_lack {
            return Ok(Taken::Refused(answer));
        }
        planned.answer = Some(answer);
        let all = self.planned.iter().all(|planned| planned.answer.is_some());
        Ok(if all { Taken::Complete } else { Taken::Waiting })
    }

    /// The current resource, with further reads as members.
    pub(super) fn current(&self, single: &Single) -> Result<Option<Object<'static>>, Failure> {
        let Some((_, take)) = &single.read else { return Ok(None) };
        let Some(main) = self.answers(None).next() else { return Ok(None) };
        let resource = taken(main, take)?.and_then(Text::into_object);
        let mut resource = resource.ok_or_else(|| invalid(take.source(), "an object"))?;
        for (place, also) in single.also_read.iter().enumerate() {
            if let Some(value) = self.value(place, also)? {
                resource.set(also.name.clone(), value);
            }
        }
        Ok(Some(resource))
    }

    fn value(&self, place: usize, also: &AlsoRead) -> Result<Option<Text<'static>>, Failure> {
        let there = || invalid(also.take.source(), "there");
        if also.each.is_none() {
            let answer = self.answers(Some(place)).next();
            return answer.map(|answer| taken(answer, &also.take)?.ok_or_else(there)).transpose();
        }
        let found = self.answers(Some(place)).filter(|answer| answer.status.is_success());
        let values = found.map(|answer| taken(answer, &also.take)?.ok_or_else(there));
        let values: Array<'static> = values.collect::<Result<_, _>>()?;
        Ok(Some(values.to_text()))
    }

    fn answers(&self, also: Option<usize>) -> impl Iterator<Item = &UpstreamResponse> {
        self.planned
            .iter()
            .filter(move |planned| planned.also == also)
            .filter_map(|planned| planned.answer.as_ref())
    }
}

/// The objects of a list that have a key.
fn items_with<'a>(list: &Text<'a>, key: &str) -> Vec<Text<'a>> {
    let items = list.clone().into_array().map(Array::into_items).unwrap_or_default();
    let has = |item: &Text<'_>| item.object().is_some_and(|object| object.present(key).is_some());
    items.into_iter().filter(has).collect()
}

fn taken(answer: &UpstreamResponse, take: &Path) -> Result<Option<Text<'static>>, Failure> {
    Ok(take.first(&read(&answer.body)?).map(Text::into_owned))
}
