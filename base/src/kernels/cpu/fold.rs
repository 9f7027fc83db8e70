//! The end of a reduction: the lanes that ran side by side become one number.

/// Folds lanes in halves: lane `j` with lane `j + L / 2`, and so on. `L` is 8, 16, 32 or 64.
#[inline(always)]
pub(crate) fn fold<T: Copy, const L: usize>(l: [T; L], f: impl Fn(T, T) -> T) -> T {
    const { assert!(L == 8 || L == 16 || L == 32 || L == 64) };
    let mut few = [l[0]; 8];
    for (j, x) in few.iter_mut().enumerate() {
        // Written out, with no array that changes: one that does would live in memory all through the sum.
        let two = |j: usize| f(l[j], l[(j + L / 2) % L]);
        let four = |j: usize| f(two(j), two((j + L / 4) % L));
        *x = match L {
            8 => l[j],
            16 => two(j),
            32 => four(j),
            _ => f(four(j), four((j + L / 8) % L)),
        };
    }
    // What follows the whole tree from its root takes the vectors apart into pairs, which costs more than the sum of a
    // row; through memory, the wide steps stay wide.
    std::hint::black_box(&mut few);
    let (a, b) = (f(few[0], few[4]), f(few[2], few[6]));
    let (c, d) = (f(few[1], few[5]), f(few[3], few[7]));
    f(f(a, b), f(c, d))
}
