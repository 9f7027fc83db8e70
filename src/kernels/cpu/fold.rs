//! The end of a reduction: the lanes that ran side by side become one number.

/// Folds lanes in halves: lane `j` with lane `j + L / 2`, and so on. `L` is a power of 2, at least 8.
#[inline(always)]
pub(crate) fn fold<T: Copy, const L: usize>(mut lanes: [T; L], f: impl Fn(T, T) -> T) -> T {
    let mut w = L / 2;
    while w >= 8 {
        for j in 0..w {
            lanes[j] = f(lanes[j], lanes[j + w]);
        }
        w /= 2;
    }
    let mut few = [lanes[0]; 8];
    few.copy_from_slice(&lanes[..8]);
    // What follows the whole tree from its root takes the vectors apart into pairs, which costs more than the sum of a
    // row; through memory, the wide steps stay wide.
    std::hint::black_box(&mut few);
    let (a, b) = (f(few[0], few[4]), f(few[2], few[6]));
    let (c, d) = (f(few[1], few[5]), f(few[3], few[7]));
    f(f(a, b), f(c, d))
}
