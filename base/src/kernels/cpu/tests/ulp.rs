//! How far the functions are from the truth, for each instruction set of the machine.

use crate::device::cpu::isa::{self, Isa};
use crate::kernels::cpu::math::{Form, kernel_for};
use crate::kernels::program::{Compute, Prim};

fn isas() -> Vec<Isa> {
    [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|i| *i <= isa::best()).collect()
}

fn ulp32(got: f32, want: f64) -> f64 {
    let w = want as f32;
    if got.is_nan() || w.is_nan() {
        return if got.is_nan() && w.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got == w {
        return if got == 0.0 && got.is_sign_negative() != w.is_sign_negative() {
            f64::INFINITY
        } else {
            ((got as f64 - want) / unit32(want)).abs().min(0.5)
        };
    }
    if w.is_infinite() && got == f32::MAX.copysign(w) || got.is_infinite() && w.abs() == f32::MAX {
        return 1.0;
    }
    if got.is_infinite() || w.is_infinite() {
        return f64::INFINITY;
    }
    ((got as f64 - want) / unit32(want)).abs()
}

fn unit32(x: f64) -> f64 {
    let e = if x == 0.0 { -126 } else { libm::ilogb(x).max(-126) };
    libm::scalbn(1.0, e - 23)
}

fn sweep() -> Vec<f32> {
    let mut v: Vec<f32> = vec![
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        2.0,
        f32::MIN_POSITIVE,
        1e-45,
        -1e-45,
        f32::MAX,
        f32::MIN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        88.72283,
        88.72284,
        -87.33,
        -103.9,
        -104.1,
        127.99,
        128.0,
        -149.0,
        -150.1,
        16777216.0,
        0.99999994,
        1.0000001,
    ];
    let mut b = 0u32;
    while b < 0x7f80_0000 {
        v.push(f32::from_bits(b));
        v.push(-f32::from_bits(b));
        b += 8191;
    }
    for i in 0..400_000 {
        v.push((i as f32 - 200_000.0) * 0.000_53);
        v.push((i as f32 - 200_000.0) * 1.3e-5);
    }
    v
}

fn run32(isa: Isa, prim: Prim, a: &[f32], b: &[f32]) -> Vec<f32> {
    let k = kernel_for(isa, Compute::F32, prim, Form::VV).unwrap();
    let mut o = vec![0f32; a.len()];
    // SAFETY: three vectors of one length.
    unsafe {
        k(o.as_mut_ptr() as *mut u8, a.as_ptr() as *const u8, b.as_ptr() as *const u8, a.as_ptr() as *const u8, a.len())
    };
    o
}

fn digits(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn f32_functions() {
    let x = sweep();
    let mut bad = vec![];
    let table: &[(Prim, fn(f64) -> f64, f64)] = &[
        (Prim::Exp, libm::exp, 1.5),
        (Prim::Exp2, libm::exp2, 1.5),
        (Prim::Expm1, libm::expm1, 2.0),
        (Prim::Log, libm::log, 1.5),
        (Prim::Log2, libm::log2, 1.0),
        (Prim::Log10, libm::log10, 1.0),
        (Prim::Log1p, libm::log1p, 1.0),
        (Prim::Sin, libm::sin, 1.0),
        (Prim::Cos, libm::cos, 1.0),
        (Prim::Tan, libm::tan, 1.0),
        (Prim::Asin, libm::asin, 1.0),
        (Prim::Acos, libm::acos, 1.0),
        (Prim::Atan, libm::atan, 1.0),
        (Prim::Sinh, libm::sinh, 1.0),
        (Prim::Cosh, libm::cosh, 1.0),
        (Prim::Tanh, libm::tanh, 2.0),
        (Prim::Asinh, libm::asinh, 1.0),
        (Prim::Acosh, |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) }, 1.0),
        (Prim::Atanh, libm::atanh, 1.0),
        (Prim::Sigmoid, digits, 2.0),
        (Prim::Erf, libm::erf, 2.0),
        (Prim::Erfc, libm::erfc, 1.0),
        (Prim::Rsqrt, |x| 1.0 / x.sqrt(), 1.5),
    ];
    for isa in isas() {
        for &(prim, truth, limit) in table {
            let y = run32(isa, prim, &x, &x);
            let (mut worst, mut at) = (0.0, 0.0);
            for (a, g) in x.iter().zip(&y) {
                let u = ulp32(*g, truth(*a as f64));
                if u > worst {
                    (worst, at) = (u, *a);
                }
            }
            println!("{isa:?} f32 {prim:?}: {worst:.3} ulp at {at:e}");
            if worst > limit {
                bad.push(format!("{isa:?} {prim:?} {worst} at {at:e} got {:?}", run32(isa, prim, &[at], &[at])));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn f32_pow() {
    let mut a = vec![];
    let mut b = vec![];
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        2.0,
        -2.0,
        0.5,
        -0.5,
        3.0,
        -3.0,
        1e10,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1e-40,
        8388609.0,
        -8388609.0,
        16777216.0,
        2.5,
        -2.5,
        0.99999994,
        f32::MAX,
    ];
    for x in special {
        for y in special {
            a.push(x);
            b.push(y);
        }
    }
    for i in 0..200_000 {
        let t = i as f32 * 0.618_034;
        a.push((t - t.floor()) * 20.0 - if i % 3 == 0 { 10.0 } else { 0.0 });
        b.push(if i % 3 == 0 { (i % 41) as f32 - 20.0 } else { (i as f32 * 0.001) % 77.0 - 38.0 });
    }
    for isa in isas() {
        let y = run32(isa, Prim::Pow, &a, &b);
        let mut worst = 0.0;
        for i in 0..a.len() {
            let u = ulp32(y[i], libm::pow(a[i] as f64, b[i] as f64));
            assert!(u <= 1.0, "{isa:?} pow({}, {}) = {} off by {u}", a[i], b[i], y[i]);
            worst = u.max(worst);
        }
        println!("{isa:?} f32 Pow: {worst:.3} ulp");
    }
}

fn ulp64(got: f64, want: f64) -> f64 {
    if got.is_nan() || want.is_nan() {
        return if got.is_nan() && want.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got == want {
        return if got == 0.0 && got.is_sign_negative() != want.is_sign_negative() { f64::INFINITY } else { 0.0 };
    }
    if got.is_infinite() && want.abs() == f64::MAX || want.is_infinite() && got.abs() == f64::MAX {
        return 1.0;
    }
    let e = if want == 0.0 { -1022 } else { libm::ilogb(want).max(-1022) };
    // In two steps: the unit of a small number may be denormal.
    ((got - want).abs() * libm::scalbn(1.0, 52 - e.max(-900))) * libm::scalbn(1.0, e.max(-900) - e)
}

/// Against libm, which is itself within 1 ulp, so the limits are 1 wider than the distance from the truth.
#[test]
fn f64_functions() {
    let mut x: Vec<f64> = sweep().iter().map(|&v| v as f64 * 1.000000123).collect();
    x.extend([
        0.0,
        -0.0,
        1.0,
        -1.0,
        709.78,
        709.79,
        -745.1,
        -745.2,
        f64::MAX,
        5e-324,
        f64::MIN_POSITIVE,
        1e300,
        -1e300,
    ]);
    let table: &[(Prim, fn(f64) -> f64)] = &[
        (Prim::Exp, libm::exp),
        (Prim::Exp2, libm::exp2),
        (Prim::Expm1, libm::expm1),
        (Prim::Log, libm::log),
        (Prim::Log2, libm::log2),
        (Prim::Log10, libm::log10),
        (Prim::Log1p, libm::log1p),
        (Prim::Sin, libm::sin),
        (Prim::Cos, libm::cos),
        (Prim::Tanh, libm::tanh),
        (Prim::Atan, libm::atan),
        (Prim::Erf, libm::erf),
    ];
    let mut bad = vec![];
    for isa in isas() {
        for &(prim, truth) in table {
            let k = kernel_for(isa, Compute::F64, prim, Form::VV).unwrap();
            let mut y = vec![0f64; x.len()];
            // SAFETY: two vectors of one length.
            unsafe {
                k(
                    y.as_mut_ptr() as *mut u8,
                    x.as_ptr() as *const u8,
                    x.as_ptr() as *const u8,
                    x.as_ptr() as *const u8,
                    x.len(),
                )
            };
            let (mut worst, mut at, mut got) = (0.0, 0.0, 0.0);
            for (a, g) in x.iter().zip(&y) {
                let u = ulp64(*g, truth(*a));
                if u > worst {
                    (worst, at, got) = (u, *a, *g);
                }
            }
            println!("{isa:?} f64 {prim:?}: {worst:.2} ulp from libm at {at:e}");
            if worst > 3.0 {
                bad.push(format!("{isa:?} {prim:?} {worst} at {at:e} got {got:e} want {:e}", truth(at)));
            }
        }
        let (mut a, mut b) = (vec![], vec![]);
        let special = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            2.0,
            -2.0,
            0.5,
            -0.5,
            3.0,
            -3.0,
            1e200,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            1e-310,
            9007199254740993.0,
            -4503599627370497.0,
            2.5,
            -2.5,
            0.9999999999999999,
            f64::MAX,
        ];
        for p in special {
            for q in special {
                a.push(p);
                b.push(q);
            }
        }
        for i in 0..200_000 {
            a.push((i as f64 * 0.618_034).fract() * 20.0 - if i % 3 == 0 { 10.0 } else { 0.0 });
            b.push(if i % 3 == 0 { (i % 41) as f64 - 20.0 } else { (i as f64 * 0.013) % 377.0 - 188.0 });
        }
        let k = kernel_for(isa, Compute::F64, Prim::Pow, Form::VV).unwrap();
        let mut y = vec![0f64; a.len()];
        // SAFETY: three vectors of one length.
        unsafe {
            k(
                y.as_mut_ptr() as *mut u8,
                a.as_ptr() as *const u8,
                b.as_ptr() as *const u8,
                a.as_ptr() as *const u8,
                a.len(),
            )
        };
        let mut worst = 0.0f64;
        for i in 0..a.len() {
            let u = ulp64(y[i], libm::pow(a[i], b[i]));
            if u > 3.0 && bad.len() < 20 {
                bad.push(format!("{isa:?} pow({:e}, {:e}) = {:e}, want {:e}", a[i], b[i], y[i], libm::pow(a[i], b[i])));
            }
            worst = worst.max(u);
        }
        println!("{isa:?} f64 Pow: {worst:.2} ulp from libm");
    }
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn f32_division_remainders() {
    let mut v = vec![
        0.0,
        -0.0,
        1.0,
        -3.0,
        2.5,
        1e-40,
        1e30,
        -1e30,
        7.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        16777215.0,
        0.1,
    ];
    for i in 0..300 {
        v.push((i as f32 * 0.731).sin() * 10f32.powi(i % 11 - 5));
    }
    for isa in isas() {
        for small in [true, false] {
            let (mut a, mut b) = (vec![], vec![]);
            for &p in &v {
                for &q in &v {
                    if !small || (p / q).abs() < 1e6 {
                        a.push(p);
                        b.push(q);
                    }
                }
            }
            let f = run32(isa, Prim::Fmod, &a, &b);
            let r = run32(isa, Prim::Remainder, &a, &b);
            for i in 0..a.len() {
                let want = a[i] % b[i];
                assert!(
                    f[i].to_bits() == want.to_bits() || want.is_nan() && f[i].is_nan(),
                    "{isa:?} {} % {}: {} {want}",
                    a[i],
                    b[i],
                    f[i]
                );
                let w = if want != 0.0 && (b[i] < 0.0) != (want < 0.0) { want + b[i] } else { want };
                assert!(
                    r[i].to_bits() == w.to_bits() || w.is_nan() && r[i].is_nan(),
                    "{isa:?} {} mod {}: {} {w}",
                    a[i],
                    b[i],
                    r[i]
                );
            }
        }
    }
}
