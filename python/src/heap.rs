//! The heap of the extension module: a thread keeps the small blocks that it freed and takes them again. A call on small
//! tensors makes and frees four to ten of them (handles, storages, nodes), and the C library takes three times as long for each.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sizes of blocks go by steps of so many bytes, which is also their alignment.
const STEP: usize = 16;
/// Larger blocks are the C library's.
const CLASSES: usize = 32;
/// Most blocks of one size that a thread keeps.
const KEEP: u16 = 64;

/// Free blocks by size, linked through their first word.
struct Lists {
    head: [*mut u8; CLASSES],
    held: [u16; CLASSES],
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// The thread has kept nothing yet.
    New,
    /// At the thread's end the blocks will be given back.
    Open,
    /// The thread is ending.
    Closed,
}

thread_local! {
    // Without `Drop`: the allocator may have no destructor of this kind (registering one may allocate). See `open`.
    static LISTS: UnsafeCell<Lists> =
        const { UnsafeCell::new(Lists { head: [null_mut(); CLASSES], held: [0; CLASSES], state: State::New }) };
}

/// The key whose destructor runs at a thread's end, and 1; 0 while there is none.
static KEY: AtomicU64 = AtomicU64::new(0);

/// From now on this thread keeps blocks, if it can be told when the thread ends.
#[cold]
fn open(lists: *mut Lists) {
    let mut key = KEY.load(Ordering::Acquire);
    if key == 0 {
        let mut new: libc::pthread_key_t = 0;
        // SAFETY: the place is ours; the destructor lives as long as the process (an extension module is never unloaded).
        if unsafe { libc::pthread_key_create(&mut new, Some(close)) } != 0 {
            return;
        }
        key = new as u64 + 1;
        if let Err(other) = KEY.compare_exchange(0, key, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: nobody has used it.
            unsafe { libc::pthread_key_delete(new) };
            key = other;
        }
    }
    // SAFETY: the key exists; `lists` is this thread's.
    unsafe {
        if libc::pthread_setspecific((key - 1) as libc::pthread_key_t, lists.cast()) == 0 {
            (*lists).state = State::Open;
        }
    }
}

/// The thread ends: what it kept goes back.
extern "C" fn close(lists: *mut libc::c_void) {
    let lists: *mut Lists = lists.cast();
    // SAFETY: `open` gave this thread's own lists, whose memory lasts until the destructors have run; a block of a class came
    // from `System` with that class's layout.
    unsafe {
        (*lists).state = State::Closed;
        for class in 0..CLASSES {
            let mut p = std::mem::replace(&mut (*lists).head[class], null_mut());
            while !p.is_null() {
                let next = *p.cast::<*mut u8>();
                System.dealloc(p, layout(class));
                p = next;
            }
            (*lists).held[class] = 0;
        }
    }
}

#[inline(always)]
fn layout(class: usize) -> Layout {
    // SAFETY: a small size and a power of two.
    unsafe { Layout::from_size_align_unchecked((class + 1) * STEP, STEP) }
}

#[inline(always)]
fn class_of(l: Layout) -> Option<usize> {
    let class = l.size().wrapping_sub(1) / STEP;
    (class < CLASSES && l.align() <= STEP).then_some(class)
}

pub struct Heap;

// SAFETY: blocks of a class have its size and alignment and belong to one holder: a caller or one thread's list. A block may
// be freed on another thread than it was made on; it then joins that thread's list.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, l: Layout) -> *mut u8 {
        let Some(class) = class_of(l) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(l) };
        };
        LISTS.with(|lists| {
            let lists = lists.get();
            // SAFETY: the lists are this thread's, and nothing here calls back; a free block's first word is the next one.
            unsafe {
                let p = (*lists).head[class];
                if p.is_null() {
                    return System.alloc(layout(class));
                }
                (*lists).head[class] = *p.cast::<*mut u8>();
                (*lists).held[class] -= 1;
                p
            }
        })
    }

    #[inline]
    unsafe fn dealloc(&self, p: *mut u8, l: Layout) {
        let Some(class) = class_of(l) else {
            // SAFETY: the caller's promise.
            return unsafe { System.dealloc(p, l) };
        };
        LISTS.with(|lists| {
            let lists = lists.get();
            // SAFETY: as above; the block is the caller's to give, and has room for a word.
            unsafe {
                if (*lists).state == State::New {
                    open(lists);
                }
                if (*lists).state != State::Open || (*lists).held[class] >= KEEP {
                    return System.dealloc(p, layout(class));
                }
                *p.cast::<*mut u8>() = (*lists).head[class];
                (*lists).head[class] = p;
                (*lists).held[class] += 1;
            }
        });
    }

    unsafe fn alloc_zeroed(&self, l: Layout) -> *mut u8 {
        if class_of(l).is_none() {
            // SAFETY: the caller's promise. (Fresh pages are zero already.)
            return unsafe { System.alloc_zeroed(l) };
        }
        // SAFETY: the caller's promise; the block has `size` bytes.
        unsafe {
            let p = self.alloc(l);
            if !p.is_null() {
                p.write_bytes(0, l.size());
            }
            p
        }
    }

    unsafe fn realloc(&self, p: *mut u8, l: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise: `size` is not 0 and does not overflow with the alignment.
        let new = unsafe { Layout::from_size_align_unchecked(size, l.align()) };
        match (class_of(l), class_of(new)) {
            // SAFETY: both are the C library's.
            (None, None) => unsafe { System.realloc(p, l, size) },
            (Some(a), Some(b)) if a == b => p,
            // SAFETY: two blocks, of which the smaller size is copied.
            _ => unsafe {
                let to = self.alloc(new);
                if !to.is_null() {
                    std::ptr::copy_nonoverlapping(p, to, l.size().min(size));
                    self.dealloc(p, l);
                }
                to
            },
        }
    }
}
