//! The two API contracts: routes, and validation of requests and answers against them.
