//! A strict, stateful upstream on loopback for the demo and the tests.
