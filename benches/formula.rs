//! Formulas: pointwise operators on sizes that fit the first cache, the last, and neither.

mod machine;

use criterion::Criterion;
use machine::{Bound, row};
use rtorch::{DType, Device, Tensor, ops};
use std::hint::black_box;

fn filled(sizes: &[i64], x: f64) -> Tensor {
    Tensor::full(sizes, x, DType::F32, Device::Cpu).expect("memory")
}

fn pointwise(c: &mut Criterion) {
    for n in [1 << 10, 1 << 17, 1 << 24] {
        let (a, b) = (filled(&[n], 0.5), filled(&[n], 1.5));
        let bytes = |k: i64| Bound::Bytes((k * 4 * n) as f64);
        row(c, &format!("add_{n}"), bytes(3), || _ = black_box(ops::add((&a).into(), (&b).into(), None)));
        row(c, &format!("mul_number_{n}"), bytes(2), || _ = black_box(ops::mul((&a).into(), 3.0.into())));
        row(c, &format!("exp_{n}"), bytes(2), || _ = black_box(ops::exp(&a)));
        row(c, &format!("tanh_{n}"), bytes(2), || _ = black_box(ops::tanh(&a)));
        row(c, &format!("gelu_{n}"), bytes(2), || _ = black_box(ops::gelu(&a, "none")));
        row(c, &format!("silu_{n}"), bytes(2), || _ = black_box(ops::silu(&a, false)));
        row(c, &format!("lerp_{n}"), bytes(3), || _ = black_box(ops::lerp(&a, &b, 0.3.into())));
        row(c, &format!("addcmul_{n}"), bytes(4), || _ = black_box(ops::addcmul(&a, &b, &b, 0.5.into())));
    }
    let (a, line) = (filled(&[2048, 2048], 0.5), filled(&[2048], 1.5));
    let turned = ops::t(&a).expect("two dimensions");
    let bytes = Bound::Bytes((2048 * 2048 * 8) as f64);
    row(c, "add_a_line_2048", bytes, || _ = black_box(ops::add((&a).into(), (&line).into(), None)));
    let half = ops::slice(&a, 1, Some(0), Some(1024), 1).expect("two dimensions");
    row(c, "mul_half_rows_2048", Bound::Bytes((2048 * 1024 * 8) as f64), || {
        _ = black_box(ops::mul((&half).into(), 2.0.into()))
    });
    let bytes = Bound::Bytes((2048 * 2048 * 12) as f64);
    row(c, "add_transposed_2048", bytes, || _ = black_box(ops::add((&a).into(), (&turned).into(), None)));
}

fn main() {
    let mut c = machine::criterion();
    pointwise(&mut c);
    c.final_summary();
}
