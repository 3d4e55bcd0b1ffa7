use std::fmt;

/// Why an image was refused, or could not be started. `code` is stable and is the same on every engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageError {
    pub code: &'static str,
    pub message: String,
}

impl ImageError {
    /// Not WebAssembly, or not valid.
    pub const INVALID: &'static str = "E_IMAGE_INVALID";
    /// It wants something from its host.
    pub const IMPORT: &'static str = "E_IMAGE_IMPORT";
    /// It would run code before it is asked to.
    pub const START: &'static str = "E_IMAGE_START";
    /// Its memory can grow.
    pub const MEMORY: &'static str = "E_IMAGE_MEMORY";
    /// A function or the memory is missing, or of another type.
    pub const EXPORT: &'static str = "E_IMAGE_EXPORT";
    /// It speaks another ABI than this host.
    pub const ABI: &'static str = "E_IMAGE_ABI";
    /// A constant that the host needs is missing.
    pub const NAME: &'static str = "E_IMAGE_NAME";
    /// A table is missing, or not where it could be.
    pub const REGION: &'static str = "E_IMAGE_REGION";
    /// It cannot be instantiated: no memory left in this process, or its data does not fit its memory.
    pub const INSTANTIATE: &'static str = "E_IMAGE_INSTANTIATE";

    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ImageError {}
