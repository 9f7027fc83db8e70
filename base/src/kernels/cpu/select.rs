//! Order statistics: `topk`, `kthvalue`, `median`, `mode`. Which of several equal elements is named is not specified by
//! PyTorch, but printed by its programs; so these run the algorithms of the C++ library that it is built with (heap
//! select, introselect, introsort: `std_*` below), compare by compare.

use super::lines::{Scratch, along, step};
use super::num::{Keyed, Real};
use super::sort::{Failure, flip, load};
use crate::error::Result;
use crate::kernels::Operand;

/// `x.topk(k, dim, largest, sorted)`; `values` and `indices` (int64) have size `k` along `dim`.
pub fn topk(
    shape: &[i64],
    dim: usize,
    values: Operand,
    indices: Operand,
    x: Operand,
    k: i64,
    largest: bool,
    sorted: bool,
) -> Result<()> {
    let n = shape.get(dim).copied().unwrap_or(1);
    if k < 0 || k > n {
        bail!(Runtime, "selected index k out of range");
    }
    if k == 0 {
        return Ok(());
    }
    let (n, k) = (n as usize, k as usize);
    let failure = Failure::default();
    let steps = [step(&values, dim), step(&indices, dim), step(&x, dim)];
    let done = dispatch!(x.dtype, T in REAL => along(shape, dim, &[values, indices, x], &|p| {
        failure.note(top::<T>(p, steps, n, k, largest, sorted));
    }));
    if done.is_none() {
        bail!(Runtime, "topk does not support complex dtypes on CPU");
    }
    failure.result()
}

fn top<T: Real>(
    p: &[*mut u8],
    [sv, si, sx]: [isize; 3],
    n: usize,
    k: usize,
    largest: bool,
    sorted: bool,
) -> Result<()> {
    let x = p[2] as *const T;
    let few = k.saturating_mul(64) <= n;
    if n > T::Pair::LIMIT {
        bail!(NotImplemented, "topk of more than {} elements of this dtype", T::Pair::LIMIT);
    }
    let mut line = Line::<T>::new(if few { k } else { n })?;
    line.load(x, sx, largest);
    let less = |a: &T::Pair, b: &T::Pair| a.key() < b.key();
    let q = line.pairs();
    if few {
        std_make_heap(q, &less);
        // Elements behind the heap are never looked at twice: they are read where they lie.
        let flip = flip::<T>(largest);
        let mut worst = q[0].key();
        for i in k..n {
            // SAFETY: `n` elements lie at `x` at this stride.
            let key = unsafe { *x.offset(i as isize * sx) }.key() ^ flip;
            if key < worst {
                std_adjust_heap(q, 0, k, T::Pair::new(key, i), &less);
                worst = q[0].key();
            }
        }
        std_sort_heap(q, &less);
    } else {
        std_nth_element(q, k - 1, &less);
        if sorted {
            std_sort(&mut q[..k - 1], &less);
        }
    }
    for (j, e) in q[..k].iter().enumerate() {
        // SAFETY: `k` elements lie at both results, and positions are below `n`.
        unsafe {
            *(p[0] as *mut T).offset(j as isize * sv) = *x.offset(e.at() as isize * sx);
            *(p[1] as *mut i64).offset(j as isize * si) = e.at() as i64;
        }
    }
    Ok(())
}

/// `x.kthvalue(k, dim)`, `k` counted from 1; `value` and `index` (int64) have the strides of `x`'s dimensions, of which
/// the one along `dim` is not used.
pub fn kthvalue(shape: &[i64], dim: usize, value: Operand, index: Operand, x: Operand, k: i64) -> Result<()> {
    let n = shape.get(dim).copied().unwrap_or(1);
    if k < 1 || k > n {
        bail!(Runtime, "kthvalue(): selected number k out of range for dimension {dim}");
    }
    pick(shape, dim, value, index, x, "kthvalue_cpu", Kth(k as usize - 1))
}

/// `x.median(dim)`: the lower one of two; the first NaN where there is one, unless `skip_nan` (`nanmedian`). Results as for
/// `kthvalue`.
pub fn median(shape: &[i64], dim: usize, value: Operand, index: Operand, x: Operand, skip_nan: bool) -> Result<()> {
    if shape.get(dim) == Some(&0) {
        bail!(
            Index,
            "median() cannot compute median for a dimension of size 0 because the operation does not have an identity"
        );
    }
    pick(shape, dim, value, index, x, "median_out", Median { skip_nan })
}

/// `x.mode(dim)`: the most frequent value, of several the least. Results as for `kthvalue`.
pub fn mode(shape: &[i64], dim: usize, value: Operand, index: Operand, x: Operand) -> Result<()> {
    pick(shape, dim, value, index, x, "mode_cpu", Mode)
}

/// Chooses one element of a line by its pairs; `nan` is the key of NaN where the type has it. Never called with none.
trait Choice: Sync {
    fn choose<K: Keyed>(&self, q: &mut [K], nan: Option<u64>) -> usize;
}

struct Kth(usize);
struct Median {
    skip_nan: bool,
}
struct Mode;

impl Choice for Kth {
    fn choose<K: Keyed>(&self, q: &mut [K], _: Option<u64>) -> usize {
        quick_select(q, self.0);
        q[self.0].at()
    }
}

impl Choice for Median {
    fn choose<K: Keyed>(&self, q: &mut [K], nan: Option<u64>) -> usize {
        let is_nan = |e: &&K| Some(e.key()) == nan;
        let first = q.iter().find(is_nan).map(|e| e.at());
        match first {
            Some(at) if !self.skip_nan => at,
            _ => {
                let nans = if first.is_some() { q.iter().filter(is_nan).count() } else { 0 };
                let k = (q.len() - nans).saturating_sub(1) / 2;
                q.select_nth_unstable(k).1.at()
            }
        }
    }
}

impl Choice for Mode {
    fn choose<K: Keyed>(&self, q: &mut [K], nan: Option<u64>) -> usize {
        std_sort(q, &|a, b| a.key() < b.key());
        let (mut best, mut at, mut run) = (0, 0, 0);
        for i in 0..q.len() {
            run += 1;
            let key = q[i].key();
            if i + 1 == q.len() || q[i + 1].key() != key || Some(key) == nan {
                if run > best {
                    best = run;
                    at = q[i].at();
                }
                run = 0;
            }
        }
        at
    }
}

fn pick<C: Choice>(
    shape: &[i64],
    dim: usize,
    value: Operand,
    index: Operand,
    x: Operand,
    name: &str,
    choice: C,
) -> Result<()> {
    let n = shape.get(dim).copied().unwrap_or(1) as usize;
    if n == 0 {
        return Ok(());
    }
    let sx = step(&x, dim);
    let failure = Failure::default();
    let done = dispatch!(x.dtype, T in REAL => along(shape, dim, &[value, index, x], &|p| {
        let x = p[2] as *const T;
        failure.note(Line::<T>::new(n).map(|mut line| {
            line.load(x, sx, false);
            let nan = T::from_f64(f64::NAN).nan().then(|| T::from_f64(f64::NAN).key());
            let at = choice.choose(line.pairs(), nan);
            // SAFETY: one element lies at each result, and `at` is below `n`.
            unsafe {
                *(p[0] as *mut T) = *x.offset(at as isize * sx);
                *(p[1] as *mut i64) = at as i64;
            }
        }));
    }));
    if done.is_none() {
        bail!(NotImplemented, "\"{name}\" not implemented for '{}'", x.dtype.c10_name());
    }
    failure.result()
}

/// The pairs of one line.
struct Line<T: Real> {
    memory: Scratch<T::Pair>,
    loaded: usize,
}

impl<T: Real> Line<T> {
    fn new(n: usize) -> Result<Line<T>> {
        if n > T::Pair::LIMIT {
            bail!(NotImplemented, "selecting among more than {} elements of this dtype", T::Pair::LIMIT);
        }
        Ok(Line { memory: Scratch::new(n)?, loaded: 0 })
    }

    /// Reads as many elements of `x` as there is room for.
    fn load(&mut self, x: *const T, step: isize, descending: bool) {
        self.loaded = self.memory.len();
        // SAFETY: the callers' lines are at least as long as the memory.
        unsafe { load(x, step, self.loaded, self.memory.ptr(), descending) };
    }

    fn pairs(&mut self) -> &mut [T::Pair] {
        // SAFETY: this many pairs have been written, and the memory is borrowed with `self`.
        unsafe { std::slice::from_raw_parts_mut(self.memory.ptr(), self.loaded) }
    }
}

/// Hoare's selection with the median of three, as PyTorch's `kthvalue` has it: afterwards the k-th is in its place.
fn quick_select<K: Keyed>(q: &mut [K], k: usize) {
    let above = |a: K, b: K| a.key() > b.key();
    if q.len() < 2 {
        return;
    }
    let (mut lo, mut hi) = (0, q.len() - 1);
    while lo < hi {
        if hi == lo + 1 {
            if above(q[lo], q[hi]) {
                q.swap(lo, hi);
            }
            return;
        }
        q.swap((lo + hi) / 2, lo + 1);
        if above(q[lo + 1], q[hi]) {
            q.swap(lo + 1, hi);
        }
        if above(q[lo], q[hi]) {
            q.swap(lo, hi);
        }
        if above(q[lo + 1], q[lo]) {
            q.swap(lo + 1, lo);
        }
        let (mut i, mut j) = (lo + 1, hi);
        let pivot = q[lo];
        loop {
            i += 1;
            while above(pivot, q[i]) {
                i += 1;
            }
            j -= 1;
            while above(q[j], pivot) {
                j -= 1;
            }
            if j < i {
                break;
            }
            q.swap(i, j);
        }
        q.swap(lo, j);
        if j <= k {
            lo = i;
        }
        if j >= k {
            if j == 0 {
                return;
            }
            hi = j - 1;
        }
    }
}

/// A heap hole at `hole` is filled with `value`: the hole sinks to a leaf, the value rises from there.
fn std_adjust_heap<E: Copy>(q: &mut [E], hole: usize, len: usize, value: E, less: &impl Fn(&E, &E) -> bool) {
    let top = hole;
    let mut hole = hole;
    let mut child = hole;
    while len > 0 && child < (len - 1) / 2 {
        child = 2 * (child + 1);
        if less(&q[child], &q[child - 1]) {
            child -= 1;
        }
        q[hole] = q[child];
        hole = child;
    }
    if len & 1 == 0 && len >= 2 && child == (len - 2) / 2 {
        child = 2 * (child + 1);
        q[hole] = q[child - 1];
        hole = child - 1;
    }
    while hole > top {
        let parent = (hole - 1) / 2;
        if !less(&q[parent], &value) {
            break;
        }
        q[hole] = q[parent];
        hole = parent;
    }
    q[hole] = value;
}

fn std_make_heap<E: Copy>(q: &mut [E], less: &impl Fn(&E, &E) -> bool) {
    for parent in (0..q.len() / 2).rev() {
        std_adjust_heap(q, parent, q.len(), q[parent], less);
    }
}

fn std_sort_heap<E: Copy>(q: &mut [E], less: &impl Fn(&E, &E) -> bool) {
    for last in (1..q.len()).rev() {
        let value = q[last];
        q[last] = q[0];
        std_adjust_heap(q, 0, last, value, less);
    }
}

/// The least `k` elements become a heap at the front.
fn std_heap_select<E: Copy>(q: &mut [E], k: usize, less: &impl Fn(&E, &E) -> bool) {
    std_make_heap(&mut q[..k], less);
    for i in k..q.len() {
        if less(&q[i], &q[0]) {
            let value = q[i];
            q[i] = q[0];
            std_adjust_heap(q, 0, k, value, less);
        }
    }
}

fn std_insertion_sort<E: Copy>(q: &mut [E], start: usize, less: &impl Fn(&E, &E) -> bool) {
    for i in start..q.len() {
        let value = q[i];
        let mut at = i;
        while at > 0 && less(&value, &q[at - 1]) {
            q[at] = q[at - 1];
            at -= 1;
        }
        q[at] = value;
    }
}

/// Moves the median of three to the front and splits the rest around it; gives the place of the split.
fn std_partition<E: Copy>(q: &mut [E], less: &impl Fn(&E, &E) -> bool) -> usize {
    let (a, b, c) = (1, q.len() / 2, q.len() - 1);
    let median = if less(&q[a], &q[b]) {
        if less(&q[b], &q[c]) {
            b
        } else if less(&q[a], &q[c]) {
            c
        } else {
            a
        }
    } else if less(&q[a], &q[c]) {
        a
    } else if less(&q[b], &q[c]) {
        c
    } else {
        b
    };
    q.swap(0, median);
    let pivot = q[0];
    let (mut lo, mut hi) = (1, q.len());
    loop {
        while less(&q[lo], &pivot) {
            lo += 1;
        }
        hi -= 1;
        while less(&pivot, &q[hi]) {
            hi -= 1;
        }
        if lo >= hi {
            return lo;
        }
        q.swap(lo, hi);
        lo += 1;
    }
}

fn depth_limit(n: usize) -> u32 {
    2 * n.checked_ilog2().unwrap_or(0)
}

/// Introselect: the k-th element is in its place, no larger one before it, no smaller one behind it.
fn std_nth_element<E: Copy>(q: &mut [E], k: usize, less: &impl Fn(&E, &E) -> bool) {
    let mut depth = depth_limit(q.len());
    let (mut lo, mut hi) = (0, q.len());
    if k >= hi {
        return;
    }
    while hi - lo > 3 {
        if depth == 0 {
            std_heap_select(&mut q[lo..hi], k + 1 - lo, less);
            q.swap(lo, k);
            return;
        }
        depth -= 1;
        let cut = lo + std_partition(&mut q[lo..hi], less);
        if cut <= k {
            lo = cut;
        } else {
            hi = cut;
        }
    }
    std_insertion_sort(&mut q[lo..hi], 1, less);
}

/// Introsort.
fn std_sort<E: Copy>(q: &mut [E], less: &impl Fn(&E, &E) -> bool) {
    std_introsort(q, depth_limit(q.len()), less);
    // Parts of at most 16 elements are still unsorted inside; what lies before each is no larger.
    std_insertion_sort(q, 1, less);
}

fn std_introsort<E: Copy>(q: &mut [E], depth: u32, less: &impl Fn(&E, &E) -> bool) {
    let (mut hi, mut depth) = (q.len(), depth);
    while hi > 16 {
        if depth == 0 {
            std_make_heap(&mut q[..hi], less);
            std_sort_heap(&mut q[..hi], less);
            return;
        }
        depth -= 1;
        let cut = std_partition(&mut q[..hi], less);
        std_introsort(&mut q[cut..hi], depth, less);
        hi = cut;
    }
}
