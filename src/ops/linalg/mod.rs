//! Linear algebra. A factorization is a kernel with its gradient in tensor operations; what is made of one (inverse,
//! determinant, rank) is another kernel where that is cheaper, else a composite.

mod base;
pub mod derived;
pub mod exponential;
pub mod factor;
pub mod orthogonal;
pub mod solve;
pub mod spectral;
pub mod spectral_derived;

pub use derived::*;
pub use exponential::*;
pub use factor::*;
pub use orthogonal::*;
pub use solve::*;
pub use spectral::*;
pub use spectral_derived::*;
