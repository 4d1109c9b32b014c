use http::HeaderMap;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::message::LegacyRequest;
use crate::rules::Rules;

/// The list of all model syncs, each completed by a read.
fn syncs() -> CollectFlow {
    let (method, path) = (Method::GET, "/api/syncs");
    let candidates = Rules::embedded().unwrap().candidates(&method, path);
    let (rule, bindings) = candidates.for_caller(None).unwrap();
    let target = http::uri::PathAndQuery::from_static(path);
    let request = LegacyRequest { method, target, body: Bytes::new(), origins: None };
    CollectFlow::new(Job { rule, request, bindings, idempotency_key: String::new(), max_pages: 9 })
}

fn answer(status: u16, body: &Value) -> Answer {
    let (status, headers) = (StatusCode::from_u16(status).unwrap(), HeaderMap::new());
    Ok(UpstreamResponse { status, headers, body: body.to_string().into() })
}

/// What each read is answered with: a sync, or that it is gone.
fn read(place: usize, is_gone: bool) -> Answer {
    match is_gone {
        true => answer(404, &json!({})),
        false => {
            let id = format!("sync-{place}");
            // Every other one has an identity that legacy clients are shown in another place.
            let identities = json!({"mappings": if place.is_multiple_of(2) { json!([{"source": id}]) } else { json!([]) }});
            answer(
                200,
                &json!({"data": {"id": id, "identities": identities, "name": "x".repeat(place * 700)}}),
            )
        }
    }
}

/// The list, and what is disclosed, with the reads answered in an order.
fn listed(gone: &[bool], order: &[usize]) -> (Value, Vec<(crate::disclosure::How, String)>) {
    let mut flow = syncs();
    assert!(matches!(flow.start(), Ok(Progress::Ask(_))));
    let items: Vec<Value> =
        (0..gone.len()).map(|place| json!({"id": format!("sync-{place}")})).collect();
    let mut progress = flow.answer(PAGE, answer(200, &json!({"data": items}))).unwrap();
    for place in order {
        assert!(matches!(progress, Progress::Ask(_)), "done before sync {place} was read");
        progress = flow.answer(place + 1, read(*place, gone[*place])).unwrap();
    }
    let Progress::Done(response) = progress else { panic!("every read is answered") };
    let body = serde_json::from_slice(&response.body.to_bytes()).unwrap();
    (body, flow.take_report().entries().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn reads_may_be_answered_in_any_order(
        (gone, order) in prop::collection::vec(prop::bool::weighted(0.2), 1..30).prop_flat_map(|gone| {
            let order: Vec<usize> = (0..gone.len()).collect();
            (Just(gone), Just(order).prop_shuffle())
        }),
    ) {
        let in_turn: Vec<usize> = (0..gone.len()).collect();
        let answered = listed(&gone, &order);
        prop_assert_eq!(&answered, &listed(&gone, &in_turn));
        let disclosed = in_turn.iter().filter(|place| *place % 2 == 0 && !gone[**place]).count();
        prop_assert_eq!(answered.1.len(), disclosed);
        let ids: Vec<&Value> = answered.0["data"].as_array().unwrap().iter().map(|sync| &sync["id"]).collect();
        let there = in_turn.into_iter().filter(|place| !gone[*place]);
        let expected: Vec<Value> = there.map(|place| format!("sync-{place}").into()).collect();
        prop_assert_eq!(ids, expected.iter().collect::<Vec<_>>());
    }
}
