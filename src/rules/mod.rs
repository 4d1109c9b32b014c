//! Rule files and what they compile to.

pub mod path;
pub mod template;
