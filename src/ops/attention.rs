//! Attention: the kernel that stores no weights, and the composite that does, for what the kernel does not serve (dropout,
//! gradients of the mask, derivatives of the gradient).

use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::attention as kernel;
use crate::op::arg::Ctx;
use crate::op::autocast::Cast;
use crate::op::record::Bw;
use crate::op::{Batch, Meta, Metas, flag};
use crate::ops;
use crate::ops::short::{add, cast, mul, sub, times};
use crate::scalar::Scalar;
use crate::shape::{self, Dims, Layout};
use crate::tensor::graph::Grads;
use crate::tensor::{Tensor, mode};
use smallvec::smallvec;

const PRIVATE: u32 = flag::PRIVATE | flag::NO_METHOD;

/// How error messages about dtypes call them.
fn spoken(d: DType) -> &'static str {
    match d {
        DType::F32 => "float",
        DType::F64 => "double",
        DType::I64 => "long int",
        DType::I32 => "int",
        d => d.c10_name(),
    }
}

fn attention_check(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<()> {
    if q.ndim() < 2 || k.ndim() < 2 || v.ndim() < 2 {
        bail!(
            Runtime,
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {} key.dim: {} and value.dim: {} \
             instead.",
            q.ndim(),
            k.ndim(),
            v.ndim()
        );
    }
    if q.dtype() != k.dtype() || q.dtype() != v.dtype() {
        bail!(
            Runtime,
            "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and value.dtype: {} \
             instead.",
            spoken(q.dtype()),
            spoken(k.dtype()),
            spoken(v.dtype())
        );
    }
    if let Some(m) = mask.filter(|m| m.dtype() != DType::Bool && m.dtype() != q.dtype() && m.dtype() != DType::F32) {
        bail!(
            Runtime,
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {} and  query.dtype: {} \
             instead.",
            spoken(m.dtype()),
            spoken(q.dtype())
        );
    }
    Ok(())
}

/// Each head of `t` as often as the query has heads for it.
fn shared_heads(t: &Tensor, q: &Tensor) -> Result<Tensor> {
    if t.ndim() < 3 || q.ndim() < 3 {
        return Ok(t.clone());
    }
    let (have, want) = (t.size_at(t.ndim() - 3), q.size_at(q.ndim() - 3));
    if have == want {
        return Ok(t.clone());
    }
    if have == 0 || want % have != 0 {
        bail!(
            Runtime,
            "Number of heads in key and value must divide the number of heads in query\nenable_gqa: {want} query heads, {have} key or \
             value heads"
        );
    }
    ops::repeat_interleave(t, want / have, Some(-3), None)
}

/// The weights of attention, and where a row may attend to nothing.
fn weights(q: &Tensor, k: &Tensor, mask: Option<&Tensor>, causal: bool, scale: f64) -> Result<Tensor> {
    let q = times(q, scale)?;
    let mut scores = ops::matmul(&q, &ops::transpose(k, -2, -1)?)?;
    let low = Scalar::Float(f64::NEG_INFINITY);
    if causal {
        let (l, s) = (q.size_at(q.ndim() - 2), k.size_at(k.ndim() - 2));
        let ahead = ops::triu(&ops::ones(&[l, s], Some(DType::Bool), Some(q.device()))?, 1)?;
        scores = ops::masked_fill(&scores, &ahead, low.into())?;
    }
    let Some(m) = mask else { return ops::softmax(&scores, -1, None) };
    scores = match m.dtype() {
        DType::Bool => ops::where_(m, (&scores).into(), low.into())?,
        _ => add(&scores, &cast(m, q.dtype())?)?,
    };
    let dead = ops::all_dim(&ops::eq((&scores.detached()).into(), low.into())?, Some(&[-1]), true)?;
    ops::masked_fill(&ops::softmax(&scores, -1, None)?, &dead, 0.into())
}

/// `sizes` without the last two, or None.
fn batch_of(t: &Tensor) -> Dims {
    let s = t.sizes();
    s[..s.len().saturating_sub(2)].into()
}

/// The tensors as the kernel takes them, of one batch shape; None for what it does not serve.
fn prepared(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Option<[Tensor; 3]>> {
    let (nq, nk, nv) = (q.ndim(), k.ndim(), v.ndim());
    let fits = q.dtype().is_float()
        && q.size_at(nq - 1) == k.size_at(nk - 1)
        && k.size_at(nk - 2) == v.size_at(nv - 2)
        && q.device() == k.device()
        && q.device() == v.device()
        && mask.is_none_or(|m| m.device() == q.device() && !(mode::grad() && m.requires_grad()));
    if !fits {
        return Ok(None);
    }
    let Ok(batch) = shape::broadcast(&batch_of(q), &batch_of(k)).and_then(|b| shape::broadcast(&b, &batch_of(v)))
    else {
        return Ok(None);
    };
    let mut want = batch.clone();
    want.extend([q.size_at(nq - 2), k.size_at(nk - 2)]);
    if mask.is_some_and(|m| shape::broadcast(&m.sizes(), &want).ok().as_ref() != Some(&want)) {
        return Ok(None);
    }
    let wide = |t: &Tensor| -> Result<Tensor> {
        if batch_of(t) == batch {
            return Ok(t.clone());
        }
        let mut to = batch.clone();
        to.extend_from_slice(&t.sizes()[t.ndim() - 2..]);
        ops::expand(t, &to, false)
    };
    Ok(Some([wide(q)?, wide(k)?, wide(v)?]))
}

/// Query heads in groups that share a head of key and value: views with one more dimension. The mask goes along.
fn grouped(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Result<Option<([Tensor; 3], Option<Tensor>)>> {
    let n = q.ndim();
    if n < 3 || k.ndim() != n || v.ndim() != n {
        return Ok(None);
    }
    let (heads, shared) = (q.size_at(n - 3), k.size_at(n - 3));
    if heads == shared || v.size_at(n - 3) != shared || shared == 0 || heads % shared != 0 {
        return Ok(None);
    }
    let split = |t: &Tensor| {
        let (s, d) = (t.sizes(), t.ndim());
        let mut to: Dims = s[..d - 3].into();
        to.extend([shared, heads / shared]);
        to.extend_from_slice(&s[d - 2..]);
        ops::reshape(t, &to)
    };
    let mask = match mask {
        Some(m) if m.ndim() >= 3 && m.size_at(m.ndim() - 3) == heads => Some(split(m)?),
        Some(m) if m.ndim() >= 3 => Some(ops::unsqueeze(m, -3)?),
        m => m.cloned(),
    };
    Ok(Some(([split(q)?, ops::unsqueeze(k, -3)?, ops::unsqueeze(v, -3)?], mask)))
}

/// Do query, key, value and mask make one call of the kernel?
fn belong(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> bool {
    let n = q.ndim();
    if n < 2 || k.ndim() != n || v.ndim() != n {
        return false;
    }
    let mut scores = batch_of(q);
    scores.extend([q.size_at(n - 2), k.size_at(n - 2)]);
    batch_of(k) == batch_of(q)
        && batch_of(v) == batch_of(q)
        && k.size_at(n - 1) == q.size_at(n - 1)
        && k.size_at(n - 2) == v.size_at(n - 2)
        && [k, v].iter().all(|t| t.dtype() == q.dtype())
        && mask.is_none_or(|m| {
            let fits = shape::broadcast(&m.sizes(), &scores).ok().as_ref() == Some(&scores);
            fits && (m.dtype() == DType::Bool || m.dtype().is_float())
        })
}

fn attention_meta(cx: &Ctx) -> Result<Metas> {
    let (q, k, v) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?);
    let mut sizes = q.sizes();
    let n = sizes.len();
    if !belong(q, k, v, cx.opt_tensor(3)?) {
        bail!(Runtime, "{}: query, key, value and mask do not fit each other", cx.op.python_name());
    }
    if !q.dtype().is_float() {
        return Err(cx.refuse(q.dtype()));
    }
    let sums = if q.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let lse = Meta::new(&sizes[..n - 1], sums);
    sizes[n - 1] = v.size_at(n - 1);
    Ok(smallvec![rows_first(sizes, q.dtype()), lse])
}

/// (B, H, L, E) that lies in memory as (B, L, H, E), so that joining the heads again copies nothing.
fn rows_first(sizes: Dims, dtype: DType) -> Meta {
    let strides = match sizes[..] {
        [_, h, l, e] if h > 1 && l > 1 && !sizes.contains(&0) => Some(smallvec![l * h * e, e, h * e, 1]),
        _ => None,
    };
    Meta { sizes, dtype, strides }
}

/// The layouts of the tensors of a call: query, key, value, mask.
struct Places {
    layouts: [Layout; 3],
    mask: Option<Layout>,
}

fn places(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>) -> Places {
    let mut full = batch_of(q);
    full.extend([q.size_at(q.ndim() - 2), k.size_at(k.ndim() - 2)]);
    Places { layouts: [q.layout(), k.layout(), v.layout()], mask: mask.map(|m| m.layout().broadcast_to(&full)) }
}

impl Places {
    fn call<'a>(
        &'a self,
        [q, k, v]: [&Tensor; 3],
        mask: Option<&Tensor>,
        causal: bool,
        scale: f64,
    ) -> kernel::Attention<'a> {
        let [lq, lk, lv] = &self.layouts;
        let n = lq.sizes.len();
        kernel::Attention {
            batch: &lq.sizes[..n - 2],
            rows: lq.sizes[n - 2] as usize,
            keys: lk.sizes[n - 2] as usize,
            width: lq.sizes[n - 1] as usize,
            value_width: lv.sizes[n - 1] as usize,
            query: q.operand(lq),
            key: k.operand(lk),
            value: v.operand(lv),
            mask: mask.zip(self.mask.as_ref()).map(|(m, l)| m.operand(l)),
            causal,
            scale,
        }
    }
}

fn attention_run(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (q, k, v, mask) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?, cx.opt_tensor(3)?);
    let places = places(q, k, v, mask);
    let lo = out[0].layout();
    let call = places.call([q, k, v], mask, cx.bool(4)?, cx.float(5)?);
    kernel::forward(&call, out[0].operand(&lo), out[1].body().ptr())
}

fn back_meta(cx: &Ctx) -> Result<Metas> {
    let (g, q, k, v) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?, cx.tensor(3)?);
    let (y, lse) = (cx.tensor(5)?, cx.tensor(6)?);
    let sums = if q.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
    let mut sizes = q.sizes();
    let n = sizes.len();
    let fits = belong(q, k, v, cx.opt_tensor(4)?) && q.dtype().is_float() && {
        let rows = lse.sizes()[..] == sizes[..n - 1] && lse.dtype() == sums && lse.is_contiguous();
        sizes[n - 1] = v.size_at(n - 1);
        rows && [g, y].iter().all(|t| t.sizes() == sizes && t.dtype() == q.dtype())
    };
    if !fits {
        bail!(
            Runtime,
            "{}: the arguments do not belong to one call\nThis is a part of the gradient of scaled_dot_product_attention.",
            cx.op.python_name()
        );
    }
    Ok([q, k, v].iter().map(|t| rows_first(t.sizes(), t.dtype())).collect())
}

fn back_run(cx: &Ctx, out: &[Tensor]) -> Result<()> {
    let (g, q, k, v, mask) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?, cx.tensor(3)?, cx.opt_tensor(4)?);
    let (y, lse) = (cx.tensor(5)?, cx.tensor(6)?);
    let places = places(q, k, v, mask);
    let (lg, ly) = (g.layout(), y.layout());
    let to = [out[0].layout(), out[1].layout(), out[2].layout()];
    kernel::backward(
        &places.call([q, k, v], mask, cx.bool(7)?, cx.float(8)?),
        g.operand(&lg),
        y.operand(&ly),
        lse.body().ptr(),
        out[0].operand(&to[0]),
        out[1].operand(&to[1]),
        out[2].operand(&to[2]),
    )
}

/// The gradient in tensor operations, which has derivatives itself; it stores the weights.
fn differentiable(b: &Bw, mask: Option<&Tensor>) -> Result<[Option<Tensor>; 3]> {
    let (g, q, k, v, scale) = (b.g()?, b.tensor(0)?, b.tensor(1)?, b.tensor(2)?, b.scalar(5).f64());
    let p = weights(q, k, mask, b.bool(4), scale)?;
    let turned = |t: &Tensor| ops::transpose(t, -2, -1);
    let in_v = b.when(2, || ops::matmul(&turned(&p)?, &g))?;
    let d = ops::matmul(&g, &turned(v)?)?;
    let mean = ops::sum(&mul(&d, &p)?, Some(&[-1]), true, None)?;
    let d = times(&mul(&p, &sub(&d, &mean)?)?, scale)?;
    let in_q = b.when(0, || ops::matmul(&d, k))?;
    let in_k = b.when(1, || ops::matmul(&turned(&d)?, q))?;
    Ok([in_q, in_k, in_v])
}

fn attention_grad(b: &Bw) -> Result<Grads> {
    let mask = b.opt_tensor(3)?;
    let [q, k, v] = if mode::grad() {
        differentiable(b, mask)?
    } else {
        let (y, lse) = (b.out(0)?.detached(), b.out(1)?.detached());
        let (q, k, v) = (b.tensor(0)?, b.tensor(1)?, b.tensor(2)?);
        let all = ops::_attention_backward(&b.g()?, q, k, v, mask, &y, &lse, b.bool(4), b.scalar(5).f64())?;
        all.map(Some)
    };
    let mut out: Grads = smallvec![q, k, v];
    if mask.is_some() {
        out.push(None);
    }
    Ok(out)
}

ops! {
    /// softmax(query @ key^T * scale + mask) @ value over the last two dimensions. A boolean mask is true where attention
    /// is allowed; a row that may attend to nothing gives zeros. `scale` is 1 / sqrt(E) by default; with `enable_gqa` heads
    /// of key and value are shared among heads of the query. Memory grows with the length and not with its square, but for
    /// dropout and for gradients of the mask. Vaswani et al. 2017; Dao et al. 2022.
    fn scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: OptTensor = None, dropout_p: Float = 0.0, is_causal: Bool = false; scale: OptFloat = None, enable_gqa: Bool = false) -> Tensor = {
        attention_check(query, key, value, attn_mask)?;
        let width = query.size_at(query.ndim() - 1);
        let scale = scale.unwrap_or(1.0 / (width.max(1) as f64).sqrt());
        if dropout_p == 0.0 {
            let groups = if enable_gqa { grouped(query, key, value, attn_mask)? } else { None };
            let many = groups.is_some();
            let ([q, k, v], mask) = groups.unwrap_or_else(|| ([query.clone(), key.clone(), value.clone()], attn_mask.cloned()));
            if let Some([q, k, v]) = prepared(&q, &k, &v, mask.as_ref())? {
                let [y, _] = ops::_attention(&q, &k, &v, mask.as_ref(), is_causal, scale)?;
                if !many {
                    return Ok(y);
                }
                let mut to = query.sizes();
                to[query.ndim() - 1] = value.size_at(value.ndim() - 1);
                return ops::reshape(&y, &to);
            }
        }
        let (k, v) = if enable_gqa { (shared_heads(key, query)?, shared_heads(value, query)?) } else { (key.clone(), value.clone()) };
        let mut p = weights(query, &k, attn_mask, is_causal, scale)?;
        if dropout_p != 0.0 {
            p = ops::dropout(&p, dropout_p, true)?;
        }
        ops::matmul(&p, &v)
    } { .cast(Cast::Lower).functional() }

    /// Attention of tensors with one batch shape, and the logarithm of each row's sum of exponentials.
    fn _attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: OptTensor, is_causal: Bool, scale: Float) -> (output, logsumexp) {
        .kernel(attention_meta, attention_run, "attention.cu", Batch::Loop).grad(&[0, 1, 2, 3], &[0, 1], attention_grad)
            .node("ScaledDotProductFlashAttentionForCpuBackward0").with(PRIVATE)
    }

    /// The gradients of attention in query, key and value.
    fn _attention_backward(grad: Tensor, query: Tensor, key: Tensor, value: Tensor, attn_mask: OptTensor, output: Tensor, logsumexp: Tensor, is_causal: Bool, scale: Float) -> (in_query, in_key, in_value) {
        .kernel(back_meta, back_run, "attention.cu", Batch::Loop).with(PRIVATE)
    }
}
