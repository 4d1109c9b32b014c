//! Translating by a rule that was chosen by what is remembered of the caller, which may be wrong by
//! now.

use http::{Method, StatusCode};

use super::{Choice, Chosen, Exchange, Outcome};
use crate::boxed::boxed;
use crate::message::LegacyRequest;
use crate::upstream::{Envelope, Upstream};

/// What became of a request whose rule was chosen.
pub(super) enum Turn {
    /// It has an answer.
    Answered(Box<Outcome>),
    /// It is a read, and its caller is another than was remembered, so that another rule may be for
    /// it, or none.
    Contradicted(LegacyRequest),
}

impl<U: Upstream> Exchange<U> {
    /// Answers a request by its rule; a contradicted read once more, by the rule that a fresh
    /// verdict leads to. None means that no rule is for it then, and it is to be forwarded.
    pub async fn translate(
        &self,
        chosen: Chosen,
        request: LegacyRequest,
        envelope: &Envelope,
    ) -> Option<Outcome> {
        let request = match self.translate_once(chosen, request, envelope).await {
            Turn::Answered(outcome) => return Some(*outcome),
            Turn::Contradicted(request) => request,
        };
        match Box::pin(self.choose_for(&request, envelope)).await {
            Ok(Choice::Forward) => None,
            Ok(Choice::Translate(fresh)) => Some(self.run(fresh, request, envelope).await),
            Err(refused) => Some(*refused),
        }
    }

    /// Answers a request by its rule, unless upstream contradicts who was thought to call.
    ///
    /// A 403 on a route that was chosen by a remembered verdict does: the verdict is forgotten, and
    /// a read can be tried once more with a fresh one.
    pub(super) async fn translate_once(
        &self,
        chosen: Chosen,
        request: LegacyRequest,
        envelope: &Envelope,
    ) -> Turn {
        let (fingerprint, from_memory) = (chosen.fingerprint, chosen.from_memory);
        if !from_memory {
            return Turn::Answered(Box::new(self.run(chosen, request, envelope).await));
        }
        let outcome = boxed(|| self.run(chosen, request.clone(), envelope)).await;
        if outcome.response.status != StatusCode::FORBIDDEN {
            return Turn::Answered(Box::new(outcome));
        }
        self.callers.forget(&fingerprint);
        match request.method == Method::GET {
            true => Turn::Contradicted(request),
            false => Turn::Answered(Box::new(outcome)),
        }
    }

    /// The rule for a request, as its caller is known now.
    pub(super) async fn choose_for(
        &self,
        request: &LegacyRequest,
        envelope: &Envelope,
    ) -> Result<Choice, Box<Outcome>> {
        let candidates = self.candidates(&request.method, request.target.path());
        self.choose(candidates, envelope).await
    }
}
