//! The path of a call without work: an operator on one element, with and without a record, and the walk back.

mod machine;

use criterion::Criterion;
use machine::{Bound, row};
use rtorch::{DType, Device, Tensor, autograd, ops};
use std::hint::black_box;

fn calls(c: &mut Criterion) {
    let one = |x: f64| Tensor::full(&[1], x, DType::F32, Device::Cpu).expect("memory");
    let (a, b, leaf) = (one(0.5), one(1.5), one(2.0));
    leaf.set_requires_grad(true).expect("a float leaf");
    row(c, "add", Bound::Calls, || _ = black_box(ops::add((&a).into(), (&b).into(), None)));
    row(c, "exp", Bound::Calls, || _ = black_box(ops::exp(&a)));
    row(c, "sum", Bound::Calls, || _ = black_box(ops::sum_all(&a, None)));
    row(c, "select", Bound::Calls, || _ = black_box(ops::select(&a, 0, 0)));
    row(c, "mm_1x1", Bound::Calls, {
        let m = Tensor::full(&[1, 1], 1.0, DType::F32, Device::Cpu).expect("memory");
        move || _ = black_box(ops::mm(&m, &m))
    });
    row(c, "add_recorded", Bound::Calls, || _ = black_box(ops::add((&leaf).into(), (&b).into(), None)));
    row(c, "mul_forward_and_back", Bound::Calls, || {
        let y = ops::mul((&leaf).into(), (&b).into()).expect("one element");
        autograd::backward(&[y], &[], &[], Default::default()).expect("one element");
    });
}

fn main() {
    let mut c = machine::criterion();
    calls(&mut c);
    c.final_summary();
}
