//! Products of matrices and vectors.

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::gemm::{Bias, Gemm, Matrix, gemm};
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::sparse_math;
use crate::scalar::Scalar;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use smallvec::{SmallVec, smallvec};

/// `c = alpha * a @ b + beta * c (+ bias per column)`; the last two dimensions are matrices, those before batches.
fn product(a: &Tensor, b: &Tensor, c: &Tensor, alpha: Scalar, beta: f64, bias: Option<&Tensor>) -> Result<()> {
    // (A call's tensors cannot change while its kernel runs: see `pinned` in op/call.rs.)
    let (x, y, z) = (a.body(), b.body(), c.body());
    let n = z.layout.ndim();
    let batch: SmallVec<[usize; 4]> = z.layout.sizes[..n - 2].iter().map(|&s| s as usize).collect();
    let (rows, cols) = (z.layout.sizes[n - 2] as usize, z.layout.sizes[n - 1] as usize);
    let inner = x.layout.sizes[n - 1] as usize;
    if z.numel == 0 {
        return Ok(());
    }
    let (s, t, u) = (&x.layout.strides, &y.layout.strides, &z.layout.strides);
    let g = Gemm {
        batch: &batch,
        alpha: alpha.f64(),
        beta,
        bias: bias.map(|t| {
            let b = t.body();
            Bias::Col(b.ptr(), b.layout.strides[0])
        }),
        ..Gemm::new(
            z.dtype,
            rows,
            cols,
            inner,
            Matrix { ptr: x.ptr(), row_stride: s[n - 2], col_stride: s[n - 1], batch_strides: &s[..n - 2] },
            Matrix { ptr: y.ptr(), row_stride: t[n - 2], col_stride: t[n - 1], batch_strides: &t[..n - 2] },
            Matrix { ptr: z.ptr(), row_stride: u[n - 2], col_stride: u[n - 1], batch_strides: &u[..n - 2] },
        )
    };
    // SAFETY: the bodies are held until the end, so the storages live; layouts lie inside them; `c` is new memory or was
    // checked to share none with `a` and `b`.
    unsafe { gemm(&g) }
}

/// Both of one dtype that can be multiplied.
fn check_types(cx: &Ctx, a: &Tensor, b: &Tensor) -> Result<DType> {
    let (x, y) = (a.dtype(), b.dtype());
    if x != y && cx.op.name == "addmm" {
        bail!(
            Runtime,
            "mat1 and mat2 must have the same dtype, but got {} and {}\nConvert one of them, with .to(torch.{}) or .float().",
            x.c10_name(),
            y.c10_name(),
            x.name()
        );
    }
    if x != y {
        bail!(
            Runtime,
            "expected m1 and m2 to have the same dtype, but got: {} != {}\nConvert one of them, with .to(torch.{}) or .float().",
            ctype(x),
            ctype(y),
            x.name()
        );
    }
    if x == DType::Bool {
        bail!(
            NotImplemented,
            "\"{}_impl_cpu\" not implemented for 'Bool'",
            if cx.op.name == "bmm" { "baddbmm" } else { "addmm" }
        );
    }
    Ok(x)
}

/// C's name of an element type, as PyTorch's messages have it.
pub(super) fn ctype(d: DType) -> &'static str {
    match d {
        DType::F32 => "float",
        DType::F64 => "double",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::I64 => "long int",
        DType::I32 => "int",
        DType::I16 => "short int",
        DType::I8 => "signed char",
        DType::U8 => "unsigned char",
        DType::Bool => "bool",
        DType::C64 => "c10::complex<float>",
        DType::C128 => "c10::complex<double>",
    }
}

fn mm_meta(cx: &Ctx, a: &Tensor, b: &Tensor) -> Result<Metas> {
    if a.ndim() != 2 || b.ndim() != 2 {
        let (which, t) = if a.ndim() != 2 { ("mat1", a) } else { ("mat2", b) };
        let text = match (cx.op.name, which) {
            ("mm", "mat1") => "self must be a matrix".to_string(),
            ("mm", _) => "mat2 must be a matrix".to_string(),
            _ => format!("{which} must be a matrix, got {}-D tensor", t.ndim()),
        };
        bail!(Runtime, "{text}\nUse torch.matmul for tensors of other ranks.");
    }
    let d = check_types(cx, a, b)?;
    let (s, t) = (a.sizes(), b.sizes());
    if s[1] != t[0] {
        bail!(
            Runtime,
            "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})\nThe {} columns of the first must equal the {} rows of the second.{}{}",
            s[0],
            s[1],
            t[0],
            t[1],
            s[1],
            t[0],
            if s[1] == t[1] { " With the second transposed (b.T) they would." } else { "" },
            if s == t { " The product of elements is a * b." } else { "" }
        );
    }
    Ok(smallvec![Meta::new([s[0], t[1]].as_slice(), d)])
}

/// The conjugate transpose of the last two dimensions; for real tensors the transpose.
fn adjoint(t: &Tensor) -> Result<Tensor> {
    let t = ops::transpose(t, -2, -1)?;
    if t.dtype().is_complex() { ops::conj_physical(&t) } else { Ok(t) }
}

fn scaled(t: Tensor, by: Scalar) -> Result<Tensor> {
    if by.f64() == 1.0 && by.im() == 0.0 { Ok(t) } else { ops::mul((&t).into(), crate::op::arg::Num::Scalar(by)) }
}

fn check_factors(cx: &Ctx, beta: usize, d: DType) -> Result<()> {
    for i in [beta, beta + 1] {
        let s = cx.scalar(i)?;
        if let Scalar::Complex(..) = s
            && !d.is_complex()
        {
            bail!(
                Runtime,
                "For non-complex input tensors, argument {} must not be a complex number.",
                cx.op.params[i].name
            );
        }
    }
    Ok(())
}

/// A factor in the category of the tensors: PyTorch cuts fractions for integers.
fn cut(s: Scalar, d: DType) -> Scalar {
    match d {
        DType::Bool => Scalar::Bool(s.truth()),
        d if d.is_int() => Scalar::Int(s.i64()),
        _ => s,
    }
}

/// What `addmm`-like operators do: `out = beta * input + alpha * a @ b`, input broadcast.
fn add_product(cx: &Ctx, out: &Tensor, a: &Tensor, b: &Tensor) -> Result<()> {
    let d = out.dtype();
    let (input, beta, alpha) = (cx.tensor(0)?, cut(cx.scalar(3)?, d), cut(cx.scalar(4)?, d));
    let complex = out.dtype().is_complex();
    if complex && (beta.im() != 0.0 || alpha.im() != 0.0) {
        let p = Tensor::empty(&out.sizes(), out.dtype(), out.device())?;
        product(a, b, &p, Scalar::Int(1), 0.0, None)?;
        let _off = crate::tensor::mode::NoGrad::new();
        let p = scaled(p, alpha)?;
        let p = if beta.truth() { ops::add((&scaled(input.clone(), beta)?).into(), (&p).into(), None)? } else { p };
        return out.copy_raw(&p);
    }
    if input.ndim() == 1
        && input.numel() == out.sizes().last().copied().unwrap_or(0)
        && beta.f64() == 1.0
        && alpha.f64() == 1.0
        && input.dtype() == out.dtype()
    {
        return product(a, b, out, alpha, 0.0, Some(input));
    }
    if beta.truth() {
        out.copy_raw(input)?;
    }
    product(a, b, out, alpha, beta.f64(), None)
}

ops! {
    /// The product of two matrices.
    fn mm(input: Tensor, mat2: Tensor) -> Tensor {
        .sparse(sparse_math::multiplied).cast(Cast::Lower).kernel(|cx| mm_meta(cx, cx.tensor(0)?, cx.tensor(1)?), |cx, out| product(cx.tensor(0)?, cx.tensor(1)?, &out[0], 1.into(), 0.0, None), "gemm", Batch::Fold)
            .grad(&[0, 1], &[], |b| {
                let g = b.g()?;
                Ok(smallvec![b.when(0, || ops::mm(&g, &adjoint(b.tensor(1)?)?))?, b.when(1, || ops::mm(&adjoint(b.tensor(0)?)?, &g))?])
            }).with(flag::OUT)
    }

    /// Products of matrices, one by one over the first dimension.
    fn bmm(input: Tensor, mat2: Tensor) -> Tensor {
        .cast(Cast::Lower).kernel(|cx| bmm_meta(cx, cx.tensor(0)?, cx.tensor(1)?), |cx, out| product(cx.tensor(0)?, cx.tensor(1)?, &out[0], 1.into(), 0.0, None), "gemm", Batch::Fold)
            .grad(&[0, 1], &[], |b| {
                let g = b.g()?;
                Ok(smallvec![b.when(0, || ops::bmm(&g, &adjoint(b.tensor(1)?)?))?, b.when(1, || ops::bmm(&adjoint(b.tensor(0)?)?, &g))?])
            }).with(flag::OUT)
    }

    /// A matrix times a vector.
    fn mv(input: Tensor, vec: Tensor) -> Tensor {
        .sparse(sparse_math::multiplied).kernel(|cx| {
            let (a, v) = (cx.tensor(0)?, cx.tensor(1)?);
            if a.ndim() != 2 || v.ndim() != 1 {
                bail!(Runtime, "vector + matrix @ vector expected, got {}, {}, {}\nmv takes a matrix and a vector.", 1, a.ndim(), v.ndim());
            }
            if a.size_at(1) != v.size_at(0) {
                bail!(Runtime, "size mismatch, got input ({}), mat ({}x{}), vec ({})", a.size_at(0), a.size_at(0), a.size_at(1), v.size_at(0));
            }
            Ok(smallvec![Meta::new([a.size_at(0)].as_slice(), check_types(cx, a, v)?)])
        }, |cx, out| {
            let v = cx.tensor(1)?;
            product(cx.tensor(0)?, &v.alias(v.layout().unsqueeze(1)), &out[0].alias(out[0].layout().unsqueeze(1)), 1.into(), 0.0, None)
        }, "gemm", Batch::Fold)
            .grad(&[0, 1], &[], |b| {
                let g = b.g()?;
                Ok(smallvec![
                    b.when(0, || ops::mul((&ops::unsqueeze(&g, 1)?).into(), (&conj(b.tensor(1)?)?).into()))?,
                    b.when(1, || ops::mv(&adjoint(b.tensor(0)?)?, &g))?
                ])
            }).with(flag::OUT)
    }

    /// The sum of products of two vectors.
    fn dot(input: Tensor, tensor: Tensor) -> Tensor {
        .kernel(|cx| {
            let (a, v) = (cx.tensor(0)?, cx.tensor(1)?);
            if a.ndim() != 1 || v.ndim() != 1 {
                bail!(Runtime, "1D tensors expected, but got {}D and {}D tensors", a.ndim(), v.ndim());
            }
            if a.dtype() != v.dtype() {
                bail!(Runtime, "dot : expected both vectors to have same dtype, but found {} and {}", a.dtype().c10_name(), v.dtype().c10_name());
            }
            if a.numel() != v.numel() {
                bail!(
                    Runtime,
                    "inconsistent tensor size, expected tensor {} and src {} to have the same number of elements, but got {} and {} elements respectively",
                    shape::show(&a.sizes()),
                    shape::show(&v.sizes()),
                    a.numel(),
                    v.numel()
                );
            }
            if a.dtype() == DType::Bool {
                return Err(cx.refuse(a.dtype()));
            }
            Ok(smallvec![Meta::new([].as_slice(), a.dtype())])
        }, |cx, out| {
            let (a, v) = (cx.tensor(0)?, cx.tensor(1)?);
            let o = out[0].alias(out[0].layout().unsqueeze(0).unsqueeze(0));
            product(&a.alias(a.layout().unsqueeze(0)), &v.alias(v.layout().unsqueeze(1)), &o, 1.into(), 0.0, None)
        }, "gemm", Batch::Fold)
            .grad(&[0, 1], &[], |b| {
                let g = b.g()?;
                Ok(smallvec![
                    b.when(0, || ops::mul((&g).into(), (&conj(b.tensor(1)?)?).into()))?,
                    b.when(1, || ops::mul((&g).into(), (&conj(b.tensor(0)?)?).into()))?
                ])
            }).with(flag::OUT)
    }

    /// The sum of products of two vectors, the first conjugated.
    fn vdot(input: Tensor, other: Tensor) -> Tensor = { ops::dot(&conj(input)?, other) } { .with(flag::OUT) }

    /// The matrix of all products of two vectors' elements.
    fn outer(input: Tensor, vec2: Tensor) -> Tensor = {
        if input.ndim() != 1 || vec2.ndim() != 1 {
            bail!(Runtime, "outer: Expected 1-D argument self and vec2, but got {}-D and {}-D", input.ndim(), vec2.ndim());
        }
        ops::mul((&ops::reshape(input, &[-1, 1])?).into(), vec2.into())
    } { .with(flag::OUT).aliases(&["ger"]) }

    /// beta * input + alpha * mat1 @ mat2.
    fn addmm(input: Tensor, mat1: Tensor, mat2: Tensor; beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
        .sparse(sparse_math::add_multiplied).cast(Cast::Lower).kernel(|cx| {
            let m = mm_meta(cx, cx.tensor(1)?, cx.tensor(2)?)?;
            fits(cx.tensor(0)?, &m[0].sizes)?;
            cx_same(cx.tensor(0)?, m[0].dtype)?;
            check_factors(cx, 3, m[0].dtype)?;
            Ok(m)
        }, |cx, out| add_product(cx, &out[0], cx.tensor(1)?, cx.tensor(2)?), "gemm", Batch::Fold)
            .grad(&[1, 2], &[], |b| {
                let (g, beta, alpha) = (b.g()?, b.scalar(3).conj(), b.scalar(4).conj());
                Ok(smallvec![
                    b.when(0, || scaled(ops::sum_to_size(&g, &b.sizes(0))?, beta))?,
                    b.when(1, || scaled(ops::mm(&g, &adjoint(b.tensor(2)?)?)?, alpha))?,
                    b.when(2, || scaled(ops::mm(&adjoint(b.tensor(1)?)?, &g)?, alpha))?
                ])
            }).with(flag::OUT | flag::INPLACE)
    }

    /// beta * input + alpha * batch1 @ batch2, one by one over the first dimension.
    fn baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor; beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
        .cast(Cast::Lower).kernel(|cx| {
            let m = bmm_meta(cx, cx.tensor(1)?, cx.tensor(2)?)?;
            fits(cx.tensor(0)?, &m[0].sizes)?;
            cx_same(cx.tensor(0)?, m[0].dtype)?;
            check_factors(cx, 3, m[0].dtype)?;
            Ok(m)
        }, |cx, out| add_product(cx, &out[0], cx.tensor(1)?, cx.tensor(2)?), "gemm", Batch::Fold)
            .grad(&[1, 2], &[], |b| {
                let (g, beta, alpha) = (b.g()?, b.scalar(3).conj(), b.scalar(4).conj());
                Ok(smallvec![
                    b.when(0, || scaled(ops::sum_to_size(&g, &b.sizes(0))?, beta))?,
                    b.when(1, || scaled(ops::bmm(&g, &adjoint(b.tensor(2)?)?)?, alpha))?,
                    b.when(2, || scaled(ops::bmm(&adjoint(b.tensor(1)?)?, &g)?, alpha))?
                ])
            }).with(flag::OUT | flag::INPLACE)
    }

    /// beta * input + alpha * the sum of the products of a batch.
    fn addbmm(input: Tensor, batch1: Tensor, batch2: Tensor; beta: Scalar = 1, alpha: Scalar = 1) -> Tensor = {
        let (beta, alpha) = (cut(beta, input.dtype()), cut(alpha, input.dtype()));
        let p = scaled(ops::sum(&ops::bmm(batch1, batch2)?, Some(&[0]), false, Some(input.dtype()))?, alpha)?;
        if !beta.truth() {
            return Ok(p);
        }
        ops::add((&scaled(input.clone(), beta)?).into(), (&p).into(), None)
    } { .cast(Cast::Lower).node("AddbmmBackward0").with(flag::OUT | flag::INPLACE | flag::RESIZES) }

    /// beta * input + alpha * mat @ vec.
    fn addmv(input: Tensor, mat: Tensor, vec: Tensor; beta: Scalar = 1, alpha: Scalar = 1) -> Tensor = {
        let (beta, alpha) = (cut(beta, input.dtype()), cut(alpha, input.dtype()));
        let p = scaled(ops::mv(mat, vec)?, alpha)?;
        if !beta.truth() {
            return ops::add((&p).into(), 0.into(), None);
        }
        ops::add((&scaled(input.clone(), beta)?).into(), (&p).into(), None)
    } { .node("AddmvBackward0").with(flag::OUT | flag::INPLACE) }

    /// beta * input + alpha * outer(vec1, vec2).
    fn addr(input: Tensor, vec1: Tensor, vec2: Tensor; beta: Scalar = 1, alpha: Scalar = 1) -> Tensor = {
        for (name, v) in [("beta", beta), ("alpha", alpha)] {
            if input.dtype().is_integral() && matches!(v, Scalar::Float(_)) {
                bail!(Runtime, "For integral input tensors, argument {name} must not be a floating point number.");
            }
        }
        let (beta, alpha) = (cut(beta, input.dtype()), cut(alpha, input.dtype()));
        let p = scaled(ops::outer(vec1, vec2)?, alpha)?;
        if !beta.truth() {
            return Ok(p);
        }
        ops::add((&scaled(input.clone(), beta)?).into(), (&p).into(), None)
    } { .node("AddrBackward0").with(flag::OUT | flag::INPLACE) }

    /// The product of vectors, matrices and batches, by NumPy's rules for `@`.
    fn matmul(input: Tensor, other: Tensor) -> Tensor = {
        let (a, b) = (input.ndim(), other.ndim());
        match (a, b) {
            (0, _) | (_, 0) => bail!(
                Runtime,
                "both arguments to matmul need to be at least 1D, but they are {a}D and {b}D"
            ),
            (1, 1) => ops::dot(input, other),
            (2, 1) => ops::mv(input, other),
            (1, 2) => ops::squeeze_dim(&ops::mm(&ops::unsqueeze(input, 0)?, other)?, 0),
            (2, 2) => ops::mm(input, other),
            (_, 1) => {
                let s = input.sizes();
                let flat = ops::reshape(input, &[s[..a - 1].iter().product(), s[a - 1]])?;
                ops::reshape(&ops::mv(&flat, other)?, &s[..a - 1])
            }
            (_, 2) => {
                // All rows of all batches in one product.
                let s = input.sizes();
                let flat = ops::reshape(input, &[s[..a - 1].iter().product(), s[a - 1]])?;
                let mut to: Dims = s[..a - 1].into();
                to.push(other.size_at(1));
                ops::_unsafe_view(&ops::mm(&flat, other)?, &to)
            }
            (1, _) => ops::squeeze_dim(&ops::matmul(&ops::unsqueeze(input, 0)?, other)?, -2),
            _ => {
                let (s, t) = (input.sizes(), other.sizes());
                let batch = shape::broadcast(&s[..a - 2], &t[..b - 2])?;
                let n: i64 = batch.iter().product();
                let wide = |x: &Tensor, rows: i64, cols: i64| -> Result<Tensor> {
                    let mut to = batch.clone();
                    to.extend([rows, cols]);
                    ops::reshape(&ops::expand(x, &to, false)?, &[n, rows, cols])
                };
                let p = ops::bmm(&wide(input, s[a - 2], s[a - 1])?, &wide(other, t[b - 2], t[b - 1])?)?;
                let mut to = batch.clone();
                to.extend([s[a - 2], t[b - 1]]);
                ops::_unsafe_view(&p, &to)
            }
        }
    } { .sparse(sparse_math::multiplied).cast(Cast::Lower).with(flag::OUT).aliases(&["linalg.matmul"]) }

    /// `input @ weight.T + bias`, over the last dimension.
    fn linear(input: Tensor, weight: Tensor, bias: OptTensor = None) -> Tensor = {
        let (n, w) = (input.ndim(), weight.ndim());
        if n == 0 || w == 0 || w > 2 {
            bail!(Runtime, "linear: both arguments need to be at least 1D, but they are {n}D and {w}D");
        }
        let wt = ops::t(weight)?;
        let (features, width) = (input.size_at(n - 1), weight.size_at(w - 1));
        if features != width {
            let s = input.sizes();
            let rows: i64 = s[..n - 1].iter().product();
            bail!(
                Runtime,
                "mat1 and mat2 shapes cannot be multiplied ({rows}x{features} and {width}x{})\nlinear was given an input of shape {} \
                 whose last dimension is {features}, but its weight of shape {} takes in_features={width}",
                if w == 2 { weight.size_at(0) } else { 1 },
                shape::show(&s),
                shape::show(&weight.sizes())
            );
        }
        let Some(bias) = bias else { return ops::matmul(input, &wt) };
        if n == 2 && w == 2 {
            return ops::addmm(bias, input, &wt, 1.into(), 1.into());
        }
        if w == 2 && n > 2 && input.is_contiguous() {
            let s = input.sizes();
            let flat = ops::view(input, &[s[..n - 1].iter().product(), s[n - 1]])?;
            let mut to: Dims = s[..n - 1].into();
            to.push(weight.size_at(0));
            return ops::view(&ops::addmm(bias, &flat, &wt, 1.into(), 1.into())?, &to);
        }
        ops::add((&ops::matmul(input, &wt)?).into(), bias.into(), None)
    } { .cast(Cast::Lower).functional().with(flag::OUT) }
}

fn conj(t: &Tensor) -> Result<Tensor> {
    if t.dtype().is_complex() { ops::conj_physical(t) } else { Ok(t.clone()) }
}

fn bmm_meta(cx: &Ctx, a: &Tensor, b: &Tensor) -> Result<Metas> {
    if a.ndim() != 3 || b.ndim() != 3 {
        bail!(Runtime, "batch{} must be a 3D tensor", if a.ndim() != 3 { 1 } else { 2 });
    }
    let (s, t) = (a.sizes(), b.sizes());
    if s[0] != t[0] || s[2] != t[1] {
        bail!(
            Runtime,
            "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
            s[0],
            s[2],
            t[0],
            t[1]
        );
    }
    let d = check_types(cx, a, b)?;
    Ok(smallvec![Meta::new([s[0], s[1], t[2]].as_slice(), d)])
}

fn fits(t: &Tensor, sizes: &[i64]) -> Result<()> {
    t.layout().expand(sizes).map(|_| ())
}

fn cx_same(t: &Tensor, d: DType) -> Result<()> {
    if t.dtype() != d {
        bail!(
            Runtime,
            "self and mat2 must have the same dtype, but got {} and {}\nConvert one of them with .to().",
            t.dtype().c10_name(),
            d.c10_name()
        );
    }
    Ok(())
}
