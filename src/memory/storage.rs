//! `Storage`: shared, mutable bytes with an owner and a version counter.

use super::alloc;
use crate::device::Device;
use crate::error::Result;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// Whoever keeps foreign memory alive: a NumPy array, a mapped file, a shared-memory segment. Dropped with the storage.
pub trait Owner: Send + Sync {
    /// For code that asks what kind of owner it is.
    fn as_any(&self) -> &dyn Any;
}

/// Bytes that any number of tensors may look at. Cloning shares.
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    ptr: AtomicPtr<u8>,
    nbytes: AtomicUsize,
    version: AtomicU32,
    device: Device,
    owner: Option<Box<dyn Owner>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.owner.is_none() && self.device == Device::Cpu {
            // SAFETY: memory without an owner came from the allocator with this size; nobody else holds it.
            unsafe { alloc::free(self.ptr.load(Ordering::Relaxed), self.nbytes.load(Ordering::Relaxed)) }
        }
    }
}

impl Storage {
    fn new(ptr: *mut u8, nbytes: usize, device: Device, owner: Option<Box<dyn Owner>>) -> Storage {
        Storage(Arc::new(Inner {
            ptr: AtomicPtr::new(ptr),
            nbytes: AtomicUsize::new(nbytes),
            version: AtomicU32::new(0),
            device,
            owner,
        }))
    }

    /// Uninitialised memory of the allocator.
    pub fn alloc(nbytes: usize, device: Device) -> Result<Storage> {
        match device {
            Device::Cpu => Ok(Storage::new(alloc::alloc(nbytes)?, nbytes, device, None)),
            Device::Meta => Ok(Storage::new(std::ptr::null_mut(), nbytes, device, None)),
            Device::Cuda(_) => Err(crate::device::no_cuda()),
        }
    }

    /// Memory of the allocator, zeroed.
    pub fn zeroed(nbytes: usize, device: Device) -> Result<Storage> {
        match device {
            Device::Cpu => Ok(Storage::new(alloc::alloc_zeroed(nbytes)?, nbytes, device, None)),
            _ => Storage::alloc(nbytes, device),
        }
    }

    /// Memory that `owner` keeps alive.
    ///
    /// # Safety
    /// `ptr` is valid for reads and writes of `nbytes` bytes for as long as `owner` lives.
    pub unsafe fn foreign(ptr: *mut u8, nbytes: usize, owner: Box<dyn Owner>) -> Storage {
        Storage::new(ptr, nbytes, Device::Cpu, Some(owner))
    }

    /// Address of the first byte.
    #[inline]
    pub fn ptr(&self) -> *mut u8 {
        self.0.ptr.load(Ordering::Acquire)
    }

    /// How many bytes.
    #[inline]
    pub fn nbytes(&self) -> usize {
        self.0.nbytes.load(Ordering::Acquire)
    }

    /// Where it lies.
    pub fn device(&self) -> Device {
        self.0.device
    }

    /// The owner of foreign memory.
    pub fn owner(&self) -> Option<&dyn Owner> {
        self.0.owner.as_deref()
    }

    /// How often tensor operations have written here.
    #[inline]
    pub fn version(&self) -> u32 {
        self.0.version.load(Ordering::Relaxed)
    }

    /// Counts one write.
    #[inline]
    pub fn bump(&self) {
        self.0.version.fetch_add(1, Ordering::Relaxed);
    }

    /// Are these the same bytes?
    #[inline]
    pub fn same(&self, other: &Storage) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// An address that identifies the storage while it lives.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// How many tensors (and others) share it.
    pub fn use_count(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Makes it hold `nbytes`, keeping what fits. Memory with an owner cannot be resized.
    /// The caller sees to it that nobody works on the old address meanwhile (in Python: the GIL, and `resize_` is in-place).
    pub fn resize(&self, nbytes: usize) -> Result<()> {
        let old = self.nbytes();
        if nbytes == old {
            return Ok(());
        }
        if self.0.owner.is_some() {
            bail!(
                Runtime,
                "Trying to resize storage that is not resizable: its memory belongs to NumPy, a file or another library"
            );
        }
        if self.0.device == Device::Cpu {
            let new = alloc::alloc(nbytes)?;
            let from = self.0.ptr.swap(new, Ordering::AcqRel);
            // SAFETY: both blocks hold at least the smaller of the two sizes; the old one came from the allocator.
            unsafe {
                std::ptr::copy_nonoverlapping(from, new, old.min(nbytes));
                alloc::free(from, old);
            }
        }
        self.0.nbytes.store(nbytes, Ordering::Release);
        Ok(())
    }
}
