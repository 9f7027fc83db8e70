//! NumPy arrays and buffers as tensors on the same memory, and back.

use crate::convert::dtype_arg;
use crate::error::{IntoPy, raise};
use crate::object::{tensor_of, wrap};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use rtorch::err;
use rtorch::memory::Storage;
use rtorch::memory::storage::Owner;
use rtorch::shape::{Dims, Layout, show};
use rtorch::{DType, Device, Tensor};
use std::any::Any;
use std::ffi::{c_char, c_int};

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

/// How an array describes itself to C (`__array_struct__`).
#[repr(C)]
struct Described {
    two: c_int,
    nd: c_int,
    kind: c_char,
    itemsize: c_int,
    flags: c_int,
    shape: *const isize,
    strides: *const isize,
    data: *mut u8,
}

/// Of `Described::flags`: the bytes of numbers are in the machine's order, and may be written.
const NATIVE_AND_WRITEABLE: c_int = 0x200 | 0x400;

/// [`from_numpy`] of an array of the usual kind: writeable, nothing to say about it.
fn plain_numpy(py: Python<'_>, a: &Bound<'_, PyAny>) -> Option<Tensor> {
    let capsule = a.getattr(intern!(py, "__array_struct__")).ok()?;
    // SAFETY: a capsule without a name holds this struct by NumPy's interface, whose first field says so; it lives as long
    // as the capsule, and so do its lists of `nd` numbers.
    let (d, sizes, strides, data) = unsafe {
        let p = ffi::PyCapsule_GetPointer(capsule.as_ptr(), std::ptr::null()).cast::<Described>();
        if p.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let i = &*p;
        if i.two != 2 || i.flags & NATIVE_AND_WRITEABLE != NATIVE_AND_WRITEABLE || !(0..=64).contains(&i.nd) {
            return None;
        }
        let d = match (i.kind as u8, i.itemsize) {
            (b'b', 1) => DType::Bool,
            (b'u', 1) => DType::U8,
            (b'i', 1) => DType::I8,
            (b'i', 2) => DType::I16,
            (b'i', 4) => DType::I32,
            (b'i', 8) => DType::I64,
            (b'f', 2) => DType::F16,
            (b'f', 4) => DType::F32,
            (b'f', 8) => DType::F64,
            (b'c', 8) => DType::C64,
            (b'c', 16) => DType::C128,
            _ => return None,
        };
        let list = |p: *const isize| -> Option<Dims> {
            (0..i.nd as usize).map(|k| (!p.is_null()).then(|| *p.add(k) as i64)).collect()
        };
        (d, list(i.shape)?, list(i.strides)?, i.data)
    };
    let item = d.size() as i64;
    let empty = sizes.contains(&0);
    if empty || data.is_null() || strides.iter().zip(&sizes).any(|(s, n)| s % item != 0 || *s < 0 && *n > 1) {
        return None;
    }
    let layout = Layout { sizes, strides: strides.iter().map(|s| s / item).collect(), offset: 0 };
    let bytes = layout.end() as usize * d.size();
    // SAFETY: NumPy says that the array's elements lie there, and the array lives as long as the owner.
    let storage = unsafe { Storage::foreign(data, bytes, Box::new(Held(a.clone().unbind()))) };
    Some(Tensor::from_parts(storage, layout, d))
}

/// A tensor on an array's memory.
pub fn from_numpy(py: Python<'_>, a: &Bound<'_, PyAny>, copy_if_needed: bool) -> PyResult<Tensor> {
    if let Some(t) = plain_numpy(py, a) {
        return Ok(t);
    }
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
    static ARRAY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    if let Some(array) = ARRAY.get(py)
        && ndarray.get_type().is(array.bind(py))
    {
        return wrap(py, from_numpy(py, ndarray, false)?);
    }
    if !ndarray.hasattr("__array_interface__")?
        || tensor_of(ndarray).is_some()
        || !ndarray.get_type().name()?.to_string().contains("ndarray") && !ndarray.hasattr("__array_priority__")?
    {
        return Err(PyTypeError::new_err(format!("expected np.ndarray (got {})", ndarray.get_type().name()?)));
    }
    let t = from_numpy(py, ndarray, false)?;
    if let Ok(array) = py.import("numpy")?.getattr("ndarray")?.cast_into::<PyType>() {
        let _ = ARRAY.set(py, array.unbind());
    }
    wrap(py, t)
}

/// A buffer on a tensor's memory for `numpy.frombuffer`-like readers: (address, bytes, typestr, shape, strides).
#[pyfunction]
pub fn _array_interface<'py>(py: Python<'py>, t: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let Some(t) = tensor_of(t) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    if t.is_sparse() {
        return Err(PyTypeError::new_err("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first."));
    }
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

/// Adds all this to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    for f in
        [wrap_pyfunction!(from_numpy_, m)?, wrap_pyfunction!(_array_interface, m)?, wrap_pyfunction!(frombuffer, m)?]
    {
        m.add_function(f)?;
    }
    Ok(())
}
