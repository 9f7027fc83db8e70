//! DLPack, both ways and without copies: a tensor's memory in a capsule for another library, and the memory of another
//! library's capsule as a tensor. The structures are those of dlpack.h 1.0; capsules from before 1.0 are understood too.

use crate::object::{tensor_of, wrap};
use pyo3::exceptions::{PyBufferError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use rtorch::memory::Storage;
use rtorch::memory::storage::Owner;
use rtorch::shape::{Dims, Layout, contiguous_strides, numel, show};
use rtorch::{DType, Device, Tensor};
use std::any::Any;
use std::ffi::{CStr, c_void};
use std::ptr;

#[repr(C)]
#[derive(Clone, Copy)]
struct DlDevice {
    kind: i32,
    id: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct DlType {
    code: u8,
    bits: u8,
    lanes: u16,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct DlTensor {
    data: *mut c_void,
    device: DlDevice,
    ndim: i32,
    dtype: DlType,
    shape: *const i64,
    strides: *const i64,
    byte_offset: u64,
}

/// What a capsule called `dltensor` holds.
#[repr(C)]
struct Managed {
    tensor: DlTensor,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Managed)>,
}

/// What a capsule called `dltensor_versioned` holds.
#[repr(C)]
struct Versioned {
    major: u32,
    minor: u32,
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Versioned)>,
    flags: u64,
    tensor: DlTensor,
}

const CPU: i32 = 1;
const COPIED: u64 = 2;
const NAMES: [&CStr; 2] = [c"dltensor", c"dltensor_versioned"];
const USED: [&CStr; 2] = [c"used_dltensor", c"used_dltensor_versioned"];

/// The kinds of numbers by DLPack's code: int 0, uint 1, float 2, bfloat 4, complex 5, bool 6.
const TYPES: [(DType, u8); 12] = [
    (DType::I8, 0),
    (DType::I16, 0),
    (DType::I32, 0),
    (DType::I64, 0),
    (DType::U8, 1),
    (DType::F16, 2),
    (DType::F32, 2),
    (DType::F64, 2),
    (DType::BF16, 4),
    (DType::C64, 5),
    (DType::C128, 5),
    (DType::Bool, 6),
];

/// A structure given away, with what its pointers point to.
struct Export<M> {
    managed: M,
    sizes: Dims,
    strides: Dims,
    _tensor: Tensor,
}

unsafe extern "C" fn delete_managed(m: *mut Managed) {
    // SAFETY: `context` is the box that `export` leaked; the consumer calls this once.
    unsafe { drop(Box::from_raw((*m).context.cast::<Export<Managed>>())) }
}

unsafe extern "C" fn delete_versioned(m: *mut Versioned) {
    // SAFETY: as above.
    unsafe { drop(Box::from_raw((*m).context.cast::<Export<Versioned>>())) }
}

/// A capsule that nobody took is emptied when it dies; one that was taken has another name.
unsafe extern "C" fn destroy(capsule: *mut ffi::PyObject) {
    // SAFETY: CPython calls this with a capsule that `_to_dlpack` made.
    unsafe {
        if ffi::PyCapsule_IsValid(capsule, NAMES[0].as_ptr()) != 0 {
            delete_managed(ffi::PyCapsule_GetPointer(capsule, NAMES[0].as_ptr()).cast());
        } else if ffi::PyCapsule_IsValid(capsule, NAMES[1].as_ptr()) != 0 {
            delete_versioned(ffi::PyCapsule_GetPointer(capsule, NAMES[1].as_ptr()).cast());
        }
    }
}

/// A DLPack capsule on a tensor's memory.
#[pyfunction]
#[pyo3(signature = (tensor, versioned=false, copied=false))]
pub fn _to_dlpack<'py>(tensor: &Bound<'py, PyAny>, versioned: bool, copied: bool) -> PyResult<Bound<'py, PyAny>> {
    let py = tensor.py();
    let Some(t) = tensor_of(tensor) else { return Err(PyTypeError::new_err("expected a Tensor")) };
    if t.is_sparse() {
        return Err(PyBufferError::new_err(
            "Can't export tensors with layout other than torch.strided: use .to_dense() first",
        ));
    }
    let b = t.body().clone();
    if b.storage.device() != Device::Cpu {
        return Err(PyBufferError::new_err(format!("a tensor on {} has no memory to share", b.storage.device())));
    }
    let code = TYPES.iter().find(|x| x.0 == b.dtype).map_or(0, |x| x.1);
    let dl = DlTensor {
        data: b.ptr().cast(),
        device: DlDevice { kind: CPU, id: 0 },
        ndim: b.layout.ndim() as i32,
        dtype: DlType { code, bits: (b.dtype.size() * 8) as u8, lanes: 1 },
        shape: ptr::null(),
        strides: ptr::null(),
        byte_offset: 0,
    };
    let sizes = b.layout.sizes.clone();
    // Strides of dimensions with one element may be anything; some consumers look at them all the same.
    let strides: Dims = sizes.iter().zip(&b.layout.strides).map(|(n, s)| if *n < 2 { 1 } else { *s }).collect();
    let pointer: *mut c_void = if versioned {
        let managed = Versioned {
            major: 1,
            minor: 0,
            context: ptr::null_mut(),
            deleter: Some(delete_versioned),
            flags: if copied { COPIED } else { 0 },
            tensor: dl,
        };
        let e = Box::leak(Box::new(Export { managed, sizes, strides, _tensor: t.clone() }));
        (e.managed.tensor.shape, e.managed.tensor.strides) = (e.sizes.as_ptr(), e.strides.as_ptr());
        e.managed.context = ptr::from_mut(e).cast();
        ptr::from_mut(&mut e.managed).cast()
    } else {
        let managed = Managed { tensor: dl, context: ptr::null_mut(), deleter: Some(delete_managed) };
        let e = Box::leak(Box::new(Export { managed, sizes, strides, _tensor: t.clone() }));
        (e.managed.tensor.shape, e.managed.tensor.strides) = (e.sizes.as_ptr(), e.strides.as_ptr());
        e.managed.context = ptr::from_mut(e).cast();
        ptr::from_mut(&mut e.managed).cast()
    };
    // SAFETY: the pointer is not null and the name is static; a capsule that cannot be made leaves the block behind.
    unsafe {
        let c = ffi::PyCapsule_New(pointer, NAMES[versioned as usize].as_ptr(), Some(destroy));
        Bound::from_owned_ptr_or_err(py, c)
    }
}

/// A structure that another library gave us, deleted with the storage on its memory.
enum Taken {
    Managed(*mut Managed),
    Versioned(*mut Versioned),
}

// SAFETY: the pointer is used once, in `drop`, with the GIL held.
unsafe impl Send for Taken {}
// SAFETY: as above.
unsafe impl Sync for Taken {}

impl Owner for Taken {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // The producer may be a Python object; its deleter is called with the GIL held.
        Python::attach(|_| {
            // SAFETY: the structure came from a capsule that was renamed, so this is the only call.
            unsafe {
                match *self {
                    Taken::Managed(m) => {
                        if let Some(f) = (*m).deleter {
                            f(m);
                        }
                    }
                    Taken::Versioned(m) => {
                        if let Some(f) = (*m).deleter {
                            f(m);
                        }
                    }
                }
            }
        });
    }
}

/// A tensor on the memory of a DLPack capsule, which is then used up.
#[pyfunction]
pub fn _from_dlpack(capsule: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let py = capsule.py();
    let c = capsule.as_ptr();
    // SAFETY: these functions take any object.
    let is = |name: &CStr| unsafe { ffi::PyCapsule_IsValid(c, name.as_ptr()) != 0 };
    let Some(which) = NAMES.iter().position(|n| is(n)) else {
        // SAFETY: as above.
        let used = unsafe { ffi::PyCapsule_CheckExact(c) } != 0;
        return Err(PyRuntimeError::new_err(if used {
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have already constructed a tensor from it once."
        } else {
            "from_dlpack expects an object with __dlpack__ or a DLPack capsule"
        }));
    };
    // SAFETY: the capsule has this name, so it holds this structure.
    let (dl, taken) = unsafe {
        let p = ffi::PyCapsule_GetPointer(c, NAMES[which].as_ptr());
        if which == 0 {
            let m = p.cast::<Managed>();
            ((*m).tensor, Taken::Managed(m))
        } else {
            let m = p.cast::<Versioned>();
            if (*m).major > 1 {
                return Err(PyBufferError::new_err(format!(
                    "DLPack {}.{} is newer than the versions that are understood (1.x)",
                    (*m).major,
                    (*m).minor
                )));
            }
            ((*m).tensor, Taken::Versioned(m))
        }
    };
    // Until the capsule is renamed it owns the structure still.
    let taken = std::mem::ManuallyDrop::new(taken);
    let (layout, d) = described(&dl)?;
    // SAFETY: the capsule is valid; from here on the structure is ours.
    if unsafe { ffi::PyCapsule_SetName(c, USED[which].as_ptr()) } != 0 {
        return Err(PyErr::fetch(py));
    }
    let taken = std::mem::ManuallyDrop::into_inner(taken);
    if layout.numel() == 0 {
        return wrap(py, Tensor::from_parts(Storage::alloc(0, Device::Cpu).map_err(crate::error::raise)?, layout, d));
    }
    let bytes = layout.end() as usize * d.size();
    let p = (dl.data as *mut u8).wrapping_add(dl.byte_offset as usize);
    // SAFETY: the producer says that the elements lie there for as long as its structure lives.
    let storage = unsafe { Storage::foreign(p, bytes, Box::new(taken)) };
    wrap(py, Tensor::from_parts(storage, layout, d))
}

/// Layout and dtype of a foreign tensor, after checks.
fn described(dl: &DlTensor) -> PyResult<(Layout, DType)> {
    if dl.device.kind != CPU {
        return Err(PyRuntimeError::new_err(format!(
            "from_dlpack: memory of DLPack device type {} cannot be read here, only the CPU's (type 1)",
            dl.device.kind
        )));
    }
    let t = dl.dtype;
    let found = TYPES.iter().find(|x| x.1 == t.code && x.0.size() * 8 == t.bits as usize && t.lanes == 1);
    let Some(&(d, _)) = found else {
        return Err(PyRuntimeError::new_err(format!(
            "from_dlpack: no dtype for DLPack code {} with {} bits and {} lanes",
            t.code, t.bits, t.lanes
        )));
    };
    let n = usize::try_from(dl.ndim).ok().filter(|n| *n <= 64);
    let Some(n) = n.filter(|n| *n == 0 || !dl.shape.is_null()) else {
        return Err(PyValueError::new_err("from_dlpack: the number of dimensions is impossible"));
    };
    let sizes: Dims = match n {
        0 => Dims::new(),
        // SAFETY: DLPack says that there are as many sizes as dimensions.
        _ => unsafe { std::slice::from_raw_parts(dl.shape, n) }.into(),
    };
    let count = numel(&sizes).map_err(crate::error::raise)?;
    let strides: Dims = if dl.strides.is_null() || n == 0 {
        contiguous_strides(&sizes)
    } else {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(dl.strides, n) }.into()
    };
    if count > 0 && strides.iter().zip(&sizes).any(|(s, n)| *s < 0 && *n > 1) {
        return Err(PyValueError::new_err(format!(
            "from_dlpack: tensors with negative strides are not supported (strides {}); copy the array first",
            show(&strides)
        )));
    }
    let strides = strides.iter().map(|s| (*s).max(0)).collect();
    Ok((Layout { sizes, strides, offset: 0 }, d))
}
