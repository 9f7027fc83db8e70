//! Python data into tensors and back: `torch.tensor`, lists, numbers, `Tensor.to`.

use crate::args::{ints_of, scalar_of, type_name};
use crate::error::{IntoPy, raise};
use crate::numpy::from_numpy;
use crate::object::{PyTensor, tensor_of, wrap};
use crate::types::{PyDType, device_of};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyList, PySequence, PyString, PyTuple, PyType};
use rtorch::err;
use rtorch::shape::{Dims, Layout};
use rtorch::tensor::create::{read, write};
use rtorch::{DType, Device, Scalar, Tensor, dtype};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// A Python number.
pub fn number(py: Python<'_>, s: Scalar) -> PyResult<Py<PyAny>> {
    Ok(match s {
        Scalar::Bool(b) => PyBool::new(py, b).to_owned().into_any().unbind(),
        Scalar::Int(i) => i.into_pyobject(py)?.into_any().unbind(),
        Scalar::Float(f) => PyFloat::new(py, f).into_any().unbind(),
        Scalar::Complex(re, im) => PyComplex::from_doubles(py, re, im).into_any().unbind(),
    })
}

/// `tolist`: nested lists, or a number for a 0-d tensor.
pub fn to_list(py: Python<'_>, t: &Tensor) -> PyResult<Py<PyAny>> {
    let b = t.body().clone();
    if b.storage.device() != Device::Cpu {
        return Err(PyRuntimeError::new_err("tolist() needs the elements: a meta tensor has none"));
    }
    level(py, &b.layout, b.dtype, b.ptr(), 0)
}

fn level(py: Python<'_>, l: &Layout, d: DType, p: *mut u8, dim: usize) -> PyResult<Py<PyAny>> {
    if dim == l.ndim() {
        // SAFETY: `p` is the address of an element of the layout.
        return number(py, unsafe { read(p, d) });
    }
    let step = l.strides[dim] * d.size() as i64;
    let n = l.sizes[dim];
    let at = |i: i64| p.wrapping_offset((i * step) as isize);
    // SAFETY: a new list of `n` empty places, each set once, which steals the item; a list that is dropped before may have
    // empty places. The addresses are those of elements.
    unsafe {
        let list = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(n as isize))?;
        let put = |i: i64, item: *mut ffi::PyObject| {
            if item.is_null() || ffi::PyList_SetItem(list.as_ptr(), i as isize, item) != 0 {
                return Err(PyErr::fetch(py));
            }
            Ok(())
        };
        // The common numbers without a look at the dtype for each.
        match d {
            DType::F32 if dim + 1 == l.ndim() => {
                (0..n).try_for_each(|i| put(i, ffi::PyFloat_FromDouble(*at(i).cast::<f32>() as f64)))?
            }
            DType::F64 if dim + 1 == l.ndim() => {
                (0..n).try_for_each(|i| put(i, ffi::PyFloat_FromDouble(*at(i).cast::<f64>())))?
            }
            DType::I64 if dim + 1 == l.ndim() => {
                (0..n).try_for_each(|i| put(i, ffi::PyLong_FromLongLong(*at(i).cast::<i64>())))?
            }
            _ => (0..n).try_for_each(|i| put(i, level(py, l, d, at(i), dim + 1)?.into_ptr()))?,
        }
        Ok(list.unbind())
    }
}

/// What nested Python data looks like: its shape, and the dtype that its numbers ask for.
struct Found {
    shape: Dims,
    kind: Option<DType>,
}

fn is_sequence(o: &Bound<'_, PyAny>) -> bool {
    o.cast::<PyList>().is_ok()
        || o.cast::<PyTuple>().is_ok()
        || (o.cast::<PySequence>().is_ok() && o.cast::<PyString>().is_err() && o.cast::<PyBytes>().is_err())
}

fn join(a: Option<DType>, b: DType) -> Option<DType> {
    Some(a.map_or(b, |a| dtype::promote(a, b)))
}

/// Finds the shape along the first items, and checks the rest while filling.
fn look(o: &Bound<'_, PyAny>, found: &mut Found, depth: usize) -> PyResult<()> {
    if o.cast_exact::<PyFloat>().is_ok() {
        found.kind = join(found.kind, dtype::default_dtype());
        return Ok(());
    }
    if let Some(t) = tensor_of(o) {
        if depth == found.shape.len() {
            found.shape.extend_from_slice(&t.sizes());
        }
        found.kind = join(found.kind, t.dtype());
        return Ok(());
    }
    if let Some(t) = array_of(o)? {
        if depth == found.shape.len() {
            found.shape.extend_from_slice(&t.sizes());
        }
        found.kind = join(found.kind, t.dtype());
        return Ok(());
    }
    if let Some(s) = scalar_of(o, true)? {
        let plain = o.cast_exact::<PyFloat>().is_ok() || o.cast_exact::<PyInt>().is_ok() || o.cast::<PyBool>().is_ok();
        // NumPy's scalars have a dtype of their own, also those that are Python floats.
        let d = if plain { s.dtype() } else { numpy_dtype(o)?.unwrap_or(s.dtype()) };
        found.kind = join(found.kind, d);
        return Ok(());
    }
    if !is_sequence(o) {
        if o.cast::<PyString>().is_ok() || o.cast::<PyBytes>().is_ok() {
            return Err(PyTypeError::new_err(format!("new(): invalid data type '{}'", o.get_type().name()?)));
        }
        return Err(PyRuntimeError::new_err(format!("Could not infer dtype of {}", o.get_type().name()?)));
    }
    if depth > 64 {
        return Err(PyValueError::new_err("too many nested lists: a tensor has at most 64 dimensions"));
    }
    let n = o.len()?;
    if depth == 0 && n > 0 && o.is_instance_of::<PyList>() {
        warn_arrays(&o.get_item(0)?)?;
    }
    if depth == found.shape.len() {
        found.shape.push(n as i64);
    }
    each(o, |item| look(item, found, depth + 1))
}

/// Each item of a sequence.
fn each(o: &Bound<'_, PyAny>, mut f: impl FnMut(&Bound<'_, PyAny>) -> PyResult<()>) -> PyResult<()> {
    if let Ok(l) = o.cast_exact::<PyList>() {
        // (It looks at the length anew each time.)
        return l.iter().try_for_each(|i| f(&i));
    }
    if let Ok(t) = o.cast_exact::<PyTuple>() {
        return t.iter_borrowed().try_for_each(|i| f(&i));
    }
    o.try_iter()?.try_for_each(|i| f(&i?))
}

/// PyTorch's warning, once in a process.
fn warn_arrays(first: &Bound<'_, PyAny>) -> PyResult<()> {
    static SAID: AtomicBool = AtomicBool::new(false);
    let class = first.get_type();
    if class.name()? != "ndarray" || !class.module()?.to_string().starts_with("numpy") || SAID.swap(true, Relaxed) {
        return Ok(());
    }
    rtorch::error::warn(
        "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a single \
         numpy.ndarray with numpy.array() before converting to a tensor.",
    )
    .py()
}

/// A NumPy array (or what describes itself as one) inside of a list, as a tensor on its memory. One of no dimensions is read as
/// a number.
fn array_of(o: &Bound<'_, PyAny>) -> PyResult<Option<Tensor>> {
    let plain = o.is_instance_of::<PyFloat>() || o.is_instance_of::<PyInt>() || o.is_instance_of::<PyList>();
    if plain || o.is_instance_of::<PyTuple>() || !o.hasattr("__array_interface__")? || o.getattr("shape")?.len()? == 0 {
        return Ok(None);
    }
    from_numpy(o.py(), o, true).map(Some)
}

fn numpy_dtype(o: &Bound<'_, PyAny>) -> PyResult<Option<DType>> {
    let Ok(d) = o.getattr("dtype") else { return Ok(None) };
    let name: String = d.getattr("name")?.extract()?;
    Ok(DType::parse(&name))
}

/// A number in nested data.
#[inline]
fn one_number(o: &Bound<'_, PyAny>) -> PyResult<Scalar> {
    if let Ok(f) = o.cast_exact::<PyFloat>() {
        return Ok(Scalar::Float(f.value()));
    }
    match tensor_of(o) {
        Some(t) if t.numel() == 1 => t.item().py(),
        Some(_) => Err(PyValueError::new_err("only one element tensors can be converted to Python scalars")),
        None => match scalar_of(o, true)? {
            Some(s) => Ok(s),
            None => {
                let why = if is_sequence(o) { " (the nested lists have unequal depths)" } else { "" };
                Err(PyTypeError::new_err(format!("must be real number, not {}{why}", o.get_type().name()?)))
            }
        },
    }
}

/// Writes nested data behind `p`, checking that every list has the length of the first at its depth.
fn fill(o: &Bound<'_, PyAny>, shape: &[i64], depth: usize, d: DType, p: &mut *mut u8) -> PyResult<()> {
    if depth == shape.len() {
        let s = one_number(o)?;
        if let (Scalar::Complex(..), false) = (s, d.is_complex()) {
            return Err(PyTypeError::new_err("must be real number, not complex"));
        }
        check_range(s, d)?;
        // SAFETY: the tensor has as many elements as the shape, and each is written once.
        unsafe { write(*p, d, s) };
        *p = p.wrapping_add(d.size());
        return Ok(());
    }
    let array = array_of(o)?;
    if let Some(t) = array.as_ref().or(tensor_of(o)) {
        if t.sizes().as_slice() != &shape[depth..] {
            return Err(PyValueError::new_err(format!(
                "expected a tensor of shape {} at dim {depth}, but got {}",
                rtorch::shape::show(&shape[depth..]),
                rtorch::shape::show(&t.sizes())
            )));
        }
        let c = t.copied(d).py()?;
        let b = c.body();
        let n = b.numel as usize * d.size();
        // SAFETY: the part has exactly these bytes.
        unsafe { std::ptr::copy_nonoverlapping(b.ptr(), *p, n) };
        *p = p.wrapping_add(n);
        return Ok(());
    }
    if !is_sequence(o) {
        return Err(PyTypeError::new_err(format!(
            "not a sequence: {} at dim {depth} (the nested lists have unequal depths)",
            o.get_type().name()?
        )));
    }
    let n = o.len()? as i64;
    if n != shape[depth] {
        return Err(raise(err!(
            Value,
            "expected sequence of length {} at dim {depth} (got {n})\ntorch.tensor takes nested lists of equal lengths: pad them to \
             one length (torch.nn.utils.rnn.pad_sequence pads tensors).",
            shape[depth]
        )));
    }
    let mut count = 0;
    each(o, |item| {
        count += 1;
        if count > n { Ok(()) } else { fill(item, shape, depth + 1, d, p) }
    })?;
    if count != n {
        return Err(PyRuntimeError::new_err("a sequence changed its length while it was read"));
    }
    Ok(())
}

fn check_range(s: Scalar, d: DType) -> PyResult<()> {
    let Scalar::Int(i) = s else { return Ok(()) };
    let (lo, hi) = match d {
        DType::U8 => (i8::MIN as i64, u8::MAX as i64),
        DType::I8 => (i8::MIN as i64, i8::MAX as i64),
        DType::I16 => (i16::MIN as i64, i16::MAX as i64),
        DType::I32 => (i32::MIN as i64, i32::MAX as i64),
        _ => return Ok(()),
    };
    let lo = if d == DType::U8 { 0 } else { lo };
    if i < lo || i > hi {
        return Err(PyRuntimeError::new_err(format!(
            "value cannot be converted to type {} without overflow",
            d.c_name()
        )));
    }
    Ok(())
}

/// A tensor of Python data, copied.
pub fn from_data(py: Python<'_>, data: &Bound<'_, PyAny>, want: Option<DType>) -> PyResult<Tensor> {
    if let Some(t) = tensor_of(data) {
        return t.copied(want.unwrap_or(t.dtype())).py();
    }
    if scalar_of(data, false)?.is_none()
        && !data.is_instance_of::<PyList>()
        && !data.is_instance_of::<PyTuple>()
        && data.hasattr("__array_interface__")?
    {
        let t = from_numpy(py, data, true)?;
        return t.copied(want.unwrap_or(t.dtype())).py();
    }
    let mut found = Found { shape: Dims::new(), kind: None };
    look(data, &mut found, 0)?;
    let d = want.or(found.kind).unwrap_or_else(dtype::default_dtype);
    let t = Tensor::empty(&found.shape, d, Device::Cpu).py()?;
    let mut p = t.body().ptr();
    let storage = t.storage();
    fill(data, &found.shape, 0, d, &mut p)?;
    drop(storage);
    Ok(t)
}

/// `torch.tensor`.
#[pyfunction]
#[pyo3(signature = (data, *, dtype=None, device=None, requires_grad=false, pin_memory=false))]
pub fn tensor(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    dtype: Option<&Bound<'_, PyAny>>,
    device: Option<&Bound<'_, PyAny>>,
    requires_grad: bool,
    pin_memory: bool,
) -> PyResult<Py<PyAny>> {
    _ = pin_memory;
    if tensor_of(data).is_some() {
        let warnings = py.import("warnings")?;
        warnings.call_method1(
            "warn",
            (
                "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or \
                 sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
                py.get_type::<pyo3::exceptions::PyUserWarning>(),
                1,
            ),
        )?;
    }
    let want = dtype_arg(dtype)?;
    let mut t = from_data(py, data, want)?;
    if let Some(d) = device.filter(|d| !d.is_none()) {
        t = to_device(t, d)?;
    } else if let Some(d) = crate::types::default_device() {
        t = rtorch::ops::_to(&t, None, Some(d), false, false, None).py()?;
    }
    if requires_grad {
        t.set_requires_grad(true).py()?;
    }
    wrap(py, t)
}

fn to_device(t: Tensor, d: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    rtorch::ops::_to(&t, None, Some(device_arg(d)?), false, false, None).py()
}

/// `Tensor.to`: positional arguments are a dtype, a device, a tensor to be like, then `non_blocking` and `copy`.
pub fn to(
    slf: &Bound<'_, PyTensor>,
    args: &Bound<'_, PyTuple>,
    (dtype, device): (Option<&Bound<'_, PyAny>>, Option<&Bound<'_, PyAny>>),
    (mut non_blocking, mut copy): (bool, bool),
    memory_format: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    let py = slf.py();
    let t = &slf.get().t;
    let mut d = dtype_arg(dtype)?;
    let mut at = device.filter(|d| !d.is_none()).map(device_arg).transpose()?;
    let mut flags = 0;
    for a in args.iter_borrowed() {
        if let Ok(x) = a.cast::<PyDType>() {
            d = Some(x.get().0);
        } else if let Some(like) = tensor_of(&a) {
            (d, at) = (Some(like.dtype()), Some(like.device()));
        } else if let Ok(b) = a.cast::<PyBool>() {
            // The first is non_blocking, the second copy.
            *(if flags == 0 { &mut non_blocking } else { &mut copy }) = b.is_true();
            flags += 1;
        } else if a.cast::<PyType>().is_ok() {
            d = dtype_arg(Some(&a))?;
        } else if !a.is_none() {
            at = Some(device_arg(&a)?);
        }
    }
    let format = match memory_format.filter(|f| !f.is_none()) {
        None => None,
        Some(f) => match crate::args::format_of(f) {
            Some(f) => Some(f),
            None => {
                return Err(PyTypeError::new_err(format!(
                    "to(): argument 'memory_format' must be torch.memory_format, not {}",
                    type_name(f)
                )));
            }
        },
    };
    let same = |t: &Tensor| d.is_none_or(|d| d == t.dtype()) && at.is_none_or(|at| at == t.device());
    if !copy && format.is_none() && same(t) {
        return Ok(slf.clone().into_any().unbind());
    }
    let r = match d {
        Some(d) if d != t.dtype() && at.is_none_or(|at| at == t.device()) => rtorch::ops::_to_dtype(t, d, format),
        _ => rtorch::ops::_to(t, d, at, non_blocking, copy, format),
    };
    wrap(py, r.py()?)
}

/// A device argument.
fn device_arg(d: &Bound<'_, PyAny>) -> PyResult<Device> {
    match device_of(d)? {
        Some(d) => Ok(d),
        None => Err(PyTypeError::new_err(format!("argument 'device' must be torch.device, not {}", type_name(d)))),
    }
}

/// A dtype argument, None for None.
pub fn dtype_arg(d: Option<&Bound<'_, PyAny>>) -> PyResult<Option<DType>> {
    match d.filter(|d| !d.is_none()) {
        None => Ok(None),
        Some(d) => match crate::args::parse(d, rtorch::op::arg::Ty::DType, &crate::held::Held::new())? {
            Some(rtorch::op::arg::Arg::DType(d)) => Ok(Some(d)),
            _ => Err(PyTypeError::new_err(format!("argument 'dtype' must be torch.dtype, not {}", type_name(d)))),
        },
    }
}

/// `torch.as_tensor`: shares memory where it can.
#[pyfunction]
#[pyo3(signature = (data, dtype=None, device=None))]
pub fn as_tensor(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    dtype: Option<&Bound<'_, PyAny>>,
    device: Option<&Bound<'_, PyAny>>,
) -> PyResult<Py<PyAny>> {
    let want = dtype_arg(dtype)?;
    let mut t = match tensor_of(data) {
        Some(t) => t.clone(),
        None if scalar_of(data, false)?.is_none()
            && !is_plain_sequence(data)
            && data.hasattr("__array_interface__")? =>
        {
            from_numpy(py, data, true)?
        }
        None => from_data(py, data, want)?,
    };
    if let Some(d) = want.filter(|d| *d != t.dtype()) {
        t = rtorch::ops::_to_dtype(&t, d, None).py()?;
    }
    if let Some(d) = device.filter(|d| !d.is_none()) {
        t = to_device(t, d)?;
    }
    wrap(py, t)
}

fn is_plain_sequence(o: &Bound<'_, PyAny>) -> bool {
    o.is_instance_of::<PyList>() || o.is_instance_of::<PyTuple>()
}

/// `torch.Tensor(...)`, `torch.FloatTensor(...)`: sizes, or data.
pub fn legacy(py: Python<'_>, args: &Bound<'_, PyTuple>, d: DType) -> PyResult<Tensor> {
    if args.is_empty() {
        return Tensor::empty(&[0], d, Device::Cpu).py();
    }
    // An array refuses to be an integer: it is data.
    if let Ok(Some(sizes)) = ints_of(args.as_any()) {
        return Tensor::empty(&sizes, d, Device::Cpu).py();
    }
    let first = args.get_item(0)?;
    if args.len() == 1 {
        if first.get_type().name()? == "Size"
            && let Some(sizes) = ints_of(&first)?
        {
            return Tensor::empty(&sizes, d, Device::Cpu).py();
        }
        if let Some(t) = tensor_of(&first) {
            return if t.dtype() == d { Ok(t.alias(t.layout())) } else { t.copied(d).py() };
        }
        if is_sequence(&first) || first.hasattr("__array_interface__")? {
            return from_data(py, &first, Some(d));
        }
    }
    Err(PyTypeError::new_err(format!("new(): data must be a sequence (got {})", type_name(&first))))
}

/// `Tensor.__new__`.
pub fn legacy_constructor(
    py: Python<'_>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Tensor> {
    if let Some(k) = kwargs {
        for key in k.keys() {
            let key: String = key.extract()?;
            if key != "device" && key != "requires_grad" {
                return Err(PyTypeError::new_err(format!(
                    "new() received an invalid combination of arguments: torch.Tensor(...) takes no '{key}' (use torch.tensor(data, {key}=...))"
                )));
            }
        }
    }
    legacy(py, args, dtype::default_dtype())
}

/// `torch.FloatTensor` and its kin.
#[pyfunction]
#[pyo3(signature = (dtype, *args))]
pub fn _legacy_tensor(py: Python<'_>, dtype: &Bound<'_, PyDType>, args: &Bound<'_, PyTuple>) -> PyResult<Py<PyAny>> {
    wrap(py, legacy(py, args, dtype.get().0)?)
}

// ---- NumPy ----

/// Adds all this to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    for f in [wrap_pyfunction!(tensor, m)?, wrap_pyfunction!(as_tensor, m)?, wrap_pyfunction!(_legacy_tensor, m)?] {
        m.add_function(f)?;
    }
    Ok(())
}
