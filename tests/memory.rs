//! Memory that kernels take beyond arguments and results, by the allocator's own count. A process of its own: the counters
//! are the process's.

#![allow(clippy::unwrap_used)]

use rtorch::memory::alloc;
use rtorch::{DType, Device, Tensor, autograd, ops};

const MIB: usize = 1 << 20;

fn bytes(t: &Tensor) -> usize {
    t.numel() as usize * t.dtype().size()
}

/// What `f` gives, and the most memory that was in use above what it began with.
fn peak<R>(f: impl FnOnce() -> R) -> (R, usize) {
    alloc::reset_peak();
    let before = alloc::stats().allocated;
    let r = f();
    (r, alloc::stats().peak - before)
}

fn tensor(sizes: &[i64], dtype: DType, grad: bool) -> Tensor {
    let t = ops::full(sizes, 0.01.into(), Some(dtype), Some(Device::Cpu)).unwrap();
    if grad {
        t.set_requires_grad(true).unwrap();
    }
    t
}

/// Runs `f` on an input and a weight, and its gradients; neither may take 4 MiB beyond its results.
fn check(name: &str, x: &[i64], w: &[i64], dtype: DType, f: impl Fn(&Tensor, &Tensor) -> Tensor) {
    let (x, w) = (tensor(x, dtype, true), tensor(w, dtype, true));
    let (y, most) = peak(|| f(&x, &w));
    assert!(bytes(&x) + bytes(&y) > 16 * MIB, "{name}: too small to tell anything");
    assert!(most <= bytes(&y) + 4 * MIB, "{name} forward: {most} bytes for a result of {}", bytes(&y));
    let g = tensor(&y.sizes(), dtype, false);
    // `grad`, not `backward`: accumulating into leaves has its own costs.
    let wanted = [x.clone(), w.clone()];
    let (of, most) = peak(|| autograd::grad(&[y], &wanted, &[Some(g)], autograd::Options::default()).unwrap());
    let results = bytes(&x) + bytes(&w);
    assert!(most <= results + 4 * MIB, "{name} backward: {most} bytes for gradients of {results}");
    assert!(of.len() == 2 && of.iter().all(Option::is_some));
}

#[test]
fn kernels_take_no_memory_of_the_size_of_their_work() {
    let f = DType::F32;
    // Each thread has buffers of its own.
    rtorch::device::cpu::pool::set_num_threads(2);
    check("conv1d", &[2, 64, 40000], &[64, 64, 5], f, |x, w| ops::conv1d(x, w, None, &[1], &[2], &[1], 1).unwrap());
    check("conv2d", &[8, 32, 128, 128], &[32, 32, 3, 3], f, |x, w| {
        ops::conv2d(x, w, None, &[1, 1], &[1, 1], &[1, 1], 1).unwrap()
    });
    check("conv2d in bfloat16", &[8, 64, 128, 128], &[32, 64, 3, 3], DType::BF16, |x, w| {
        ops::conv2d(x, w, None, &[1, 1], &[1, 1], &[1, 1], 1).unwrap()
    });
    check("conv2d with stride, dilation and groups", &[8, 32, 192, 192], &[32, 8, 3, 3], f, |x, w| {
        ops::conv2d(x, w, None, &[2, 2], &[2, 2], &[2, 2], 4).unwrap()
    });
    check("depthwise conv2d", &[8, 64, 96, 96], &[64, 1, 3, 3], f, |x, w| {
        ops::conv2d(x, w, None, &[1, 1], &[1, 1], &[1, 1], 64).unwrap()
    });
    check("conv3d", &[2, 8, 48, 64, 64], &[8, 8, 3, 3, 3], f, |x, w| {
        ops::conv3d(x, w, None, &[1, 1, 1], &[1, 1, 1], &[1, 1, 1], 1).unwrap()
    });
    check("conv_transpose1d", &[2, 64, 20000], &[64, 32, 4], f, |x, w| {
        ops::conv_transpose1d(x, w, None, &[2], &[1], &[0], 1, &[1]).unwrap()
    });
    check("conv_transpose2d", &[4, 32, 96, 96], &[32, 32, 4, 4], f, |x, w| {
        ops::conv_transpose2d(x, w, None, &[2, 2], &[1, 1], &[0, 0], 1, &[1, 1]).unwrap()
    });
    check("conv_transpose3d", &[2, 16, 24, 32, 32], &[16, 16, 2, 2, 2], f, |x, w| {
        ops::conv_transpose3d(x, w, None, &[2, 2, 2], &[0, 0, 0], &[0, 0, 0], 1, &[1, 1, 1]).unwrap()
    });

    // Attention over 4096 rows: the weights would be 64 MiB for each of two heads.
    let sizes = [1, 2, 4096, 32];
    let [q, k, v] = [0, 1, 2].map(|_| tensor(&sizes, f, true));
    let (y, most) = peak(|| ops::scaled_dot_product_attention(&q, &k, &v, None, 0.0, true, None, false).unwrap());
    assert!(most <= bytes(&y) + 4 * MIB, "attention forward: {most} bytes");
    let g = tensor(&sizes, f, false);
    let (_, most) =
        peak(|| autograd::grad(&[y], &[q.clone(), k, v], &[Some(g)], autograd::Options::default()).unwrap());
    // Three gradients, and the gradient of the query once more for each part of the keys (eight tasks for two heads).
    assert!(most <= (3 + 4) * bytes(&q) + 4 * MIB, "attention backward: {most} bytes");
}
