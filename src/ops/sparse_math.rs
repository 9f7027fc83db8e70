//! What strided operators do with sparse tensors (`Op::sparse` of their literals), and `torch.sparse`'s own operators. All are
//! made of parts and strided operators, which are recorded.

use super::short::{add, cast, mul, sub, times, zeros};
use super::sparse::{Parts, columns, keys, pack, parts, picked, scattered};
use crate::dtype::{DType, promote};
use crate::error::Result;
use crate::op::Rets;
use crate::op::arg::{Arg, Ctx};
use crate::op::call::{Mode, call, call_as, only};
use crate::op::flag::{NO_METHOD, PRIVATE, SPARSE};
use crate::op::record::rets;
use crate::ops;
use crate::scalar::Scalar;
use crate::shape::{self, Dims};
use crate::tensor::{Tensor, mode};
use smallvec::{SmallVec, smallvec};

/// Calls the operator with `t` in the place of its first argument.
fn on(cx: &Ctx, t: &Tensor) -> Result<Tensor> {
    let mut args: SmallVec<[Arg; 8]> = cx.args.into();
    args[0] = Arg::Tensor(t);
    only(call(cx.op, &args)?)
}

/// The same places with other values.
fn with_values(p: &Parts, values: &Tensor) -> Result<Tensor> {
    pack(&p.indices, values, &p.sizes, p.coo.is_coalesced())
}

/// For operators of one tensor that leave zero where it is and are linear: on the values as they are.
pub(super) fn by_values(cx: &Ctx, _: Mode) -> Result<Rets> {
    let p = parts(cx.tensor(0)?)?;
    Ok(rets(with_values(&p, &on(cx, &p.values)?)?))
}

/// For operators of one tensor that leave zero where it is: on the values of the coalesced tensor.
pub(super) fn zero_stays(cx: &Ctx, _: Mode) -> Result<Rets> {
    let p = parts(&ops::coalesce(cx.tensor(0)?)?)?;
    Ok(rets(with_values(&p, &on(cx, &p.values)?)?))
}

/// Operators of a tensor and a number: values where zero stays zero.
pub(super) fn power(cx: &Ctx, how: Mode) -> Result<Rets> {
    let Arg::Scalar(s) = cx.args[1] else {
        bail!(NotImplemented, "{}: a sparse base takes a number as its exponent", cx.op.python_name());
    };
    if s.f64() == 0.0 {
        bail!(Runtime, "pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense");
    }
    zero_stays(cx, how)
}

/// A copy, with values of its own.
pub(super) fn copy(cx: &Ctx, _: Mode) -> Result<Rets> {
    let p = parts(cx.tensor(0)?)?;
    Ok(rets(with_values(&p, &ops::duplicate(&p.values, None)?)?))
}

/// The same tensor outside of autograd.
pub(super) fn detached(cx: &Ctx, _: Mode) -> Result<Rets> {
    Ok(rets(cx.tensor(0)?.detached()))
}

/// A tensor without places.
pub(super) fn empty(sizes: &[i64], sparse_dim: usize, dtype: DType, like: &Tensor) -> Result<Tensor> {
    let mut of: Dims = smallvec![0];
    of.extend(sizes[sparse_dim..].iter().copied());
    let indices = Tensor::zeros(&[sparse_dim as i64, 0], DType::I64, like.device())?;
    pack(&indices, &Tensor::zeros(&of, dtype, like.device())?, sizes, true)
}

/// `zeros_like` and its kin: no places. Dtypes stand in an argument where there is one.
pub(super) fn none_like(cx: &Ctx, _: Mode) -> Result<Rets> {
    let t = cx.tensor(0)?;
    let given = cx.args.iter().find_map(|a| if let Arg::DType(d) = a { Some(*d) } else { None });
    let d = t.coo().map_or(t.ndim(), |c| c.sparse_dim());
    Ok(rets(empty(&t.sizes(), d, given.unwrap_or(t.dtype()), t)?))
}

/// Takes the places of a sparse tensor away.
pub(super) fn clear(cx: &Ctx, how: Mode) -> Result<Rets> {
    let new = none_like(cx, how)?;
    let t = cx.tensor(0)?;
    t.replace(new[0].storage(), new[0].layout(), new[0].dtype());
    Ok(rets(t.clone()))
}

/// `copy_`: from one sparse tensor to another, or from a sparse one to a strided one.
pub(super) fn copy_from(cx: &Ctx, _: Mode) -> Result<Rets> {
    let (to, from) = (cx.tensor(0)?, cx.tensor(1)?);
    if !to.is_sparse() {
        return Ok(rets(ops::copy_(to, &ops::to_dense(from, None, None)?, false)?));
    }
    if !from.is_sparse() || to.sizes() != from.sizes() {
        bail!(
            Runtime,
            "copy_() between dense and sparse Tensors is not implemented! Found self type = sparse and src type = strided, or other sizes"
        );
    }
    let p = parts(from)?;
    let new = with_values(&p, &ops::duplicate(&cast(&p.values, to.dtype())?, None)?)?;
    to.replace(new.storage(), new.layout(), new.dtype());
    Ok(rets(to.clone()))
}

fn alpha(cx: &Ctx, i: usize) -> Option<Scalar> {
    match cx.args.get(i) {
        Some(Arg::Scalar(s)) => Some(*s),
        _ => None,
    }
}

/// The sum of two sparse tensors, as PyTorch makes it: a walk along both that joins places which meet, so that two coalesced
/// tensors give a coalesced one; values with gaps are put one after the other.
fn joined(a: &Parts, b: &Parts, dtype: DType) -> Result<Tensor> {
    let (va, vb) = (cast(&a.values, dtype)?, cast(&b.values, dtype)?);
    if !a.values.is_contiguous() || !b.values.is_contiguous() {
        let indices = ops::cat(&[a.indices.clone(), b.indices.clone()], 1)?;
        return pack(&indices, &ops::cat(&[va, vb], 0)?, &a.sizes, false);
    }
    let sizes = &a.sizes[..a.coo.sparse_dim()];
    let (ka, kb) = (keys(&a.indices, sizes)?.to_vec::<i64>()?, keys(&b.indices, sizes)?.to_vec::<i64>()?);
    let (mut at_a, mut at_b, mut sum) = (Vec::new(), Vec::new(), Vec::new());
    while at_a.len() < ka.len() || at_b.len() < kb.len() {
        let (x, y) = (ka.get(at_a.len()), kb.get(at_b.len()));
        let at = sum.len() as i64;
        sum.push(*x.into_iter().chain(y).min().unwrap_or(&0));
        if x.is_some() && (y.is_none() || x <= y) {
            at_a.push(at);
        }
        if y.is_some() && (x.is_none() || y <= x) {
            at_b.push(at);
        }
    }
    let mut to = va.sizes();
    to[0] = sum.len() as i64;
    let vector = |v: &[i64]| Tensor::from_slice(v, &[v.len() as i64]);
    let values = ops::index_add(&zeros(&to, &va)?, 0, &vector(&at_a)?, &va, 1.into())?;
    let values = ops::index_add(&values, 0, &vector(&at_b)?, &vb, 1.into())?;
    pack(&columns(&vector(&sum)?, sizes)?, &values, &a.sizes, a.coo.is_coalesced() && b.coo.is_coalesced())
}

fn same_sizes(cx: &Ctx, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.sizes() != b.sizes() {
        bail!(
            Runtime,
            "{}: expected 'self' and 'other' to have same size, but self has size {} while other has size {} (sparse tensors \
             are not broadcast)",
            cx.op.python_name(),
            shape::show(&a.sizes()),
            shape::show(&b.sizes())
        );
    }
    Ok(())
}

/// `input + alpha * other`, at least one sparse.
fn sum_of(cx: &Ctx, a: &Tensor, b: &Tensor, alpha: Option<Scalar>, how: Mode) -> Result<Rets> {
    match (a.is_sparse(), b.is_sparse()) {
        (true, true) => {
            same_sizes(cx, a, b)?;
            let (a, mut b) = (parts(a)?, parts(b)?);
            if a.coo.sparse_dim() != b.coo.sparse_dim() {
                bail!(
                    Runtime,
                    "{}: expected 'self' and 'other' to have same number of sparse dimensions",
                    cx.op.python_name()
                );
            }
            if let Some(s) = alpha {
                b.values = times(&b.values, s)?;
            }
            let dtype = promote(a.values.dtype(), b.values.dtype());
            Ok(rets(joined(&a, &b, dtype)?))
        }
        (true, false) => bail!(
            Runtime,
            "{}(sparse, dense) is not supported. Use {}(dense, sparse) instead.",
            cx.op.python_name(),
            cx.op.python_name()
        ),
        _ => {
            same_sizes(cx, a, b)?;
            let p = parts(b)?;
            let dtype = promote(a.dtype(), b.dtype());
            let values = cast(&p.values, dtype)?;
            let values = if let Some(s) = alpha { times(&values, s)? } else { values };
            // An optimizer's step on a large table: only the rows in use are read.
            if let Mode::InPlace(target) = how
                && dtype == target.dtype()
                && target.is_contiguous()
                && !(mode::grad() && (target.requires_grad() || values.requires_grad()))
            {
                let d = p.coo.sparse_dim();
                let mut flat: Dims = smallvec![p.sizes[..d].iter().product()];
                flat.extend(p.sizes[d..].iter().copied());
                let (rows, at) = (ops::view(target, &flat)?, keys(&p.indices, &p.sizes[..d])?);
                let args =
                    [Arg::Tensor(&rows), Arg::Int(0), Arg::Tensor(&at), Arg::Tensor(&values), Arg::Scalar(1.into())];
                call_as(&ops::index::index_add::OP, &args, Mode::InPlace(&rows))?;
                return Ok(rets(target.clone()));
            }
            Ok(rets(scattered(&cast(a, dtype)?, &p.indices, &values)?))
        }
    }
}

/// Two tensors, or an error that says so.
fn two<'a>(cx: &Ctx<'a>) -> Result<(&'a Tensor, &'a Tensor)> {
    match (cx.args[0], cx.args[1]) {
        (Arg::Tensor(a), Arg::Tensor(b)) => Ok((a, b)),
        _ => bail!(
            Runtime,
            "{0}(sparse, dense) is not supported. Use {0}(dense, sparse) instead.\nWith a number every element changes: make \
             the tensor dense first, .to_dense().",
            cx.op.python_name()
        ),
    }
}

pub(super) fn plus(cx: &Ctx, how: Mode) -> Result<Rets> {
    let (a, b) = two(cx)?;
    sum_of(cx, a, b, alpha(cx, 2), how)
}

pub(super) fn minus(cx: &Ctx, how: Mode) -> Result<Rets> {
    let (a, b) = two(cx)?;
    let minus = match alpha(cx, 2) {
        Some(Scalar::Int(i)) => Scalar::Int(-i),
        Some(s) => Scalar::Float(-s.f64()),
        None => Scalar::Int(-1),
    };
    sum_of(cx, a, b, Some(minus), how)
}

/// Products: by a number or a 0-d tensor, of a sparse and a strided tensor, of two sparse tensors.
pub(super) fn times_of(cx: &Ctx, how: Mode) -> Result<Rets> {
    let (a, b) = match (cx.args[0], cx.args[1]) {
        (Arg::Tensor(a), Arg::Tensor(b)) => (a, b),
        (Arg::Tensor(_), _) => return by_values(cx, how),
        (s, Arg::Tensor(b)) => {
            let p = parts(b)?;
            return Ok(rets(with_values(&p, &only(call(cx.op, &[s, Arg::Tensor(&p.values)])?)?)?));
        }
        _ => bail!(Runtime, "mul: no tensor"),
    };
    let (s, d) = if a.is_sparse() { (a, b) } else { (b, a) };
    if d.ndim() == 0 && !d.is_sparse() {
        let p = parts(s)?;
        return Ok(rets(with_values(&p, &mul(&p.values, d)?)?));
    }
    if !d.is_sparse() {
        let p = parts(s)?;
        let sizes = shape::broadcast(&p.sizes, &d.sizes())?;
        if sizes != p.sizes {
            bail!(
                Runtime,
                "mul: the sparse tensor of shape {} cannot be broadcast to {}",
                shape::show(&p.sizes),
                shape::show(&sizes)
            );
        }
        let wide = ops::expand(d, &sizes, false)?;
        return Ok(rets(with_values(&p, &mul(&p.values, &picked(&wide, &p.indices)?)?)?));
    }
    same_sizes(cx, a, b)?;
    let (a, b) = (parts(&ops::coalesce(a)?)?, parts(&ops::coalesce(b)?)?);
    let n = a.coo.sparse_dim();
    let (ka, kb) = (keys(&a.indices, &a.sizes[..n])?, keys(&b.indices, &b.sizes[..n])?);
    // Where both have a value: b's keys are sorted.
    let mine = ops::reshape(&ops::nonzero(&ops::isin((&ka).into(), (&kb).into(), false, false)?)?, &[-1])?;
    let at = ops::index_select(&ka, 0, &mine)?;
    let theirs = ops::searchsorted(&kb, (&at).into(), false, false, None, None)?;
    let values = mul(&ops::index_select(&a.values, 0, &mine)?, &ops::index_select(&b.values, 0, &theirs)?)?;
    Ok(rets(pack(&ops::index_select(&a.indices, 1, &mine)?, &values, &a.sizes, true)?))
}

/// Quotients by a number or a 0-d tensor.
pub(super) fn quotient(cx: &Ctx, how: Mode) -> Result<Rets> {
    match (cx.args[0], cx.args[1]) {
        (Arg::Tensor(a), Arg::Tensor(b)) if a.is_sparse() && (b.ndim() > 0 || b.is_sparse()) => bail!(
            Runtime,
            "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape {} for divisor)",
            shape::show(&b.sizes())
        ),
        (Arg::Tensor(a), _) if a.is_sparse() => by_values(cx, how),
        _ => bail!(
            NotImplemented,
            "Could not run 'aten::{}' with arguments from the 'SparseCPU' backend: the divisor is sparse. Use .to_dense().",
            cx.op.python_name()
        ),
    }
}

/// Dimension arguments: a 0-d tensor, whose dimension 0 may be named elsewhere, has none here.
fn dim_of(cx: &Ctx, i: usize, t: &Tensor) -> Result<usize> {
    if t.ndim() == 0 {
        bail!(Index, "{}() cannot be applied to a 0-dim sparse tensor.", cx.op.python_name());
    }
    cx.dim(i, t.ndim())
}

/// Dimensions exchanged.
pub(super) fn transposed(cx: &Ctx, _: Mode) -> Result<Rets> {
    let t = cx.tensor(0)?;
    let n = t.ndim();
    let (i, j) = match cx.args.get(1) {
        Some(Arg::Int(_)) => (dim_of(cx, 1, t)?, dim_of(cx, 2, t)?),
        _ if n < 2 => return Ok(rets(t.clone())),
        _ if n == 2 => (0, 1),
        _ => bail!(Runtime, "t() expects a tensor with <= 2 sparse dimensions, but self is {n}D"),
    };
    let p = parts(t)?;
    let d = p.coo.sparse_dim();
    let (mut sizes, mut order) = (p.sizes.clone(), (0..d as i64).collect::<Vec<_>>());
    sizes.swap(i, j);
    if i == j {
        return Ok(rets(t.clone()));
    }
    match (i < d, j < d) {
        (true, true) => {
            order.swap(i, j);
            let order = Tensor::from_slice(&order, &[d as i64])?;
            Ok(rets(pack(&ops::index_select(&p.indices, 0, &order)?, &p.values, &sizes, false)?))
        }
        (false, false) => {
            let values = ops::transpose(&p.values, (i - d + 1) as i64, (j - d + 1) as i64)?;
            Ok(rets(pack(&p.indices, &values, &sizes, p.coo.is_coalesced())?))
        }
        _ => bail!(Runtime, "transpose: a sparse and a dense dimension of a sparse tensor cannot be exchanged"),
    }
}

/// The sum of everything, strided.
pub(super) fn total(cx: &Ctx, _: Mode) -> Result<Rets> {
    Ok(rets(on(cx, &parts(cx.tensor(0)?)?.values)?))
}

/// Sums over dimensions; sparse while a sparse dimension is left.
pub(super) fn summed(cx: &Ctx, _: Mode) -> Result<Rets> {
    let (t, keepdim) = (cx.tensor(0)?, cx.bool(2)?);
    let dtype = match cx.args.get(3) {
        Some(Arg::DType(d)) => Some(*d),
        _ => None,
    };
    let dims = cx.opt_ints(1)?.filter(|d| !d.is_empty());
    let mask = super::short::mask_of(dims, t.ndim())?;
    let p = parts(t)?;
    let d = p.coo.sparse_dim();
    let mut values = p.values.clone();
    let inner: Dims = (d..t.ndim()).filter(|&k| mask[k]).map(|k| (k - d + 1) as i64).collect();
    if !inner.is_empty() || dtype.is_some() || values.dtype().is_integral() {
        values = if inner.is_empty() {
            let to = dtype.unwrap_or(if values.dtype().is_integral() { DType::I64 } else { values.dtype() });
            cast(&values, to)?
        } else {
            ops::sum(&values, Some(&inner), keepdim, dtype)?
        };
    }
    let kept: Vec<usize> = (0..d).filter(|&k| !mask[k] || keepdim).collect();
    let sizes: Dims =
        (0..t.ndim()).filter(|&k| !mask[k] || keepdim).map(|k| if mask[k] { 1 } else { p.sizes[k] }).collect();
    if (0..d).all(|k| mask[k]) {
        let y = ops::sum(&values, Some(&[0]), false, None)?;
        return Ok(rets(ops::reshape(&y, &sizes)?));
    }
    let rows = kept
        .iter()
        .map(|&k| {
            let row = ops::select(&p.indices, 0, k as i64)?;
            if mask[k] { times(&row, 0) } else { Ok(row) }
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(rets(ops::coalesce(&pack(&ops::stack(&rows, 0)?, &values, &sizes, false)?)?))
}

/// The norm of all elements.
pub(super) fn norm(cx: &Ctx, _: Mode) -> Result<Rets> {
    if cx.opt_ints(2)?.is_some() {
        bail!(NotImplemented, "{}: norms of sparse tensors are those of all elements (dim=None)", cx.op.python_name());
    }
    Ok(rets(on(cx, &parts(&ops::coalesce(cx.tensor(0)?)?)?.values)?))
}

/// A row, or any other place along a dimension.
pub(super) fn selected(cx: &Ctx, _: Mode) -> Result<Rets> {
    let t = cx.tensor(0)?;
    let k = dim_of(cx, 1, t)?;
    let (n, i) = (t.size_at(k), cx.int(2)?);
    if i < -n || i >= n {
        bail!(
            Index,
            "select(): index {i} out of range for tensor of size {} at dimension {k}",
            shape::show(&t.sizes())
        );
    }
    let i = if i < 0 { i + n } else { i };
    let p = parts(t)?;
    let d = p.coo.sparse_dim();
    let mut sizes = p.sizes.clone();
    sizes.remove(k);
    if k >= d {
        let values = ops::select(&p.values, (k - d + 1) as i64, i)?;
        return Ok(rets(pack(&p.indices, &values, &sizes, p.coo.is_coalesced())?));
    }
    let here = ops::eq((&ops::select(&p.indices, 0, k as i64)?).into(), i.into())?;
    let here = ops::reshape(&ops::nonzero(&here)?, &[-1])?;
    let values = ops::index_select(&p.values, 0, &here)?;
    if d == 1 {
        return Ok(rets(ops::sum(&values, Some(&[0]), false, None)?));
    }
    let rest: Vec<i64> = (0..d as i64).filter(|&e| e != k as i64).collect();
    let rest = Tensor::from_slice(&rest, &[d as i64 - 1])?;
    let indices = ops::index_select(&ops::index_select(&p.indices, 0, &rest)?, 1, &here)?;
    Ok(rets(pack(&indices, &values, &sizes, p.coo.is_coalesced())?))
}

/// Several tensors one after the other along a sparse dimension.
pub(super) fn concatenated(cx: &Ctx, _: Mode) -> Result<Rets> {
    let ts = cx.tensors(0)?;
    let first = &ts[0];
    let k = dim_of(cx, 1, first)?;
    let mut sizes = first.sizes();
    let (mut all, mut values, mut at) = (Vec::new(), Vec::new(), 0);
    for t in ts {
        let p = parts(t)?;
        let fits = p.sizes.len() == sizes.len() && (0..sizes.len()).all(|e| e == k || p.sizes[e] == sizes[e]);
        if !fits || k >= p.coo.sparse_dim() {
            bail!(
                Runtime,
                "cat: sparse tensors must have the same sizes but along the dimension {k}, which must be a sparse one"
            );
        }
        let mut shift = vec![0i64; p.coo.sparse_dim()];
        shift[k] = at;
        all.push(add(&p.indices, &Tensor::from_slice(&shift, &[shift.len() as i64, 1])?)?);
        values.push(p.values);
        at += p.sizes[k];
    }
    sizes[k] = at;
    Ok(rets(pack(&ops::cat(&all, 1)?, &ops::cat(&values, 0)?, &sizes, false)?))
}

/// For each of `numbers` the places where it stands in `sorted`: (which of the numbers, place), pair by pair.
fn matches(sorted: &Tensor, numbers: &Tensor) -> Result<[Tensor; 2]> {
    let first = ops::searchsorted(sorted, numbers.into(), false, false, None, None)?;
    let counts = sub(&ops::searchsorted(sorted, numbers.into(), false, true, None, None)?, &first)?;
    // Pair number p belongs to the number `of`, and is the p-th from that number's first on.
    let of = ops::repeat_interleave_numbers(&counts, None)?;
    let before = sub(&ops::cumsum(&counts, 0, None)?, &counts)?;
    let pair = ops::arange(of.numel().into(), Some(DType::I64), None)?;
    let place = add(&sub(&pair, &ops::index_select(&before, 0, &of)?)?, &ops::index_select(&first, 0, &of)?)?;
    Ok([of, place])
}

/// The slices `index` along a dimension.
pub(super) fn chosen(cx: &Ctx, _: Mode) -> Result<Rets> {
    let (t, index) = (cx.tensor(0)?, cx.tensor(2)?);
    let k = dim_of(cx, 1, t)?;
    let index = ops::reshape(&cast(index, DType::I64)?, &[-1])?;
    let n = t.size_at(k);
    if index.to_vec::<i64>()?.iter().any(|&i| i < 0 || i >= n) {
        bail!(Index, "index_select(): index out of range in self: dimension {k} has size {n}");
    }
    let p = parts(t)?;
    let d = p.coo.sparse_dim();
    let mut sizes = p.sizes.clone();
    sizes[k] = index.numel();
    if k >= d {
        let values = ops::index_select(&p.values, (k - d + 1) as i64, &index)?;
        return Ok(rets(pack(&p.indices, &values, &sizes, p.coo.is_coalesced())?));
    }
    let [sorted, order] = ops::sort_stable(&ops::select(&p.indices, 0, k as i64)?, Some(true), 0, false)?;
    let [of, place] = matches(&sorted, &index)?;
    let place = ops::index_select(&order, 0, &place)?;
    let mut rows = ops::unbind(&ops::index_select(&p.indices, 1, &place)?, 0)?;
    rows[k] = of;
    let values = ops::index_select(&p.values, 0, &place)?;
    Ok(rets(pack(&ops::stack(&rows, 0)?, &values, &sizes, false)?))
}

/// One more dimension of size 1.
fn widened(t: &Tensor, k: usize) -> Result<Tensor> {
    let p = parts(t)?;
    let d = p.coo.sparse_dim();
    let mut sizes = p.sizes.clone();
    sizes.insert(k, 1);
    if k > d {
        return pack(&p.indices, &ops::unsqueeze(&p.values, (k - d + 1) as i64)?, &sizes, p.coo.is_coalesced());
    }
    let mut rows = ops::unbind(&p.indices, 0)?;
    rows.insert(k, zeros(&[p.indices.size_at(1)], &p.indices)?);
    pack(&ops::stack(&rows, 0)?, &p.values, &sizes, p.coo.is_coalesced())
}

/// `unsqueeze`.
pub(super) fn unsqueezed(cx: &Ctx, _: Mode) -> Result<Rets> {
    let t = cx.tensor(0)?;
    Ok(rets(widened(t, cx.dim(1, t.ndim() + 1)?)?))
}

/// Several tensors of one shape along a new dimension.
pub(super) fn stacked(cx: &Ctx, _: Mode) -> Result<Rets> {
    let ts = cx.tensors(0)?;
    let k = cx.dim(1, ts[0].ndim() + 1)?;
    let wide = ts.iter().map(|t| widened(t, k)).collect::<Result<Vec<_>>>()?;
    Ok(rets(ops::cat(&wide, k as i64)?))
}

/// The sparse dimensions in another order.
pub(super) fn permuted(cx: &Ctx, _: Mode) -> Result<Rets> {
    let t = cx.tensor(0)?;
    let p = parts(t)?;
    let (n, d) = (t.ndim(), p.coo.sparse_dim());
    let order = cx.ints(1)?.iter().map(|&k| shape::wrap_dim(k, n).map(|k| k as i64)).collect::<Result<Vec<_>>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if order.len() != n || sorted.iter().enumerate().any(|(k, &o)| k as i64 != o) {
        bail!(
            Runtime,
            "permute: expected every dimension of a tensor of {n} dimensions once, but got {}",
            shape::show(&order)
        );
    }
    if order[..d].iter().any(|&k| k >= d as i64) {
        bail!(Runtime, "permute: sparse and dense dimensions of a sparse tensor cannot be exchanged");
    }
    let sizes: Dims = order.iter().map(|&k| p.sizes[k as usize]).collect();
    let rows = Tensor::from_slice(&order[..d], &[d as i64])?;
    let mut inner: Dims = smallvec![0];
    inner.extend(order[d..].iter().map(|k| k - d as i64 + 1));
    let values = if d < n { ops::permute(&p.values, &inner)? } else { p.values.clone() };
    Ok(rets(pack(&ops::index_select(&p.indices, 0, &rows)?, &values, &sizes, false)?))
}

/// Is any value true?
pub(super) fn any_value(cx: &Ctx, _: Mode) -> Result<Rets> {
    Ok(rets(on(cx, &parts(&ops::coalesce(cx.tensor(0)?)?)?.values)?))
}

/// One of the two matrices sparse, or both.
fn product(cx: &Ctx, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.ndim() != 2 || b.ndim() != 2 || a.size_at(1) != b.size_at(0) {
        bail!(
            Runtime,
            "{}: mat1 and mat2 shapes cannot be multiplied ({} and {})",
            cx.op.python_name(),
            shape::show(&a.sizes()),
            shape::show(&b.sizes())
        );
    }
    match (a.is_sparse(), b.is_sparse()) {
        (true, true) => both_sparse(a, b),
        (true, false) => {
            let p = parts(a)?;
            if p.coo.sparse_dim() != 2 {
                bail!(
                    Runtime,
                    "{}: expected a matrix with two sparse dimensions and no dense ones",
                    cx.op.python_name()
                );
            }
            ops::_coo_mm(&p.indices, &p.values, b, p.sizes[0])
        }
        (false, true) => ops::t(&product(cx, &ops::t(b)?, &ops::t(a)?)?),
        _ => ops::mm(a, b),
    }
}

/// For every value of `a` the whole row of `b` that it meets.
fn both_sparse(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (a, b) = (parts(&ops::coalesce(a)?)?, parts(&ops::coalesce(b)?)?);
    if a.coo.sparse_dim() != 2 || b.coo.sparse_dim() != 2 {
        bail!(Runtime, "sparse.mm: expected matrices with two sparse dimensions and no dense ones");
    }
    let (rows, meets) = (ops::select(&a.indices, 0, 0)?, ops::select(&a.indices, 0, 1)?);
    let (starts, to) = (ops::select(&b.indices, 0, 0)?, ops::select(&b.indices, 0, 1)?);
    let [of, with] = matches(&starts, &meets)?;
    let values = mul(&ops::index_select(&a.values, 0, &of)?, &ops::index_select(&b.values, 0, &with)?)?;
    let indices = ops::stack(&[ops::index_select(&rows, 0, &of)?, ops::index_select(&to, 0, &with)?], 0)?;
    ops::coalesce(&pack(&indices, &values, &[a.sizes[0], b.sizes[1]], false)?)
}

/// `mm`, and `matmul` of matrices and vectors.
pub(super) fn multiplied(cx: &Ctx, _: Mode) -> Result<Rets> {
    let (a, b) = (cx.tensor(0)?, cx.tensor(1)?);
    if b.ndim() == 1 && !b.is_sparse() {
        let y = product(cx, a, &ops::unsqueeze(b, 1)?)?;
        return Ok(rets(ops::squeeze_dim(&y, 1)?));
    }
    Ok(rets(product(cx, a, b)?))
}

/// `beta * input + alpha * mat1 @ mat2`.
pub(super) fn add_multiplied(cx: &Ctx, _: Mode) -> Result<Rets> {
    let y = product(cx, cx.tensor(1)?, cx.tensor(2)?)?;
    let scaled = |t: &Tensor, s: Scalar| if s.f64() == 1.0 { Ok(t.clone()) } else { times(t, s) };
    let (x, y) = (scaled(cx.tensor(0)?, cx.scalar(3)?)?, scaled(&y, cx.scalar(4)?)?);
    Ok(rets(if x.is_sparse() && !y.is_sparse() { add(&y, &x)? } else { add(&x, &y)? }))
}

/// Softmax over the values that share their places but for `dim`.
fn soft(t: &Tensor, dim: i64, dtype: Option<DType>, log: bool) -> Result<Tensor> {
    let p = parts(&ops::coalesce(t)?)?;
    let (n, d) = (t.ndim(), p.coo.sparse_dim());
    let k = shape::wrap_dim(dim, n)?;
    let values = cast(&p.values, dtype.unwrap_or(p.values.dtype()))?;
    if k >= d {
        let f = if log { ops::log_softmax } else { ops::softmax };
        return with_values(&p, &f(&values, (k - d + 1) as i64, None)?);
    }
    let rest: Vec<i64> = (0..d as i64).filter(|&e| e != k as i64).collect();
    let others: Dims = rest.iter().map(|&e| p.sizes[e as usize]).collect();
    let rest = Tensor::from_slice(&rest, &[d as i64 - 1])?;
    let [groups, of, _] = ops::_unique2(&keys(&ops::index_select(&p.indices, 0, &rest)?, &others)?, true, true, false)?;
    let mut sizes = values.sizes();
    sizes[0] = groups.numel();
    let low = Tensor::full(&sizes, f64::NEG_INFINITY, values.dtype(), values.device())?;
    let most = ops::index_reduce(&low, 0, &of, &ops::detach(&values)?, "amax", true)?;
    let away = sub(&values, &ops::index_select(&most, 0, &of)?)?;
    let e = ops::exp(&away)?;
    let sums = ops::index_select(&ops::index_add(&zeros(&sizes, &e)?, 0, &of, &e, 1.into())?, 0, &of)?;
    let y = if log { sub(&away, &ops::log(&sums)?)? } else { super::short::div(&e, &sums)? };
    with_values(&p, &y)
}

const HIDDEN: u32 = PRIVATE | NO_METHOD | SPARSE;

ops! {
    /// Softmax of a sparse tensor over the values that are there.
    fn _sparse_softmax(input: Tensor, dim: Int, dtype: DType = None) -> Tensor = { soft(input, dim, dtype, false) } { .with(HIDDEN) }

    /// The logarithm of `_sparse_softmax`.
    fn _sparse_log_softmax(input: Tensor, dim: Int, dtype: DType = None) -> Tensor = { soft(input, dim, dtype, true) } { .with(HIDDEN) }
}
