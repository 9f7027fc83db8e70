//! Tensors from Rust values, and single elements read and written. Operators that make tensors are in `ops/create.rs`.

use super::Tensor;
use crate::device::Device;
use crate::dtype::{B8, C32, C64, DType, Element, bf16, f16};
use crate::error::Result;
use crate::scalar::Scalar;

/// Up to how many elements a flat run is copied or filled at once, without looking for threads.
const SHORT: i64 = 4096;

/// Reads one element.
///
/// # Safety
/// `p` is valid for reading one element of `dtype`; it need not be aligned.
pub unsafe fn read(p: *const u8, dtype: DType) -> Scalar {
    // SAFETY: by the contract.
    unsafe {
        match dtype {
            DType::Bool => Scalar::Bool(p.read() != 0),
            DType::U8 => Scalar::Int(p.read() as i64),
            DType::I8 => Scalar::Int(p.cast::<i8>().read() as i64),
            DType::I16 => Scalar::Int(p.cast::<i16>().read_unaligned() as i64),
            DType::I32 => Scalar::Int(p.cast::<i32>().read_unaligned() as i64),
            DType::I64 => Scalar::Int(p.cast::<i64>().read_unaligned()),
            DType::F16 => Scalar::Float(p.cast::<f16>().read_unaligned().to_f64()),
            DType::BF16 => Scalar::Float(p.cast::<bf16>().read_unaligned().to_f64()),
            DType::F32 => Scalar::Float(p.cast::<f32>().read_unaligned() as f64),
            DType::F64 => Scalar::Float(p.cast::<f64>().read_unaligned()),
            DType::C64 => {
                let c = p.cast::<C32>().read_unaligned();
                Scalar::Complex(c.re as f64, c.im as f64)
            }
            DType::C128 => {
                let c = p.cast::<C64>().read_unaligned();
                Scalar::Complex(c.re, c.im)
            }
        }
    }
}

/// Writes one element; the value is converted as C converts it.
///
/// # Safety
/// `p` is valid for writing one element of `dtype`; it need not be aligned.
pub unsafe fn write(p: *mut u8, dtype: DType, v: Scalar) {
    // SAFETY: by the contract.
    unsafe {
        match dtype {
            DType::Bool => p.cast::<B8>().write(B8(v.truth() as u8)),
            DType::U8 => p.write(v.i64() as u8),
            DType::I8 => p.cast::<i8>().write(v.i64() as i8),
            DType::I16 => p.cast::<i16>().write_unaligned(v.i64() as i16),
            DType::I32 => p.cast::<i32>().write_unaligned(v.i64() as i32),
            DType::I64 => p.cast::<i64>().write_unaligned(v.i64()),
            DType::F16 => p.cast::<f16>().write_unaligned(f16::from_f64(v.f64())),
            DType::BF16 => p.cast::<bf16>().write_unaligned(bf16::from_f64(v.f64())),
            DType::F32 => p.cast::<f32>().write_unaligned(v.f64() as f32),
            DType::F64 => p.cast::<f64>().write_unaligned(v.f64()),
            DType::C64 => p.cast::<C32>().write_unaligned(C32 { re: v.f64() as f32, im: v.im() as f32 }),
            DType::C128 => p.cast::<C64>().write_unaligned(C64 { re: v.f64(), im: v.im() }),
        }
    }
}

impl Tensor {
    /// A tensor of these elements in C order.
    ///
    /// ```
    /// use rtorch::Tensor;
    /// let t = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0], &[2, 2])?;
    /// assert_eq!(t.to_vec::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
    /// # Ok::<(), rtorch::Error>(())
    /// ```
    pub fn from_slice<T: Element>(values: &[T], sizes: &[i64]) -> Result<Tensor> {
        let n = crate::shape::numel(sizes)?;
        if n as usize != values.len() {
            bail!(Value, "shape {} needs {n} elements, but {} were given", crate::shape::show(sizes), values.len());
        }
        let t = Tensor::empty(sizes, T::DTYPE, Device::Cpu)?;
        // SAFETY: the tensor is new, contiguous, of type T, and has `values.len()` elements.
        unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), t.body().ptr().cast::<T>(), values.len()) };
        Ok(t)
    }

    /// A 0-d tensor.
    pub fn scalar(v: impl Into<Scalar>, dtype: DType) -> Result<Tensor> {
        let t = Tensor::empty(&[], dtype, Device::Cpu)?;
        // SAFETY: the tensor has one element of `dtype`.
        unsafe { write(t.body().ptr(), dtype, v.into()) };
        Ok(t)
    }

    /// All elements `v`.
    pub fn full(sizes: &[i64], v: impl Into<Scalar>, dtype: DType, device: Device) -> Result<Tensor> {
        let v = v.into();
        v.check_fits(dtype)?;
        let t = Tensor::empty(sizes, dtype, device)?;
        if device == Device::Cpu {
            t.fill_raw(v)?;
        }
        Ok(t)
    }

    /// Writes `v` into every element, outside of autograd and without counting a version (for new memory).
    pub fn fill_raw(&self, v: Scalar) -> Result<()> {
        let b = self.body();
        if b.storage.device() != Device::Cpu {
            return Ok(());
        }
        if b.contiguous && b.numel <= SHORT {
            // SAFETY: the layout lies inside the storage and has no gaps.
            unsafe { crate::kernels::cpu::copy::fill_run(b.ptr(), b.dtype, v, b.numel as usize) };
            return Ok(());
        }
        let out = crate::kernels::Operand { ptr: b.ptr(), dtype: b.dtype, strides: &b.layout.strides };
        crate::kernels::cpu::copy::fill(&b.layout.sizes, out, v)
    }

    /// All elements 0; fresh pages are not touched.
    pub fn zeros(sizes: &[i64], dtype: DType, device: Device) -> Result<Tensor> {
        let n = crate::shape::numel(sizes)? as usize;
        let Some(nbytes) = n.checked_mul(dtype.size()) else {
            bail!(Runtime, "Storage size calculation overflowed with sizes={}", crate::shape::show(sizes));
        };
        let storage = crate::memory::Storage::zeroed(nbytes, device)?;
        Ok(Tensor::packed(storage, sizes, n as i64, dtype))
    }

    /// A contiguous copy outside of autograd, of another dtype if asked.
    pub fn copied(&self, dtype: DType) -> Result<Tensor> {
        let out = {
            let b = self.body();
            Tensor::empty(&b.layout.sizes, dtype, b.storage.device())?
        };
        out.copy_raw(self)?;
        Ok(out)
    }

    /// Writes the elements of `src` (same shape or broadcastable to this one) here, outside of autograd.
    pub fn copy_raw(&self, src: &Tensor) -> Result<()> {
        {
            // Small and flat: no lock of ours outlives this, and nothing need be kept.
            let (to, from) = (self.body(), src.body());
            if to.storage.device() != Device::Cpu {
                return Ok(());
            }
            let flat = to.contiguous && from.contiguous && crate::shape::same(&to.layout.sizes, &from.layout.sizes);
            if flat && to.numel <= SHORT && from.storage.device() == Device::Cpu {
                if from.dtype == to.dtype {
                    // SAFETY: both layouts lie inside their storages, without gaps; they may be the same memory.
                    unsafe { std::ptr::copy(from.ptr(), to.ptr(), to.numel as usize * to.dtype.size()) };
                    return Ok(());
                }
                let s = crate::kernels::Operand { ptr: from.ptr(), dtype: from.dtype, strides: &[1] };
                let d = crate::kernels::Operand { ptr: to.ptr(), dtype: to.dtype, strides: &[1] };
                return crate::kernels::cpu::copy::copy(&[to.numel], s, d);
            }
        }
        let (to, from) = (self.body().clone(), src.body().clone());
        if from.storage.device() != Device::Cpu {
            bail!(NotImplemented, "Cannot copy out of meta tensor; no data!");
        }
        let wide = from.layout.broadcast_to(&to.layout.sizes);
        let s = crate::kernels::Operand { ptr: from.ptr(), dtype: from.dtype, strides: &wide.strides };
        let d = crate::kernels::Operand { ptr: to.ptr(), dtype: to.dtype, strides: &to.layout.strides };
        crate::kernels::cpu::copy::copy(&to.layout.sizes, s, d)
    }
}
