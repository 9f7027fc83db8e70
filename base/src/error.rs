//! The one error type of the core. A kind maps to one Python exception class (`python/src/error.rs` does it, nobody
//! else). Texts are built in cold functions so that hot paths carry only a branch.

use std::fmt;

/// What went wrong, as PyTorch classifies it; each kind is one Python exception class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `RuntimeError`: shapes, autograd misuse, most refusals of PyTorch.
    Runtime,
    /// `TypeError`: an argument of the wrong type, an unknown keyword.
    Type,
    /// `ValueError`: the right type, an impossible value.
    Value,
    /// `IndexError`: a dimension or an index out of range.
    Index,
    /// `NotImplementedError`: the operator exists, but not for this dtype or device.
    NotImplemented,
    /// `torch.OutOfMemoryError`: an allocation was refused.
    OutOfMemory,
    /// `KeyError`.
    Key,
    /// `torch.linalg.LinAlgError`: a matrix that is singular, not positive definite, without convergence.
    LinAlg,
    /// `AssertionError`: PyTorch checks this argument with `assert`.
    Assertion,
    /// An exception of Python's that passed through the core (a hook, a custom Function); its object is in `payload`.
    Foreign,
}

/// Error of the core: a kind, a text, and for [`Kind::Foreign`] the exception that Python raised.
///
/// The text's first line is PyTorch's sentence and all that `str(e)` gives in Python, since programs print and compare it.
/// What teaches beyond it (values, a remedy) stands after a line break and becomes a note of the exception. The operator
/// and its arguments are added by the one path of every call (`op::call`), not by operators.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    text: String,
    call: Option<String>,
    payload: Option<Box<dyn std::any::Any + Send + Sync>>,
}

static WARN: std::sync::OnceLock<fn(&str) -> Result<()>> = std::sync::OnceLock::new();

/// Called once by the binding: how to warn the user.
pub fn set_warn(f: fn(&str) -> Result<()>) {
    _ = WARN.set(f);
}

/// Warns the user; an error where the user turned warnings into errors. Silent without a host.
pub fn warn(text: &str) -> Result<()> {
    WARN.get().map_or(Ok(()), |f| f(text))
}

/// Result with the core's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A new error of the given kind.
    #[cold]
    pub fn new(kind: Kind, text: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, text: text.into(), call: None, payload: None }))
    }

    /// An exception of a host language that is carried through the core unchanged.
    #[cold]
    pub fn foreign(text: impl Into<String>, payload: Box<dyn std::any::Any + Send + Sync>) -> Error {
        Error(Box::new(Inner { kind: Kind::Foreign, text: text.into(), call: None, payload: Some(payload) }))
    }

    /// The class of the error.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// PyTorch's sentence.
    pub fn text(&self) -> &str {
        self.0.text.split_once('\n').map_or(&self.0.text, |(first, _)| first)
    }

    /// What stands beyond the sentence: the remedy, then the call that failed.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.0.text.split_once('\n').map(|(_, rest)| rest).into_iter().chain(self.0.call.as_deref())
    }

    /// Says in which call it happened; the outermost call, which the user wrote, speaks last and stays.
    #[cold]
    pub fn within(mut self, call: impl FnOnce() -> String) -> Error {
        if self.0.kind != Kind::Foreign {
            self.0.call = Some(call());
        }
        self
    }

    /// Takes the host's exception out, if this error carries one.
    pub fn take_payload(&mut self) -> Option<Box<dyn std::any::Any + Send + Sync>> {
        self.0.payload.take()
    }

    /// The same error with its text changed by `f`.
    #[cold]
    pub fn map_text(mut self, f: impl FnOnce(&str) -> String) -> Error {
        self.0.text = f(&self.0.text);
        self
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)?;
        match &self.0.call {
            Some(call) => write!(f, "\n{call}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Returns early with an error: `bail!(Index, "dimension {d} ...")`.
#[macro_export]
macro_rules! bail {
    ($kind:ident, $($fmt:tt)+) => {
        return Err($crate::error::Error::new($crate::error::Kind::$kind, format!($($fmt)+)))
    };
}

/// An `Err` value: `.ok_or_else(|| err!(Value, "..."))`.
#[macro_export]
macro_rules! err {
    ($kind:ident, $($fmt:tt)+) => {
        $crate::error::Error::new($crate::error::Kind::$kind, format!($($fmt)+))
    };
}
