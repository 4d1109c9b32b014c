//! The operations of the legacy contract, found by method and path without allocating.
//!
//! The list is made with the program: reading the schemas of [`crate::contract`] would cost every
//! process megabytes for what counting does not need.

use std::sync::{Arc, LazyLock};

use http::Method;

/// The id of requests that are none of the contract's operations.
pub const UNKNOWN: &str = "(unknown)";

/// The id of webhook deliveries: their receiver is the one that still reads 2024-02-08.
pub const DELIVERY: &str = "webhooks.delivery";

/// What is served as 2024-02-08 and that its contract leaves out: there is a rule for it, or it
/// comes the other way.
const BESIDES: [(&str, &str, &str); 2] = [
    ("GET", "/api/connections/{parent_connection_id}/share", "connections.list_share"),
    ("POST", "/webhooks/{name}", DELIVERY),
];

/// All operations of 2024-02-08, and one more for everything else, which comes last.
#[derive(Debug)]
pub struct Operations {
    named: Vec<Operation>,
    nodes: Vec<Node>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// Method and path template, such as `GET /api/syncs/{id}`; what stands for every other one is
    /// said in words.
    pub request: String,
}

/// A place in the tree of path segments.
#[derive(Debug, Default)]
struct Node {
    literals: Vec<(String, usize)>,
    parameter: Option<usize>,
    methods: Vec<(Method, u16)>,
}

/// Method, path template and `operationId` of each operation of the contract, out of the document.
const OF_THE_CONTRACT: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/operations.rs"));

impl Default for Operations {
    fn default() -> Self {
        let mut all = Self { named: Vec::new(), nodes: vec![Node::default()] };
        for (method, path, id) in OF_THE_CONTRACT.iter().chain(&BESIDES) {
            all.add(method, path, (*id).to_owned());
        }
        all.named.push(Operation {
            id: UNKNOWN.to_owned(),
            request: "any other method or path".to_owned(),
        });
        all
    }
}

impl Operations {
    /// The operations, read once for the whole process.
    pub fn shared() -> &'static Arc<Self> {
        static SHARED: LazyLock<Arc<Operations>> = LazyLock::new(Arc::default);
        &SHARED
    }

    /// The id of an operation by its number.
    pub fn named(&self, number: u16) -> &str {
        self.named.get(usize::from(number)).map_or(UNKNOWN, |operation| operation.id.as_str())
    }

    fn add(&mut self, method: &str, path: &str, id: String) {
        let mut place = 0;
        for segment in segments(path) {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(place) else { return };
            let known = match segment.starts_with('{') {
                true => *node.parameter.get_or_insert(fresh),
                false => match node.literals.iter().find(|(literal, _)| literal == segment) {
                    Some((_, child)) => *child,
                    None => {
                        node.literals.push((segment.to_owned(), fresh));
                        fresh
                    }
                },
            };
            if known == fresh {
                self.nodes.push(Node::default());
            }
            place = known;
        }
        let (Ok(number), Ok(name)) = (u16::try_from(self.named.len()), method.parse()) else {
            return;
        };
        if let Some(node) = self.nodes.get_mut(place) {
            node.methods.push((name, number));
            self.named.push(Operation { id, request: format!("{method} {path}") });
        }
    }

    /// The number of the operation of a request. Literals go before parameters, and a slash at the
    /// end makes no difference. Escapes are not resolved: whoever writes `/api/%73yncs` is counted
    /// as unknown.
    pub fn find(&self, method: &Method, path: &str) -> u16 {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        self.below(0, method, Some(path)).unwrap_or_else(|| self.unknown())
    }

    fn below(&self, place: usize, method: &Method, rest: Option<&str>) -> Option<u16> {
        let node = self.nodes.get(place)?;
        let Some(rest) = rest else {
            return node.methods.iter().find(|(own, _)| own == method).map(|(_, number)| *number);
        };
        let (segment, rest) = match memchr::memchr(b'/', rest.as_bytes()) {
            Some(slash) => {
                let (segment, rest) = rest.split_at(slash);
                (segment, rest.get(1..))
            }
            None => (rest, None),
        };
        let literal = node.literals.iter().find(|(literal, _)| literal == segment);
        let found = literal.and_then(|(_, child)| self.below(*child, method, rest));
        found.or_else(|| match segment.is_empty() {
            true => None,
            false => self.below(node.parameter?, method, rest),
        })
    }

    /// The number that stands for what is none of the operations: the last one.
    pub fn unknown(&self) -> u16 {
        u16::try_from(self.named.len().saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// Each operation in the order of the numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Operation> {
        self.named.iter()
    }

    /// The number of an operation by its id.
    pub fn by_id(&self, id: &str) -> Option<u16> {
        let place = self.named.iter().position(|operation| operation.id == id)?;
        u16::try_from(place).ok()
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.trim_matches('/').split('/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Contract, Version};

    fn id<'o>(operations: &'o Operations, method: &str, path: &str) -> &'o str {
        let number = operations.find(&method.parse().unwrap(), path);
        &operations.named[usize::from(number)].id
    }

    #[test]
    fn every_operation_of_the_contract_is_found_as_the_contract_finds_it() {
        let operations = Operations::default();
        let contract = Contract::of(Version::Legacy);
        assert_eq!(operations.iter().len(), contract.operations().count() + BESIDES.len() + 1);
        for operation in contract.operations() {
            let path = operation.template.replace(['{', '}'], "_");
            let found = contract.find(&operation.method, &path).unwrap().operation;
            assert_eq!(id(&operations, &operation.method, &path), found.id, "{path}");
            assert_eq!(id(&operations, &operation.method, &operation.template), operation.id);
        }
    }

    #[test]
    fn every_rule_is_for_an_operation() {
        let operations = Operations::default();
        for rule in crate::rules::Rules::embedded().unwrap().iter() {
            let found = operations.find(&rule.method, rule.path.source());
            assert_ne!(operations.named(found), UNKNOWN, "{}", rule.id);
        }
    }

    #[test]
    fn what_the_contract_does_not_know_is_one() {
        let operations = Operations::default();
        for (method, path) in [
            ("GET", "/"),
            ("GET", ""),
            ("GET", "/api"),
            ("GET", "/api//syncs"),
            ("PATCH", "/api/syncs/1"),
            ("GET", "/api/syncs/1/2/3/4/5"),
            ("HEAD", "/api/syncs"),
            ("GET", "/api/syncs//"),
        ] {
            assert_eq!(id(&operations, method, path), UNKNOWN, "{method} {path}");
        }
        assert_eq!(id(&operations, "GET", "/api/syncs/"), "model_sync.list");
        assert_eq!(
            id(&operations, "GET", "/api/bulk/syncs/status"),
            "bulk_sync.executions.list_status"
        );
        assert_eq!(id(&operations, "GET", "/api/bulk/syncs/7"), "bulk_sync.get");
    }
}
