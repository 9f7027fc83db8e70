//! An image as an operand of a product: the packer reads pixels where im2col would have copied them.

use crate::device::cpu::isa::Isa;
use crate::kernels::cpu::gemm::engine::Sink;
use crate::kernels::cpu::gemm::lane::Num;
use crate::kernels::cpu::gemm::pack::{Load, Source, Strided};
use crate::kernels::cpu::gemm::sink::{Store, convert};
use std::any::TypeId;

/// Images whose pixels, shifted by taps, are the operand: columns are the pixels of a grid over all images, steps of k
/// are (channel, tap). What lies outside an image is zero.
pub(super) struct Image<S> {
    pub ptr: *const S,
    /// Depth, height, width of an image; its channels lie one behind the other.
    pub size: [usize; 3],
    /// Distance of images.
    pub image: usize,
    /// The grid of pixels, the distance of its steps in the image.
    pub grid: [usize; 3],
    pub step: [usize; 3],
    /// Where each tap looks, from a grid point.
    pub taps: Vec<[isize; 3]>,
    pub isa: Isa,
}

// SAFETY: an address and numbers; the caller of `pack` vouches for the memory.
unsafe impl<S> Sync for Image<S> {}

/// A run of pixels of one row of the grid.
#[derive(Clone, Copy)]
struct Run {
    col: usize,
    len: usize,
    image: usize,
    at: [isize; 3],
}

impl<S> Image<S> {
    fn pixels(&self) -> usize {
        self.grid.iter().product()
    }

    /// The run that begins at pixel `p`, of at most `most` pixels.
    #[inline(always)]
    fn run(&self, p: usize, most: usize) -> Run {
        let g = self.grid;
        let (image, r) = (p / self.pixels(), p % self.pixels());
        let (z, y, x) = (r / (g[1] * g[2]), r / g[2] % g[1], r % g[2]);
        let at = [(z * self.step[0]) as isize, (y * self.step[1]) as isize, (x * self.step[2]) as isize];
        Run { col: 0, len: most.min(g[2] - x), image: image * self.image, at }
    }

    /// The row of the image that a run sees through a tap, if there is one, and where in it the run begins.
    #[inline(always)]
    fn row(&self, run: &Run, channel: usize, tap: [isize; 3]) -> Option<(*const S, isize)> {
        let (z, y) = (run.at[0] + tap[0], run.at[1] + tap[1]);
        if z < 0 || y < 0 || z as usize >= self.size[0] || y as usize >= self.size[1] {
            return None;
        }
        let row = (channel * self.size[0] + z as usize) * self.size[1] + y as usize;
        Some((self.ptr.wrapping_add(run.image + row * self.size[2]), run.at[2] + tap[2]))
    }
}

/// How a run of a row is copied: `dst[i] = row[x + i * step]`, zero outside `0..w`.
trait Copier<S, T> {
    /// # Safety
    /// `row` has `w` elements, `dst` room for `len`; the instruction set is there.
    unsafe fn copy(dst: *mut T, row: *const S, x: isize, step: usize, w: usize, len: usize);
}

struct PlainCopy;

impl<S: Load<T>, T: Num> Copier<S, T> for PlainCopy {
    #[inline(always)]
    unsafe fn copy(dst: *mut T, row: *const S, x: isize, step: usize, w: usize, len: usize) {
        let first = if x < 0 { (-x) as usize } else { 0 }.div_ceil(step).min(len);
        let room = w as isize - x;
        let end = if room <= 0 { 0 } else { (room as usize).div_ceil(step) }.clamp(first, len);
        // SAFETY: indices `first..end` lie inside the row, by the lines above.
        unsafe {
            for i in 0..first {
                dst.add(i).write(T::default());
            }
            let s = row.wrapping_offset(x);
            if step == 1 {
                for i in first..end {
                    dst.add(i).write(s.add(i).read().load());
                }
            } else {
                for i in first..end {
                    dst.add(i).write(s.add(i * step).read().load());
                }
            }
            for i in end..len {
                dst.add(i).write(T::default());
            }
        }
    }
}

/// Lanes 0..16 of positions `at..at + 16` that lie in `0..w`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn lanes_inside(at: isize, w: isize) -> u16 {
    let low = (-at).clamp(0, 16) as u32;
    let high = (w - at).clamp(0, 16) as u32;
    (((1u32 << high) - 1) & !((1u32 << low) - 1)) as u16
}

#[cfg(target_arch = "x86_64")]
struct Avx512Copy;

#[cfg(target_arch = "x86_64")]
impl Copier<f32, f32> for Avx512Copy {
    #[inline(always)]
    unsafe fn copy(dst: *mut f32, row: *const f32, x: isize, step: usize, w: usize, len: usize) {
        use lanes_inside as inside;
        use std::arch::x86_64::*;
        if step > 2 {
            // SAFETY: the caller's.
            return unsafe { <PlainCopy as Copier<f32, f32>>::copy(dst, row, x, step, w, len) };
        }
        let w = w as isize;
        let mut i = 0;
        while i < len {
            let n = (len - i).min(16);
            let keep = ((1u32 << n) - 1) as u16;
            // SAFETY: masked lanes are not touched; the others lie inside the row and the destination.
            unsafe {
                let v = if step == 1 {
                    let at = x + i as isize;
                    _mm512_maskz_loadu_ps(inside(at, w) & keep, row.wrapping_offset(at))
                } else {
                    let at = x + 2 * i as isize;
                    let a = _mm512_maskz_loadu_ps(inside(at, w), row.wrapping_offset(at));
                    let b = _mm512_maskz_loadu_ps(inside(at + 16, w), row.wrapping_offset(at + 16));
                    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                    _mm512_permutex2var_ps(a, even, b)
                };
                _mm512_mask_storeu_ps(dst.add(i), keep, v);
            }
            i += 16;
        }
    }
}

/// Widest panel.
const WIDEST: usize = 64;

#[inline(always)]
unsafe fn pack_pixels<S: Load<T>, T: Num, C: Copier<S, T>>(
    im: &Image<S>,
    dst: *mut T,
    width: usize,
    j0: usize,
    cols: usize,
    k0: usize,
    kc: usize,
) {
    let mut runs = [Run { col: 0, len: 0, image: 0, at: [0; 3] }; WIDEST];
    let (mut count, mut j) = (0, 0);
    while j < cols && count < WIDEST {
        runs[count] = Run { col: j, ..im.run(j0 + j, cols - j) };
        j += runs[count].len;
        count += 1;
    }
    let (mut channel, mut tap) = (k0 / im.taps.len(), k0 % im.taps.len());
    for k in 0..kc {
        // SAFETY: runs lie inside the panel's row; rows inside the image.
        unsafe {
            let d = dst.add(k * width);
            for run in &runs[..count] {
                match im.row(run, channel, im.taps[tap]) {
                    Some((row, x)) => C::copy(d.add(run.col), row, x, im.step[2], im.size[2], run.len),
                    None => {
                        for i in run.col..run.col + run.len {
                            d.add(i).write(T::default());
                        }
                    }
                }
            }
            for i in cols..width {
                d.add(i).write(T::default());
            }
        }
        tap += 1;
        if tap == im.taps.len() {
            tap = 0;
            channel += 1;
        }
    }
}

/// Sixteen columns of a panel that lie in one row of the grid.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Piece {
    col: usize,
    /// Columns of the sixteen that count.
    len: usize,
    image: usize,
    at: [isize; 3],
}

/// What a piece reads through a tap: where (from the channel's first pixel), and which lanes lie inside the image.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Look {
    from: isize,
    low: u16,
    high: u16,
}

/// Looks that are worked out before a panel is packed, so that a step of k is loads and stores only.
#[cfg(target_arch = "x86_64")]
const LOOKS: usize = 1536;

/// Packs with steps of 1 or 2 along a row.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
unsafe fn pack_pixels_avx512<const STEP: usize>(
    im: &Image<f32>,
    dst: *mut f32,
    width: usize,
    j0: usize,
    cols: usize,
    k0: usize,
    kc: usize,
) {
    use std::arch::x86_64::*;
    let mut pieces = [Piece { col: 0, len: 0, image: 0, at: [0; 3] }; WIDEST];
    let (mut count, mut j) = (0, 0);
    while j < cols && count < WIDEST {
        let run = im.run(j0 + j, cols - j);
        let mut i = 0;
        while i < run.len && count < WIDEST {
            let at = [run.at[0], run.at[1], run.at[2] + (i * STEP) as isize];
            pieces[count] = Piece { col: j + i, len: (run.len - i).min(16), image: run.image, at };
            i += 16;
            count += 1;
        }
        j += run.len;
    }
    // Zeros behind the columns.
    let mut j = pieces[count.max(1) - 1].col + 16;
    while j < width && count < WIDEST {
        pieces[count] = Piece { col: j, len: 0, image: 0, at: [0; 3] };
        j += 16;
        count += 1;
    }
    let taps = im.taps.len();
    if taps * count > LOOKS || kc <= taps {
        // Too many, or each would be used once.
        // SAFETY: the caller's, and the features are enabled here.
        return unsafe { pack_pixels::<f32, f32, Avx512Copy>(im, dst, width, j0, cols, k0, kc) };
    }
    let mut room = std::mem::MaybeUninit::<[Look; LOOKS]>::uninit();
    let looks = room.as_mut_ptr().cast::<Look>();
    let w = im.size[2] as isize;
    for (t, tap) in im.taps.iter().enumerate() {
        for (i, p) in pieces[..count].iter().enumerate() {
            let (z, y, x) = (p.at[0] + tap[0], p.at[1] + tap[1], p.at[2] + tap[2]);
            let keep = ((1u32 << p.len) - 1) as u16;
            let mut look = Look { from: p.image as isize, low: 0, high: 0 };
            if z >= 0 && y >= 0 && (z as usize) < im.size[0] && (y as usize) < im.size[1] && keep != 0 {
                look.from += (z * im.size[1] as isize + y) * w + x;
                // Lanes that are not kept may be read (they lie inside the row), but are not counted with step 1.
                look.low = if STEP == 1 { lanes_inside(x, w) & keep } else { lanes_inside(x, w) };
                look.high = lanes_inside(x + 16, w);
            }
            // SAFETY: `taps * count` looks have room.
            unsafe { looks.add(t * count + i).write(look) };
        }
    }
    let plane = im.size[0] * im.size[1] * im.size[2];
    let (mut channel, mut tap) = (k0 / taps, k0 % taps);
    for k in 0..kc {
        let from = im.ptr.wrapping_add(channel * plane);
        // SAFETY: masked lanes are neither read nor written; the others lie inside the image and the panel's row, or (a
        // store past its piece) in the part of this row that a later piece writes.
        unsafe {
            let d = dst.add(k * width);
            let row = looks.add(tap * count).cast_const();
            for i in 0..count {
                let look = &*row.add(i);
                let p = from.wrapping_offset(look.from);
                let mut v = _mm512_maskz_loadu_ps(look.low, p);
                if STEP == 2 {
                    let b = _mm512_maskz_loadu_ps(look.high, p.wrapping_add(16));
                    let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
                    v = _mm512_permutex2var_ps(v, even, b);
                }
                let col = pieces.get_unchecked(i).col;
                if col + 16 <= width {
                    _mm512_storeu_ps(d.add(col), v);
                } else {
                    _mm512_mask_storeu_ps(d.add(col), ((1u32 << (width - col)) - 1) as u16, v);
                }
            }
            if STEP == 2 {
                // Lanes past the columns hold what the row held.
                for c in cols..width.min(cols + 16) {
                    d.add(c).write(0.0);
                }
            }
        }
        tap += 1;
        if tap == taps {
            tap = 0;
            channel += 1;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,f16c")]
unsafe fn pack_pixels_avx2<S: Load<T>, T: Num>(
    im: &Image<S>,
    dst: *mut T,
    width: usize,
    j0: usize,
    cols: usize,
    k0: usize,
    kc: usize,
) {
    // SAFETY: the caller's.
    unsafe { pack_pixels::<S, T, PlainCopy>(im, dst, width, j0, cols, k0, kc) }
}

impl<S: Load<T>, T: Num> Source<T> for Image<S> {
    unsafe fn pack(&self, dst: *mut T, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
        // SAFETY: the caller vouches for the ranges; types were compared and features found at run time.
        unsafe {
            #[cfg(target_arch = "x86_64")]
            if self.isa == Isa::Avx512 && TypeId::of::<S>() == TypeId::of::<f32>() {
                let im = &*std::ptr::from_ref(self).cast::<Image<f32>>();
                match im.step[2] {
                    1 => return pack_pixels_avx512::<1>(im, dst.cast(), width, j0, cols, k0, kc),
                    2 => return pack_pixels_avx512::<2>(im, dst.cast(), width, j0, cols, k0, kc),
                    _ => {}
                }
            }
            #[cfg(target_arch = "x86_64")]
            if self.isa >= Isa::Avx2 {
                return pack_pixels_avx2(self, dst, width, j0, cols, k0, kc);
            }
            pack_pixels::<S, T, PlainCopy>(self, dst, width, j0, cols, k0, kc);
        }
    }
}

/// The same image the other way round: columns are (channel, tap), steps of k are pixels.
pub(super) struct Turned<'a, S>(pub &'a Image<S>);

/// Pixels gathered at a time before they are turned.
const SPAN: usize = 256;

#[inline(always)]
unsafe fn gather<S: Load<T>, T: Num, C: Copier<S, T>>(im: &Image<S>, dst: *mut T, col: usize, runs: &[Run]) {
    let (channel, tap) = (col / im.taps.len(), im.taps[col % im.taps.len()]);
    for run in runs {
        // SAFETY: the run lies inside the destination; the row inside the image.
        unsafe {
            match im.row(run, channel, tap) {
                Some((row, x)) => C::copy(dst.add(run.col), row, x, im.step[2], im.size[2], run.len),
                None => std::ptr::write_bytes(dst.add(run.col), 0, run.len),
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
unsafe fn gather_avx512(im: &Image<f32>, dst: *mut f32, col: usize, runs: &[Run]) {
    // SAFETY: the caller's, and the features are enabled here.
    unsafe { gather::<f32, f32, Avx512Copy>(im, dst, col, runs) }
}

impl<S: Load<T>, T: Num + Load<T>> Source<T> for Turned<'_, S> {
    unsafe fn pack(&self, dst: *mut T, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
        let im = self.0;
        let mut room = std::mem::MaybeUninit::<[u64; 8 * SPAN]>::uninit();
        let rows = room.as_mut_ptr().cast::<T>();
        let mut runs_room = std::mem::MaybeUninit::<[Run; SPAN]>::uninit();
        let mut k = 0;
        while k < kc {
            let n = SPAN.min(kc - k);
            // The runs of these pixels, the same for all columns.
            let first = runs_room.as_mut_ptr().cast::<Run>();
            let (mut count, mut j) = (0, 0);
            while j < n {
                let run = Run { col: j, ..im.run(k0 + k + j, n - j) };
                // SAFETY: at most one run per pixel, and `n` pixels at most `SPAN`.
                unsafe { first.add(count).write(run) };
                j += run.len;
                count += 1;
            }
            // SAFETY: `count` runs were written.
            let runs = unsafe { std::slice::from_raw_parts(first, count) };
            let mut j = 0;
            while j < width {
                let have = cols.saturating_sub(j).min(8);
                // SAFETY: eight rows of SPAN elements of at most 8 bytes; the panel is the caller's.
                unsafe {
                    for c in 0..have {
                        let d = rows.add(c * SPAN);
                        #[cfg(target_arch = "x86_64")]
                        if im.isa == Isa::Avx512 && TypeId::of::<S>() == TypeId::of::<f32>() {
                            let im = &*std::ptr::from_ref(im).cast::<Image<f32>>();
                            gather_avx512(im, d.cast(), j0 + j + c, runs);
                            continue;
                        }
                        gather::<S, T, PlainCopy>(im, d, j0 + j + c, runs);
                    }
                    let part = (width - j).min(8);
                    // Eight columns into their place in the panel.
                    let from = Strided::<T> { ptr: rows, js: SPAN as isize, ks: 1, isa: im.isa };
                    from.pack_into(dst.add(k * width + j), width, part, have, n);
                }
                j += 8;
            }
            k += n;
        }
    }
}

/// Rows of `[image][channel][pixel]` memory with k running over the pixels of all images.
pub(super) struct Planes<S> {
    pub ptr: *const S,
    pub pixels: usize,
    /// Distance of images.
    pub image: usize,
    pub isa: Isa,
}

// SAFETY: as for `Image`.
unsafe impl<S> Sync for Planes<S> {}

impl<S: Load<T>, T: Num> Source<T> for Planes<S> {
    unsafe fn pack(&self, dst: *mut T, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
        let mut k = 0;
        while k < kc {
            let (image, p) = ((k0 + k) / self.pixels, (k0 + k) % self.pixels);
            let n = (self.pixels - p).min(kc - k);
            let ptr = self.ptr.wrapping_add(image * self.image);
            let m = Strided::<S> { ptr, js: self.pixels as isize, ks: 1, isa: self.isa };
            // SAFETY: the caller's range, one image at a time.
            unsafe { m.pack(dst.add(k * width), width, j0, cols, p, n) };
            k += n;
        }
    }
}

/// Weights `[k channel][row][tap]` where k runs over (channel, some of the taps).
pub(super) struct TapWeights<'a, S> {
    pub ptr: *const S,
    /// Distance of channels; rows lie `taps` apart.
    pub channel: usize,
    pub taps: usize,
    pub which: &'a [usize],
}

// SAFETY: as for `Image`.
unsafe impl<S> Sync for TapWeights<'_, S> {}

impl<S: Load<T>, T: Num> Source<T> for TapWeights<'_, S> {
    unsafe fn pack(&self, dst: *mut T, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
        let n = self.which.len();
        let mut k = 0;
        while k < kc {
            let (channel, t) = ((k0 + k) / n, (k0 + k) % n);
            let run = (n - t).min(kc - k);
            for j in 0..width {
                // SAFETY: the caller's range.
                unsafe {
                    let from = self.ptr.wrapping_add(channel * self.channel + (j0 + j) * self.taps);
                    for i in 0..run {
                        let v = if j < cols { from.add(self.which[t + i]).read().load() } else { T::default() };
                        dst.add((k + i) * width + j).write(v);
                    }
                }
            }
            k += run;
        }
    }
}

/// A product of columns that run over later ones of `from`: k begins at `first`.
pub(super) struct Later<'a, T> {
    pub from: &'a dyn Source<T>,
    pub first: usize,
}

impl<T> Source<T> for Later<'_, T> {
    unsafe fn pack(&self, dst: *mut T, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
        // SAFETY: the caller's range, shifted.
        unsafe { self.from.pack(dst, width, j0, cols, self.first + k0, kc) }
    }
}

/// Writes channels x pixels where pixels are a grid over all images.
pub(super) struct Grid<S> {
    pub ptr: *mut S,
    pub grid: [usize; 3],
    /// Distances of the grid's steps, of channels, of images.
    pub step: [usize; 3],
    pub channel: usize,
    pub image: usize,
    /// Null, or one per channel.
    pub bias: *const S,
}

// SAFETY: addresses and numbers; tasks write different pixels.
unsafe impl<S> Sync for Grid<S> {}

impl<S: Store<T>, T: Num> Sink<T> for Grid<S> {
    unsafe fn put(&self, tile: *const T, rs: usize, i0: usize, rows: usize, j0: usize, cols: usize) {
        let g = self.grid;
        let pixels = g[0] * g[1] * g[2];
        let mut j = 0;
        while j < cols {
            let (image, r) = ((j0 + j) / pixels, (j0 + j) % pixels);
            let (z, y, x) = (r / (g[1] * g[2]), r / g[2] % g[1], r % g[2]);
            let n = (g[2] - x).min(cols - j);
            let at = image * self.image + z * self.step[0] + y * self.step[1] + x * self.step[2];
            for i in 0..rows {
                // SAFETY: the range lies inside the result; the tile covers it.
                unsafe {
                    let d = self.ptr.add(at + (i0 + i) * self.channel);
                    let s = tile.add(i * rs + j);
                    if self.bias.is_null() && self.step[2] == 1 {
                        convert(s, d, n);
                        continue;
                    }
                    let b = if self.bias.is_null() { T::default() } else { self.bias.add(i0 + i).read().to_sum() };
                    for c in 0..n {
                        d.add(c * self.step[2]).write(S::from_sum(s.add(c).read().plus(b)));
                    }
                }
            }
            j += n;
        }
    }
}
