//! `Storage`: shared, mutable bytes with an owner and a version counter.

use super::alloc;
use crate::device::Device;
use crate::error::Result;
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::any::Any;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// Whoever keeps foreign memory alive: a NumPy array, a mapped file, a shared-memory segment. Dropped with the storage.
pub trait Owner: Send + Sync {
    /// For code that asks what kind of owner it is.
    fn as_any(&self) -> &dyn Any;
}

/// Bytes that any number of tensors may look at. Cloning shares.
///
/// An address that was ever handed out stays valid until the storage dies: making it smaller frees nothing, and a block that
/// became too small is kept beside its successor. Kernels run while other threads resize, views keep their layouts, NumPy keeps
/// addresses; all they need is to keep the storage.
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    ptr: AtomicPtr<u8>,
    nbytes: AtomicUsize,
    /// The block at `ptr` and those before it. Blocks grow by half at least, so all of them together stay below three times
    /// the last. Empty where `owner` holds the memory.
    blocks: Mutex<SmallVec<[Block; 1]>>,
    version: AtomicU32,
    device: Device,
    owner: Option<Box<dyn Owner>>,
    /// Who keeps the memory at `ptr` since it was moved (`move_to`). What was there before stays as it is.
    moved: OnceLock<Box<dyn Owner>>,
}

/// Memory of the allocator: address and size.
struct Block(*mut u8, usize);

// SAFETY: a block is only an address; who owns it frees it, on any thread.
unsafe impl Send for Block {}

impl Drop for Inner {
    #[inline]
    fn drop(&mut self) {
        for b in self.blocks.get_mut().drain(..) {
            // SAFETY: the block came from the allocator with this size; nobody else holds it.
            unsafe { alloc::free(b.0, b.1) }
        }
    }
}

impl Storage {
    #[inline]
    fn new(ptr: *mut u8, nbytes: usize, device: Device, owner: Option<Box<dyn Owner>>) -> Storage {
        let mut blocks = SmallVec::new();
        if owner.is_none() && device == Device::Cpu {
            blocks.push(Block(ptr, nbytes));
        }
        Storage(Arc::new(Inner {
            blocks: Mutex::new(blocks),
            ptr: AtomicPtr::new(ptr),
            nbytes: AtomicUsize::new(nbytes),
            version: AtomicU32::new(0),
            device,
            owner,
            moved: OnceLock::new(),
        }))
    }

    /// Uninitialised memory of the allocator.
    #[inline]
    pub fn alloc(nbytes: usize, device: Device) -> Result<Storage> {
        match device {
            Device::Cpu => Ok(Storage::new(alloc::alloc(nbytes)?, nbytes, device, None)),
            Device::Meta => Ok(Storage::new(std::ptr::null_mut(), nbytes, device, None)),
            d => Err(crate::device::absent(d)),
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
    #[inline]
    pub fn device(&self) -> Device {
        self.0.device
    }

    /// The owner of foreign memory.
    pub fn owner(&self) -> Option<&dyn Owner> {
        self.0.moved.get().or(self.0.owner.as_ref()).map(|o| &**o)
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

    /// Copies the bytes to memory that `owner` keeps alive and goes on there: all who look at the storage see the new
    /// place (shared memory, for other processes). Once only. What others write meanwhile may be lost, as with any
    /// write that races.
    ///
    /// # Safety
    /// `ptr` is valid for reads and writes of `nbytes` bytes for as long as `owner` lives.
    pub unsafe fn move_to(&self, ptr: *mut u8, nbytes: usize, owner: Box<dyn Owner>) -> Result<()> {
        let _blocks = self.0.blocks.lock();
        if self.0.device != Device::Cpu || nbytes < self.nbytes() {
            bail!(Runtime, "a storage on {} of {} bytes cannot move to {nbytes} bytes", self.0.device, self.nbytes());
        }
        if self.0.moved.set(owner).is_err() {
            bail!(Runtime, "the storage has been moved to memory of its own before");
        }
        // SAFETY: both hold these bytes; the new ones are not the old ones.
        unsafe { std::ptr::copy_nonoverlapping(self.ptr(), ptr, self.nbytes()) };
        self.0.ptr.store(ptr, Ordering::Release);
        Ok(())
    }

    /// Makes it hold `nbytes`, keeping what fits. Memory with an owner cannot be resized.
    pub fn resize(&self, nbytes: usize) -> Result<()> {
        let mut blocks = self.0.blocks.lock();
        let old = self.nbytes();
        if nbytes == old {
            return Ok(());
        }
        if self.owner().is_some() {
            bail!(
                Runtime,
                "Trying to resize storage that is not resizable: its memory belongs to NumPy, a file or another library"
            );
        }
        if self.0.device == Device::Cpu {
            let room = blocks.last().map_or(0, |b| b.1);
            if nbytes > room {
                // The first growth is exact: most storages that grow were empty.
                let size = if blocks.len() > 1 { nbytes.max(room + room / 2) } else { nbytes };
                let new = alloc::alloc(size)?;
                // SAFETY: both blocks hold the old bytes.
                unsafe { std::ptr::copy_nonoverlapping(self.ptr(), new, old.min(nbytes)) };
                blocks.push(Block(new, size));
                self.0.ptr.store(new, Ordering::Release);
            }
        }
        self.0.nbytes.store(nbytes, Ordering::Release);
        Ok(())
    }
}
