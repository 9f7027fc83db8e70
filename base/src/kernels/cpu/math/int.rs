//! Integer arithmetic with Python's and PyTorch's rules. Nothing traps: a division by zero gives 0 here, and the machine
//! that runs these reports it as an error.

#[inline(always)]
fn min_over_minus_one(a: i64, b: i64) -> bool {
    a == i64::MIN && b == -1
}

/// 1.5 * 2^52: an integer added to its bits is added to its value.
const MAGIC: f64 = 6755399441055744.0;

/// 0 where |a| is below 2^51 (or a is -2^51).
#[inline(always)]
pub fn beyond(a: i64) -> u64 {
    (a.wrapping_add(1 << 51) as u64) >> 52
}

/// An integer below 2^51 as f64, without a conversion instruction (there is none for 64-bit lanes before AVX-512).
#[inline(always)]
pub fn to_f64(a: i64) -> f64 {
    f64::from_bits((MAGIC.to_bits() as i64).wrapping_add(a) as u64) - MAGIC
}

/// The way back, for whole numbers up to 2^51.
#[inline(always)]
pub fn of_f64(a: f64) -> i64 {
    ((a + MAGIC).to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64)
}

#[inline(always)]
pub fn trunc_div(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_div(b) }
}

#[inline(always)]
pub fn floor_div(a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    if min_over_minus_one(a, b) {
        return a;
    }
    let q = a / b;
    q - ((a % b != 0) && ((a < 0) != (b < 0))) as i64
}

#[inline(always)]
pub fn remainder(a: i64, b: i64) -> i64 {
    if b == 0 {
        return 0;
    }
    let r = a.wrapping_rem(b);
    if r != 0 && ((r < 0) != (b < 0)) { r + b } else { r }
}

#[inline(always)]
pub fn fmod(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

#[inline(always)]
pub fn pow(a: i64, b: i64) -> i64 {
    if b < 0 {
        return match a {
            1 => 1,
            -1 => 1 - 2 * (b & 1),
            _ => 0,
        };
    }
    let (mut base, mut e, mut r) = (a, b as u64, 1i64);
    while e != 0 {
        if e & 1 != 0 {
            r = r.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        e >>= 1;
    }
    r
}

#[inline(always)]
pub fn shl(a: i64, b: i64) -> i64 {
    if (b as u64) < 64 { a.wrapping_shl(b as u32) } else { 0 }
}

#[inline(always)]
pub fn shr(a: i64, b: i64) -> i64 {
    a >> (if (b as u64) < 64 { b } else { 63 })
}
