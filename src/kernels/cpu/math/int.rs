//! Integer arithmetic with Python's and PyTorch's rules. Nothing traps: a division by zero gives 0 here, and the machine
//! that runs these reports it as an error.

#[inline(always)]
fn min_over_minus_one(a: i64, b: i64) -> bool {
    a == i64::MIN && b == -1
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
