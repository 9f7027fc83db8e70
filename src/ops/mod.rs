//! THE OPERATORS, one literal each, by topic. A file's table `OPS` joins the list below; nothing else is registered
//! anywhere.

use crate::error::Result;
use crate::op::arg::Arg;
use crate::op::call::{Mode, call_as, only};
use crate::op::{Op, record, registry, steps};
use crate::tensor::Tensor;

pub mod activation;
pub mod adaptive;
pub mod attention;
pub mod binary;
pub mod blocks;
pub mod build;
pub mod conv;
pub mod copy;
pub mod create;
pub mod dropout;
pub mod einsum;
pub mod embedding;
pub mod extremes;
pub mod fft;
pub mod forms;
pub mod gather;
pub mod grid_sample;
pub mod grids;
pub mod index;
pub mod join;
pub mod linalg;
pub mod loss;
pub mod loss_class;
pub mod loss_rows;
pub mod matmul;
pub mod norm;
mod norm_grad;
pub mod norms;
pub mod optim;
pub mod pad;
pub mod polynomial;
pub mod pooling;
pub mod products;
pub mod random;
pub mod rearrange;
pub mod reduce;
pub mod resample;
pub mod rnn;
pub mod rnn_step;
pub mod sample;
pub mod scan;
pub mod search;
pub mod short;
pub mod softmax;
pub mod sort;
pub mod sparse;
pub mod sparse_math;
pub mod special;
pub mod spectrum;
pub mod statistics;
pub mod unary;
pub mod view;
pub mod windows;

pub use activation::*;
pub use adaptive::*;
pub use attention::*;
pub use binary::*;
pub use blocks::*;
pub use build::*;
pub use conv::*;
pub use copy::*;
pub use create::*;
pub use dropout::*;
pub use einsum::*;
pub use embedding::*;
pub use extremes::*;
pub use fft::*;
pub use forms::*;
pub use gather::*;
pub use grid_sample::*;
pub use grids::*;
pub use index::*;
pub use join::*;
pub use linalg::*;
pub use loss::*;
pub use loss_class::*;
pub use loss_rows::*;
pub use matmul::*;
pub use norm::*;
pub use norms::*;
pub use optim::*;
pub use pad::*;
pub use polynomial::*;
pub use pooling::*;
pub use products::*;
pub use random::*;
pub use rearrange::*;
pub use reduce::*;
pub use resample::*;
pub use rnn::*;
pub use rnn_step::*;
pub use sample::*;
pub use scan::*;
pub use search::*;
pub use softmax::*;
pub use sort::*;
pub use sparse::*;
pub use sparse_math::*;
pub use special::*;
pub use spectrum::*;
pub use statistics::*;
pub use unary::*;
pub use view::*;
pub use windows::*;

// `sample` stands before `random`: overloads that take tensors are tried before those that take numbers.
static TABLES: &[&[&Op]] = &[
    activation::OPS,
    adaptive::OPS,
    attention::OPS,
    binary::OPS,
    blocks::OPS,
    build::OPS,
    conv::OPS,
    copy::OPS,
    create::OPS,
    dropout::OPS,
    einsum::OPS,
    embedding::OPS,
    extremes::OPS,
    fft::OPS,
    forms::OPS,
    gather::OPS,
    grid_sample::OPS,
    grids::OPS,
    index::OPS,
    join::OPS,
    linalg::derived::OPS,
    linalg::exponential::OPS,
    linalg::factor::OPS,
    linalg::orthogonal::OPS,
    linalg::solve::OPS,
    linalg::spectral::OPS,
    linalg::spectral_derived::OPS,
    loss::OPS,
    loss_class::OPS,
    loss_rows::OPS,
    matmul::OPS,
    norm::OPS,
    norms::OPS,
    optim::OPS,
    pad::OPS,
    polynomial::OPS,
    pooling::OPS,
    products::OPS,
    rearrange::OPS,
    reduce::OPS,
    sample::OPS,
    random::OPS,
    resample::OPS,
    rnn::OPS,
    rnn_step::OPS,
    scan::OPS,
    search::OPS,
    softmax::OPS,
    sort::OPS,
    sparse::OPS,
    sparse_math::OPS,
    special::OPS,
    spectrum::OPS,
    statistics::OPS,
    unary::OPS,
    view::OPS,
    windows::OPS,
];

/// Makes the operators known. Every entry point calls it, the operators' Rust functions too; the second time it costs a load.
#[inline]
pub fn init() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        registry::install(TABLES);
        record::init();
        steps::install(&STEPS);
    });
}

/// What `op/` needs of the operators.
static STEPS: steps::Steps = steps::Steps {
    sum_to: |t, sizes| sum_to_size(t, sizes),
    spread: |t, sizes| expand(t, sizes, false),
    scale: |t, by| mul(t.into(), by.into()),
    convert: |t, dtype| _to_dtype(t, dtype, None),
    copy: |t| duplicate(t, None),
    write: |to, from| copy_(to, from, false).map(|_| ()),
    clear: |t| zero_(t).map(|_| ()),
    strided: |t, l| as_strided(t, &l.sizes, &l.strides, Some(l.offset)),
    pairs: |t| view_as_real(t),
    complex: |t| view_as_complex(t),
};

/// `a += b`, in place.
pub fn add_(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    only(call_as(&binary::add::OP, &[Arg::Tensor(a), Arg::Tensor(b), Arg::None], Mode::InPlace(a))?)
}

#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod table_tests;
