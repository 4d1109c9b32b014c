//! Staged rollout: which requests are translated, and how translated answers compare with
//! upstream's own legacy answers while it still gives them.

pub mod view;
