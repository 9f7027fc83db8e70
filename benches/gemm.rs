//! GEMM: squares, transposed operands, thin and batched shapes, every element type; each with its fraction of the cores' peak,
//! which a loop of independent FMAs measures in the same run. Threads: `RTORCH_NUM_THREADS`.

mod machine;

use criterion::Criterion;
use machine::{Bound, row};
use rtorch::dtype::DType;
use rtorch::kernels::cpu::gemm::{Gemm, Matrix, gemm};
use std::hint::black_box;

struct Row {
    name: &'static str,
    dtype: DType,
    batch: usize,
    m: usize,
    n: usize,
    k: usize,
    /// A, B stored transposed.
    ta: bool,
    tb: bool,
    /// B shared by the batch.
    one_b: bool,
}

fn rows() -> Vec<Row> {
    use DType::*;
    let r = |name, dtype, batch, m, n, k, ta, tb| Row { name, dtype, batch, m, n, k, ta, tb, one_b: false };
    let f = |name, m, n, k| r(name, F32, 1, m, n, k, false, false);
    vec![
        f("square_2", 2, 2, 2),
        f("square_8", 8, 8, 8),
        f("square_16", 16, 16, 16),
        f("square_32", 32, 32, 32),
        f("square_64", 64, 64, 64),
        f("square_96", 96, 96, 96),
        f("square_128", 128, 128, 128),
        f("square_256", 256, 256, 256),
        f("square_512", 512, 512, 512),
        f("square_1024", 1024, 1024, 1024),
        f("square_2048", 2048, 2048, 2048),
        r("at_b_512", F32, 1, 512, 512, 512, true, false),
        r("a_bt_512", F32, 1, 512, 512, 512, false, true),
        r("at_bt_512", F32, 1, 512, 512, 512, true, true),
        r("at_b_1024", F32, 1, 1024, 1024, 1024, true, false),
        r("a_bt_1024", F32, 1, 1024, 1024, 1024, false, true),
        r("a_bt_64", F32, 1, 64, 64, 64, false, true),
        r("at_b_64", F32, 1, 64, 64, 64, true, false),
        f("tall_65536x64_64x64", 65536, 64, 64),
        f("skinny_64x4096_4096x64", 64, 64, 4096),
        f("inner_8x65536_65536x8", 8, 8, 65536),
        f("matvec_1024", 1024, 1, 1024),
        f("matvec_4096", 4096, 1, 4096),
        f("vecmat_1024", 1, 1024, 1024),
        r("row1_linear_4096", F32, 1, 1, 4096, 4096, false, true),
        r("row8_linear_2048", F32, 1, 8, 2048, 2048, false, true),
        f("dot_1M", 1, 1, 1 << 20),
        f("outer_1000", 1000, 1000, 1),
        r("bmm_64x64x64", F32, 64, 64, 64, 64, false, false),
        r("bmm_256x16x16", F32, 256, 16, 16, 16, false, false),
        r("attn_qk_8x4x128x32", F32, 32, 128, 128, 32, false, true),
        r("attn_pv_8x4x128x32", F32, 32, 128, 32, 128, false, false),
        Row { one_b: true, ..r("matmul_3d_2d", F32, 8, 128, 512, 128, false, false) },
        r("f64_256", F64, 1, 256, 256, 256, false, false),
        r("f64_1024", F64, 1, 1024, 1024, 1024, false, false),
        r("bf16_256", BF16, 1, 256, 256, 256, false, false),
        r("bf16_1024", BF16, 1, 1024, 1024, 1024, false, false),
        r("bf16_a_bt_1024", BF16, 1, 1024, 1024, 1024, false, true),
        r("f16_512", F16, 1, 512, 512, 512, false, false),
        r("int64_128", I64, 1, 128, 128, 128, false, false),
        r("c64_256", C64, 1, 256, 256, 256, false, false),
        r("linear_8x16x16", F32, 1, 8, 16, 16, false, true),
        r("linear_64x784x128", F32, 1, 64, 128, 784, false, true),
        r("linear_512x1024x1024", F32, 1, 512, 1024, 1024, false, true),
        r("narrow_4096x512x2", F32, 1, 4096, 2, 512, false, false),
        r("narrow_1000x10x128", F32, 1, 1000, 10, 128, false, true),
    ]
}

/// Values that are numbers in any dtype: bytes of 1.0 for floats, 1 for integers.
fn fill(d: DType, n: usize) -> Vec<u64> {
    let word: u64 = match d {
        DType::F32 | DType::C64 => 0x3F80_0000_3F80_0000,
        DType::F64 => 0x3FF0_0000_0000_0000,
        DType::BF16 => 0x3F80_3F80_3F80_3F80,
        DType::F16 => 0x3C00_3C00_3C00_3C00,
        _ => 1,
    };
    vec![word; (n * d.size()).div_ceil(8) + 8]
}

/// Operations a second of this type as a multiple of f32's: by the lanes of a vector, and a dot product of pairs for bf16.
fn peak_of(d: DType) -> f64 {
    match d {
        DType::F64 | DType::I64 => 0.5,
        DType::BF16 => 2.0,
        _ => 1.0,
    }
}

fn products(c: &mut Criterion) {
    for r in rows() {
        let (mut a, mut b, mut y) = (
            fill(r.dtype, r.batch * r.m * r.k),
            fill(r.dtype, if r.one_b { 1 } else { r.batch } * r.k * r.n),
            fill(r.dtype, r.batch * r.m * r.n),
        );
        let strides = |t: bool, rows: usize, cols: usize| if t { (1, rows as i64) } else { (cols as i64, 1) };
        let (sa, sb) = (strides(r.ta, r.m, r.k), strides(r.tb, r.k, r.n));
        let ba = [(r.m * r.k) as i64];
        let bb = [if r.one_b { 0 } else { (r.k * r.n) as i64 }];
        let by = [(r.m * r.n) as i64];
        let batch = [r.batch];
        let mat = |p: &mut Vec<u64>, s: (i64, i64)| Matrix::new(p.as_mut_ptr().cast(), s.0, s.1);
        let ma = Matrix { batch_strides: &ba, ..mat(&mut a, sa) };
        let mb = Matrix { batch_strides: &bb, ..mat(&mut b, sb) };
        let my = Matrix { batch_strides: &by, ..mat(&mut y, (r.n as i64, 1)) };
        let mut g = Gemm::new(r.dtype, r.m, r.n, r.k, ma, mb, my);
        g.batch = &batch;
        let flops = 2.0 * (r.batch * r.m * r.n * r.k) as f64 * if r.dtype.is_complex() { 4.0 } else { 1.0 };
        row(c, r.name, Bound::Flops(flops, peak_of(r.dtype)), || {
            // SAFETY: the vectors cover the matrices.
            unsafe { gemm(black_box(&g)) }.expect("memory for panels");
        });
    }
}

fn main() {
    let mut c = machine::criterion();
    products(&mut c);
    c.final_summary();
}
