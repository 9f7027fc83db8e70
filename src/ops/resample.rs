//! Interpolation: each mode is a small matrix along each of the last dimensions, made from the sizes. Python's
//! `interpolate` picks the operator.

use super::conv::dense;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::resample::{Table, apply};
use crate::op::arg::{Ctx, not_implemented};
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;

/// A matrix for each dimension that changes.
pub(super) type Tables = Vec<(usize, Table)>;

/// `y` is `x` with all matrices applied, the last dimension first.
pub(super) fn forward(tables: &Tables, x: &Tensor, y: &Tensor) -> Result<()> {
    through(tables.iter().rev().map(|(d, t)| (*d, t)), tables.len(), x, y)
}

/// `dx` is `g` with all transposed matrices applied.
pub(super) fn backward(tables: &Tables, g: &Tensor, dx: &Tensor) -> Result<()> {
    let turned: Tables = tables.iter().map(|(d, t)| Ok((*d, t.transposed()?))).collect::<Result<_>>()?;
    through(turned.iter().map(|(d, t)| (*d, t)), tables.len(), g, dx)
}

fn through<'a>(tables: impl Iterator<Item = (usize, &'a Table)>, count: usize, x: &Tensor, y: &Tensor) -> Result<()> {
    if count == 0 {
        return y.copy_raw(x);
    }
    let mut now = dense(x)?;
    for (k, (d, t)) in tables.enumerate() {
        let mut s = now.sizes();
        let (outer, inner) = (s[..d].iter().product::<i64>(), s[d + 1..].iter().product::<i64>());
        s[d] = t.rows() as i64;
        let next = if k + 1 == count { y.clone() } else { Tensor::empty(&s, now.dtype(), now.device())? };
        let (a, b) = (now.body().clone(), next.body().clone());
        if b.numel > 0 {
            // SAFETY: dense tensors [outer, columns or rows, inner]; the result is new.
            unsafe { apply(t, outer as usize, inner as usize, a.dtype, a.ptr(), b.ptr())? };
        }
        now = next;
    }
    Ok(())
}

const NEAREST: u8 = 0;
const EXACT: u8 = 1;
const LINEAR: u8 = 2;
const CUBIC: u8 = 3;
const SMOOTH_LINEAR: u8 = 4;
const SMOOTH_CUBIC: u8 = 5;

/// Keys' cubic kernel with the parameter `a`.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}

/// One dimension's matrix. Positions are computed in float for all but float64, as PyTorch does: a floor depends on it.
fn table(mode: u8, from: i64, to: i64, align: bool, scale: Option<f64>, single: bool) -> Result<Table> {
    let r = |v: f64| if single { v as f32 as f64 } else { v };
    let given = scale.filter(|s| *s > 0.0);
    let plain = given.map_or(r(from as f64 / to as f64), |s| r(1.0 / s));
    let corners = if to > 1 { r((from - 1) as f64 / (to - 1) as f64) } else { 0.0 };
    let step = if align { corners } else { plain };
    let last = from - 1;
    Table::new(to as usize, from as usize, |j, taps| {
        let j = j as f64;
        let centre = |step: f64| if align { r(step * j) } else { r(r(step * (j + 0.5)) - 0.5) };
        let at = |i: f64| (i as i64).clamp(0, last) as usize;
        match mode {
            NEAREST | EXACT => {
                // Always in float.
                let step = given.map_or((from as f64 / to as f64) as f32, |s| (1.0 / s) as f32);
                let x = if mode == NEAREST { j as f32 * step } else { (j as f32 + 0.5) * step };
                let i = match mode {
                    NEAREST if from == to => j,
                    NEAREST if 2 * from == to => (j / 2.0).floor(),
                    _ => x.floor() as f64,
                };
                taps.push((at(i), 1.0));
            }
            LINEAR => {
                if from == to {
                    taps.push((at(j), 1.0));
                    return;
                }
                let x = centre(step).max(0.0);
                let i = x.floor().min(last as f64);
                let w = r(x - i).clamp(0.0, 1.0);
                if (i as i64) < last {
                    taps.extend([(at(i), r(1.0 - w)), (at(i + 1.0), w)]);
                } else {
                    taps.push((at(i), 1.0));
                }
            }
            CUBIC => {
                if from == to {
                    taps.push((at(j), 1.0));
                    return;
                }
                let x = centre(step);
                let i = x.floor();
                let t = r(x - i);
                taps.extend((0..4).map(|k| (at(i + k as f64 - 1.0), r(cubic(t + 1.0 - k as f64, -0.75)))));
            }
            _ => {
                let wide = if mode == SMOOTH_LINEAR { 1.0 } else { 2.0 };
                let reach = if step >= 1.0 { wide * step } else { wide };
                let shrink = if step >= 1.0 { 1.0 / step } else { 1.0 };
                let middle = step * (j + 0.5);
                let first = ((middle - reach + 0.5) as i64).max(0);
                let end = ((middle + reach + 0.5) as i64).min(from);
                let weight = |i: i64| {
                    let x = (i as f64 - middle + 0.5) * shrink;
                    if mode == SMOOTH_LINEAR { (1.0 - x.abs()).max(0.0) } else { cubic(x, -0.5) }
                };
                let sum: f64 = (first..end).map(weight).sum();
                taps.extend((first..end).map(|i| (i as usize, if sum != 0.0 { weight(i) / sum } else { 0.0 })));
            }
        }
    })
}

fn tables(mode: u8, from: &[i64], to: &[i64], align: bool, scales: &[f64], d: DType) -> Result<Tables> {
    let lead = from.len() - to.len();
    let single = d != DType::F64;
    (0..to.len())
        .map(|i| Ok((lead + i, table(mode, from[lead + i], to[i], align, scales.get(i).copied(), single)?)))
        .collect()
}

fn meta<const N: usize, const M: u8>(cx: &Ctx) -> Result<Metas> {
    let (x, to) = (cx.tensor(0)?, cx.ints(1)?);
    let s = x.sizes();
    if s.len() != N + 2 || s[1..].contains(&0) {
        bail!(Runtime, "Non-empty {}D data tensor expected but got a tensor with sizes {}", N + 2, shape::show(&s));
    }
    if to.len() != N {
        bail!(Runtime, "It is expected output_size equals to {N}, but got size {}", to.len());
    }
    if to.iter().any(|&o| o <= 0) {
        let show = |s: &[i64]| {
            let names = &["D", "H", "W"][3 - N..];
            names.iter().zip(s).map(|(n, v)| format!("{n}: {v}")).collect::<Vec<_>>().join(", ")
        };
        bail!(
            Runtime,
            "Input and output sizes should be greater than 0, but got input ({}) output ({})",
            show(&s[2..]),
            show(to)
        );
    }
    let d = x.dtype();
    let bytes = M <= EXACT && d == DType::U8;
    if !d.is_float() && !bytes {
        let name = cx.op.python_name().trim_start_matches('_');
        return Err(not_implemented(name, d));
    }
    let out: Dims = s[..2].iter().chain(to).copied().collect();
    shape::numel(&out)?;
    Ok(smallvec![Meta::new(out, d)])
}

fn run<const M: u8>(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let x = cx.tensor(0)?;
    let scales = cx.opt_floats(3)?.unwrap_or(&[]);
    forward(&tables(M, &x.sizes(), cx.ints(1)?, cx.bool(2)?, scales, x.dtype())?, x, &out[0])
}

fn grad<const M: u8>(b: &Bw) -> Result<Grads> {
    let scales = b.floats(3);
    let dx = ops::_upsample_backward(&b.g()?, &b.sizes(0), b.ints(1), M as i64, b.bool(2), Some(scales))?;
    Ok(smallvec![Some(dx)])
}

const F: &[&str] = &["nn.functional"];
const P: u32 = flag::PRIVATE | flag::NO_METHOD;

ops! {
    /// Nearest-neighbour interpolation of (N, C, L).
    fn _upsample_nearest1d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<1, NEAREST>, run::<NEAREST>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<NEAREST>).node("UpsampleNearest1DBackward0").spaces(F).with(P)
    }

    /// Nearest-neighbour interpolation of (N, C, H, W).
    fn _upsample_nearest2d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<2, NEAREST>, run::<NEAREST>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<NEAREST>).node("UpsampleNearest2DBackward0").spaces(F).with(P)
    }

    /// Nearest-neighbour interpolation of (N, C, D, H, W).
    fn _upsample_nearest3d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<3, NEAREST>, run::<NEAREST>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<NEAREST>).node("UpsampleNearest3DBackward0").spaces(F).with(P)
    }

    /// Nearest-neighbour interpolation by pixel centres of (N, C, L).
    fn _upsample_nearest_exact1d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<1, EXACT>, run::<EXACT>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<EXACT>).node("UpsampleNearestExact1DBackward0").spaces(F).with(P)
    }

    /// Nearest-neighbour interpolation by pixel centres of (N, C, H, W).
    fn _upsample_nearest_exact2d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<2, EXACT>, run::<EXACT>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<EXACT>).node("UpsampleNearestExact2DBackward0").spaces(F).with(P)
    }

    /// Nearest-neighbour interpolation by pixel centres of (N, C, D, H, W).
    fn _upsample_nearest_exact3d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<3, EXACT>, run::<EXACT>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<EXACT>).node("UpsampleNearestExact3DBackward0").spaces(F).with(P)
    }

    /// Linear interpolation of (N, C, L).
    fn _upsample_linear1d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<1, LINEAR>, run::<LINEAR>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<LINEAR>).node("UpsampleLinear1DBackward0").spaces(F).with(P)
    }

    /// Linear interpolation of (N, C, H, W) in both directions.
    fn _upsample_bilinear2d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<2, LINEAR>, run::<LINEAR>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<LINEAR>).node("UpsampleBilinear2DBackward0").spaces(F).with(P)
    }

    /// Linear interpolation of (N, C, D, H, W) in all directions.
    fn _upsample_trilinear3d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<3, LINEAR>, run::<LINEAR>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<LINEAR>).node("UpsampleTrilinear3DBackward0").spaces(F).with(P)
    }

    /// Cubic interpolation of (N, C, H, W) in both directions. Keys 1981, a = -0.75.
    fn _upsample_bicubic2d(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<2, CUBIC>, run::<CUBIC>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<CUBIC>).node("UpsampleBicubic2DBackward0").spaces(F).with(P)
    }

    /// Linear interpolation of (N, C, H, W) that averages over as many pixels as it leaves out.
    fn _upsample_bilinear2d_aa(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<2, SMOOTH_LINEAR>, run::<SMOOTH_LINEAR>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<SMOOTH_LINEAR>)
            .node("UpsampleBilinear2DAaBackward0").spaces(F).with(P)
    }

    /// Cubic interpolation of (N, C, H, W) that averages over as many pixels as it leaves out (a = -0.5).
    fn _upsample_bicubic2d_aa(input: Tensor, output_size: Ints, align_corners: Bool = false, scale_factors: OptFloats = None) -> Tensor {
        .kernel(meta::<2, SMOOTH_CUBIC>, run::<SMOOTH_CUBIC>, "resample.cu", Batch::Fold).grad(&[], &[], grad::<SMOOTH_CUBIC>)
            .node("UpsampleBicubic2DAaBackward0").spaces(F).with(P)
    }

    /// The gradient of interpolation: `output_size` and what follows it are the forward's, `mode` is a number of this file.
    fn _upsample_backward(grad: Tensor, size: Ints, output_size: Ints, mode: Int, align_corners: Bool, scale_factors: OptFloats) -> Tensor {
        .kernel(|cx| {
            let (g, size, to, mode) = (cx.tensor(0)?, cx.ints(1)?, cx.ints(2)?, cx.int(3)?);
            cx.belong((0..=SMOOTH_CUBIC as i64).contains(&mode) && size.len() == to.len() + 2 && (1..=3).contains(&to.len()))?;
            cx.belong(size[1..].iter().chain(to).all(|&s| s > 0) && [&size[..2], to].concat() == g.sizes().as_slice())?;
            cx.belong(g.dtype().is_float())?;
            Ok(smallvec![Meta::new(size, g.dtype())])
        }, |cx, out| {
            let g = cx.tensor(0)?;
            let scales = cx.opt_floats(5)?.unwrap_or(&[]);
            backward(&tables(cx.int(3)? as u8, cx.ints(1)?, cx.ints(2)?, cx.bool(4)?, scales, g.dtype())?, g, &out[0])
        }, "resample.cu", Batch::Loop).grad(&[], &[], |b| {
            let f = match (b.int(3)? as u8, b.ints(2).len()) {
                (NEAREST, 1) => _upsample_nearest1d,
                (NEAREST, 2) => _upsample_nearest2d,
                (NEAREST, _) => _upsample_nearest3d,
                (EXACT, 1) => _upsample_nearest_exact1d,
                (EXACT, 2) => _upsample_nearest_exact2d,
                (EXACT, _) => _upsample_nearest_exact3d,
                (LINEAR, 1) => _upsample_linear1d,
                (LINEAR, 2) => _upsample_bilinear2d,
                (LINEAR, _) => _upsample_trilinear3d,
                (CUBIC, _) => _upsample_bicubic2d,
                (SMOOTH_LINEAR, _) => _upsample_bilinear2d_aa,
                _ => _upsample_bicubic2d_aa,
            };
            Ok(smallvec![Some(f(&b.g()?, b.ints(2), b.bool(4), Some(b.floats(5)))?)])
        }).with(P)
    }
}
