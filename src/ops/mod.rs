//! THE OPERATORS, one literal each, by topic. A file's table `OPS` joins the list below; nothing else is registered
//! anywhere.

pub mod activation;
pub mod binary;
pub mod copy;
pub mod create;
pub mod embedding;
pub mod gather;
pub mod grids;
pub mod index;
pub mod join;
pub mod matmul;
pub mod rearrange;
pub mod reduce;
pub mod unary;
pub mod view;

pub use activation::*;
pub use binary::*;
pub use copy::*;
pub use create::*;
pub use embedding::*;
pub use gather::*;
pub use grids::*;
pub use index::*;
pub use join::*;
pub use matmul::*;
pub use rearrange::*;
pub use reduce::*;
pub use unary::*;
pub use view::*;

use crate::error::Result;
use crate::op::arg::Arg;
use crate::op::call::{Mode, call_as, only};
use crate::op::{Op, record, registry};
use crate::tensor::Tensor;

static TABLES: &[&[&Op]] = &[
    unary::OPS,
    binary::OPS,
    activation::OPS,
    reduce::OPS,
    view::OPS,
    copy::OPS,
    create::OPS,
    join::OPS,
    index::OPS,
    gather::OPS,
    embedding::OPS,
    rearrange::OPS,
    grids::OPS,
    matmul::OPS,
];

/// Makes the operators known. Every entry point that needs the list calls it; it costs nothing the second time.
pub fn init() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        registry::install(TABLES);
        record::init();
    });
}

/// `a += b`, in place.
pub fn add_(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    only(call_as(&binary::add::OP, &[Arg::Tensor(a), Arg::Tensor(b), Arg::None], Mode::InPlace(a))?)
}
