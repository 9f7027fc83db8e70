//! The allocator of tensor memory. (The caching one is being written; this is the interface.)

use crate::bail;
use crate::error::Result;

/// A block of at least `nbytes` (which may be 0), aligned to 64 bytes, not initialised. Refuses what the machine cannot give.
pub fn alloc(nbytes: usize) -> Result<*mut u8> {
    let Ok(layout) = std::alloc::Layout::from_size_align(nbytes.max(1), 64) else {
        bail!(OutOfMemory, "cannot allocate {nbytes} bytes")
    };
    // SAFETY: the size of the layout is not zero.
    let p = unsafe { std::alloc::alloc(layout) };
    if p.is_null() {
        bail!(OutOfMemory, "cannot allocate {nbytes} bytes");
    }
    Ok(p)
}

/// Like `alloc`, filled with zeros.
pub fn alloc_zeroed(nbytes: usize) -> Result<*mut u8> {
    let p = alloc(nbytes)?;
    // SAFETY: the block has `nbytes` bytes.
    unsafe { std::ptr::write_bytes(p, 0, nbytes) };
    Ok(p)
}

/// Gives a block of `alloc(nbytes)` back.
///
/// # Safety
/// `p` came from `alloc` or `alloc_zeroed` with the same `nbytes` and is not used afterwards.
pub unsafe fn free(p: *mut u8, nbytes: usize) {
    if let Ok(layout) = std::alloc::Layout::from_size_align(nbytes.max(1), 64) {
        // SAFETY: the same layout as in `alloc`.
        unsafe { std::alloc::dealloc(p, layout) }
    }
}
