//! Complex products by the real engine.

use super::engine::{Job, Out, Sink};
use super::micro::Native;
use super::pack::{Source, Strided};
use super::{B_LIMIT, Item};
use crate::device::cpu::isa::Isa;
use crate::dtype::{C32, C64};
use crate::error::Result;

/// A complex matrix as a real one. `C = A B` over complex numbers is a real product of A with its parts interleaved
/// along k (`parts`: re, im) and B twice (`(re, im)` for the even k, `(-im, re)` for the odd), whose result is C with its
/// parts interleaved along the columns: four real multiplications each, none wasted.
struct ComplexRows<T> {
    ptr: *const T,
    /// Distances in complex elements.
    js: isize,
    ks: isize,
    isa: Isa,
}

/// The other operand; columns count parts too.
struct ComplexCols<T> {
    ptr: *const T,
    /// Distances in complex elements.
    js: isize,
    ks: isize,
}

// SAFETY: as for `Strided`.
unsafe impl<T> Sync for ComplexRows<T> {}
// SAFETY: as for `Strided`.
unsafe impl<T> Sync for ComplexCols<T> {}

macro_rules! complex {
    ($t:ty, $c:ty) => {
        impl Source<$t> for ComplexRows<$t> {
            unsafe fn pack(&self, dst: *mut $t, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
                if self.ks == 1 {
                    // The parts lie as they are wanted: a real matrix.
                    let real = Strided::<$t> { ptr: self.ptr, js: 2 * self.js, ks: 1, isa: self.isa };
                    // SAFETY: the same elements.
                    unsafe { real.pack(dst, width, j0, cols, k0, kc) };
                    return;
                }
                for k in 0..kc {
                    let (step, part) = ((k0 + k) / 2, (k0 + k) % 2);
                    for j in 0..width {
                        let o = (j0 + j) as isize * self.js + step as isize * self.ks;
                        // SAFETY: the caller vouches for the ranges.
                        unsafe {
                            let v = if j < cols { self.ptr.offset(2 * o).add(part).read() } else { 0.0 };
                            dst.add(k * width + j).write(v);
                        }
                    }
                }
            }
        }
        impl Source<$t> for ComplexCols<$t> {
            unsafe fn pack(&self, dst: *mut $t, width: usize, j0: usize, cols: usize, k0: usize, kc: usize) {
                for k in 0..kc {
                    let (step, odd) = ((k0 + k) / 2, (k0 + k) % 2 == 1);
                    for j in (0..width).step_by(2) {
                        let o = ((j0 + j) / 2) as isize * self.js + step as isize * self.ks;
                        // SAFETY: the caller vouches for the ranges; widths and columns are even.
                        unsafe {
                            let d = dst.add(k * width + j);
                            let (re, im) = if j < cols {
                                let c = self.ptr.cast::<$c>().offset(o).read();
                                (c.re, c.im)
                            } else {
                                (0.0, 0.0)
                            };
                            d.write(if odd { -im } else { re });
                            d.add(1).write(if odd { re } else { im });
                        }
                    }
                }
            }
        }
    };
}
complex!(f32, C32);
complex!(f64, C64);

macro_rules! product {
    ($name:ident, $t:ty) => {
        /// One complex product.
        pub(super) unsafe fn $name(it: &Item) -> Result<()> {
            let a = ComplexRows::<$t> { ptr: it.a.ptr.cast(), js: it.a.rs, ks: it.a.cs, isa: it.isa };
            let b = ComplexCols::<$t> { ptr: it.b.ptr.cast(), js: it.b.cs, ks: it.b.rs };
            let sink = ComplexSink::<$t> {
                ptr: it.c.ptr.cast(),
                rs: it.c.rs,
                cs: it.c.cs,
                alpha: it.alpha as $t,
                beta: it.beta as $t,
                row_bias: (it.row_bias.0.cast(), it.row_bias.1),
                col_bias: (it.col_bias.0.cast(), it.col_bias.1),
            };
            let out = Out::sink(&sink);
            let kern = <$t>::kernels(it.isa);
            Job { kern, m: it.m, n: 2 * it.n, k: 2 * it.k, a: &a, b: &b, out, limit: B_LIMIT }.run()
        }

        impl Sink<$t> for ComplexSink<$t> {
            unsafe fn put(&self, tile: *const $t, rs: usize, i0: usize, rows: usize, j0: usize, cols: usize) {
                for i in 0..rows {
                    for j in (0..cols).step_by(2) {
                        let (row, col) = ((i0 + i) as isize, ((j0 + j) / 2) as isize);
                        // SAFETY: the range lies inside C; columns come in pairs, for panels are even.
                        unsafe {
                            let t = tile.add(i * rs + j);
                            let p = self.ptr.offset(2 * (row * self.rs + col * self.cs));
                            for part in 0..2 {
                                let mut x = t.add(part).read() * self.alpha;
                                if self.beta != 0.0 {
                                    x += self.beta * p.add(part).read();
                                }
                                if !self.row_bias.0.is_null() {
                                    x += self.row_bias.0.offset(2 * row * self.row_bias.1).add(part).read();
                                }
                                if !self.col_bias.0.is_null() {
                                    x += self.col_bias.0.offset(2 * col * self.col_bias.1).add(part).read();
                                }
                                p.add(part).write(x);
                            }
                        }
                    }
                }
            }
        }
    };
}

/// Writes interleaved parts; strides in complex elements.
struct ComplexSink<T> {
    ptr: *mut T,
    rs: isize,
    cs: isize,
    alpha: T,
    beta: T,
    row_bias: (*const T, isize),
    col_bias: (*const T, isize),
}

// SAFETY: addresses and numbers; tasks write different elements.
unsafe impl<T> Sync for ComplexSink<T> {}

product!(complex_f32, f32);
product!(complex_f64, f64);
