//! From sizes and strides to the form of a kernel and the bytes of its `strides<ND, NT, I>` argument.

use super::print::IndexForm;
use crate::kernels::Operand;
use crate::shape::Dims;
use smallvec::{SmallVec, smallvec};

/// `divisor<u32>` of cuda/include/index.cuh: divides numbers below 2^31 by `d` (1 <= d < 2^31).
pub fn divisor(d: u32) -> [u32; 3] {
    let d = d.clamp(1, i32::MAX as u32);
    let shift = 32 - (d - 1).leading_zeros();
    let magic = ((1u64 << 32) * ((1u64 << shift) - d as u64)) / d as u64 + 1;
    [d, magic as u32, shift]
}

/// The bytes of `strides<ND, NT, I>`: `sizes` and each tensor's strides are outermost first, as tensors have them.
pub fn strides(sizes: &[i64], tensors: &[&[i64]], wide: bool) -> Vec<u8> {
    let mut b = Vec::with_capacity(8 * sizes.len() * (tensors.len() + 2) + 4);
    if sizes.is_empty() {
        b.extend_from_slice(&0u32.to_ne_bytes());
    }
    for &s in sizes.iter().rev() {
        if wide {
            b.extend_from_slice(&s.max(1).to_ne_bytes());
        } else {
            divisor(s.max(1) as u32).iter().for_each(|w| b.extend_from_slice(&w.to_ne_bytes()));
        }
    }
    for t in tensors {
        for &s in t.iter().rev() {
            if wide {
                b.extend_from_slice(&s.to_ne_bytes());
            } else {
                b.extend_from_slice(&(s as u32).to_ne_bytes());
            }
        }
    }
    b
}

/// How a pointwise kernel is to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct MapCall {
    /// The form of the kernel.
    pub form: IndexForm,
    /// The number of elements.
    pub n: i64,
    /// The strides argument.
    pub strides: Vec<u8>,
}

/// Sizes and strides with dimensions sorted by the first tensor's strides, those of size 1 dropped, and neighbours that
/// lie one after the other in every tensor merged. Outermost first.
pub fn merge(sizes: &[i64], tensors: &[&[i64]]) -> (Dims, SmallVec<[Dims; 4]>) {
    let mut order: SmallVec<[usize; 8]> = (0..sizes.len()).filter(|&d| sizes[d] != 1).collect();
    // Stable: dimensions that the tensors do not tell apart keep their order.
    order.sort_by(|&a, &b| {
        let by = |d: usize| tensors.iter().map(move |t| t[d]);
        by(b).cmp(by(a))
    });
    let mut out: Dims = Dims::new();
    let mut to: SmallVec<[Dims; 4]> = smallvec![Dims::new(); tensors.len()];
    for &d in &order {
        let joins = out.last().is_some() && tensors.iter().zip(&to).all(|(t, m)| m.last() == Some(&(t[d] * sizes[d])));
        if joins {
            if let Some(s) = out.last_mut() {
                *s *= sizes[d];
            }
            for (t, m) in tensors.iter().zip(&mut to) {
                if let Some(s) = m.last_mut() {
                    *s = t[d];
                }
            }
        } else {
            out.push(sizes[d]);
            tensors.iter().zip(&mut to).for_each(|(t, m)| m.push(t[d]));
        }
    }
    (out, to)
}

/// The form, the element count and the strides of a pointwise kernel. `operands`: outputs first, then inputs, each with
/// its strides over `sizes` (0 where broadcast).
pub fn map_call(sizes: &[i64], operands: &[Operand<'_>]) -> MapCall {
    let all: SmallVec<[&[i64]; 8]> = operands.iter().map(|o| o.strides).collect();
    let n: i64 = sizes.iter().product();
    let (sizes, tensors) = merge(sizes, &all);
    let reach = |t: &Dims| -> i64 { sizes.iter().zip(t).map(|(n, s)| (n - 1).max(0) * s.abs()).sum() };
    let wide = n > i32::MAX as i64 || tensors.iter().any(|t| reach(t) > i32::MAX as i64);
    let inner = |t: &Dims| t.last().copied().unwrap_or(0);
    let (mut zero, mut unit) = (0u32, true);
    for (k, t) in tensors.iter().enumerate() {
        match inner(t) {
            0 => zero |= 1u32.checked_shl(k as u32).unwrap_or(0),
            1 => {}
            _ => unit = false,
        }
    }
    if n == 1 {
        zero = 0;
    }
    let ndim = if unit && sizes.len() <= 1 { 0 } else { sizes.len() as u8 };
    let mut vec = 1u8;
    if unit && operands.len() <= 32 {
        // 16 bytes of the smallest element at most, while everything is aligned.
        let widest = operands.iter().map(|o| o.dtype.size()).max().unwrap_or(1);
        let fits = |v: u8| {
            let row = sizes.last().copied().unwrap_or(1);
            operands.iter().zip(&tensors).enumerate().all(|(k, (o, t))| {
                let bytes = (o.dtype.size() * v as usize).min(16);
                (zero >> k & 1) == 1
                    || ((o.ptr as usize).is_multiple_of(bytes)
                        && t.iter().rev().skip(1).all(|s| (*s * o.dtype.size() as i64) % bytes as i64 == 0))
            }) && (ndim == 0 || row % v as i64 == 0)
        };
        vec = [16u8, 8, 4, 2].into_iter().find(|&v| v as usize * widest <= 16 && n >= v as i64 && fits(v)).unwrap_or(1);
    }
    let refs: SmallVec<[&[i64]; 8]> = tensors.iter().map(|t| t.as_slice()).collect();
    let strides = if ndim == 0 { strides(&[], &[], wide) } else { strides(&sizes, &refs, wide) };
    MapCall { form: IndexForm { ndim, vec, zero: if unit { zero } else { 0 }, wide }, n, strides }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;

    fn div(n: u32, [d, magic, shift]: [u32; 3]) -> u32 {
        let _ = d;
        (((n as u64 * magic as u64) >> 32) as u32 + n) >> shift
    }

    #[test]
    fn fast_division_divides() {
        for d in (1..2000).chain([4095, 4096, 4097, 65535, 1 << 20, (1 << 30) + 1, i32::MAX as u32]) {
            for n in [0, 1, 2, d - 1, d, d + 1, d.saturating_mul(3), 12345, 1 << 30, i32::MAX as u32] {
                let n = n.min(i32::MAX as u32);
                assert_eq!(div(n, divisor(d)), n / d, "{n} / {d}");
            }
        }
    }

    #[test]
    fn dimensions_merge_where_every_tensor_is_dense() {
        let (s, t) = merge(&[2, 3, 4], &[&[12, 4, 1], &[12, 4, 1]]);
        assert_eq!((s.as_slice(), t[0].as_slice()), (&[24][..], &[1][..]));
        let (s, t) = merge(&[2, 3, 4], &[&[12, 4, 1], &[0, 0, 1]]);
        assert_eq!((s.as_slice(), t[1].as_slice()), (&[6, 4][..], &[0, 1][..]));
        // A transposed pair is contiguous in its own order.
        let (s, _) = merge(&[3, 4], &[&[1, 3], &[1, 3]]);
        assert_eq!(s.as_slice(), &[12]);
    }

    #[test]
    fn forms_follow_layout_and_alignment() {
        let op = |ptr: usize, dtype, strides| Operand { ptr: ptr as *mut u8, dtype, strides };
        let f = DType::F32;
        let c = map_call(&[4, 8], &[op(64, f, &[8, 1]), op(64, f, &[8, 1])]);
        assert_eq!((c.form, c.n), (IndexForm { ndim: 0, vec: 4, zero: 0, wide: false }, 32));
        // One element off: no vectors.
        assert_eq!(map_call(&[4, 8], &[op(68, f, &[8, 1]), op(64, f, &[8, 1])]).form.vec, 1);
        // A row added to a matrix, a number added, a column added.
        let row = map_call(&[4, 8], &[op(64, f, &[8, 1]), op(64, f, &[8, 1]), op(64, f, &[0, 1])]);
        assert_eq!(row.form, IndexForm { ndim: 2, vec: 4, zero: 0, wide: false });
        let number = map_call(&[4, 8], &[op(64, f, &[8, 1]), op(64, f, &[8, 1]), op(68, f, &[0, 0])]);
        assert_eq!(number.form, IndexForm { ndim: 0, vec: 4, zero: 4, wide: false });
        let column = map_call(&[4, 8], &[op(64, f, &[8, 1]), op(64, f, &[8, 1]), op(68, f, &[1, 0])]);
        assert_eq!(column.form, IndexForm { ndim: 2, vec: 4, zero: 4, wide: false });
        assert!(map_call(&[1 << 20, 1 << 12], &[op(64, f, &[1 << 12, 1])]).form.wide);
        assert_eq!(map_call(&[5], &[op(64, f, &[1]), op(64, f, &[3])]).form, IndexForm::strided(1));
        assert_eq!(map_call(&[], &[op(4, f, &[]), op(8, f, &[])]).form, IndexForm::contiguous(1));
    }
}
