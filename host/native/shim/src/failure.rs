//! What a user or an operator can cause: a stable code, what is wrong with which thing, and how to mend it.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
    /// An imperative sentence.
    pub mend: String,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { code, message: message.into(), mend: mend.into() }
    }
}

/// As the command line prints it, in two lines.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}\n  mend: {}", self.code, self.message, self.mend)
    }
}

impl std::error::Error for Failure {}
