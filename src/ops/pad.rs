//! Padding: with a constant, by reflection, by the nearest element, round in a circle.

use crate::error::Result;
use crate::op::arg::Ctx;
use crate::op::{Batch, Meta, Metas, flag};
use crate::scalar::Scalar;
use crate::shape::{self, Dims};
use smallvec::smallvec;

/// Elements added before and after each dimension; the list counts from the last dimension.
fn pairs(pad: &[i64], ndim: usize) -> Result<Vec<(i64, i64)>> {
    if !pad.len().is_multiple_of(2) {
        bail!(Runtime, "Length of pad must be even but instead it equals {}", pad.len());
    }
    if pad.len() > 2 * ndim {
        bail!(
            Runtime,
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is {} while the input has \
             {ndim} dimensions.",
            pad.len()
        );
    }
    let mut out = vec![(0, 0); ndim];
    for (i, p) in pad.chunks_exact(2).enumerate() {
        out[ndim - 1 - i] = (p[0], p[1]);
    }
    Ok(out)
}

fn constant_meta(cx: &Ctx) -> Result<Metas> {
    let x = cx.tensor(0)?;
    let s = x.sizes();
    let mut out = Dims::new();
    for (d, (a, b)) in pairs(cx.ints(1)?, s.len())?.into_iter().enumerate() {
        let n = s[d].saturating_add(a).saturating_add(b);
        if n < 0 {
            bail!(
                Runtime,
                "The input size {}, plus negative padding {a} and {b} resulted in a negative output size, which is invalid. Check \
                 dimension {d} of your input.",
                s[d]
            );
        }
        out.push(n);
    }
    shape::numel(&out)?;
    Ok(smallvec![Meta::new(out, x.dtype())])
}

ops! {
    /// The tensor with `value` around it: `pad` has two numbers for each dimension, the last dimension first; negative
    /// ones cut.
    fn constant_pad_nd(input: Tensor, pad: Ints, value: Scalar = 0) -> Tensor {
        .kernel(constant_meta, |cx, out| {
            let (x, out) = (cx.tensor(0)?, &out[0]);
            let (mut from, mut to) = (x.layout(), out.layout());
            let pads = pairs(cx.ints(1)?, x.ndim())?;
            if pads.iter().any(|p| p.0 > 0 || p.1 > 0) {
                out.fill_raw(cx.scalar(2)?)?;
            }
            for (d, (a, b)) in pads.into_iter().enumerate() {
                let (n, m) = (from.sizes[d], to.sizes[d]);
                if n <= (-a).max(0) + (-b).max(0) {
                    return Ok(());
                }
                from = from.slice(d, (-a).max(0), n - (-b).max(0), 1);
                to = to.slice(d, a.max(0), m - b.max(0), 1);
            }
            out.alias(to).copy_raw(&x.alias(from))
        }, "copy.cu", Batch::Loop).grad(&[], &[], |b| {
            let back: Dims = b.ints(1).iter().map(|p| -p).collect();
            Ok(smallvec![Some(constant_pad_nd(&b.g()?, &back, Scalar::Int(0))?)])
        }).with(flag::NO_METHOD)
    }
}
