//! A sparse matrix times a tensor along one dimension: what interpolation and padding by reflection, repetition and in a
//! circle have in common. The transposed matrix gives the gradient.

use super::gemm::lane::Num;
use super::gemm::pack::Load;
use super::gemm::sink::Store;
use super::lines::blocks;
use crate::dtype::{DType, bf16, f16};
use crate::error::Result;
use crate::kernels::Ptr;
use crate::memory::{filled, room};

/// The matrix by rows: row `j` has the columns `index[start[j]..start[j + 1]]` with their weights.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Table {
    pub columns: usize,
    pub start: Vec<usize>,
    pub index: Vec<usize>,
    pub weight: Vec<f64>,
}

impl Table {
    /// Rows from a function that gives the columns and weights of one.
    pub fn new(rows: usize, columns: usize, mut row: impl FnMut(usize, &mut Vec<(usize, f64)>)) -> Result<Table> {
        // All modes but the smooth ones have at most four entries in a row, most have one.
        let mut t = Table { columns, start: room(rows.saturating_add(1))?, index: room(rows)?, weight: room(rows)? };
        t.start.push(0);
        let mut taps = Vec::new();
        for j in 0..rows {
            taps.clear();
            row(j, &mut taps);
            for &(i, w) in taps.iter().filter(|(i, _)| *i < columns) {
                t.index.push(i);
                t.weight.push(w);
            }
            t.start.push(t.index.len());
        }
        Ok(t)
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.start.len() - 1
    }

    /// Rows and columns exchanged; a row's entries stay in the order of the rows that they come from.
    pub fn transposed(&self) -> Result<Table> {
        let mut start = filled(0, self.columns + 1)?;
        for &i in &self.index {
            start[i + 1] += 1;
        }
        for i in 0..self.columns {
            start[i + 1] += start[i];
        }
        let mut next = start.clone();
        let (mut index, mut weight) = (filled(0, self.index.len())?, filled(0.0, self.index.len())?);
        for j in 0..self.rows() {
            for k in self.start[j]..self.start[j + 1] {
                let i = self.index[k];
                index[next[i]] = j;
                weight[next[i]] = self.weight[k];
                next[i] += 1;
            }
        }
        Ok(Table { columns: self.rows(), start, index, weight })
    }
}

/// `y[o, j, i] = sum over k of table[j, k] * x[o, k, i]` for dense `x` `[outer, columns, inner]`.
///
/// # Safety
/// The pointers cover the sizes; `y` overlaps nothing.
pub unsafe fn apply(t: &Table, outer: usize, inner: usize, dtype: DType, x: *const u8, y: *mut u8) -> Result<()> {
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::F32 => run::<f32, f32>(t, outer, inner, x.cast(), y.cast()),
            DType::F64 => run::<f64, f64>(t, outer, inner, x.cast(), y.cast()),
            DType::F16 => run::<f16, f32>(t, outer, inner, x.cast(), y.cast()),
            DType::BF16 => run::<bf16, f32>(t, outer, inner, x.cast(), y.cast()),
            DType::C64 => run::<f32, f32>(t, outer, inner * 2, x.cast(), y.cast()),
            DType::C128 => run::<f64, f64>(t, outer, inner * 2, x.cast(), y.cast()),
            DType::I64 => run::<i64, i64>(t, outer, inner, x.cast(), y.cast()),
            DType::I32 => run::<i32, i32>(t, outer, inner, x.cast(), y.cast()),
            DType::I16 => run::<i16, i32>(t, outer, inner, x.cast(), y.cast()),
            DType::I8 => run::<i8, i32>(t, outer, inner, x.cast(), y.cast()),
            // Bool only ever moves: one entry of weight 1 in each row.
            DType::U8 | DType::Bool => run::<u8, i32>(t, outer, inner, x.cast(), y.cast()),
        }
    }
    Ok(())
}

unsafe fn run<S: Load<T> + Store<T>, T: Num>(t: &Table, outer: usize, inner: usize, x: *const S, y: *mut S) {
    let (rows, cols) = (t.rows(), t.columns);
    let weights: Vec<T> = t.weight.iter().map(|&w| T::of(w)).collect();
    let (x, y) = (Ptr(x.cast_mut()), Ptr(y));
    // Short inner runs make rows of the result the unit of work, long ones single runs.
    let grain = (32768 / inner.max(1)).max(1) as i64;
    blocks((outer * rows) as i64, grain, &|first, end| {
        for r in first as usize..end as usize {
            let (o, j) = (r / rows, r % rows);
            let from = x.get().wrapping_add(o * cols * inner).cast_const();
            let to = y.get().wrapping_add(r * inner);
            let taps = t.start[j]..t.start[j + 1];
            // SAFETY: indices are below `columns`; every row of the result is written by one task.
            unsafe {
                match taps.len() {
                    0 => (0..inner).for_each(|i| to.add(i).write(S::from_sum(T::default()))),
                    1 if weights[taps.start] == T::ONE => {
                        std::ptr::copy_nonoverlapping(from.add(t.index[taps.start] * inner), to, inner);
                    }
                    2 => {
                        let (a, b) = (from.add(t.index[taps.start] * inner), from.add(t.index[taps.start + 1] * inner));
                        let (u, v) = (weights[taps.start], weights[taps.start + 1]);
                        for i in 0..inner {
                            let s = a.add(i).read().load().times(u).plus(b.add(i).read().load().times(v));
                            to.add(i).write(S::from_sum(s));
                        }
                    }
                    _ => {
                        for i in 0..inner {
                            let mut s = T::default();
                            for k in taps.clone() {
                                s = s.plus(from.add(t.index[k] * inner + i).read().load().times(weights[k]));
                            }
                            to.add(i).write(S::from_sum(s));
                        }
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_and_transposed_are_adjoint() {
        let t = Table::new(5, 3, |j, taps| taps.extend([(j / 2, 0.25 + j as f64), ((j + 1) % 3, 0.5)])).expect("table");
        let x: Vec<f64> = (0..24).map(|i| (i * 7 % 11) as f64).collect();
        let v: Vec<f64> = (0..40).map(|i| (i * 5 % 13) as f64).collect();
        let (mut y, mut dx) = (vec![0f64; 40], vec![0f64; 24]);
        // SAFETY: [2, 3, 4] and [2, 5, 4].
        unsafe {
            apply(&t, 2, 4, DType::F64, x.as_ptr().cast(), y.as_mut_ptr().cast()).expect("forward");
            apply(&t.transposed().expect("back"), 2, 4, DType::F64, v.as_ptr().cast(), dx.as_mut_ptr().cast())
                .expect("back");
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        assert!((dot(&y, &v) - dot(&x, &dx)).abs() < 1e-9);
    }
}
