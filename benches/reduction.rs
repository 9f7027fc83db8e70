//! Reductions over everything, over rows and over columns; softmax.

mod machine;

use criterion::Criterion;
use machine::{Bound, row};
use rtorch::{DType, Device, Tensor, ops};
use std::hint::black_box;

fn reductions(c: &mut Criterion) {
    for n in [64i64, 1024, 4096] {
        let x = Tensor::full(&[n, n], 0.5, DType::F32, Device::Cpu).expect("memory");
        let bytes = Bound::Bytes((n * n * 4) as f64);
        row(c, &format!("sum_{n}x{n}"), bytes, || _ = black_box(ops::sum_all(&x, None)));
        row(c, &format!("sum_rows_{n}x{n}"), bytes, || _ = black_box(ops::sum(&x, Some(&[1]), false, None)));
        row(c, &format!("sum_columns_{n}x{n}"), bytes, || _ = black_box(ops::sum(&x, Some(&[0]), false, None)));
        row(c, &format!("amax_rows_{n}x{n}"), bytes, || _ = black_box(ops::amax(&x, Some(&[1]), false)));
        let bytes = Bound::Bytes((n * n * 8) as f64);
        row(c, &format!("softmax_{n}x{n}"), bytes, || _ = black_box(ops::softmax(&x, 1, None)));
    }
}

fn main() {
    let mut c = machine::criterion();
    reductions(&mut c);
    c.final_summary();
}
