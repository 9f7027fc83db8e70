//! `Tensor.__getitem__` and `__setitem__`. An index is read from left to right: integers, slices, None and `...` change the
//! layout only; masks, index tensors and sequences are collected and read (or written) by one `index` (or `index_put_`) on
//! the view that the rest made. Where nothing is recorded, all basic indices together make one view.

use crate::error::{IntoPy, raise};
use crate::object::{tensor_of, wrap};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyUserWarning, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyEllipsis, PyFloat, PyInt, PyList, PySlice, PyTuple};
use rtorch::op::arg::Num;
use rtorch::op::call::basic_view;
use rtorch::shape::show;
use rtorch::shape::{Layout, wrap_dim};
use rtorch::tensor::mode;
use rtorch::{DType, Scalar, Tensor, err, ops};

type Items<'py> = smallvec::SmallVec<[Bound<'py, PyAny>; 6]>;

/// The view that basic indices make, step by step.
struct View<'a> {
    base: &'a Tensor,
    /// The steps one by one with their nodes, where they are recorded.
    recorded: Option<Tensor>,
    layout: Layout,
    record: bool,
    /// The last step's operator; "" while nothing was done.
    by: &'static str,
}

impl<'a> View<'a> {
    fn new(base: &'a Tensor) -> View<'a> {
        let record = base.requires_grad() && mode::grad();
        View { base, recorded: None, layout: base.layout(), record, by: "" }
    }

    fn step(
        &mut self,
        by: &'static str,
        layout: Layout,
        op: impl FnOnce(&Tensor) -> rtorch::Result<Tensor>,
    ) -> PyResult<()> {
        if self.record {
            self.recorded = Some(op(self.recorded.as_ref().unwrap_or(self.base)).py()?);
        }
        self.layout = layout;
        self.by = by;
        Ok(())
    }

    /// `[i]` at dimension `d` of what there is now; `place` is the index's position in the whole index, for the message.
    fn select(&mut self, d: usize, i: i64, place: usize) -> PyResult<()> {
        let Some(&size) = self.layout.sizes.get(d) else {
            return Err(PyIndexError::new_err(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number",
            ));
        };
        if i >= size || i < -size {
            return Err(raise(err!(
                Index,
                "index {i} is out of bounds for dimension {place} with size {size}\nValid are {} to {}; the indexed tensor has \
                 shape {}.",
                -size,
                size - 1,
                show(&self.base.sizes())
            )));
        }
        let at = if i < 0 { i + size } else { i };
        let layout = self.layout.select(d, at);
        self.step("select", layout, |t| ops::select(t, d as i64, at))
    }

    /// A slice at dimension `d`. One that takes everything does nothing, unless it is the whole index.
    fn slice(&mut self, d: usize, s: &Bound<'_, PySlice>, alone: bool) -> PyResult<()> {
        let (mut start, mut stop, mut step) = (0, 0, 0);
        // SAFETY: `s` is a slice, and the places are ours.
        if unsafe { ffi::PySlice_Unpack(s.as_ptr(), &mut start, &mut stop, &mut step) } < 0 {
            return Err(PyErr::fetch(s.py()));
        }
        if step <= 0 {
            return Err(raise(err!(
                Value,
                "step must be greater than zero\nIn a slice the step is {step}: to reverse a dimension use x.flip({d})."
            )));
        }
        let Some(&size) = self.layout.sizes.get(d) else {
            return Err(PyIndexError::new_err("slice() cannot be applied to a 0-dim tensor."));
        };
        let clip = |v: isize| (if v < 0 { (v as i64).saturating_add(size) } else { v as i64 }).clamp(0, size);
        let (from, to, step) = (clip(start), clip(stop), step as i64);
        if !alone && from == 0 && to == size && step == 1 {
            return Ok(());
        }
        // A huge step of a dimension that keeps one element must not overflow the stride.
        let step = step.min(size.max(1));
        let layout = self.layout.slice(d, from, to.max(from), step);
        self.step("slice", layout, |t| ops::slice(t, d as i64, Some(from), Some(to), step))
    }

    fn unsqueeze(&mut self, d: usize) -> PyResult<()> {
        let layout = self.layout.unsqueeze(wrap_dim(d as i64, self.layout.ndim() + 1).py()?);
        self.step("unsqueeze", layout, |t| ops::unsqueeze(t, d as i64))
    }

    fn finish(&mut self) -> PyResult<Tensor> {
        match self.recorded.take() {
            Some(t) => Ok(t),
            None if self.by.is_empty() => ops::_alias(self.base).py(),
            None => Ok(basic_view(self.base, &self.layout, self.by)),
        }
    }

    /// As `finish`, but the tensor itself where no step was taken, and where `plain` no view to autograd.
    fn reach(&mut self, plain: bool) -> Tensor {
        match self.recorded.take() {
            Some(t) => t,
            None if self.by.is_empty() => self.base.clone(),
            None if plain => self.base.alias(self.layout.clone()),
            None => basic_view(self.base, &self.layout, self.by),
        }
    }
}

/// An exact `int` or a subclass other than bool, NumPy's integers.
fn integer(o: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if o.cast::<PyInt>().is_ok() {
        if o.cast::<PyBool>().is_ok() {
            return Ok(None);
        }
        let mut overflow = 0;
        // SAFETY: `o` is an int.
        let i = unsafe { ffi::PyLong_AsLongLongAndOverflow(o.as_ptr(), &mut overflow) };
        if overflow != 0 {
            return Err(PyValueError::new_err("Overflow when unpacking long long"));
        }
        return Ok(Some(i));
    }
    Ok(None)
}

/// What has `__index__` and is no sequence: NumPy's integers.
fn index_like(o: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    // SAFETY: `o` is a live object.
    if unsafe { ffi::PyIndex_Check(o.as_ptr()) } == 0 {
        return Ok(None);
    }
    o.extract::<i64>().map(Some)
}

fn is_sequence(o: &Bound<'_, PyAny>) -> bool {
    // SAFETY: `o` is a live object.
    unsafe { ffi::PySequence_Check(o.as_ptr()) != 0 }
}

fn is_array(o: &Bound<'_, PyAny>) -> bool {
    !o.is_instance_of::<PyList>() && !o.is_instance_of::<PyTuple>() && o.hasattr("__array_interface__").unwrap_or(false)
}

/// The items of an index: those of a tuple, and those of another sequence if one of them is no number (NumPy's old rule).
fn items_of<'py>(index: &Bound<'py, PyAny>) -> PyResult<Items<'py>> {
    if let Ok(t) = index.cast::<PyTuple>() {
        return Ok(t.iter().collect());
    }
    if tensor_of(index).is_none() && is_sequence(index) && !is_array(index) {
        // A longer one can be no index of dimensions; and one whose length cannot be known is not looked at.
        let n = index.len().unwrap_or(usize::MAX);
        if n < 32 {
            let items: Items = index.try_iter()?.collect::<PyResult<_>>()?;
            let many = items.iter().any(|i| {
                tensor_of(i).is_some()
                    || i.is_none()
                    || i.is_instance_of::<PySlice>()
                    || i.is_instance_of::<PyEllipsis>()
                    || is_sequence(i)
            });
            if many {
                PyErr::warn(
                    index.py(),
                    &index.py().get_type::<PyUserWarning>(),
                    c"Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]",
                    1,
                )?;
                return Ok(items);
            }
        }
    }
    Ok(Items::from_iter([index.clone()]))
}

/// A sequence or an array as an index tensor: masks stay, everything else becomes int64.
fn sequence(o: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let t = crate::convert::from_data(o.py(), o, None)?;
    match t.dtype() {
        DType::Bool | DType::U8 | DType::I64 => Ok(t),
        _ => t.copied(DType::I64).py(),
    }
}

/// How many dimensions an item takes.
fn takes(o: &Bound<'_, PyAny>, converted: Option<&Tensor>) -> usize {
    match converted.or_else(|| tensor_of(o)) {
        Some(t) if matches!(t.dtype(), DType::Bool | DType::U8) => t.ndim(),
        Some(_) => 1,
        None if o.is_none() || o.is_instance_of::<PyEllipsis>() || o.is_instance_of::<PyBool>() => 0,
        None => 1,
    }
}

#[cold]
fn too_many(ndim: usize, given: usize) -> PyErr {
    raise(err!(
        Index,
        "too many indices for tensor of dimension {ndim}\nIt takes at most {ndim}, and {given} are given (None and ... do not \
         count): leave out what is too much, or unsqueeze or view the tensor first."
    ))
}

#[cold]
fn invalid(o: &Bound<'_, PyAny>) -> PyErr {
    PyIndexError::new_err(format!(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {})",
        class_name(o)
    ))
}

/// A class as C code sees its name: NumPy's with the module, Python's without.
fn class_name(o: &Bound<'_, PyAny>) -> String {
    let t = o.get_type();
    let name = t.name().map(|n| n.to_string()).unwrap_or_default();
    match t.module().map(|m| m.to_string()) {
        Ok(m) if m.starts_with("numpy") => format!("{m}.{name}"),
        _ => name,
    }
}

/// Makes `view`, a new one, the view of the basic indices; the tensors of the advanced ones by dimension of that view (empty
/// if there are none).
fn walk(view: &mut View<'_>, items: &[Bound<'_, PyAny>]) -> PyResult<Vec<Option<Tensor>>> {
    let t = view.base;
    // Sequences are converted first: masks among them take several dimensions.
    let mut converted: Vec<Option<Tensor>> = Vec::new();
    for (i, o) in items.iter().enumerate() {
        if tensor_of(o).is_none() && !o.is_instance_of::<PySlice>() && is_sequence(o) {
            converted.resize(items.len(), None);
            converted[i] = Some(sequence(o)?);
        }
    }
    let as_tensor = |i: usize| converted.get(i).and_then(Option::as_ref);
    let specified: usize = items.iter().enumerate().map(|(i, o)| takes(o, as_tensor(i))).sum();
    if specified > t.ndim() {
        return Err(too_many(t.ndim(), specified));
    }
    let mut found: Vec<Option<Tensor>> = Vec::new();
    // The next dimension of the view, and how many entries of `found` stand for the dimensions before it.
    let mut dim = 0;
    let mut rest = t.ndim() - specified;
    let mut plain = 0;
    let alone = items.len() == 1;
    for (place, o) in items.iter().enumerate() {
        if let Some(i) = integer(o)? {
            view.select(dim, i, place)?;
        } else if let Ok(s) = o.cast::<PySlice>() {
            view.slice(dim, s, alone)?;
            (dim, plain) = (dim + 1, plain + 1);
        } else if o.is_none() {
            view.unsqueeze(dim)?;
            (dim, plain) = (dim + 1, plain + 1);
        } else if o.is_instance_of::<PyEllipsis>() {
            // A second one stands for nothing.
            (dim, plain) = (dim + rest, plain + rest);
            rest = 0;
        } else if let Ok(b) = o.cast::<PyBool>() {
            view.unsqueeze(dim)?;
            dim += 1;
            push(&mut found, &mut plain, truth(t, b.is_true())?);
        } else if let Some(index) = as_tensor(place).or_else(|| tensor_of(o)) {
            let d = index.dtype();
            match (index.ndim(), d.is_integral(), matches!(d, DType::Bool | DType::U8)) {
                (0, true, false) => {
                    let i = index.item().py()?.i64();
                    view.select(dim, i, place)?;
                }
                (0, true, true) => {
                    let on = index.item().py()?.truth();
                    view.unsqueeze(dim)?;
                    dim += 1;
                    push(&mut found, &mut plain, truth(t, on)?);
                }
                (n, _, mask) => {
                    if d == DType::U8 {
                        PyErr::warn(
                            o.py(),
                            &o.py().get_type::<PyUserWarning>(),
                            c"indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
                            1,
                        )?;
                    }
                    dim += if mask { n } else { 1 };
                    push(&mut found, &mut plain, index.clone());
                }
            }
        } else if let Some(i) = index_like(o)? {
            view.select(dim, i, place)?;
        } else {
            return Err(invalid(o));
        }
    }
    Ok(found)
}

/// Adds an index behind the holes of the dimensions before it.
fn push(found: &mut Vec<Option<Tensor>>, plain: &mut usize, t: Tensor) {
    found.extend(std::iter::repeat_n(None, std::mem::take(plain)));
    found.push(Some(t));
}

/// `x[True]` and `x[False]`: a new dimension of size 1 or 0.
fn truth(like: &Tensor, on: bool) -> PyResult<Tensor> {
    Tensor::zeros(&[on as i64], DType::I64, like.device()).py()
}

/// The index as one that takes no tensors, if it is one of the commonest: `view`, a new one, is then what it makes.
fn simple(view: &mut View<'_>, index: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Some(i) = integer(index)? {
        view.select(0, i, 0)?;
    } else if let Ok(s) = index.cast::<PySlice>() {
        view.slice(0, s, true)?;
    } else if index.is_none() {
        view.unsqueeze(0)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// `t[index]`.
pub fn get(py: Python<'_>, t: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    if t.is_sparse() {
        return wrap(py, sparse(t, &items_of(index)?)?);
    }
    let mut view = View::new(t);
    if simple(&mut view, index)? {
        return wrap(py, view.finish()?);
    }
    let found = walk(&mut view, &items_of(index)?)?;
    if found.is_empty() {
        return wrap(py, view.finish()?);
    }
    wrap(py, ops::index(&view.reach(false), &found).py()?)
}

/// An index of a sparse tensor: whole numbers, and slices that take everything.
fn sparse(t: &Tensor, items: &[Bound<'_, PyAny>]) -> PyResult<Tensor> {
    let (mut t, mut d) = (t.clone(), 0);
    for item in items {
        if let Ok(i) = item.extract::<i64>()
            && !item.is_instance_of::<PyBool>()
        {
            t = ops::select(&t, d, i).py()?;
        } else if let Ok(s) = item.cast::<PySlice>()
            && s.eq(PySlice::full(item.py()))?
        {
            d += 1;
        } else if item.is_instance_of::<PyEllipsis>() {
            d +=
                t.ndim() as i64 - d - items.iter().skip_while(|i| !i.is_instance_of::<PyEllipsis>()).count() as i64 + 1;
        } else {
            t.needs_strides("Could not run 'aten::index.Tensor' with arguments from the 'SparseCPU' backend.").py()?;
        }
    }
    Ok(t)
}

/// What is assigned.
enum New {
    Tensor(Tensor),
    Number(Scalar),
}

fn value_of(t: &Tensor, value: &Bound<'_, PyAny>) -> PyResult<New> {
    if let Some(v) = tensor_of(value) {
        return Ok(New::Tensor(v.clone()));
    }
    if let Ok(f) = value.cast::<PyFloat>() {
        return Ok(New::Number(Scalar::Float(f.value())));
    }
    if let Ok(b) = value.cast::<PyBool>() {
        return Ok(New::Number(Scalar::Bool(b.is_true())));
    }
    if let Some(i) = integer(value)? {
        return Ok(New::Number(Scalar::Int(i)));
    }
    if let Ok(c) = value.cast::<PyComplex>() {
        return Ok(New::Number(Scalar::Complex(c.real(), c.imag())));
    }
    if !is_sequence(value)
        && let Some(i) = index_like(value)?
    {
        return Ok(New::Number(Scalar::Int(i)));
    }
    Err(PyTypeError::new_err(format!(
        "can't assign a {} to a torch.{}Tensor (make a tensor of it: torch.tensor(value))",
        class_name(value),
        t.dtype().c10_name()
    )))
}

/// A number as a 0-d tensor of the dtype that is written.
fn number(s: Scalar, d: DType) -> PyResult<Tensor> {
    if !matches!(d, DType::F16 | DType::BF16) {
        s.check_fits(d).py()?;
    }
    Tensor::scalar(s, d).py()
}

/// Leading dimensions of size 1 that a value has too many are taken away.
fn without_ones(v: &Tensor) -> PyResult<Tensor> {
    let s = v.sizes();
    let ones = s.iter().take_while(|n| **n == 1).count();
    if ones == 0 { Ok(v.clone()) } else { ops::view(v, &s[ones..]).py() }
}

fn write(to: &Tensor, value: New) -> PyResult<()> {
    let v = match value {
        // Half types take numbers that are too large as infinities here, unlike `fill_`.
        New::Number(s) if !matches!(to.dtype(), DType::F16 | DType::BF16) => {
            ops::fill_(to, Num::Scalar(s)).py()?;
            return Ok(());
        }
        New::Number(s) => number(s, to.dtype())?,
        New::Tensor(v) => v,
    };
    let (s, to_sizes) = (v.sizes(), to.sizes());
    if s == to_sizes {
        ops::copy_(to, &v, false).py()?;
    } else if s.is_empty() {
        ops::fill_(to, Num::Tensor(&v)).py()?;
    } else {
        let v = without_ones(&v)?;
        v.layout().expand(&to_sizes).py()?;
        ops::copy_(to, &v, false).py()?;
    }
    Ok(())
}

/// `t[index] = value`.
pub fn set(_py: Python<'_>, t: &Tensor, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    t.needs_strides("Could not run 'aten::index_put_' with arguments from the 'SparseCPU' backend.").py()?;
    let value = value_of(t, value)?;
    // Where nothing is recorded, what is written to need not be known as a view.
    let requires = t.requires_grad() || matches!(&value, New::Tensor(v) if v.requires_grad());
    let plain = !requires && !t.is_inference();
    if let Ok(b) = index.cast::<PyBool>() {
        if b.is_true() {
            write(&ops::unsqueeze(t, 0).py()?, value)?;
        }
        return Ok(());
    }
    let mut view = View::new(t);
    if simple(&mut view, index)? {
        return write(&view.reach(plain), value);
    }
    let found = walk(&mut view, &items_of(index)?)?;
    let to = view.reach(plain);
    if found.is_empty() {
        return write(&to, value);
    }
    let v = match value {
        New::Number(s) => number(s, t.dtype())?,
        New::Tensor(v) => without_ones(&v)?,
    };
    ops::index_put_(&to, &found, &v, false).py()?;
    Ok(())
}
