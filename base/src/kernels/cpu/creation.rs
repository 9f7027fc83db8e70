//! Tensors from nothing: `arange`, `linspace`, `logspace`, `eye`, `one_hot`, `fill`; and `tril`, `triu`. Values are
//! PyTorch's to the last bit, which asks for its order of rounding: fused multiply-adds, and an arange that rounds the
//! start of every vector of 32 bytes.

use super::lines::{GRAIN, Lines, blocks};
use super::num::{Num, Real};
use crate::device::cpu::isa::{Isa, isa};
use crate::dtype::{Complex, DType};
use crate::error::Result;
use crate::kernels::{Operand, Ptr};
use crate::scalar::Scalar;

/// The bytes of a scalar as an element of this dtype, at the front.
pub fn element(dtype: DType, x: Scalar) -> [u64; 2] {
    let mut bytes = [0u64; 2];
    let p = bytes.as_mut_ptr();
    // SAFETY: every dtype fits into the sixteen bytes.
    unsafe {
        match dtype {
            DType::Bool => *(p as *mut u8) = x.truth() as u8,
            DType::C64 => *(p as *mut Complex<f32>) = Complex { re: x.f64() as f32, im: x.im() as f32 },
            DType::C128 => *(p as *mut Complex<f64>) = Complex { re: x.f64(), im: x.im() },
            DType::U8 => *(p as *mut u8) = x.i64() as u8,
            DType::I8 => *(p as *mut i8) = x.i64() as i8,
            DType::I16 => *(p as *mut i16) = x.i64() as i16,
            DType::I32 => *(p as *mut i32) = x.i64() as i32,
            DType::I64 => *(p as *mut i64) = x.i64(),
            d => {
                dispatch!(d, T in FLOAT => *(p as *mut T) = T::from_f64(x.f64()));
            }
        }
    }
    bytes
}

/// Writes an integer, cut to this integer dtype.
///
/// # Safety
/// `p` points to an element of `dtype`.
pub unsafe fn put_int(p: *mut u8, dtype: DType, v: i64) {
    // SAFETY: by the contract.
    dispatch!(dtype, T in INT => unsafe { *(p as *mut T) = cut(v) });
}

/// Every element becomes `x`.
pub fn fill(shape: &[i64], out: Operand, x: Scalar) {
    let bytes = element(out.dtype, x);
    let l = Lines::new(shape, &[out]);
    let step = l.inner()[0];
    let size = out.dtype.size() as i64;
    l.parallel(GRAIN, &|p, n| {
        // SAFETY: `n` elements lie here at this stride; the bytes hold one.
        unsafe {
            if bytes == [0, 0] && step == size {
                std::ptr::write_bytes(p[0], 0, (n * size) as usize);
                return;
            }
            dispatch!(out.dtype, T in SIZE => {
                let v = *(bytes.as_ptr() as *const T);
                if step == size {
                    for k in 0..n as usize {
                        *(p[0] as *mut T).add(k) = v;
                    }
                } else {
                    for k in 0..n {
                        *(p[0].offset((k * step) as isize) as *mut T) = v;
                    }
                }
            });
        }
    });
}

/// Runs a loop compiled for fused multiply-add where the machine has it; `mul_add` gives the same bits everywhere.
#[inline(always)]
fn fused(f: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn with_fma(f: impl FnOnce()) {
            f()
        }
        if isa() >= Isa::Avx2 {
            // SAFETY: the machine has both.
            return unsafe { with_fma(f) };
        }
    }
    f()
}

/// `out[i] = start + i * step` for `n` elements of one dimension. For integer dtypes both are cut to integers first.
pub fn arange(out: Operand, n: i64, start: Scalar, step: Scalar) -> Result<()> {
    let stride = out.strides.first().copied().unwrap_or(1) as isize;
    let ptr = Ptr(out.ptr);
    if out.dtype.is_int() {
        let (a, s) = (start.i64(), step.i64());
        dispatch!(out.dtype, T in INT => blocks(n, GRAIN, &|b, e| {
            let p = ptr.get() as *mut T;
            for i in b..e {
                // SAFETY: `out` has `n` elements.
                unsafe { *p.offset(i as isize * stride) = cut(a.wrapping_add(s.wrapping_mul(i))) };
            }
        }));
        return Ok(());
    }
    // PyTorch fills two vectors at a time where memory is contiguous: each starts from a rounded value.
    let vector = if stride == 1 { 32 / out.dtype.size() as i64 } else { 0 };
    let whole = if vector > 0 { n / (2 * vector) * (2 * vector) } else { 0 };
    let done = match out.dtype {
        DType::F32 | DType::F64 => {
            let (a, s) = (start.f64(), step.f64());
            dispatch!(out.dtype, T in FLOAT => blocks(n, GRAIN, &|b, e| fused(|| {
                let p = ptr.get() as *mut T;
                let mut i = b;
                while i < e {
                    // SAFETY: `out` has `n` elements; a block ends where a vector does.
                    unsafe {
                        if i < whole {
                            let base = T::from_f64(s.mul_add(i as f64, a)).to_f64();
                            for k in 0..vector {
                                *p.offset((i + k) as isize) = T::from_f64(s.mul_add(k as f64, base));
                            }
                            i += vector;
                        } else {
                            *p.offset(i as isize * stride) = T::from_f64(s.mul_add(i as f64, a));
                            i += 1;
                        }
                    }
                }
            })))
        }
        DType::F16 | DType::BF16 => {
            let (a, s) = (start.f64() as f32, step.f64() as f32);
            dispatch!(out.dtype, T in FLOAT => blocks(n, GRAIN, &|b, e| fused(|| {
                let p = ptr.get() as *mut T;
                for i in b..e {
                    let v = if i < whole {
                        let k = i % vector;
                        let base = T::from_f64(s.mul_add((i - k) as f32, a) as f64).to_f64() as f32;
                        s.mul_add(k as f32, base)
                    } else {
                        s.mul_add(i as f32, a)
                    };
                    // SAFETY: `out` has `n` elements.
                    unsafe { *p.offset(i as isize * stride) = T::from_f64(v as f64) };
                }
            })))
        }
        _ => None,
    };
    if done.is_none() {
        bail!(NotImplemented, "\"arange_cpu\" not implemented for '{}'", out.dtype.c10_name());
    }
    Ok(())
}

/// The integer of type `T` with the low bits of `v`.
#[inline(always)]
fn cut<T: Copy>(v: i64) -> T {
    const { assert!(size_of::<T>() <= 8) };
    // SAFETY: called with integers of at most eight bytes; their bytes come first (little endian machines only).
    unsafe { *(&raw const v as *const T) }
}

/// `out[i]`, `i < n`, evenly from `start` to `end`, both included; the second half is counted from the end.
pub fn linspace(out: Operand, n: i64, start: Scalar, end: Scalar) -> Result<()> {
    spaced(out, n, start, end, None)
}

/// `base` to the powers of `linspace`.
pub fn logspace(out: Operand, n: i64, start: Scalar, end: Scalar, base: f64) -> Result<()> {
    spaced(out, n, start, end, Some(base))
}

fn spaced(out: Operand, n: i64, start: Scalar, end: Scalar, base: Option<f64>) -> Result<()> {
    let stride = out.strides.first().copied().unwrap_or(1) as isize;
    let ptr = Ptr(out.ptr);
    let (half, parts) = (n / 2, (n - 1).max(1) as f64);
    let pow = |x: f64| base.map_or(x, |b| b.powf(x));
    // Logarithmic ones round the product before the sum.
    let plain = base.is_some();
    let put = |i: i64, v: Scalar| {
        let bytes = element(out.dtype, v);
        // SAFETY: `out` has `n` elements, the bytes hold one.
        unsafe {
            dispatch!(out.dtype, T in SIZE => *(ptr.get() as *mut T).offset(i as isize * stride) = *(bytes.as_ptr() as *const T))
        };
    };
    if n == 1 {
        put(0, if base.is_none() { start } else { Scalar::Float(pow(start.f64())) });
        return Ok(());
    }
    match out.dtype {
        DType::Bool => bail!(NotImplemented, "\"linspace_cpu\" not implemented for 'Bool'"),
        DType::F32 => {
            let (a, e) = (start.f64() as f32, end.f64() as f32);
            let s = (e - a) / parts as f32;
            blocks(n, GRAIN, &|lo, hi| {
                fused(|| {
                    for i in lo..hi {
                        let (from, s, k) = if i < half { (a, s, i) } else { (e, -s, n - i - 1) };
                        let v =
                            if plain { pow((from + s * k as f32) as f64) as f32 } else { s.mul_add(k as f32, from) };
                        // SAFETY: `out` has `n` elements.
                        unsafe { *(ptr.get() as *mut f32).offset(i as isize * stride) = v };
                    }
                })
            });
        }
        DType::F64 => {
            let (a, e) = (start.f64(), end.f64());
            let s = (e - a) / parts;
            blocks(n, GRAIN, &|lo, hi| {
                fused(|| {
                    for i in lo..hi {
                        let (from, s, k) = if i < half { (a, s, i) } else { (e, -s, n - i - 1) };
                        let v = if plain { pow(from + s * k as f64) } else { s.mul_add(k as f64, from) };
                        // SAFETY: `out` has `n` elements.
                        unsafe { *(ptr.get() as *mut f64).offset(i as isize * stride) = v };
                    }
                })
            });
        }
        DType::F16 | DType::BF16 => {
            // Every step of the arithmetic is rounded to a half, the counter too.
            dispatch!(out.dtype, T in FLOAT => {
                let r = |x: f32| T::from_f64(x as f64).to_f64() as f32;
                let (a, e) = (r(start.f64() as f32), r(end.f64() as f32));
                let s = r(r(e - a) / r(parts as f32));
                for i in 0..n {
                    let v = if i < half { r(a + r(s * r(i as f32))) } else { r(e - r(s * r((n - i - 1) as f32))) };
                    // SAFETY: `out` has `n` elements.
                    unsafe { *(ptr.get() as *mut T).offset(i as isize * stride) = T::from_f64(pow(v as f64)) };
                }
            });
        }
        DType::C64 | DType::C128 => {
            let d = ((end.f64() - start.f64()) / parts, (end.im() - start.im()) / parts);
            for i in 0..n {
                let (f, k) = if i < half { (start, i as f64) } else { (end, -((n - i - 1) as f64)) };
                let (re, im) = (f.f64() + d.0 * k, f.im() + d.1 * k);
                put(
                    i,
                    match base {
                        None => Scalar::Complex(re, im),
                        Some(b) => {
                            let (r, t) = (b.powf(re), im * b.ln());
                            Scalar::Complex(r * t.cos(), r * t.sin())
                        }
                    },
                );
            }
        }
        _ => {
            let (a, e) = (start.i64(), end.i64());
            let s = (e as f64 - a as f64) / parts;
            for i in 0..n {
                let v = if i < half { a as f64 + s * i as f64 } else { e as f64 - s * (n - i - 1) as f64 };
                put(i, Scalar::Int(pow(v) as i64));
            }
        }
    }
    Ok(())
}

/// The identity: ones on the diagonal of an `n` by `m` matrix, zeros elsewhere.
pub fn eye(out: Operand, n: i64, m: i64) {
    fill(&[n, m], out, Scalar::Int(0));
    let step = [out.strides[0] + out.strides[1]];
    fill(&[n.min(m)], Operand { strides: &step, ..out }, Scalar::Int(1));
}

/// `x.tril(k)` or, with `upper`, `x.triu(k)` of the last two dimensions. `out` may be `x` itself.
pub fn triangle(shape: &[i64], out: Operand, x: Operand, k: i64, upper: bool) -> Result<()> {
    let nd = shape.len();
    if nd < 2 {
        bail!(Runtime, "{}: input tensor must have at least 2 dimensions", if upper { "triu" } else { "tril" });
    }
    let (rows, cols) = (shape[nd - 2], shape[nd - 1]);
    let size = out.dtype.size() as i64;
    let (so, sx) = (out.strides[nd - 1] * size, x.strides[nd - 1] * size);
    let heads = [&out.strides[..nd - 1], &x.strides[..nd - 1]];
    // Lines of rows: the row number is the position modulo `rows`.
    let l = Lines::marked(
        &shape[..nd - 1],
        &[Operand { strides: heads[0], ..out }, Operand { strides: heads[1], ..x }],
        |d| d == nd - 2,
    );
    let steps = (l.inner()[0] as isize, l.inner()[1] as isize);
    let same = out.ptr == x.ptr && out.strides == x.strides;
    blocks(l.total, (GRAIN / cols.max(1)).max(1), &|a, b| {
        let mut row = a;
        l.range(a, b, &mut |p, n| {
            for i in 0..n {
                let r = row % rows;
                row += 1;
                // What is kept: columns `from..to`.
                let (from, to) = if upper { ((r + k).clamp(0, cols), cols) } else { (0, (r + k + 1).clamp(0, cols)) };
                let (o, x) = (p[0].wrapping_offset(i as isize * steps.0), p[1].wrapping_offset(i as isize * steps.1));
                dispatch!(out.dtype, T in ALL => {
                    // SAFETY: `cols` elements lie at both addresses at these strides.
                    let put = |c: i64, v: T| unsafe { *(o.offset((c * so) as isize) as *mut T) = v };
                    (0..from).chain(to..cols).for_each(|c| put(c, T::ZERO));
                    if !same {
                        // SAFETY: as above.
                        (from..to).for_each(|c| put(c, unsafe { *(x.offset((c * sx) as isize) as *const T) }));
                    }
                });
            }
        });
    });
    Ok(())
}

/// `one_hot`: `out[i][index[i]] = 1` of an `n` by `classes` int64 matrix, zeros elsewhere; `index` (int64) has one dimension.
pub fn one_hot(out: Operand, n: i64, classes: i64, index: Operand) -> Result<()> {
    let step = index.strides.first().copied().unwrap_or(1);
    if index.dtype != DType::I64 || out.dtype != DType::I64 {
        bail!(Runtime, "one_hot is only applicable to index tensor of type LongTensor.");
    }
    fill(&[n, classes], out, Scalar::Int(0));
    for i in 0..n {
        // SAFETY: `index` has `n` elements; the column is checked.
        unsafe {
            let c = *(index.ptr as *const i64).offset((i * step) as isize);
            if c < 0 {
                bail!(Runtime, "Class values must be non-negative.");
            }
            if c >= classes {
                bail!(Runtime, "Class values must be smaller than num_classes.");
            }
            *(out.ptr as *mut i64).offset((i * out.strides[0] + c * out.strides[1]) as isize) = 1;
        }
    }
    Ok(())
}
