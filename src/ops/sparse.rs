//! Sparse tensors (COO): made of places and values and taken apart again. These two primitives are recorded; everything else,
//! here and in `sparse_math.rs`, is made of them and of strided operators, so its gradient follows.

use super::short::{cast, conj, mul, zero_where, zeros};
use crate::device::Device;
use crate::dtype::DType;
use crate::error::Result;
use crate::kernels::cpu::coo::{Sizes, mm};
use crate::op::flag::{NO_FUNCTION, NO_METHOD, PRIVATE, SPARSE};
use crate::op::record::rets;
use crate::op::{Batch, Meta};
use crate::ops;
use crate::shape::{self, Dims};
use crate::tensor::Tensor;
use crate::tensor::sparse::Coo;
use smallvec::smallvec;
use std::sync::Arc;

/// The parts of a sparse tensor, the values with their history.
pub(super) struct Parts {
    pub coo: Arc<Coo>,
    pub indices: Tensor,
    pub values: Tensor,
    pub sizes: Dims,
}

/// Takes a sparse tensor apart.
pub(super) fn parts(t: &Tensor) -> Result<Parts> {
    let coo = coo(t, "this")?;
    let indices = coo.indices.clone();
    Ok(Parts { values: _sparse_values(t)?, indices, sizes: t.sizes(), coo })
}

/// What a sparse tensor holds, or an error that names what was asked of a strided one.
fn coo(t: &Tensor, what: &str) -> Result<Arc<Coo>> {
    match t.coo() {
        Some(c) => Ok(c),
        None => bail!(Runtime, "{what} expected sparse coordinate tensor layout but got Strided"),
    }
}

/// A sparse tensor of its parts.
pub(super) fn pack(indices: &Tensor, values: &Tensor, sizes: &[i64], coalesced: bool) -> Result<Tensor> {
    _sparse_pack(indices, values, sizes, coalesced)
}

/// The columns of `indices` as numbers in row-major order over `sizes`, the sizes of the sparse dimensions.
pub(super) fn keys(indices: &Tensor, sizes: &[i64]) -> Result<Tensor> {
    let steps = Tensor::from_slice(&shape::contiguous_strides(sizes), &[sizes.len() as i64, 1])?;
    ops::sum(&mul(indices, &steps)?, Some(&[0]), false, None)
}

/// The way back from `keys`.
pub(super) fn columns(keys: &Tensor, sizes: &[i64]) -> Result<Tensor> {
    let steps = shape::contiguous_strides(sizes);
    let rows = sizes
        .iter()
        .zip(&steps)
        .map(|(&n, &step)| {
            let at = ops::floor_divide(keys.into(), step.max(1).into())?;
            ops::remainder((&at).into(), n.max(1).into())
        })
        .collect::<Result<Vec<_>>>()?;
    if rows.is_empty() { zeros(&[0, keys.numel()], keys) } else { ops::stack(&rows, 0) }
}

/// Elements of a strided tensor at the columns of `indices`: [columns, the other dimensions ...].
pub(super) fn picked(t: &Tensor, indices: &Tensor) -> Result<Tensor> {
    let (s, d) = (t.sizes(), indices.size_at(0) as usize);
    let mut to: Dims = smallvec![s[..d].iter().product()];
    to.extend(s[d..].iter().copied());
    ops::index_select(&ops::reshape(t, &to)?, 0, &keys(indices, &s[..d])?)
}

/// Adds `values` to the strided `t` at the columns of `indices`.
pub(super) fn scattered(t: &Tensor, indices: &Tensor, values: &Tensor) -> Result<Tensor> {
    let (s, d) = (t.sizes(), indices.size_at(0) as usize);
    let mut flat: Dims = smallvec![s[..d].iter().product()];
    flat.extend(s[d..].iter().copied());
    let sum = ops::index_add(&ops::reshape(t, &flat)?, 0, &keys(indices, &s[..d])?, values, 1.into())?;
    ops::reshape(&sum, &s)
}

/// Values of the sparse `t` at the columns of `indices`; zeros where it has none.
fn looked_up(t: &Tensor, indices: &Tensor) -> Result<Tensor> {
    let p = parts(&ops::coalesce(t)?)?;
    let d = p.coo.sparse_dim();
    let (have, want) = (keys(&p.indices, &p.sizes[..d])?, keys(indices, &p.sizes[..d])?);
    if have.numel() == 0 {
        let mut to = p.values.sizes();
        to[0] = want.numel();
        return zeros(&to, &p.values);
    }
    let at = ops::searchsorted(&have, (&want).into(), false, false, None, None)?;
    let at = ops::clamp_max(&at, (have.numel() - 1).into())?;
    let mut absent = ops::ne((&ops::index_select(&have, 0, &at)?).into(), (&want).into())?;
    for _ in 1..p.values.ndim() {
        absent = ops::unsqueeze(&absent, -1)?;
    }
    zero_where(&ops::index_select(&p.values, 0, &at)?, &absent)
}

/// The gradient of a sparse tensor whose values have the gradient `g`. Columns that name one place again say the same of it:
/// the place has it once.
fn placed(c: &Coo, sizes: &[i64], g: &Tensor) -> Result<Tensor> {
    if c.is_coalesced() {
        return pack(&c.indices, g, sizes, true);
    }
    let [sorted, inverse, _] = ops::_unique2(&keys(&c.indices, &sizes[..c.sparse_dim()])?, true, true, false)?;
    let mut first = vec![i64::MAX; sorted.numel() as usize];
    for (k, place) in inverse.to_vec::<i64>()?.into_iter().enumerate() {
        first[place as usize] = first[place as usize].min(k as i64);
    }
    let first = Tensor::from_slice(&first, &[sorted.numel()])?;
    pack(&columns(&sorted, &sizes[..c.sparse_dim()])?, &ops::index_select(g, 0, &first)?, sizes, true)
}

/// PyTorch's checks of the parts, and that every place lies inside; the sizes, which may follow from the places.
fn checked(indices: &Tensor, values: &Tensor, size: Option<&[i64]>) -> Result<Dims> {
    if indices.is_sparse() || values.is_sparse() {
        bail!(Runtime, "expected indices and values to be dense tensors, but one of them is sparse");
    }
    if indices.ndim() != 2 {
        bail!(Runtime, "indices must be sparse_dim x nnz, but got: {}", shape::show(&indices.sizes()));
    }
    if values.ndim() == 0 {
        bail!(Runtime, "values must have at least one dimension, one entry for each column of indices");
    }
    let (d, nnz) = (indices.size_at(0) as usize, indices.size_at(1));
    if values.size_at(0) != nnz {
        bail!(
            Runtime,
            "indices and values must have same nnz, but got nnz from indices: {nnz}, nnz from values: {}",
            values.size_at(0)
        );
    }
    if indices.device() != Device::Cpu || values.device() != Device::Cpu {
        bail!(NotImplemented, "sparse tensors are made on the CPU only, not on {}", values.device());
    }
    let rows = indices.to_vec::<i64>()?;
    let row = |k: usize| &rows[k * nnz as usize..(k + 1) * nnz as usize];
    let dense = values.sizes();
    let sizes: Dims = match size {
        Some(s) => s.into(),
        None => {
            let sparse = (0..d).map(|k| row(k).iter().max().map_or(0, |m| m.saturating_add(1)));
            sparse.chain(dense[1..].iter().copied()).collect()
        }
    };
    if sizes.len() != d + dense.len() - 1 {
        bail!(
            Runtime,
            "'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {}, sparse_dim = {d}, dense_dim = {}",
            sizes.len(),
            dense.len() - 1
        );
    }
    if sizes.iter().any(|&n| n < 0) {
        bail!(Runtime, "Trying to create tensor with negative dimension: {}", shape::show(&sizes));
    }
    if sizes[d..] != dense[1..] {
        bail!(
            Runtime,
            "values has incorrect size, expected {}, got {}",
            shape::show(&[&[nnz], &sizes[d..]].concat()),
            shape::show(&dense)
        );
    }
    shape::numel(&sizes)?;
    for k in 0..d {
        if let Some(&i) = row(k).iter().find(|&&i| i < 0) {
            bail!(Runtime, "found negative index {i} for dim {k}");
        }
        if let Some(&i) = row(k).iter().find(|&&i| i >= sizes[k]) {
            bail!(Runtime, "size is inconsistent with indices: for dim {k}, size is {} but found index {i}", sizes[k]);
        }
    }
    Ok(sizes)
}

const HIDDEN: u32 = PRIVATE | NO_METHOD | SPARSE;

ops! {
    /// A sparse tensor of places [sparse dimensions, columns] and values [columns, ...]. The caller vouches for the places.
    fn _sparse_pack(indices: Tensor, values: Tensor, size: Ints, coalesced: Bool) -> Tensor {
        .made(|cx| {
            let (i, v) = (cx.tensor(0)?, cx.tensor(1)?);
            // Everybody can call it: what is wrong here would be read beyond memory elsewhere.
            checked(i, v, Some(cx.ints(2)?))?;
            let i = if i.dtype() == DType::I64 && i.is_contiguous() { i.detached() } else { i.copied(DType::I64)? };
            Ok(rets(Tensor::from_coo(cx.ints(2)?, i, v.detached(), cx.bool(3)?)?))
        }).grad(&[0], &[], |b| {
            let (g, i) = (b.g()?, b.tensor(0)?);
            let dv = match g.coo() {
                // Most gradients come with the places of what they are for.
                Some(c) if c.indices.storage().same(&i.storage()) && c.indices.sizes() == i.sizes() => _sparse_values(&g)?,
                Some(_) => looked_up(&g, i)?,
                None => picked(&g, i)?,
            };
            Ok(smallvec![None, Some(dv)])
        }).node("SparseCooTensorWithDimsAndTensorsBackward0").with(HIDDEN)
    }

    /// The values of a sparse tensor.
    fn _sparse_values(input: Tensor) -> Tensor {
        .made(|cx| Ok(rets(coo(cx.tensor(0)?, "values")?.values.detached())))
            .grad(&[0], &[], |b| {
                let t = b.tensor(0)?;
                Ok(smallvec![Some(placed(coo(t, "values")?.as_ref(), &t.sizes(), &b.g()?)?)])
            }).node("ValuesBackward0").with(HIDDEN)
    }

    /// A sparse tensor of checked parts; without `size` as large as the places need.
    fn _sparse_coo_tensor(indices: Tensor, values: Tensor, size: OptInts = None, is_coalesced: Bool = false) -> Tensor = {
        let sizes = checked(indices, values, size)?;
        pack(indices, values, &sizes, is_coalesced)
    } { .with(HIDDEN) }

    /// The values of a coalesced sparse tensor [columns, dense dimensions ...].
    fn values(input: Tensor) -> Tensor = {
        let Some(c) = input.coo() else { bail!(Runtime, "values expected sparse tensor layout but got Strided") };
        if !c.is_coalesced() {
            bail!(Runtime, "Cannot get values on an uncoalesced tensor, please call .coalesce() first");
        }
        _sparse_values(input)
    } { .with(NO_FUNCTION | SPARSE) }

    /// The places of a coalesced sparse tensor's values [sparse dimensions, columns].
    fn indices(input: Tensor) -> Tensor = {
        let c = coo(input, "indices")?;
        if !c.is_coalesced() {
            bail!(Runtime, "Cannot get indices on an uncoalesced tensor, please call .coalesce() first");
        }
        Ok(c.indices.detached())
    } { .with(NO_FUNCTION | SPARSE) }

    /// The values of a sparse tensor as they are, outside of autograd.
    fn _values(input: Tensor) -> Tensor = { Ok(coo(input, "_values")?.values.detached()) } { .with(NO_FUNCTION | SPARSE) }

    /// The places of a sparse tensor's values as they are.
    fn _indices(input: Tensor) -> Tensor = { Ok(coo(input, "_indices")?.indices.detached()) } { .with(NO_FUNCTION | SPARSE) }

    /// The same tensor with sorted places, each there once.
    fn coalesce(input: Tensor) -> Tensor = {
        if coo(input, "coalesce")?.is_coalesced() {
            return Ok(input.clone());
        }
        let p = parts(input)?;
        let d = p.coo.sparse_dim();
        let [sorted, inverse, _] = ops::_unique2(&keys(&p.indices, &p.sizes[..d])?, true, true, false)?;
        let mut to = p.values.sizes();
        to[0] = sorted.numel();
        let values = ops::index_add(&zeros(&to, &p.values)?, 0, &inverse, &p.values, 1.into())?;
        pack(&columns(&sorted, &p.sizes[..d])?, &values, &p.sizes, true)
    } { .with(NO_FUNCTION | SPARSE | crate::op::flag::MAY_ALIAS) }

    /// The strided tensor with the same elements.
    fn to_dense(input: Tensor, dtype: DType = None; masked_grad: OptBool = None) -> Tensor = {
        // The gradient has the places of the tensor either way.
        _ = masked_grad;
        if !input.is_sparse() {
            return match dtype {
                Some(d) if d != input.dtype() => ops::_to_dtype(input, d, None),
                _ => Ok(input.clone()),
            };
        }
        let p = parts(input)?;
        let y = scattered(&zeros(&p.sizes, &p.values)?, &p.indices, &p.values)?;
        cast(&y, dtype.unwrap_or(y.dtype()))
    } { .node("ToDenseBackward0") .with(NO_FUNCTION | SPARSE | crate::op::flag::MAY_ALIAS) }

    /// The sparse tensor with the elements that are not zero; over the first `sparse_dim` dimensions, with slices as values.
    fn to_sparse(input: Tensor, sparse_dim: OptInt = None) -> Tensor = {
        if let Some(c) = input.coo() {
            if sparse_dim.is_some_and(|d| d != c.sparse_dim() as i64) {
                bail!(Runtime, "to_sparse: conversion from sparse to sparse with other dimensions is not supported: use to_dense() first");
            }
            return Ok(input.clone());
        }
        let n = input.ndim();
        let d = sparse_dim.unwrap_or(n as i64);
        let lowest = (n > 0) as i64;
        if d > n as i64 || d < lowest {
            bail!(Runtime, "dense_to_sparse: sparse_dim argument must be in [0,{n}] range, but {d} is given");
        }
        let d = d as usize;
        let mut there = ops::ne((&ops::detach(input)?).into(), 0.into())?;
        if d < n {
            let rest: Dims = (d as i64..n as i64).collect();
            there = ops::any_dim(&there, Some(&rest), false)?;
        }
        let indices = ops::t(&ops::nonzero(&there)?)?.copied(DType::I64)?;
        let indices = if n == 0 { zeros(&[0, there.to_vec::<i64>()?[0]], &indices)? } else { indices };
        let values = if n == 0 { ops::reshape(input, &[1])? } else { picked(input, &indices)? };
        let values = if n == 0 { ops::narrow(&values, 0, 0, indices.size_at(1))? } else { values };
        pack(&indices, &values, &input.sizes(), true)
    } { .node("ToSparseBackward1") .with(NO_FUNCTION | SPARSE) }

    /// The elements of `input` at the places of the sparse tensor `mask`.
    fn sparse_mask(input: Tensor, mask: Tensor) -> Tensor = {
        let c = coo(mask, "sparse_mask: mask")?;
        if input.sizes() != mask.sizes() {
            bail!(
                Runtime,
                "sparse_mask(): operands have incompatible sizes; self has size {} but mask has size {}",
                shape::show(&input.sizes()),
                shape::show(&mask.sizes())
            );
        }
        let dense = ops::to_dense(input, None, None)?;
        pack(&c.indices, &picked(&dense, &c.indices)?, &mask.sizes(), c.is_coalesced())
    } { .with(NO_FUNCTION | SPARSE) }

    /// Rows of a sparse matrix given by its parts, times the strided matrix `mat`.
    fn _coo_mm(indices: Tensor, values: Tensor, mat: Tensor, rows: Int) -> Tensor {
        .kernel(|cx| {
            let (i, v, m, rows) = (cx.tensor(0)?, cx.tensor(1)?, cx.tensor(2)?, cx.int(3)?);
            cx.belong(i.ndim() == 2 && i.size_at(0) == 2 && v.ndim() == 1 && m.ndim() == 2 && rows >= 0)?;
            cx.belong(i.dtype() == DType::I64 && v.numel() == i.size_at(1))?;
            cx.same_dtype(v, m)?;
            Ok(smallvec![Meta::new([rows, m.size_at(1)].as_slice(), v.dtype())])
        }, |cx, out| {
            out[0].fill_raw(0.into())?;
            let (i, v, m) = (cx.tensor(0)?.copied(DType::I64)?, cx.tensor(1)?, cx.tensor(2)?);
            let (v, at) = (v.copied(v.dtype())?, i.to_vec::<i64>()?);
            let (rows, l) = (cx.int(3)?, m.layout());
            for (k, end) in [rows, l.sizes[0]].into_iter().enumerate() {
                cx.belong(at[k * at.len() / 2..(k + 1) * at.len() / 2].iter().all(|&p| p >= 0 && p < end))?;
            }
            let s = Sizes {
                rows: rows as usize,
                width: l.sizes[1] as usize,
                count: at.len() / 2,
                strides: [l.strides[0], l.strides[1]],
            };
            let (v, m, y) = (v.body().clone(), m.body().clone(), out[0].body().clone());
            // SAFETY: the places are checked and the call's own; the rest are tensors of the sizes, the output is new.
            unsafe { mm(&s, y.dtype, at.as_ptr(), v.ptr(), m.ptr(), y.ptr()) };
            Ok(())
        }, "", Batch::Loop).grad(&[0, 1, 2], &[], |b| {
            let (g, i, v, m) = (b.g()?, b.tensor(0)?, b.tensor(1)?, b.tensor(2)?);
            let (to, from) = (ops::select(i, 0, 0)?, ops::select(i, 0, 1)?);
            let dv = b.when(1, || {
                let products = mul(&ops::index_select(&g, 0, &to)?, &ops::index_select(&conj(m)?, 0, &from)?)?;
                ops::sum(&products, Some(&[1]), false, None)
            })?;
            let dm = b.when(2, || _coo_mm(&ops::flip(i, &[0])?, &conj(v)?, &g, b.sizes(2)[0]))?;
            Ok(smallvec![None, dv, dm])
        }).node("SparseAddmmBackward0").with(PRIVATE | NO_METHOD)
    }
}
