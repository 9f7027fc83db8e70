//! Python data into tensors and back: `torch.tensor`, NumPy, lists, numbers, storages, DLPack.

use crate::args::{ints_of, scalar_of, type_name};
use crate::error::{IntoPy, raise};
use crate::tensor::{PyTensor, tensor_of, wrap};
use crate::types::{PyDType, device_of};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyInt, PyList, PySequence, PyString, PyTuple, PyType};
use rtorch::err;
use rtorch::memory::Storage;
use rtorch::memory::storage::Owner;
use rtorch::shape::{Dims, Layout, show};
use rtorch::tensor::create::{read, write};
use rtorch::{DType, Device, Scalar, Tensor, dtype};
use std::any::Any;
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
    // Copied out of the lock: making objects may run the garbage collector, and that anything.
    let (layout, dtype, storage, ptr) = {
        let b = t.body();
        (b.layout.clone(), b.dtype, b.storage.clone(), b.ptr())
    };
    if storage.device() != Device::Cpu {
        return Err(PyRuntimeError::new_err("tolist() needs the elements: a meta tensor has none"));
    }
    if layout.ndim() == 0 {
        // SAFETY: `ptr` is the address of the only element.
        return number(py, unsafe { read(ptr, dtype) });
    }
    level(py, &layout, dtype, ptr, 0)
}

/// A list of `n` items that `item` makes.
fn list_of(py: Python<'_>, n: i64, mut item: impl FnMut(i64) -> PyResult<*mut ffi::PyObject>) -> PyResult<Py<PyAny>> {
    // SAFETY: a new list of `n` empty places, each set once, which steals the item; a list that is dropped before may have
    // empty places.
    unsafe {
        let list = Bound::from_owned_ptr_or_err(py, ffi::PyList_New(n as isize))?;
        for i in 0..n {
            let item = item(i)?;
            if item.is_null() || ffi::PyList_SetItem(list.as_ptr(), i as isize, item) != 0 {
                return Err(PyErr::fetch(py));
            }
        }
        Ok(list.unbind())
    }
}

fn level(py: Python<'_>, l: &Layout, d: DType, p: *mut u8, dim: usize) -> PyResult<Py<PyAny>> {
    let (n, step) = (l.sizes[dim], l.strides[dim] * d.size() as i64);
    let at = |i: i64| p.wrapping_offset((i * step) as isize);
    if dim + 1 < l.ndim() {
        return list_of(py, n, |i| Ok(level(py, l, d, at(i), dim + 1)?.into_ptr()));
    }
    // SAFETY: addresses of elements of these types; the two functions make objects of numbers.
    unsafe {
        match d {
            DType::F32 => list_of(py, n, |i| Ok(ffi::PyFloat_FromDouble(*at(i).cast::<f32>() as f64))),
            DType::F64 => list_of(py, n, |i| Ok(ffi::PyFloat_FromDouble(*at(i).cast::<f64>()))),
            DType::I64 => list_of(py, n, |i| Ok(ffi::PyLong_FromLongLong(*at(i).cast::<i64>()))),
            _ => list_of(py, n, |i| Ok(number(py, read(at(i), d))?.into_ptr())),
        }
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

/// A NumPy array (or another object) that owns a storage's memory.
struct Held(Py<PyAny>);

impl Owner for Held {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Dropped while attached: the storage may die on any thread. (Py's own drop would defer it.)
        Python::attach(|py| {
            let held = self.0.clone_ref(py);
            drop(held);
        });
    }
}

fn from_typestr(s: &str) -> Option<DType> {
    let (order, rest) = s.split_at_checked(1)?;
    if order == ">" {
        return None;
    }
    Some(match rest {
        "b1" => DType::Bool,
        "u1" => DType::U8,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "c8" => DType::C64,
        "c16" => DType::C128,
        _ => return None,
    })
}

/// A tensor on an array's memory.
pub fn from_numpy(py: Python<'_>, a: &Bound<'_, PyAny>, copy_if_needed: bool) -> PyResult<Tensor> {
    let i = a.getattr("__array_interface__")?;
    let typestr: String = i.get_item("typestr")?.extract()?;
    let Some(d) = from_typestr(&typestr) else {
        if typestr.starts_with('>') {
            return Err(PyValueError::new_err(
                "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported.",
            ));
        }
        let class = || a.getattr("dtype")?.getattr("type")?.getattr("__name__")?.extract::<String>();
        let name = class().unwrap_or(typestr);
        return Err(raise(err!(
            Type,
            "can't convert np.ndarray of type numpy.{name}. The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool.\n\
             Convert it first: a.astype(np.float32), once texts and objects in it are numbers."
        )));
    };
    let (address, readonly): (usize, bool) = i.get_item("data")?.extract()?;
    let sizes: Vec<i64> = i.get_item("shape")?.extract()?;
    let item = d.size() as i64;
    let strides: Vec<i64> = match i.call_method1("get", ("strides",))?.extract::<Option<Vec<i64>>>()? {
        Some(s) => s,
        None => rtorch::shape::contiguous_strides(&sizes).iter().map(|s| s * item).collect(),
    };
    let numel: i64 = sizes.iter().product();
    if numel > 0 && strides.iter().zip(&sizes).any(|(s, n)| *s < 0 && *n > 1) {
        if copy_if_needed {
            let c = py.import("numpy")?.call_method1("ascontiguousarray", (a,))?;
            return from_numpy(py, &c, false);
        }
        return Err(raise(err!(
            Value,
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. \
             (You can probably work around this by making a copy of your array  with array.copy().)\nThe array has shape {} and \
             strides {} in bytes; torch.flip turns tensors.",
            show(&sizes),
            show(&strides)
        )));
    }
    if numel > 0 && strides.iter().any(|s| s % item != 0) {
        return Err(PyValueError::new_err(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory.",
        ));
    }
    if readonly && !copy_if_needed {
        py.import("warnings")?.call_method1(
            "warn",
            (
                "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this tensor \
                 will result in undefined behavior. You may want to copy the array to protect its data or make it writable before \
                 converting it to a tensor.",
            ),
        )?;
    }
    let layout =
        Layout { sizes: sizes.as_slice().into(), strides: strides.iter().map(|s| s / item).collect(), offset: 0 };
    let bytes = layout.end() as usize * d.size();
    if numel == 0 {
        return Tensor::empty(&sizes, d, Device::Cpu).py();
    }
    // SAFETY: NumPy says that the array's elements lie there, and the array lives as long as the owner.
    let storage = unsafe { Storage::foreign(address as *mut u8, bytes, Box::new(Held(a.clone().unbind()))) };
    Ok(Tensor::from_parts(storage, layout, d))
}

/// `torch.from_numpy`.
#[pyfunction(name = "from_numpy")]
pub fn from_numpy_(py: Python<'_>, ndarray: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    if !ndarray.hasattr("__array_interface__")?
        || tensor_of(ndarray).is_some()
        || !ndarray.get_type().name()?.to_string().contains("ndarray") && !ndarray.hasattr("__array_priority__")?
    {
        return Err(PyTypeError::new_err(format!("expected np.ndarray (got {})", ndarray.get_type().name()?)));
    }
    wrap(py, from_numpy(py, ndarray, false)?)
}

/// A buffer on a tensor's memory for `numpy.frombuffer`-like readers: (address, bytes, typestr, shape, strides).
#[pyfunction]
pub fn _array_interface<'py>(py: Python<'py>, t: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let Some(t) = tensor_of(t) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    let b = t.body().clone();
    if b.storage.device() != Device::Cpu {
        return Err(PyTypeError::new_err(format!(
            "can't convert {} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
            b.storage.device()
        )));
    }
    let typestr = match b.dtype {
        DType::Bool => "|b1",
        DType::U8 => "|u1",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::C64 => "<c8",
        DType::C128 => "<c16",
        DType::BF16 => {
            return Err(PyTypeError::new_err(
                "Got unsupported ScalarType BFloat16 (NumPy has no such type; convert with .float())",
            ));
        }
    };
    let item = b.dtype.size() as i64;
    let d = PyDict::new(py);
    d.set_item("version", 3)?;
    d.set_item("typestr", typestr)?;
    d.set_item("shape", PyTuple::new(py, b.layout.sizes.iter())?)?;
    d.set_item("strides", PyTuple::new(py, b.layout.strides.iter().map(|s| s * item))?)?;
    d.set_item("data", (b.ptr() as usize, false))?;
    Ok(d)
}

/// `torch.frombuffer`.
#[pyfunction]
#[pyo3(signature = (buffer, *, dtype, count=-1, offset=0, requires_grad=false))]
pub fn frombuffer(
    py: Python<'_>,
    buffer: &Bound<'_, PyAny>,
    dtype: &Bound<'_, PyAny>,
    count: i64,
    offset: i64,
    requires_grad: bool,
) -> PyResult<Py<PyAny>> {
    let Some(d) = dtype_arg(Some(dtype))? else { return Err(PyTypeError::new_err("frombuffer(): a dtype is needed")) };
    let view = pyo3::buffer::PyUntypedBuffer::get(buffer)?;
    let len = view.len_bytes();
    let item = d.size();
    if len == 0 || count == 0 {
        return Err(PyValueError::new_err(format!("both buffer length ({len}) and count ({count}) must not be 0")));
    }
    if offset < 0 || offset as usize >= len {
        return Err(PyValueError::new_err(format!(
            "offset ({offset} bytes) must be non-negative and no greater than buffer length ({len} bytes) minus 1"
        )));
    }
    let left = len - offset as usize;
    let n = if count < 0 {
        if !left.is_multiple_of(item) {
            return Err(PyValueError::new_err(format!(
                "buffer length ({left} bytes) after offset ({offset} bytes) must be a multiple of element size ({item})"
            )));
        }
        left / item
    } else {
        count as usize
    };
    if n.checked_mul(item).is_none_or(|b| b > left) {
        return Err(PyValueError::new_err(format!(
            "requested buffer length ({n} * {item} bytes) after offset ({offset} bytes) must not be greater than actual buffer length ({len} bytes)"
        )));
    }
    let p = (view.buf_ptr() as *mut u8).wrapping_add(offset as usize);
    struct Buffer(#[allow(dead_code)] std::sync::Mutex<Option<pyo3::buffer::PyUntypedBuffer>>);
    impl Owner for Buffer {
        fn as_any(&self) -> &dyn Any {
            self
        }
    }
    // SAFETY: the buffer protocol keeps the memory in place while the view lives.
    let storage = unsafe { Storage::foreign(p, n * item, Box::new(Buffer(std::sync::Mutex::new(Some(view))))) };
    let t = Tensor::from_parts(storage, Layout::contiguous(&[n as i64]), d);
    if requires_grad {
        t.set_requires_grad(true).py()?;
    }
    wrap(py, t)
}

// ---- storages ----

/// `torch.UntypedStorage`: bytes that tensors share.
#[pyclass(name = "UntypedStorage", module = "torch.storage", frozen, weakref, subclass)]
pub struct PyStorage(pub Storage);

#[pymethods]
impl PyStorage {
    #[new]
    #[pyo3(signature = (size=0, *, device=None))]
    fn new(size: usize, device: Option<&Bound<'_, PyAny>>) -> PyResult<PyStorage> {
        let d = match device.filter(|d| !d.is_none()) {
            Some(d) => device_of(d)?.unwrap_or(Device::Cpu),
            None => Device::Cpu,
        };
        Ok(PyStorage(Storage::zeroed(size, d).py()?))
    }
    fn nbytes(&self) -> usize {
        self.0.nbytes()
    }
    fn size(&self) -> usize {
        self.0.nbytes()
    }
    fn __len__(&self) -> usize {
        self.0.nbytes()
    }
    fn data_ptr(&self) -> usize {
        self.0.ptr() as usize
    }
    #[getter]
    fn _cdata(&self) -> usize {
        self.0.id()
    }
    #[getter]
    fn device(&self) -> crate::types::PyDevice {
        crate::types::PyDevice { device: self.0.device(), indexed: false }
    }
    fn resize_(&self, size: usize) -> PyResult<()> {
        self.0.resize(size).py()
    }
    fn __getitem__(&self, i: isize) -> PyResult<u8> {
        let n = self.0.nbytes() as isize;
        let at = if i < 0 { i + n } else { i };
        if at < 0 || at >= n || self.0.device() != Device::Cpu {
            return Err(pyo3::exceptions::PyIndexError::new_err(format!(
                "index {i} out of range for storage of size {n}"
            )));
        }
        // SAFETY: the index lies inside.
        Ok(unsafe { *self.0.ptr().offset(at) })
    }
    fn __eq__(&self, o: &Bound<'_, PyAny>) -> bool {
        o.cast::<PyStorage>().is_ok_and(|s| s.get().0.same(&self.0))
    }
    fn __hash__(&self) -> usize {
        self.0.id()
    }
    fn tolist(&self) -> Vec<u8> {
        if self.0.device() != Device::Cpu {
            return Vec::new();
        }
        // SAFETY: the storage has these bytes; they are copied at once.
        unsafe { std::slice::from_raw_parts(self.0.ptr(), self.0.nbytes()) }.to_vec()
    }
    fn clone(&self) -> PyResult<PyStorage> {
        let new = Storage::alloc(self.0.nbytes(), self.0.device()).py()?;
        if self.0.device() == Device::Cpu {
            // SAFETY: both have these bytes, and the new ones are nobody else's.
            unsafe { std::ptr::copy_nonoverlapping(self.0.ptr(), new.ptr(), self.0.nbytes()) };
        }
        Ok(PyStorage(new))
    }
}

/// A storage with a copy of these bytes.
#[pyfunction]
pub fn _storage_from_bytes(data: &Bound<'_, PyAny>) -> PyResult<PyStorage> {
    let view = pyo3::buffer::PyUntypedBuffer::get(data)?;
    if !view.is_c_contiguous() {
        return Err(PyValueError::new_err("the bytes must be contiguous"));
    }
    let s = Storage::alloc(view.len_bytes(), Device::Cpu).py()?;
    // SAFETY: the buffer has these bytes while the view lives; the storage is new.
    unsafe { std::ptr::copy_nonoverlapping(view.buf_ptr() as *const u8, s.ptr(), view.len_bytes()) };
    Ok(PyStorage(s))
}

/// A storage on the memory of an object with the buffer protocol (a mapped file), which it keeps alive.
#[pyfunction]
pub fn _storage_over(data: &Bound<'_, PyAny>, offset: usize, nbytes: usize) -> PyResult<PyStorage> {
    let view = pyo3::buffer::PyUntypedBuffer::get(data)?;
    if !view.is_c_contiguous() || offset.checked_add(nbytes).is_none_or(|e| e > view.len_bytes()) {
        return Err(PyValueError::new_err(format!(
            "{nbytes} bytes from {offset} on do not lie inside a buffer of {} bytes",
            view.len_bytes()
        )));
    }
    let p = (view.buf_ptr() as *mut u8).wrapping_add(offset);
    let owner = Box::new(Segment { _view: std::sync::Mutex::new(view), object: data.clone().unbind() });
    // SAFETY: the buffer protocol keeps the memory in place while the view lives.
    Ok(PyStorage(unsafe { Storage::foreign(p, nbytes, owner) }))
}

/// An object with the buffer protocol that owns a storage's memory.
struct Segment {
    _view: std::sync::Mutex<pyo3::buffer::PyUntypedBuffer>,
    object: Py<PyAny>,
}

impl Owner for Segment {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Moves a storage to the memory of an object with the buffer protocol (shared memory), which it keeps alive.
#[pyfunction]
pub fn _storage_move(s: &Bound<'_, PyStorage>, to: &Bound<'_, PyAny>) -> PyResult<()> {
    let view = pyo3::buffer::PyUntypedBuffer::get(to)?;
    if !view.is_c_contiguous() || view.readonly() {
        return Err(PyValueError::new_err("the memory must be contiguous and writable"));
    }
    let (p, n) = (view.buf_ptr() as *mut u8, view.len_bytes());
    let owner = Box::new(Segment { _view: std::sync::Mutex::new(view), object: to.clone().unbind() });
    // SAFETY: the buffer protocol keeps the memory in place while the view lives.
    unsafe { s.get().0.move_to(p, n, owner) }.py()
}

/// The object that a storage was made over or moved to; None for memory of the allocator.
#[pyfunction]
pub fn _storage_owner(py: Python<'_>, s: &Bound<'_, PyStorage>) -> Option<Py<PyAny>> {
    let held = s.get().0.owner()?.as_any().downcast_ref::<Segment>()?;
    Some(held.object.clone_ref(py))
}

/// A memoryview of a storage's bytes. It keeps the storage alive.
#[pyfunction]
pub fn _storage_to_bytes<'py>(py: Python<'py>, s: &Bound<'py, PyStorage>) -> PyResult<Bound<'py, PyAny>> {
    let bytes = StorageBytes(s.get().0.clone());
    let o = Bound::new(py, bytes)?;
    // SAFETY: the object has the buffer protocol.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyMemoryView_FromObject(o.as_ptr())) }
}

/// The bytes of a storage with the buffer protocol.
#[pyclass(frozen)]
struct StorageBytes(Storage);

#[pymethods]
impl StorageBytes {
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: std::ffi::c_int) -> PyResult<()> {
        let s = &slf.get().0;
        // SAFETY: CPython gives a view to fill; the memory lives as long as the object, which the view then holds.
        let r = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), s.ptr().cast(), s.nbytes() as isize, 0, flags) };
        if r != 0 { Err(PyErr::fetch(slf.py())) } else { Ok(()) }
    }
}

/// A tensor over a storage, checked to lie inside.
#[pyfunction]
pub fn _tensor_from_storage(
    py: Python<'_>,
    storage: &Bound<'_, PyStorage>,
    dtype: &Bound<'_, PyDType>,
    offset: i64,
    size: Vec<i64>,
    stride: Vec<i64>,
) -> PyResult<Py<PyAny>> {
    let d = dtype.get().0;
    let s = storage.get().0.clone();
    rtorch::shape::numel(&size).py()?;
    if size.len() != stride.len() || offset < 0 || stride.iter().any(|x| *x < 0) {
        return Err(PyRuntimeError::new_err("sizes, strides and offset do not make a tensor"));
    }
    let layout = Layout { sizes: size.as_slice().into(), strides: stride.as_slice().into(), offset };
    let need = (layout.end() as usize).checked_mul(d.size());
    if layout.numel() > 0 && need.is_none_or(|n| n > s.nbytes()) {
        return Err(PyRuntimeError::new_err(format!(
            "setStorage: sizes {}, strides {}, storage offset {offset}, and itemsize {} are out of bounds for storage of size {}",
            rtorch::shape::show(&size),
            rtorch::shape::show(&stride),
            d.size(),
            s.nbytes()
        )));
    }
    wrap(py, Tensor::from_parts(s, layout, d))
}

/// The storage of a tensor.
#[pyfunction]
pub fn _storage_of(t: &Bound<'_, PyAny>) -> PyResult<PyStorage> {
    match tensor_of(t) {
        Some(t) => Ok(PyStorage(t.storage())),
        None => Err(PyTypeError::new_err("expected a Tensor")),
    }
}

/// `t.set_(...)`: another storage for everybody who holds `t`.
#[pyfunction]
pub fn _set_tensor(t: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> PyResult<()> {
    let (Some(a), Some(b)) = (tensor_of(t), tensor_of(other)) else {
        return Err(PyTypeError::new_err("expected Tensors"));
    };
    let b = b.body().clone();
    a.replace(b.storage, b.layout, b.dtype);
    a.bump();
    Ok(())
}

/// `t.resize_(sizes)`.
#[pyfunction]
pub fn _resize(t: &Bound<'_, PyAny>, sizes: Vec<i64>) -> PyResult<()> {
    let Some(t) = tensor_of(t) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    if t.requires_grad() {
        return Err(PyRuntimeError::new_err("cannot resize variables that require grad"));
    }
    rtorch::op::call::resize(t, &sizes).py()
}

// ---- text ----

/// The text of a tensor as PyTorch prints it. `prefix` and `suffixes` come from the class.
#[pyfunction]
pub fn _body_text(t: &Bound<'_, PyAny>, indent: usize, suffixes: Vec<String>) -> PyResult<String> {
    let Some(t) = tensor_of(t) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    let b = t.body().clone();
    let options = rtorch::tensor::display::options();
    if b.storage.device() != Device::Cpu {
        return Ok(rtorch::tensor::display::finish("...", indent, &suffixes, &options));
    }
    let view = rtorch::tensor::display::View {
        ptr: b.ptr(),
        dtype: b.dtype,
        sizes: &b.layout.sizes,
        strides: &b.layout.strides,
    };
    Ok(rtorch::tensor::display::body(&view, indent, &suffixes, &options))
}

/// Sets how tensors print.
#[pyfunction]
pub fn _set_print_options(
    precision: usize,
    threshold: f64,
    edgeitems: usize,
    linewidth: usize,
    sci_mode: Option<bool>,
) {
    rtorch::tensor::display::set_options(rtorch::tensor::display::PrintOptions {
        precision,
        threshold,
        edgeitems,
        linewidth,
        sci_mode,
    });
}

/// Adds all this to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyStorage>()?;
    for f in [
        wrap_pyfunction!(tensor, m)?,
        wrap_pyfunction!(as_tensor, m)?,
        wrap_pyfunction!(_legacy_tensor, m)?,
        wrap_pyfunction!(from_numpy_, m)?,
        wrap_pyfunction!(_array_interface, m)?,
        wrap_pyfunction!(frombuffer, m)?,
        wrap_pyfunction!(_storage_from_bytes, m)?,
        wrap_pyfunction!(_storage_over, m)?,
        wrap_pyfunction!(_storage_move, m)?,
        wrap_pyfunction!(_storage_owner, m)?,
        wrap_pyfunction!(_storage_to_bytes, m)?,
        wrap_pyfunction!(_tensor_from_storage, m)?,
        wrap_pyfunction!(_storage_of, m)?,
        wrap_pyfunction!(_set_tensor, m)?,
        wrap_pyfunction!(_resize, m)?,
        wrap_pyfunction!(_body_text, m)?,
        wrap_pyfunction!(_set_print_options, m)?,
    ] {
        m.add_function(f)?;
    }
    Ok(())
}
