//! Norms of vectors and matrices, and distances.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::program::Reduce;
use crate::op::autocast::Cast;
use crate::op::expr::{lit, select};
use crate::op::flag;
use crate::op::record::Bw;
use crate::ops;
use crate::ops::reduce::restore;
use crate::ops::short::{cast, div, is, mask_of, mul, sub, times, zero_where};
use crate::scalar::Scalar;
use crate::shape::{Dims, wrap_dim};
use crate::tensor::Tensor;
use crate::tensor::graph::Grads;
use smallvec::smallvec;

const LINALG: u32 = flag::NO_METHOD | flag::OUT;
const PART: u32 = flag::PRIVATE | flag::NO_FUNCTION | flag::NO_METHOD;

ops! {
    /// The root of the sum of squares.
    fn _norm_2(input: Tensor, dim: OptInts, keepdim: Bool) -> Tensor {
        .reduction(|f| f.x(0).square(), Reduce::Sum, Some(|_, a, _| a.sqrt()))
            .grad(&[0], &[0], |b| grad(b, 2.0, 1)).node("LinalgVectorNormBackward0").with(PART)
    }

    /// The sum of absolute values.
    fn _norm_1(input: Tensor, dim: OptInts, keepdim: Bool) -> Tensor {
        .reduction(|f| f.x(0).abs(), Reduce::Sum, None)
            .grad(&[0], &[0], |b| grad(b, 1.0, 1)).node("LinalgVectorNormBackward0").with(PART)
    }

    /// 1 where an element differs from 0: its sum is a distance of order 0, whose gradient is zeros, not absent as the norm's.
    fn _differs(input: Tensor) -> Tensor { .formula(|f| select(f.x(0).ne(0.0), lit(1.0), lit(0.0))).grad_zero().with(PART) }

    /// How many elements differ from 0.
    fn _norm_0(input: Tensor, dim: OptInts, keepdim: Bool) -> Tensor {
        .reduction(|f| f.x(0).ne(0.0), Reduce::Sum, None)
            .grad(&[0], &[0], |b| grad(b, 0.0, 1)).node("LinalgVectorNormBackward0").with(PART)
    }

    /// The largest absolute value.
    fn _norm_max(input: Tensor, dim: OptInts, keepdim: Bool) -> Tensor {
        .reduction(|f| f.x(0).abs(), Reduce::Max, None)
            .grad(&[0], &[0], |b| grad(b, f64::INFINITY, 1)).node("LinalgVectorNormBackward0").with(PART)
    }

    /// The smallest absolute value.
    fn _norm_min(input: Tensor, dim: OptInts, keepdim: Bool) -> Tensor {
        .reduction(|f| f.x(0).abs(), Reduce::Min, None)
            .grad(&[0], &[0], |b| grad(b, f64::INFINITY, 1)).node("LinalgVectorNormBackward0").with(PART)
    }

    /// The `ord`-th root of the sum of `ord`-th powers of absolute values.
    fn _norm_p(input: Tensor, ord: Scalar, dim: OptInts, keepdim: Bool) -> Tensor {
        .reduction(|f| f.x(0).abs().pow(f.x(1)), Reduce::Sum, Some(|f, a, _| a.pow(f.x(1).recip())))
            .grad(&[0], &[0], |b| grad(b, b.scalar(1).f64(), 2)).node("LinalgVectorNormBackward0").with(PART)
    }

    /// The norm of vectors: the root of the sum of squares, or by `ord` the sum of absolute values (1), the largest (inf) or
    /// smallest (-inf) one, the number of elements that are not 0 (0), the ord-th root of the sum of ord-th powers.
    "linalg.vector_norm" fn vector_norm(input: Tensor, ord: Scalar = 2, dim: OptInts = None, keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        vector(input, ord.f64(), dim, keepdim, dtype)
    } { .sparse(ops::sparse_math::norm).spaces(&["linalg"]).with(LINALG) }

    /// The norm of matrices: "fro" is the root of the sum of squares, other texts stand for orders.
    "linalg.matrix_norm.str_ord" fn matrix_norm(input: Tensor, ord: Str = "fro", dim: Ints = [-2, -1], keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        let d = matrix_dims(input, dim)?;
        match ord {
            "fro" => vector(input, 2.0, Some(&d), keepdim, dtype),
            "nuc" => of_singular_values(input, &d, keepdim, dtype, |s| ops::sum(s, Some(&[-1]), false, None)),
            _ => bail!(Runtime, "linalg.matrix_norm: Order {ord} not supported."),
        }
    } { .spaces(&["linalg"]).with(LINALG) }

    /// The norm of matrices by order: 1 and -1 are the largest and smallest column sum of absolute values, inf and -inf those of rows.
    "linalg.matrix_norm" fn matrix_norm_ord(input: Tensor, ord: Scalar, dim: Ints = [-2, -1], keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        by_order(input, ord.f64(), dim, keepdim, dtype)
    } { .spaces(&["linalg"]).with(LINALG) }

    /// The norm of a vector or of matrices: `vector_norm` over one dimension (or over all without `ord`), `matrix_norm` over two.
    "linalg.norm" fn linalg_norm(input: Tensor, ord: OptScalar = None, dim: OptInts = None, keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        let Some(ord) = ord else { return vector(input, 2.0, dim, keepdim, dtype) };
        match dim {
            Some(d) if d.len() == 1 => vector(input, ord.f64(), dim, keepdim, dtype),
            Some(d) if d.len() == 2 => by_order(input, ord.f64(), d, keepdim, dtype),
            Some(d) => bail!(Runtime, "linalg.norm: If dim is specified, it must be of length 1 or 2. Got {}", crate::shape::show(d)),
            None => match input.ndim() {
                1 => vector(input, ord.f64(), None, keepdim, dtype),
                2 => by_order(input, ord.f64(), &[0, 1], keepdim, dtype),
                n => bail!(Runtime, "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {n}D."),
            },
        }
    } { .spaces(&["linalg"]).with(LINALG) }

    /// The Frobenius norm of matrices.
    "linalg.norm.ord_str" fn linalg_norm_str(input: Tensor, ord: Str, dim: OptInts = None, keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        match dim {
            Some(d) if d.len() != 2 => bail!(Runtime, "linalg.norm: If ord is given as text, dim must have length 2. Got {}", crate::shape::show(d)),
            Some(d) => matrix_norm(input, ord, d, keepdim, dtype),
            None if input.ndim() != 2 => bail!(Runtime, "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {}D.", input.ndim()),
            None => matrix_norm(input, ord, &[0, 1], keepdim, dtype),
        }
    } { .spaces(&["linalg"]).with(LINALG) }

    /// The `p`-norm over `dim`, or of all elements.
    fn norm(input: Tensor, p: OptScalar = 2, dim: OptInts = None, keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        vector(input, p.map_or(2.0, Scalar::f64), dim, keepdim, dtype)
    } { .sparse(ops::sparse_math::norm).with(flag::OUT) }

    /// The Frobenius norm ("fro") over `dim`, or of all elements.
    "norm.str" fn norm_str(input: Tensor, p: Str, dim: OptInts = None, keepdim: Bool = false; dtype: DType = None) -> Tensor = {
        match p {
            "fro" => vector(input, 2.0, dim, keepdim, dtype),
            "nuc" => matrix_norm(input, "nuc", dim.unwrap_or(&[-2, -1]), keepdim, dtype),
            _ => bail!(Runtime, "only valid string values are 'fro' and 'nuc', found {p}"),
        }
    } { .with(flag::OUT) }

    /// The `p`-norm of input - other.
    fn dist(input: Tensor, other: Tensor, p: Scalar = 2) -> Tensor = { vector(&sub(input, other)?, p.f64(), None, false, None) } { .node("DistBackward0") }

    /// The distances between all rows of two matrices (or batches of matrices), in the `p`-norm.
    fn cdist(x1: Tensor, x2: Tensor, p: Float = 2.0, compute_mode: OptStr = "use_mm_for_euclid_dist_if_necessary") -> Tensor = {
        for (i, t) in [x1, x2].into_iter().enumerate() {
            if t.ndim() < 2 {
                bail!(Runtime, "cdist only supports at least 2D tensors, X{} got: {}D", i + 1, t.ndim());
            }
            if !t.dtype().is_float() {
                bail!(Runtime, "cdist only supports floating-point dtypes, X{} got: {}", i + 1, t.dtype().c10_name());
            }
        }
        let (a, b) = (x1.size_at(x1.ndim() - 1), x2.size_at(x2.ndim() - 1));
        if a != b {
            bail!(Runtime, "X1 and X2 must have the same number of columns. X1: {a} X2: {b}");
        }
        if p < 0.0 {
            bail!(Runtime, "cdist only supports non-negative p values");
        }
        let (m, n) = (x1.size_at(x1.ndim() - 2), x2.size_at(x2.ndim() - 2));
        let products = match compute_mode.unwrap_or("use_mm_for_euclid_dist_if_necessary") {
            "use_mm_for_euclid_dist_if_necessary" => m > 25 || n > 25,
            "use_mm_for_euclid_dist" => true,
            "donot_use_mm_for_euclid_dist" => false,
            other => bail!(Value, "{other} is not a valid value for compute_mode"),
        };
        if p == 2.0 && products && m * n * a > 0 {
            return _euclidean(x1, x2);
        }
        let d = sub(&ops::unsqueeze(x1, -2)?, &ops::unsqueeze(x2, -3)?)?;
        if p == 0.0 { ops::sum(&_differs(&d)?, Some(&[-1]), false, None) } else { vector(&d, p, Some(&[-1]), false, None) }
    } { .node("CdistBackward0") .cast(Cast::Single).with(flag::NO_METHOD) }

    /// Euclidean distances of rows by a matrix product.
    fn _euclidean(x1: Tensor, x2: Tensor) -> Tensor {
        .kernel(|cx| {
            let (a, b) = (cx.tensor(0)?, cx.tensor(1)?);
            let (s, t) = (a.sizes(), b.sizes());
            let mut out = crate::shape::broadcast(&s[..s.len() - 2], &t[..t.len() - 2])?;
            out.extend([s[s.len() - 2], t[t.len() - 2]]);
            Ok(smallvec![crate::op::Meta::new(out, crate::dtype::promote(a.dtype(), b.dtype()))])
        }, |cx, out| {
            let _off = crate::tensor::mode::NoGrad::new();
            let d = out[0].dtype();
            let (a, b) = (cast(cx.tensor(0)?, d)?, cast(cx.tensor(1)?, d)?);
            let square = |t: &Tensor| ops::sum(&ops::square(t)?, Some(&[-1]), true, None);
            let (sa, sb) = (square(&a)?, square(&b)?);
            let ones = |t: &Tensor| ops::ones_like(t, None, None, None);
            let left = ops::cat(&[times(&a, -2)?, sa.clone(), ones(&sa)?], -1)?;
            let right = ops::cat(&[b.clone(), ones(&sb)?, sb], -1)?;
            let p = ops::matmul(&left, &ops::transpose(&right, -2, -1)?)?;
            out[0].copy_raw(&ops::sqrt(&ops::clamp_min(&p, 0.into())?)?)
        }, "gemm", crate::op::Batch::Loop).grad(&[0, 1], &[0], |b| {
            let (a, c, y) = (b.tensor(0)?, b.tensor(1)?, b.out(0)?);
            let ratio = zero_where(&div(&b.g()?, y)?, &is(y, 0)?)?;
            let side = |a: &Tensor, c: &Tensor, r: &Tensor| -> Result<Tensor> {
                let g = sub(&mul(a, &ops::sum(r, Some(&[-1]), true, None)?)?, &ops::matmul(r, c)?)?;
                ops::sum_to_size(&g, &a.sizes())
            };
            Ok(smallvec![b.when(0, || side(a, c, &ratio))?, b.when(1, || side(c, a, &ops::transpose(&ratio, -2, -1)?))?])
        }).node("CdistBackward0").with(PART)
    }

    /// Slices along `dim` brought down to `maxnorm` where their `p`-norm is larger.
    fn renorm(input: Tensor, p: Scalar, dim: Int, maxnorm: Scalar) -> Tensor = {
        let n = input.ndim();
        if p.f64() <= 0.0 {
            bail!(Runtime, "renorm: non-positive-norm not supported");
        }
        if maxnorm.f64() < 0.0 {
            bail!(Runtime, "renorm: expected maxnorm to be >= 0 but got {}", maxnorm.f64());
        }
        if n < 2 {
            bail!(Runtime, "renorm: input needs at least 2 dimensions, got {n} dimensions");
        }
        let d = wrap_dim(dim, n)?;
        let others: Dims = (0..n).filter(|i| *i != d).map(|i| i as i64).collect();
        let size = vector(input, p.f64(), Some(&others), true, None)?;
        let factor = ops::mul((&ops::reciprocal(&ops::short::plus(&size, 1e-7)?)?).into(), crate::op::arg::Num::Scalar(maxnorm))?;
        let over = ops::gt((&size).into(), crate::op::arg::Num::Scalar(maxnorm))?;
        mul(input, &ops::where_(&over, (&factor).into(), 1.0.into())?)
    } { .node("RenormBackward0") .with(flag::OUT | flag::INPLACE) }

    /// `input` divided by its `p`-norm along `dim`, or by `eps` where that is larger.
    fn normalize(input: Tensor, p: Float = 2.0, dim: Ints = [1], eps: Float = 1e-12) -> Tensor = {
        let n = ops::clamp_min(&vector(input, p, Some(dim), true, None)?, eps.into())?;
        div(input, &ops::expand_as(&n, input)?)
    } { .functional().with(flag::OUT) }
}

/// The singular values of the matrices in dimensions `dim`, as a last dimension.
fn singular_values(x: &Tensor, dim: &[i64; 2], dtype: Option<DType>) -> Result<Tensor> {
    if !x.dtype().is_differentiable() {
        bail!(
            Runtime,
            "linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {}",
            x.dtype().c10_name()
        );
    }
    let x = dtype.map_or_else(|| Ok(x.clone()), |d| cast(x, d))?;
    ops::linalg_svdvals(&ops::movedim(&x, dim, &[-2, -1])?, None)
}

/// A norm made of singular values.
fn of_singular_values(
    x: &Tensor,
    dim: &[i64; 2],
    keepdim: bool,
    dtype: Option<DType>,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let r = f(&singular_values(x, dim, dtype)?)?;
    if !keepdim {
        return Ok(r);
    }
    let [a, b] = [dim[0].min(dim[1]), dim[0].max(dim[1])];
    ops::unsqueeze(&ops::unsqueeze(&r, a)?, b)
}

/// The norm of vectors over `dim` (absent or empty: over all).
pub fn vector(x: &Tensor, p: f64, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    if !x.dtype().is_differentiable() {
        bail!(
            Runtime,
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {} (convert it with .float())",
            x.dtype().c10_name()
        );
    }
    if let Some(d) = dtype {
        if !d.is_differentiable() {
            bail!(Runtime, "linalg.vector_norm: dtype should be floating point or complex, but got {}", d.c10_name());
        }
        if d.is_complex() != x.dtype().is_complex() {
            let kind = |d: DType| if d.is_complex() { "complex" } else { "real" };
            bail!(
                Runtime,
                "linalg.vector_norm: dtype should be {} for {} inputs, but got {}",
                kind(x.dtype()),
                kind(x.dtype()),
                d.c10_name()
            );
        }
        if crate::dtype::promote(d, x.dtype()) != d {
            bail!(
                Runtime,
                "linalg.vector_norm: the dtype of the input ({}) should be convertible without narrowing to the specified dtype ({})",
                x.dtype().c10_name(),
                d.c10_name()
            );
        }
    }
    let mask = mask_of(dim, x.ndim())?;
    if p < 0.0 || p == f64::INFINITY {
        let s = x.sizes();
        let name = if p.is_infinite() { if p > 0.0 { "inf".into() } else { "-inf".into() } } else { p.to_string() };
        if let Some(i) = (0..s.len()).find(|&i| mask[i] && s[i] == 0) {
            let place =
                if dim.is_none_or(<[i64]>::is_empty) { "an empty tensor".into() } else { format!("the dimension {i}") };
            bail!(
                Runtime,
                "linalg.vector_norm cannot compute the {name} norm on {place} because the operation does not have an identity"
            );
        }
    }
    let x = match dtype {
        Some(d) => cast(x, d)?,
        None => x.clone(),
    };
    let x = if x.dtype().is_complex() { ops::abs(&x)? } else { x };
    if p == 2.0 {
        _norm_2(&x, dim, keepdim)
    } else if p == 1.0 {
        _norm_1(&x, dim, keepdim)
    } else if p == 0.0 {
        _norm_0(&x, dim, keepdim)
    } else if p == f64::INFINITY {
        _norm_max(&x, dim, keepdim)
    } else if p == f64::NEG_INFINITY {
        _norm_min(&x, dim, keepdim)
    } else {
        _norm_p(&x, p.into(), dim, keepdim)
    }
}

fn matrix_dims(x: &Tensor, dim: &[i64]) -> Result<[i64; 2]> {
    let [a, b] = dim else {
        bail!(Runtime, "linalg.matrix_norm: dim must be a 2-tuple. Got {}", crate::shape::show(dim))
    };
    if x.ndim() < 2 {
        bail!(Runtime, "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.");
    }
    let (a, b) = (wrap_dim(*a, x.ndim())?, wrap_dim(*b, x.ndim())?);
    if a == b {
        bail!(Runtime, "linalg.matrix_norm: dims must be different. Got {}", crate::shape::show(dim));
    }
    Ok([a as i64, b as i64])
}

/// The matrix norms that need no singular values.
fn by_order(x: &Tensor, ord: f64, dim: &[i64], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    let [a, b] = matrix_dims(x, dim)?;
    if ord.abs() == 2.0 {
        return of_singular_values(x, &[a, b], keepdim, dtype, |s| {
            if ord > 0.0 { ops::amax(s, Some(&[-1]), false) } else { ops::amin(s, Some(&[-1]), false) }
        });
    }
    if ord.abs() != 1.0 && !ord.is_infinite() {
        bail!(Runtime, "linalg.matrix_norm: Order {ord} not supported.");
    }
    // Sums along one of the dimensions, then the extreme along the other.
    let (along, across) = if ord.abs() == 1.0 { (a, b) } else { (b, a) };
    let sums = vector(x, 1.0, Some(&[along]), true, dtype)?;
    // The largest of no sums is 0, the smallest is refused.
    let top = if ord > 0.0 && sums.numel() == 0 {
        ops::sum(&sums, Some(&[across]), true, None)?
    } else if ord > 0.0 {
        ops::amax(&sums, Some(&[across]), true)?
    } else {
        ops::amin(&sums, Some(&[across]), true)?
    };
    if keepdim { Ok(top) } else { ops::squeeze_dims(&top, &[a, b]) }
}

/// The gradient of a p-norm over the dimensions in argument `at`.
fn grad(b: &Bw, p: f64, at: usize) -> Result<Grads> {
    let (x, sizes) = (b.tensor(0)?, b.sizes(0));
    let dim: Dims = b.ints(at).into();
    let g = restore(&b.g()?, &sizes, &dim, b.bool(at + 1))?;
    let n = restore(b.out(0)?, &sizes, &dim, b.bool(at + 1))?;
    let pow = |t: &Tensor, e: f64| ops::pow_scalar(t, e.into());
    let none = || is(&n, 0);
    if p == 0.0 {
        return Ok(smallvec![None]);
    }
    let r = if p == 1.0 {
        mul(&ops::sgn(x)?, &g)?
    } else if p == 2.0 {
        mul(x, &zero_where(&div(&g, &n)?, &none()?)?)?
    } else if p.is_infinite() {
        let size = ops::abs(x)?;
        let hit = ops::logical_or(&ops::eq((&size).into(), (&n).into())?, &ops::isnan(&size)?)?;
        let count = ops::sum(&hit, Some(&dim), true, None)?;
        mul(&mul(&ops::sgn(x)?, &hit)?, &div(&g, &count)?)?
    } else {
        let scale =
            if p < 1.0 { mul(&g, &pow(&n, 1.0 - p)?)? } else { zero_where(&div(&g, &pow(&n, p - 1.0)?)?, &none()?)? };
        let size = ops::abs(x)?;
        let part = if p < 2.0 {
            zero_where(&mul(&ops::sgn(x)?, &pow(&size, p - 1.0)?)?, &is(x, 0)?)?
        } else {
            mul(x, &pow(&size, p - 2.0)?)?
        };
        mul(&part, &scale)?
    };
    Ok(smallvec![Some(r)])
}
