//! THE OPERATORS, one literal each, by topic. A file's table `OPS` joins the list below; nothing else is registered
//! anywhere.

use crate::error::Result;
use crate::op::arg::Arg;
use crate::op::call::{Mode, call_as, only};
use crate::op::{Op, record, registry};
use crate::tensor::Tensor;

pub mod activation;
pub mod binary;
pub mod conv;
pub mod copy;
pub mod create;
pub mod dropout;
pub mod embedding;
pub mod gather;
pub mod index;
pub mod join;
pub mod loss;
pub mod matmul;
pub mod norm;
mod norm_grad;
pub mod pad;
pub mod pooling;
pub mod random;
pub mod rearrange;
pub mod reduce;
pub mod sample;
pub mod softmax;
pub mod unary;
pub mod view;

pub use activation::*;
pub use binary::*;
pub use conv::*;
pub use copy::*;
pub use create::*;
pub use dropout::*;
pub use embedding::*;
pub use gather::*;
pub use index::*;
pub use join::*;
pub use loss::*;
pub use matmul::*;
pub use norm::*;
pub use pad::*;
pub use pooling::*;
pub use random::*;
pub use rearrange::*;
pub use reduce::*;
pub use sample::*;
pub use softmax::*;
pub use unary::*;
pub use view::*;

// `sample` stands before `random`: overloads that take tensors are tried before those that take numbers.
static TABLES: &[&[&Op]] = &[
    activation::OPS,
    binary::OPS,
    conv::OPS,
    copy::OPS,
    create::OPS,
    dropout::OPS,
    embedding::OPS,
    gather::OPS,
    index::OPS,
    join::OPS,
    loss::OPS,
    matmul::OPS,
    norm::OPS,
    pad::OPS,
    pooling::OPS,
    rearrange::OPS,
    reduce::OPS,
    sample::OPS,
    random::OPS,
    softmax::OPS,
    unary::OPS,
    view::OPS,
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

#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod table_tests;
