//! The kernels' thread pool. (The real one is being written; this is the interface, run serially.)

/// Runs `f(0), f(1), ..., f(blocks - 1)`, in any order, on up to `num_threads()` threads, the caller among them;
/// returns when all are done. Block boundaries are the caller's and never depend on the number of threads.
/// Nested calls run serially. A panic in a block is carried to the caller.
pub fn parallel(blocks: usize, f: &(dyn Fn(usize) + Sync)) {
    for i in 0..blocks {
        f(i)
    }
}

/// Threads that `parallel` uses.
pub fn num_threads() -> usize {
    1
}

/// Sets how many threads `parallel` uses from the next call on.
pub fn set_num_threads(_n: usize) {}
