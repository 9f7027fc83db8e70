//! Against a naive loop in f64, over sizes, strides, dtypes, epilogues, batches and instruction sets.

use super::*;
use crate::device::cpu::isa::best;

/// A small generator, so that a failure repeats.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
    /// Small multiples of 1/8: sums are exact in f32, and halves hold them.
    fn value(&mut self) -> f64 {
        (self.below(33) as f64 - 16.0) / 8.0
    }
}

fn isas() -> Vec<Isa> {
    [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|&i| i <= best()).collect()
}

/// Memory of a matrix with some layout: the bytes, and the offset and strides in elements.
struct Held {
    bytes: Vec<u8>,
    off: i64,
    rs: i64,
    cs: i64,
}

/// One of: rows adjacent, columns adjacent, padded, gaps in both, negative, and (if `zero`) broadcast.
fn held(rng: &mut Rng, rows: usize, cols: usize, size: usize, zero: bool) -> Held {
    let (r, c) = (rows.max(1) as i64, cols.max(1) as i64);
    let (mut off, rs, cs) = match rng.below(if zero { 8 } else { 6 }) {
        0 => (0, c, 1),
        1 => (0, 1, r),
        2 => (3, c + 5, 1),
        3 => (1, 1, r + 3),
        4 => (0, 2 * c + 1, 2),
        5 => (0, -c, 1),
        6 => (0, 0, 1),
        _ => (0, 1, 0),
    };
    if rs < 0 {
        off += -rs * (r - 1);
    }
    let last = off + rs.max(0) * (r - 1) + cs.max(0) * (c - 1);
    Held { bytes: vec![0xFF; (last as usize + 1) * size], off, rs, cs }
}

fn put(dtype: DType, bytes: &mut [u8], at: i64, v: f64) {
    let at = at as usize;
    macro_rules! w {
        ($v:expr) => {{
            let b = $v.to_ne_bytes();
            bytes[at * b.len()..(at + 1) * b.len()].copy_from_slice(&b);
        }};
    }
    match dtype {
        DType::F32 => w!((v as f32)),
        DType::F64 => w!(v),
        DType::F16 => w!(f16::from_f64(v).to_bits()),
        DType::BF16 => w!(bf16::from_f64(v).to_bits()),
        DType::U8 => w!((v as i64 as u8)),
        DType::I8 => w!((v as i64 as i8)),
        DType::I16 => w!((v as i64 as i16)),
        DType::I32 => w!((v as i64 as i32)),
        DType::I64 => w!((v as i64)),
        _ => panic!("complex has a test of its own"),
    }
}

fn get(dtype: DType, bytes: &[u8], at: i64) -> f64 {
    let at = at as usize;
    macro_rules! r {
        ($t:ty) => {{
            let n = size_of::<$t>();
            <$t>::from_ne_bytes(bytes[at * n..(at + 1) * n].try_into().expect("size"))
        }};
    }
    match dtype {
        DType::F32 => r!(f32) as f64,
        DType::F64 => r!(f64),
        DType::F16 => f16::from_bits(r!(u16)).to_f64(),
        DType::BF16 => bf16::from_bits(r!(u16)).to_f64(),
        DType::U8 => r!(u8) as f64,
        DType::I8 => r!(i8) as f64,
        DType::I16 => r!(i16) as f64,
        DType::I32 => r!(i32) as f64,
        DType::I64 => r!(i64) as f64,
        _ => panic!("complex has a test of its own"),
    }
}

fn wrap(dtype: DType, v: f64) -> f64 {
    match dtype {
        DType::U8 => v as i64 as u8 as f64,
        DType::I8 => v as i64 as i8 as f64,
        DType::I16 => v as i64 as i16 as f64,
        _ => v,
    }
}

fn case(rng: &mut Rng, dtype: DType, isa: Isa, m: usize, n: usize, k: usize) {
    let size = dtype.size();
    let float = dtype.is_float();
    let (mut a, mut b) = (held(rng, m, k, size, true), held(rng, k, n, size, true));
    let mut c = held(rng, m, n, size, false);
    let int = |v: f64| if float { v } else { (v * 4.0).trunc() };
    for (h, r, q) in [(&mut a, m, k), (&mut b, k, n), (&mut c, m, n)] {
        for i in 0..r as i64 {
            for j in 0..q as i64 {
                let v = int(rng.value());
                put(dtype, &mut h.bytes, h.off + i * h.rs + j * h.cs, v);
            }
        }
    }
    let alpha = rng.pick(&[1.0, 1.0, 2.0, -1.0]);
    let beta = rng.pick(&[0.0, 0.0, 1.0, 2.0]);
    let relu = rng.below(3) == 0;
    let which = rng.below(4);
    let step = rng.pick(&[1i64, 1, 2]);
    let len = m.max(n).max(1) * 2;
    let mut bias = vec![0u8; len * size];
    for i in 0..len as i64 {
        let v = int(rng.value());
        put(dtype, &mut bias, i, v);
    }
    if beta == 0.0 && float {
        // What C holds must not be read.
        for i in 0..m as i64 {
            for j in 0..n as i64 {
                put(dtype, &mut c.bytes, c.off + i * c.rs + j * c.cs, f64::NAN);
            }
        }
    }
    let before = c.bytes.clone();
    let at = |h: &mut Held| {
        let p = h.bytes.as_mut_ptr().wrapping_offset(h.off as isize * size as isize);
        Matrix::new(p, h.rs, h.cs)
    };
    let mut g = Gemm::new(dtype, m, n, k, at(&mut a), at(&mut b), at(&mut c));
    g.alpha = alpha;
    g.beta = beta;
    g.act = relu.then_some(Activation::Relu);
    g.bias = match which {
        0 => Some(Bias::Col(bias.as_ptr(), step)),
        1 => Some(Bias::Row(bias.as_ptr(), step)),
        _ => None,
    };
    // SAFETY: the vectors cover the matrices.
    unsafe { gemm_with(&g, isa) }.expect("gemm");
    let mut touched = vec![false; c.bytes.len() / size];
    for i in 0..m as i64 {
        for j in 0..n as i64 {
            let mut sum = 0.0;
            let mut scale = 1.0f64;
            for p in 0..k as i64 {
                let x = get(dtype, &a.bytes, a.off + i * a.rs + p * a.cs)
                    * get(dtype, &b.bytes, b.off + p * b.rs + j * b.cs);
                sum += x;
                scale += x.abs();
            }
            let o = c.off + i * c.rs + j * c.cs;
            touched[o as usize] = true;
            let mut want = alpha * sum;
            if beta != 0.0 {
                want += beta * get(dtype, &before, o);
            }
            want += match which {
                0 => get(dtype, &bias, j * step),
                1 => get(dtype, &bias, i * step),
                _ => 0.0,
            };
            if relu && dtype != DType::U8 {
                // Small integers wrap after the activation.
                want = want.max(0.0);
            }
            if relu && dtype == DType::U8 {
                want = want.max(0.0);
            }
            let want = wrap(dtype, want);
            let got = get(dtype, &c.bytes, o);
            let eps = match dtype {
                DType::F16 => 1e-3 * want.abs() + 1e-6 * scale,
                DType::BF16 => 8e-3 * want.abs() + 1e-6 * scale,
                DType::F32 => 1e-6 * scale,
                DType::F64 => 1e-14 * scale,
                _ => 0.0,
            };
            assert!(
                (got - want).abs() <= eps,
                "{dtype:?} {isa:?} m={m} n={n} k={k} at ({i}, {j}): {got} for {want}; a {} {} b {} {} c {} {} alpha \
                 {alpha} beta {beta} bias {which} relu {relu}",
                a.rs,
                a.cs,
                b.rs,
                b.cs,
                c.rs,
                c.cs
            );
        }
    }
    for (i, t) in touched.iter().enumerate() {
        if !t {
            let r = i * size..(i + 1) * size;
            assert_eq!(c.bytes[r.clone()], before[r], "wrote beside C at {i} ({dtype:?} {isa:?} {m} {n} {k})");
        }
    }
}

const REAL: [DType; 9] =
    [DType::F32, DType::F64, DType::F16, DType::BF16, DType::U8, DType::I8, DType::I16, DType::I32, DType::I64];

#[test]
fn small_sizes_all_dtypes() {
    let mut rng = Rng(7);
    for isa in isas() {
        for dtype in REAL {
            for _ in 0..120 {
                let (m, n, k) = (rng.below(20) as usize, rng.below(70) as usize, rng.below(40) as usize);
                case(&mut rng, dtype, isa, m, n, k);
            }
        }
    }
}

#[test]
fn larger_sizes() {
    let mut rng = Rng(11);
    for isa in isas() {
        for dtype in REAL {
            for (m, n, k) in [(130, 150, 300), (17, 500, 70), (200, 9, 530), (1, 100, 600), (100, 1, 600), (1, 1, 3000)]
            {
                case(&mut rng, dtype, isa, m, n, k);
            }
        }
        for (m, n, k) in [
            (8, 8, 5000),
            (33, 1100, 257),
            (400, 100, 16),
            (3, 300, 2100),
            (300, 5, 2100),
            (64, 64, 4500),
            (1, 1, 100_000),
            (1, 80, 9000),
            (8, 8, 20_000),
            (5, 3000, 40),
        ] {
            case(&mut rng, DType::F32, isa, m, n, k);
            case(&mut rng, DType::F64, isa, m, n, k);
        }
    }
}

#[test]
fn edges_have_the_bits_of_the_body() {
    // A column of C is the same number whichever tile it fell into.
    let mut rng = Rng(3);
    let (m, n, k) = (21, 103, 333);
    let a: Vec<f32> = (0..m * k).map(|_| rng.next() as f32 / 1e9).collect();
    let b: Vec<f32> = (0..k * n).map(|_| rng.next() as f32 / 1e9).collect();
    let run = |isa, rows: usize, cols: usize| {
        let mut c = vec![0f32; rows * cols];
        let g = Gemm::new(
            DType::F32,
            rows,
            cols,
            k,
            Matrix::new(a.as_ptr() as *mut u8, k as i64, 1),
            Matrix::new(b.as_ptr() as *mut u8, n as i64, 1),
            Matrix::new(c.as_mut_ptr().cast(), cols as i64, 1),
        );
        // SAFETY: the vectors cover the matrices.
        unsafe { gemm_with(&g, isa) }.expect("gemm");
        c
    };
    for isa in isas() {
        let whole = run(isa, m, n);
        for (rows, cols) in [(17, 100), (20, 97), (19, 90)] {
            let part = run(isa, rows, cols);
            for i in 0..rows {
                for j in 0..cols {
                    assert_eq!(part[i * cols + j].to_bits(), whole[i * n + j].to_bits(), "{isa:?} {i} {j}");
                }
            }
        }
    }
}

#[test]
fn batches_broadcast() {
    let mut rng = Rng(5);
    for (m, n, k) in [(3, 5, 4), (33, 17, 20), (64, 64, 64)] {
        let a: Vec<f64> = (0..4 * m * k).map(|_| rng.value()).collect();
        let b: Vec<f64> = (0..3 * k * n).map(|_| rng.value()).collect();
        let mut c = vec![0f64; 12 * m * n];
        let (mk, kn, mn) = ((m * k) as i64, (k * n) as i64, (m * n) as i64);
        let (sa, sb, sc) = ([mk, 0], [0, kn], [3 * mn, mn]);
        let mat = |p: *const f64, rs: usize, s| Matrix {
            ptr: p as *mut u8,
            row_stride: rs as i64,
            col_stride: 1,
            batch_strides: s,
        };
        let mut g = Gemm::new(
            DType::F64,
            m,
            n,
            k,
            mat(a.as_ptr(), k, &sa),
            mat(b.as_ptr(), n, &sb),
            mat(c.as_mut_ptr(), n, &sc),
        );
        g.batch = &[4, 3];
        // SAFETY: the vectors cover the matrices.
        unsafe { gemm(&g) }.expect("gemm");
        for x in 0..4 {
            for y in 0..3 {
                for i in 0..m {
                    for j in 0..n {
                        let want: f64 = (0..k).map(|p| a[x * m * k + i * k + p] * b[y * k * n + p * n + j]).sum();
                        assert_eq!(c[(x * 3 + y) * m * n + i * n + j], want);
                    }
                }
            }
        }
    }
}

#[test]
fn complex_products() {
    let mut rng = Rng(9);
    for isa in isas() {
        for _ in 0..40 {
            let (m, n, k) = (1 + rng.below(30) as usize, 1 + rng.below(60) as usize, rng.below(300) as usize);
            let a: Vec<f32> = (0..2 * m * k).map(|_| rng.value() as f32).collect();
            let b: Vec<f32> = (0..2 * k * n).map(|_| rng.value() as f32).collect();
            let mut c = vec![1f32; 2 * m * n];
            let flip = rng.below(2) == 0;
            let cm = if flip {
                Matrix::new(c.as_mut_ptr().cast(), 1, m as i64)
            } else {
                Matrix::new(c.as_mut_ptr().cast(), n as i64, 1)
            };
            let am = Matrix::new(a.as_ptr() as *mut u8, k as i64, 1);
            let mut g = Gemm::new(DType::C64, m, n, k, am, Matrix::new(b.as_ptr() as *mut u8, n as i64, 1), cm);
            g.beta = 2.0;
            // SAFETY: the vectors cover the matrices.
            unsafe { gemm_with(&g, isa) }.expect("gemm");
            for i in 0..m {
                for j in 0..n {
                    let (mut re, mut im) = (2.0f32, 2.0f32);
                    for p in 0..k {
                        let (x, y) = (&a[2 * (i * k + p)..], &b[2 * (p * n + j)..]);
                        re += x[0] * y[0] - x[1] * y[1];
                        im += x[0] * y[1] + x[1] * y[0];
                    }
                    let o = 2 * if flip { j * m + i } else { i * n + j };
                    assert_eq!((c[o], c[o + 1]), (re, im), "{isa:?} {m} {n} {k} {i} {j}");
                }
            }
        }
    }
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let mut rng = Rng(21);
    for (m, n, k, tb) in [
        (150, 330, 300, false),
        (1, 4000, 300, true),
        (1, 3000, 700, false),
        (8, 8, 40_000, false),
        (1, 1, 300_000, false),
        (700, 5, 300, false),
    ] {
        let a: Vec<f32> = (0..m * k).map(|_| rng.next() as f32 / 1e9 - 1.0).collect();
        let b: Vec<f32> = (0..k * n).map(|_| rng.next() as f32 / 1e9 - 1.0).collect();
        let run = |threads| {
            pool::set_num_threads(threads);
            let mut c = vec![0f32; m * n];
            let bs = if tb { (1, k as i64) } else { (n as i64, 1) };
            let g = Gemm::new(
                DType::F32,
                m,
                n,
                k,
                Matrix::new(a.as_ptr() as *mut u8, k as i64, 1),
                Matrix::new(b.as_ptr() as *mut u8, bs.0, bs.1),
                Matrix::new(c.as_mut_ptr().cast(), n as i64, 1),
            );
            // SAFETY: the vectors cover the matrices.
            unsafe { gemm(&g) }.expect("gemm");
            c.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
        };
        let one = run(1);
        assert!(one == run(2) && one == run(5), "{m} {n} {k}");
    }
    pool::set_num_threads(2);
}
