//! Padding: with a constant, by reflection, by the nearest element, round in a circle.

use super::resample::{Tables, backward, forward};
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::resample::Table;
use crate::op::arg::{Ctx, not_implemented};
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::scalar::Scalar;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
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

/// How padding takes elements from the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Reflect,
    Replicate,
    Circle,
}

const REFLECT: u8 = 0;
const REPLICATE: u8 = 1;
const CIRCLE: u8 = 2;

const fn how(k: u8) -> How {
    match k {
        REFLECT => How::Reflect,
        REPLICATE => How::Replicate,
        _ => How::Circle,
    }
}

/// The matrices of a padding over the last dimensions of `sizes`, after the checks.
fn tables(name: &str, h: How, sizes: &[i64], pad: &[i64]) -> Result<Tables> {
    let (n, rank) = (pad.len() / 2, sizes.len());
    if rank != n + 1 && rank != n + 2 || sizes[rank - n - 1..].contains(&0) {
        bail!(
            Runtime,
            "Expected {}D or {}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {}",
            n + 1,
            n + 2,
            shape::show(sizes)
        );
    }
    let mut out = Tables::new();
    for (d, (a, b)) in pairs(pad, rank)?.into_iter().enumerate().skip(rank - n) {
        let size = sizes[d];
        if h == How::Reflect && (a >= size || b >= size) {
            bail!(
                Runtime,
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding ({a}, {b}) at \
                 dimension {d} of input {}",
                shape::show(sizes)
            );
        }
        if h == How::Circle && (a > size || b > size) {
            bail!(Runtime, "Padding value causes wrapping around more than once.");
        }
        let to = size.saturating_add(a).saturating_add(b);
        if h == How::Circle && to < 1 {
            bail!(Runtime, "Negative padding value is resulting in an empty dimension");
        }
        if to < 1 {
            bail!(
                Runtime,
                "input size {size} at dimension {d} is too small: the padding ({a}, {b}) leaves {to} elements ({name} of {})",
                shape::show(sizes)
            );
        }
        shape::numel(&[to])?;
        if (a, b) == (0, 0) {
            continue;
        }
        // A circle closes behind what negative padding leaves.
        let (cut, round) = (a.saturating_neg().max(0), size + a.min(0) + b.min(0));
        if h == How::Circle && round < 1 {
            bail!(Runtime, "Negative padding value is resulting in an empty dimension");
        }
        let table = Table::new(to as usize, size as usize, |j, taps| {
            let i = j as i64 - a;
            let i = match h {
                How::Replicate => i.clamp(0, size - 1),
                How::Circle => cut + (j as i64 - a.max(0)).rem_euclid(round),
                How::Reflect if i < 0 => -i,
                How::Reflect if i >= size => 2 * (size - 1) - i,
                How::Reflect => i,
            };
            // One that no number of reflections of this kind brings inside is not in the matrix; checked above.
            taps.push((i.max(0) as usize, 1.0));
        })?;
        out.push((d, table));
    }
    Ok(out)
}

fn length(cx: &Ctx, n: usize) -> Result<()> {
    let k = cx.ints(1)?.len();
    if n > 0 && k != 2 * n {
        bail!(Runtime, "{}: padding size is expected to be {}, but got {k}", cx.op.python_name(), 2 * n);
    }
    Ok(())
}

fn meta<const N: usize, const H: u8>(cx: &Ctx) -> Result<Metas> {
    length(cx, N)?;
    let x = cx.tensor(0)?;
    if x.dtype() == DType::Bool && how(H) != How::Circle {
        return Err(not_implemented(cx.op.python_name().trim_start_matches('_'), x.dtype()));
    }
    let mut out = x.sizes();
    for (d, t) in tables(cx.op.python_name(), how(H), &out.clone(), cx.ints(1)?)? {
        out[d] = t.rows() as i64;
    }
    shape::numel(&out)?;
    Ok(smallvec![Meta::new(out, x.dtype())])
}

/// Padding that cuts nothing: the input in the middle, then dimension by dimension what lies on both sides of it, each
/// side one copy of a slice of the result: turned round, stretched, or as it is.
fn by_slices(h: How, x: &Tensor, pads: &[(i64, i64)], out: &Tensor) -> Result<()> {
    let mut done = out.layout();
    for (d, &(a, _)) in pads.iter().enumerate() {
        done = done.slice(d, a, a + x.size_at(d), 1);
    }
    out.alias(done.clone()).copy_raw(x)?;
    for (d, &(a, b)) in pads.iter().enumerate().rev() {
        let n = x.size_at(d);
        let mut wide = done.clone();
        wide.offset -= a * wide.strides[d];
        wide.sizes[d] = a + n + b;
        let copy = |start: i64, len: i64, from: i64| -> Result<()> {
            if len == 0 {
                return Ok(());
            }
            let to = wide.slice(d, start, start + len, 1);
            let mut of = wide.slice(d, from, from + if h == How::Replicate { 1 } else { len }, 1);
            of.sizes[d] = len;
            match h {
                How::Reflect => {
                    of.offset += (len - 1) * of.strides[d];
                    of.strides[d] = -of.strides[d];
                }
                How::Replicate => of.strides[d] = 0,
                How::Circle => {}
            }
            out.alias(to).copy_raw(&out.alias(of))
        };
        let (left, right) = match h {
            How::Reflect => (a + 1, a + n - 1 - b),
            How::Replicate => (a, a + n - 1),
            How::Circle => (n, a),
        };
        copy(0, a, left)?;
        copy(a + n, b, right)?;
        done = wide;
    }
    Ok(())
}

fn run<const H: u8>(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let x = cx.tensor(0)?;
    let pads = pairs(cx.ints(1)?, x.ndim())?;
    if x.numel() > 0 && pads.iter().all(|p| p.0 >= 0 && p.1 >= 0) {
        return by_slices(how(H), x, &pads, &out[0]);
    }
    forward(&tables("", how(H), &x.sizes(), cx.ints(1)?)?, x, &out[0])
}

fn grad<const H: u8>(b: &Bw) -> Result<Grads> {
    Ok(smallvec![Some(ops::_pad_backward(&b.g()?, &b.sizes(0), b.ints(1), H as i64)?)])
}

fn refuse(pad: &[i64], ndim: usize) -> crate::error::Error {
    err!(NotImplemented, "Padding size {} is not supported for {ndim}D input tensor.", pad.len())
}

const SPACE: &[&str] = &["nn.functional"];

ops! {
    /// The tensor with `value` around it: `pad` has two numbers for each dimension, the last dimension first; negative
    /// ones cut.
    fn constant_pad_nd(input: Tensor, pad: Ints, value: Scalar = 0) -> Tensor {
        .kernel(constant_meta, |cx, out| {
            let (x, out) = (cx.tensor(0)?, &out[0]);
            let (mut from, mut to) = (x.layout(), out.layout());
            let pads = pairs(cx.ints(1)?, x.ndim())?;
            if pads.iter().all(|p| p.0 >= 0 && p.1 >= 0) {
                // What lies on both sides of the input, dimension by dimension.
                let mut rest = out.layout();
                for (d, &(a, b)) in pads.iter().enumerate() {
                    let n = rest.sizes[d];
                    for (start, len) in [(0, a), (n - b, b)].into_iter().filter(|s| s.1 > 0) {
                        out.alias(rest.slice(d, start, start + len, 1)).fill_raw(cx.scalar(2)?)?;
                    }
                    rest = rest.slice(d, a, n - b, 1);
                }
            } else if pads.iter().any(|p| p.0 > 0 || p.1 > 0) {
                out.fill_raw(cx.scalar(2)?)?;
            }
            for (d, (a, b)) in pads.into_iter().enumerate() {
                let (n, m) = (from.sizes[d], to.sizes[d]);
                if n <= a.saturating_neg().max(0) + b.saturating_neg().max(0) {
                    return Ok(());
                }
                from = from.slice(d, a.saturating_neg().max(0), n - b.saturating_neg().max(0), 1);
                to = to.slice(d, a.max(0), m - b.max(0), 1);
            }
            out.alias(to).copy_raw(&x.alias(from))
        }, "copy.cu", Batch::Loop).grad(&[], &[], |b| {
            let back: Dims = b.ints(1).iter().map(|p| p.saturating_neg()).collect();
            Ok(smallvec![Some(constant_pad_nd(&b.g()?, &back, Scalar::Int(0))?)])
        }).with(flag::NO_METHOD)
    }

    /// Padding by reflection of the last dimension of (N, C, L) or (C, L).
    fn _reflection_pad1d(input: Tensor, padding: Ints) -> Tensor {
        .cast(Cast::Single).kernel(meta::<1, REFLECT>, run::<REFLECT>, "resample.cu", Batch::Loop).grad(&[], &[], grad::<REFLECT>)
            .node("ReflectionPad1DBackward0").spaces(SPACE).with(flag::NO_METHOD | flag::OUT | flag::PRIVATE)
    }

    /// Padding by reflection of the last two dimensions of (N, C, H, W) or (C, H, W).
    fn _reflection_pad2d(input: Tensor, padding: Ints) -> Tensor {
        .cast(Cast::Single).kernel(meta::<2, REFLECT>, run::<REFLECT>, "resample.cu", Batch::Loop).grad(&[], &[], grad::<REFLECT>)
            .node("ReflectionPad2DBackward0").spaces(SPACE).with(flag::NO_METHOD | flag::OUT | flag::PRIVATE)
    }

    /// Padding by reflection of the last three dimensions of (N, C, D, H, W) or (C, D, H, W).
    fn _reflection_pad3d(input: Tensor, padding: Ints) -> Tensor {
        .kernel(meta::<3, REFLECT>, run::<REFLECT>, "resample.cu", Batch::Loop).grad(&[], &[], grad::<REFLECT>)
            .node("ReflectionPad3DBackward0").spaces(SPACE).with(flag::NO_METHOD | flag::OUT | flag::PRIVATE)
    }

    /// Padding by the nearest element of the last dimension of (N, C, L) or (C, L).
    fn _replication_pad1d(input: Tensor, padding: Ints) -> Tensor {
        .cast(Cast::Single).kernel(meta::<1, REPLICATE>, run::<REPLICATE>, "resample.cu", Batch::Loop).grad(&[], &[], grad::<REPLICATE>)
            .node("ReplicationPad1DBackward0").spaces(SPACE).with(flag::NO_METHOD | flag::OUT | flag::PRIVATE)
    }

    /// Padding by the nearest element of the last two dimensions of (N, C, H, W) or (C, H, W).
    fn _replication_pad2d(input: Tensor, padding: Ints) -> Tensor {
        .cast(Cast::Single).kernel(meta::<2, REPLICATE>, run::<REPLICATE>, "resample.cu", Batch::Loop).grad(&[], &[], grad::<REPLICATE>)
            .node("ReplicationPad2DBackward0").spaces(SPACE).with(flag::NO_METHOD | flag::OUT | flag::PRIVATE)
    }

    /// Padding by the nearest element of the last three dimensions of (N, C, D, H, W) or (C, D, H, W).
    fn _replication_pad3d(input: Tensor, padding: Ints) -> Tensor {
        .cast(Cast::Single).kernel(meta::<3, REPLICATE>, run::<REPLICATE>, "resample.cu", Batch::Loop).grad(&[], &[], grad::<REPLICATE>)
            .node("ReplicationPad3DBackward0").spaces(SPACE).with(flag::NO_METHOD | flag::OUT | flag::PRIVATE)
    }

    /// Padding of the last dimensions with what stands at the other end.
    fn _pad_circular(input: Tensor, padding: Ints) -> Tensor {
        .kernel(meta::<0, CIRCLE>, run::<CIRCLE>, "resample.cu", Batch::Loop).grad(&[], &[], grad::<CIRCLE>)
            .spaces(SPACE).with(flag::NO_METHOD | flag::PRIVATE)
    }

    /// The gradient of padding by reflection (`how` 0), by the nearest element (1), in a circle (2).
    fn _pad_backward(grad: Tensor, size: Ints, padding: Ints, how: Int) -> Tensor {
        .kernel(|cx| {
            let (g, size, pad) = (cx.tensor(0)?, cx.ints(1)?, cx.ints(2)?);
            let (h, k) = (cx.int(3)?, size.len().saturating_sub(pad.len() / 2));
            cx.belong((0..=CIRCLE as i64).contains(&h) && size.iter().all(|&s| s >= 0))?;
            let mut to: Dims = size.into();
            for (d, t) in tables("", how(h as u8), size, pad)? {
                to[d] = t.rows() as i64;
            }
            cx.belong(k > 0 && to == g.sizes())?;
            Ok(smallvec![Meta::new(size, g.dtype())])
        }, |cx, out| {
            backward(&tables("", how(cx.int(3)? as u8), cx.ints(1)?, cx.ints(2)?)?, cx.tensor(0)?, &out[0])
        }, "resample.cu", Batch::Loop).grad(&[], &[], |b| {
            let (v, p) = (b.g()?, b.ints(2));
            let dx = match (b.int(3)? as u8, p.len() / 2) {
                (CIRCLE, _) => _pad_circular(&v, p)?,
                (REFLECT, 1) => _reflection_pad1d(&v, p)?,
                (REFLECT, 2) => _reflection_pad2d(&v, p)?,
                (REFLECT, _) => _reflection_pad3d(&v, p)?,
                (_, 1) => _replication_pad1d(&v, p)?,
                (_, 2) => _replication_pad2d(&v, p)?,
                _ => _replication_pad3d(&v, p)?,
            };
            Ok(smallvec![Some(dx)])
        }).with(flag::NO_METHOD | flag::PRIVATE)
    }

    /// The tensor with elements around it. `pad` has two numbers for each dimension, the last dimension first; `mode` is
    /// 'constant' (any dimensions), 'reflect', 'replicate' or 'circular' (the last one to three, all but batch and
    /// channels).
    fn pad(input: Tensor, pad: Ints, mode: Str = "constant", value: OptFloat = None) -> Tensor = {
        let n = input.ndim();
        if !pad.len().is_multiple_of(2) {
            bail!(Runtime, "Padding length must be divisible by 2");
        }
        if pad.len() > 2 * n {
            bail!(
                Runtime,
                "Padding length should be less than or equal to two times the input dimension but got padding length {} and input of dimension {n}",
                pad.len()
            );
        }
        if mode == "constant" {
            let value = value.unwrap_or(0.0);
            let value = if input.dtype().is_integral() { Scalar::Int(value as i64) } else { value.into() };
            return constant_pad_nd(input, pad, value);
        }
        if value.is_some_and(|v| v != 0.0) {
            bail!(Runtime, "Padding mode \"{mode}\" doesn't take in value argument");
        }
        let dims = pad.len() / 2;
        let fits = (1..=3).contains(&dims) && (n == dims + 1 || n == dims + 2);
        match (mode, dims) {
            ("reflect" | "replicate" | "circular", _) if !fits => Err(refuse(pad, n)),
            ("reflect", 1) => _reflection_pad1d(input, pad),
            ("reflect", 2) => _reflection_pad2d(input, pad),
            ("reflect", _) => _reflection_pad3d(input, pad),
            ("replicate", 1) => _replication_pad1d(input, pad),
            ("replicate", 2) => _replication_pad2d(input, pad),
            ("replicate", _) => _replication_pad3d(input, pad),
            ("circular", _) => _pad_circular(input, pad),
            (m, _) => bail!(NotImplemented, "Unrecognised padding mode {m}"),
        }
    } { .functional() }
}
