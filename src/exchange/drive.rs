//! The loops that send what flows ask for.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::session::{Patience, Session};
use crate::boxed::boxed;
use crate::failure::{Failure, Key};
use crate::flow::{Flow, Progress, Question};
use crate::message::LegacyResponse;
use crate::upstream::Upstream;

/// Sends what a flow asks for, at most `concurrency` at once, until it is done.
pub(super) async fn drive<U: Upstream>(
    flow: &mut dyn Flow,
    session: &Session<'_, U>,
    concurrency: usize,
    patience: Patience,
) -> Result<LegacyResponse, Failure> {
    let mut progress = flow.start()?;
    loop {
        let questions = match progress {
            Progress::Done(response) => return Ok(response),
            Progress::Ask(questions) => questions,
        };
        match <[Question; 1]>::try_from(questions) {
            // Most requests take one call, or one after another: nothing is to be kept track of then.
            Ok([Question { id, request, .. }]) => {
                progress = flow.answer(id, session.call(request, patience).await)?;
            }
            Err(questions) => {
                return boxed(|| drive_many(flow, session, questions, concurrency, patience)).await;
            }
        }
    }
}

/// The same, beginning with several.
async fn drive_many<U: Upstream>(
    flow: &mut dyn Flow,
    session: &Session<'_, U>,
    first: Vec<Question>,
    concurrency: usize,
    patience: Patience,
) -> Result<LegacyResponse, Failure> {
    let mut waiting: VecDeque<Question> = VecDeque::new();
    let mut under_way = FuturesUnordered::new();
    let mut progress = Progress::Ask(first);
    loop {
        match progress {
            Progress::Done(response) => return Ok(response),
            Progress::Ask(questions) => {
                for question in questions {
                    if question.urgent {
                        waiting.push_front(question);
                    } else {
                        waiting.push_back(question);
                    }
                }
            }
        }
        while under_way.len() < concurrency.max(1) {
            let Some(Question { id, request, .. }) = waiting.pop_front() else { break };
            under_way.push(async move { (id, session.call(request, patience).await) });
        }
        let Some((id, answer)) = under_way.next().await else {
            return Err(Failure::new(
                Key::Internal,
                "The shim lost track of this request; please report this with the request id.",
            )
            .detail("a flow waits for nothing"));
        };
        progress = flow.answer(id, answer)?;
    }
}
