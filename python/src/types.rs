//! Small objects of the API: dtype, device, layout, memory_format, Size.

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyInt, PyString, PyTuple, PyType};
use rtorch::op::arg::Format;
use rtorch::shape::Dims;
use rtorch::{DType, Device, dtype};
use std::cell::{Cell, RefCell, UnsafeCell};

/// `torch.dtype`.
#[pyclass(name = "dtype", module = "torch", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct PyDType(pub DType);

/// What `__reduce__` gives: `rtorch/_pickle.py` knows whether `torch` is this library.
pub fn reduce<'py>(py: Python<'py>, how: &str, args: impl pyo3::call::PyCallArgs<'py>) -> PyResult<Py<PyAny>> {
    Ok(py.import("rtorch._pickle")?.call_method1(how, args)?.unbind())
}

static DTYPES: PyOnceLock<Vec<Py<PyDType>>> = PyOnceLock::new();

/// The object of a dtype; there is one of each.
pub fn dtype_object(py: Python<'_>, d: DType) -> PyResult<Py<PyDType>> {
    let all = DTYPES
        .get_or_try_init(py, || dtype::ALL.iter().map(|&d| Py::new(py, PyDType(d))).collect::<PyResult<Vec<_>>>())?;
    Ok(all[d as usize].clone_ref(py))
}

#[pymethods]
impl PyDType {
    fn __repr__(&self) -> String {
        format!("torch.{}", self.0.name())
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        reduce(py, "reduce_named", (self.0.name(),))
    }
    #[getter]
    fn is_floating_point(&self) -> bool {
        self.0.is_float()
    }
    #[getter]
    fn is_complex(&self) -> bool {
        self.0.is_complex()
    }
    #[getter]
    fn is_signed(&self) -> bool {
        !matches!(self.0, DType::Bool | DType::U8)
    }
    #[getter]
    fn itemsize(&self) -> usize {
        self.0.size()
    }
    fn to_real(&self, py: Python<'_>) -> PyResult<Py<PyDType>> {
        dtype_object(py, self.0.to_real())
    }
    fn to_complex(&self, py: Python<'_>) -> PyResult<Py<PyDType>> {
        dtype_object(py, self.0.to_complex())
    }
    #[getter]
    fn _c10_name(&self) -> &'static str {
        self.0.c10_name()
    }
}

/// `torch.device`.
#[pyclass(name = "device", module = "torch", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash, Clone, Copy)]
pub struct PyDevice {
    /// The device.
    pub device: Device,
    /// Was an index given? `device("cuda")` is `cuda:0` in work, but prints without.
    pub indexed: bool,
}

/// The object of a tensor's device; the CPU's is made once.
pub fn device_object(py: Python<'_>, device: Device) -> PyResult<Py<PyDevice>> {
    static CPU: PyOnceLock<Py<PyDevice>> = PyOnceLock::new();
    let make = || Py::new(py, PyDevice { device, indexed: matches!(device, Device::Cuda(_) | Device::Other(..)) });
    match device {
        Device::Cpu => Ok(CPU.get_or_try_init(py, make)?.clone_ref(py)),
        _ => make(),
    }
}

/// A device of its name.
pub fn parse_device(text: &str) -> PyResult<PyDevice> {
    let (kind, index) = match text.split_once(':') {
        Some((k, i)) => match i.parse::<i64>() {
            Ok(n) if n >= 0 => (k, Some(n)),
            _ => return Err(PyRuntimeError::new_err(format!("Invalid device string: '{text}'"))),
        },
        None => (text, None),
    };
    make_device(kind, index)
}

fn make_device(kind: &str, index: Option<i64>) -> PyResult<PyDevice> {
    let device = match kind {
        "cpu" => {
            if index.is_some_and(|i| i != 0) {
                return Err(PyRuntimeError::new_err("CPU device index must be -1 or zero"));
            }
            Device::Cpu
        }
        "meta" => Device::Meta,
        "cuda" => Device::Cuda(index.unwrap_or(0).clamp(0, 255) as u8),
        _ => {
            if let Some(k) = rtorch::device::OTHER.iter().position(|k| *k == kind) {
                let device = Device::Other(k as u8, index.unwrap_or(0).clamp(0, 255) as u8);
                return Ok(PyDevice { device, indexed: index.is_some() });
            }
            return Err(PyRuntimeError::new_err(format!(
                "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, mps, meta, \
                 hpu, mtia, privateuseone device type at start of device string: {kind}"
            )));
        }
    };
    Ok(PyDevice { device, indexed: index.is_some() })
}

#[pymethods]
impl PyDevice {
    #[new]
    #[pyo3(signature = (r#type, index=None))]
    fn new(r#type: &Bound<'_, PyAny>, index: Option<i64>) -> PyResult<PyDevice> {
        if let Ok(d) = r#type.cast::<PyDevice>() {
            return Ok(*d.get());
        }
        if let Ok(i) = r#type.cast::<PyInt>() {
            return make_device("cuda", Some(i.extract()?));
        }
        let text: String = r#type.extract()?;
        match index {
            None => parse_device(&text),
            Some(i) if !text.contains(':') => make_device(&text, Some(i)),
            Some(_) => Err(PyRuntimeError::new_err(format!(
                "type (string) must not include an index because index was passed explicitly: {text}"
            ))),
        }
    }
    fn __repr__(&self) -> String {
        match self.index() {
            Some(i) => format!("device(type='{}', index={i})", self.device.kind()),
            None => format!("device(type='{}')", self.device.kind()),
        }
    }
    fn __str__(&self) -> String {
        match self.index() {
            Some(i) => format!("{}:{i}", self.device.kind()),
            None => self.device.kind().to_string(),
        }
    }
    #[getter]
    fn r#type(&self) -> &'static str {
        self.device.kind()
    }
    #[getter]
    fn index(&self) -> Option<u8> {
        match self.device {
            Device::Cuda(i) | Device::Other(_, i) if self.indexed => Some(i),
            Device::Cpu if self.indexed => Some(0),
            _ => None,
        }
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        reduce(py, "reduce_made", ("device", self.__str__()))
    }
    /// `with torch.device("meta"):` what is made inside without a device goes there.
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        let device = slf.get().device;
        DEFAULT_DEVICE.with(|(now, before)| before.borrow_mut().push(now.replace(Some(device))));
        slf
    }
    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyTuple>) {
        DEFAULT_DEVICE.with(|(now, before)| now.set(before.borrow_mut().pop().flatten()));
    }
}

thread_local! {
    /// Where factories put tensors when no device is given (`with torch.device(...)`, `set_default_device`), and what it
    /// was outside of the blocks that are open.
    static DEFAULT_DEVICE: (Cell<Option<Device>>, RefCell<Vec<Option<Device>>>) = const { (Cell::new(None), RefCell::new(Vec::new())) };
}

/// Where this thread's factories put tensors; None for the CPU that nobody asked for.
pub fn default_device() -> Option<Device> {
    DEFAULT_DEVICE.with(|d| d.0.get())
}

/// Sets where factories put tensors; what it was.
#[pyfunction]
#[pyo3(signature = (device=None))]
pub fn _set_default_device(device: Option<&Bound<'_, PyDevice>>) -> Option<PyDevice> {
    let before = DEFAULT_DEVICE.with(|d| d.0.replace(device.map(|d| d.get().device)));
    before.map(|device| PyDevice { device, indexed: matches!(device, Device::Cuda(_)) })
}

/// The device in an argument: an object, a name, or an index of a GPU.
pub fn device_of(o: &Bound<'_, PyAny>) -> PyResult<Option<Device>> {
    if let Ok(d) = o.cast::<PyDevice>() {
        return Ok(Some(d.get().device));
    }
    if let Ok(s) = o.cast::<PyString>() {
        return Ok(Some(parse_device(s.to_cow()?.as_ref())?.device));
    }
    if let Ok(i) = o.cast_exact::<PyInt>() {
        return Ok(Some(Device::Cuda(i.extract::<u8>()?)));
    }
    Ok(None)
}

/// `torch.layout`.
#[pyclass(name = "layout", module = "torch", frozen)]
pub struct PyLayout(pub &'static str);

#[pymethods]
impl PyLayout {
    fn __repr__(&self) -> String {
        format!("torch.{}", self.0)
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        reduce(py, "reduce_named", (self.0,))
    }
}

/// `torch.memory_format`.
#[pyclass(name = "memory_format", module = "torch", frozen, eq, hash)]
#[derive(PartialEq, Eq, Hash)]
pub struct PyFormat(pub u8);

/// The memory formats, in the order of their numbers.
pub const FORMATS: [(Format, &str); 4] = [
    (Format::Contiguous, "contiguous_format"),
    (Format::Preserve, "preserve_format"),
    (Format::ChannelsLast, "channels_last"),
    (Format::ChannelsLast3d, "channels_last_3d"),
];

#[pymethods]
impl PyFormat {
    fn __repr__(&self) -> String {
        format!("torch.{}", FORMATS[self.0 as usize & 3].1)
    }
    fn __reduce__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        reduce(py, "reduce_named", (FORMATS[self.0 as usize & 3].1,))
    }
}

static SIZE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// `size[i]`: what tuple does, and a slice is a Size again. (As a method in Python it took as long as a small operator.)
unsafe extern "C" fn size_item(slf: *mut ffi::PyObject, index: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: called by CPython with the GIL held, on an object of a subclass of tuple; tuple has this slot.
    unsafe {
        let item: ffi::binaryfunc =
            std::mem::transmute(ffi::PyType_GetSlot(&raw mut ffi::PyTuple_Type, ffi::Py_mp_subscript));
        let r = item(slf, index);
        if r.is_null() || ffi::Py_TYPE(index) != &raw mut ffi::PySlice_Type {
            return r;
        }
        let class = ffi::Py_TYPE(slf).cast::<ffi::PyObject>();
        let sized = ffi::PyObject_CallFunctionObjArgs(class, r, std::ptr::null_mut::<ffi::PyObject>());
        ffi::Py_DECREF(r);
        sized
    }
}

/// The base of `torch.Size`: a tuple with `size_item`. PyO3 has no such class below abi3-py312.
fn size_base(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let mut slots = [
        ffi::PyType_Slot { slot: ffi::Py_mp_subscript, pfunc: size_item as *mut std::ffi::c_void },
        ffi::PyType_Slot { slot: 0, pfunc: std::ptr::null_mut() },
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"rtorch._C._SizeBase".as_ptr(),
        // 0: as large as a tuple.
        basicsize: 0,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_BASETYPE) as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec and its slots live for the call, which copies them; the name is static.
    unsafe {
        let base = (&raw mut ffi::PyTuple_Type).cast::<ffi::PyObject>();
        Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpecWithBases(&mut spec, base))
    }
}

/// Takes the class `torch.Size` (Python: PyO3 cannot extend tuple below abi3-py312).
#[pyfunction]
pub fn _set_size_class(py: Python<'_>, class: Py<PyType>) {
    _ = SIZE.set(py, class);
}

/// A tuple of class `class` with these items.
///
/// # Safety
/// The class is a subclass of tuple without slots or dict; the items are `n` owned references.
pub unsafe fn tuple_of<'py>(
    py: Python<'py>,
    class: &Bound<'py, PyType>,
    n: usize,
    items: impl Iterator<Item = *mut ffi::PyObject>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: its generic allocation with `n` items is a tuple whose items are then set once each, which steals them.
    unsafe {
        let o = ffi::PyType_GenericAlloc(class.as_type_ptr(), n as isize);
        let o = Bound::from_owned_ptr_or_err(py, o)?;
        for (i, item) in items.enumerate() {
            if item.is_null() || ffi::PyTuple_SetItem(o.as_ptr(), i as isize, item) != 0 {
                return Err(PyErr::fetch(py));
            }
        }
        Ok(o)
    }
}

/// Shapes asked for lately: `x.shape` is asked for all the time, of few shapes, and a Size never changes.
struct Lately(UnsafeCell<[Option<(Dims, Py<PyAny>)>; LATELY]>);

const LATELY: usize = 64;

// SAFETY: looked at only with the GIL held, and never while Python code may run.
unsafe impl Sync for Lately {}

static LATE: Lately = Lately(UnsafeCell::new([const { None }; LATELY]));

/// The place for this shape among the late ones.
#[inline]
fn place_of(sizes: &[i64]) -> *mut Option<(Dims, Py<PyAny>)> {
    let hash = sizes.iter().fold(sizes.len() as u64, |h, &s| (h ^ s as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    LATE.0.get().cast::<Option<(Dims, Py<PyAny>)>>().wrapping_add((hash >> 32) as usize % LATELY)
}

/// The Size that was made of this shape lately.
#[inline]
fn late<'py>(py: Python<'py>, sizes: &[i64]) -> Option<Bound<'py, PyAny>> {
    // SAFETY: inside the array; see `Lately`.
    match unsafe { &*place_of(sizes) } {
        Some((s, o)) if rtorch::shape::same(s, sizes) => Some(o.bind(py).clone()),
        _ => None,
    }
}

/// A tensor's shape.
pub fn shape<'py>(py: Python<'py>, t: &rtorch::Tensor) -> PyResult<Bound<'py, PyAny>> {
    // The lock is released before objects are made: that may run the garbage collector, and that anything.
    if let Some(o) = late(py, &t.body().layout.sizes) {
        return Ok(o);
    }
    size(py, &t.sizes())
}

/// A `torch.Size`.
pub fn size<'py>(py: Python<'py>, sizes: &[i64]) -> PyResult<Bound<'py, PyAny>> {
    let Some(class) = SIZE.get(py) else { return Ok(PyTuple::new(py, sizes)?.into_any()) };
    if let Some(o) = late(py, sizes) {
        return Ok(o);
    }
    // SAFETY: the class has `__slots__ = ()`.
    let o = unsafe { tuple_of(py, class.bind(py), sizes.len(), sizes.iter().map(|&s| ffi::PyLong_FromLongLong(s)))? };
    if sizes.len() <= 5 {
        // SAFETY: as above. What was there is dropped after the place is whole again: a tuple of ints, but its end may
        // start a collection.
        let old = unsafe { (*place_of(sizes)).replace((rtorch::shape::dims(sizes), o.clone().unbind())) };
        drop(old);
    }
    Ok(o)
}

/// Sets the default dtype.
#[pyfunction]
pub fn set_default_dtype(d: &Bound<'_, PyAny>) -> PyResult<()> {
    let d = d.cast::<PyDType>().map_err(|_| {
        PyTypeError::new_err("invalid dtype object: only floating-point types are supported as the default type")
    })?;
    if !d.get().0.is_float() {
        return Err(PyTypeError::new_err("only floating-point types are supported as the default type"));
    }
    dtype::set_default_dtype(d.get().0);
    Ok(())
}

/// The default dtype.
#[pyfunction]
pub fn get_default_dtype(py: Python<'_>) -> PyResult<Py<PyDType>> {
    dtype_object(py, dtype::default_dtype())
}

/// The dtype that both promote to.
#[pyfunction]
pub fn promote_types(py: Python<'_>, type1: &Bound<'_, PyDType>, type2: &Bound<'_, PyDType>) -> PyResult<Py<PyDType>> {
    dtype_object(py, dtype::promote(type1.get().0, type2.get().0))
}

/// May a result of `from_` be written into `to`?
#[pyfunction]
pub fn can_cast(from_: &Bound<'_, PyDType>, to: &Bound<'_, PyDType>) -> bool {
    from_.get().0.can_cast(to.get().0)
}

/// Adds dtypes, formats and layouts to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    m.add_class::<PyDType>()?;
    m.add_class::<PyDevice>()?;
    m.add_function(wrap_pyfunction!(_set_default_device, m)?)?;
    m.add_class::<PyLayout>()?;
    m.add_class::<PyFormat>()?;
    for d in dtype::ALL {
        m.add(d.name(), dtype_object(py, d)?)?;
    }
    for name in ["float", "double", "half", "short", "int", "long", "cfloat", "cdouble"] {
        if let Some(d) = DType::parse(name) {
            m.add(name, dtype_object(py, d)?)?;
        }
    }
    for (i, (_, name)) in FORMATS.iter().enumerate() {
        m.add(*name, Py::new(py, PyFormat(i as u8))?)?;
    }
    m.add("strided", Py::new(py, PyLayout("strided"))?)?;
    m.add("sparse_coo", Py::new(py, PyLayout("sparse_coo"))?)?;
    m.add("_SizeBase", size_base(py)?)?;
    m.add_function(wrap_pyfunction!(_set_size_class, m)?)?;
    m.add_function(wrap_pyfunction!(set_default_dtype, m)?)?;
    m.add_function(wrap_pyfunction!(get_default_dtype, m)?)?;
    m.add_function(wrap_pyfunction!(promote_types, m)?)?;
    m.add_function(wrap_pyfunction!(can_cast, m)?)?;
    Ok(())
}
