//! What PyTorch refuses, in its words. For every device: an operator asks here before it allocates or draws.

use crate::dtype::{DType, bf16, f16};
use crate::error::Result;

/// A double as C++ streams print it: six digits.
fn shown(x: f64) -> String {
    let exponent = if x == 0.0 || !x.is_finite() { 0 } else { x.abs().log10().floor() as i32 };
    let trim = |s: String| match s.contains('.') {
        true => s.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => s,
    };
    if x.is_nan() {
        return "nan".into();
    }
    if (-4..6).contains(&exponent) || x.is_infinite() {
        return trim(format!("{x:.*}", (5 - exponent).max(0) as usize));
    }
    let (digits, power) = (format!("{x:.5e}"), exponent.abs());
    let mantissa = trim(digits.split('e').next().unwrap_or_default().to_string());
    format!("{mantissa}e{}{power:02}", if exponent < 0 { '-' } else { '+' })
}

/// The C++ name of an element type.
fn c_name(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "bool",
        DType::U8 => "unsigned char",
        DType::I8 => "signed char",
        DType::I16 => "short int",
        DType::I32 => "int",
        DType::I64 => "long int",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::F32 => "float",
        DType::F64 => "double",
        DType::C64 => "c10::complex<float>",
        DType::C128 => "c10::complex<double>",
    }
}

/// Largest finite value of a real dtype; the smallest is its negative, for floats.
fn largest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => f16::MAX.to_f64(),
        DType::BF16 => bf16::MAX.to_f64(),
        DType::F32 => f32::MAX as f64,
        _ => f64::MAX,
    }
}

/// Bits of precision of a float type.
fn digits(dtype: DType) -> u32 {
    match dtype {
        DType::F16 => 11,
        DType::BF16 => 8,
        DType::F32 => 24,
        _ => 53,
    }
}

/// The integer as the float type has it, back as an integer.
fn through(dtype: DType, x: i64) -> i64 {
    match dtype {
        DType::F16 => f16::from_f32(x as f32).to_f64() as i64,
        DType::BF16 => bf16::from_f32(x as f32).to_f64() as i64,
        DType::F32 => x as f32 as i64,
        _ => x as f64 as i64,
    }
}

/// The distance of neighbours of that size in the float type.
fn gap(dtype: DType, x: i64) -> i64 {
    let log = 63 - x.unsigned_abs().max(1).leading_zeros() as i32;
    1i64 << (log - digits(dtype) as i32 + 1).max(0)
}

/// What `random_(from, to)` and `randint` draw: `Some((range, base))` for [`super::random_from_to`], or `None` for all
/// 64 bits ([`super::random_full64`]). Bounds that a float type cannot hold move to the next ones inside.
pub fn random_range(dtype: DType, mut from: i64, to: Option<i64>) -> Result<Option<(u64, i64)>> {
    if dtype.is_complex() {
        bail!(Runtime, "check_random_bounds handles only integral, floating-point and boolean types");
    }
    let last;
    let lift = |from: i64| {
        let next = through(dtype, from.wrapping_add(1));
        if dtype.is_float() && next < from { next + gap(dtype, from.wrapping_add(1)) } else { from }
    };
    match to {
        Some(mut to) => {
            if from >= to {
                bail!(Runtime, "random_ expects 'from' to be less than 'to', but got from={from} >= to={to}");
            }
            if dtype.is_float() {
                from = lift(from);
                let before = through(dtype, to - 1);
                if before >= to {
                    to = before - gap(dtype, to - 1);
                }
                if from >= to {
                    bail!(
                        Runtime,
                        "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got \
                         from={from} >= to={to}"
                    );
                }
            }
            last = to - 1;
        }
        None if from == i64::MIN => return Ok(None),
        None if dtype.is_float() => {
            last = 1 << digits(dtype);
            from = lift(from);
            if from >= last {
                bail!(
                    Runtime,
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, but \
                     got from={from} > to_inc={last}"
                );
            }
        }
        None => last = integer_bounds(dtype).1,
    }
    for (x, name) in [(from, "from"), (last, "to - 1")] {
        let inside = if dtype.is_float() {
            (x as f64).abs() <= largest(dtype)
        } else {
            let (low, high) = integer_bounds(dtype);
            (low..=high).contains(&x)
        };
        if !inside {
            bail!(Runtime, "{name} is out of bounds for {}", c_name(dtype));
        }
    }
    Ok(Some(((last as u64).wrapping_sub(from as u64).wrapping_add(1), from)))
}

fn integer_bounds(dtype: DType) -> (i64, i64) {
    match dtype {
        DType::Bool => (0, 1),
        DType::U8 => (0, u8::MAX as i64),
        DType::I8 => (i8::MIN as i64, i8::MAX as i64),
        DType::I16 => (i16::MIN as i64, i16::MAX as i64),
        DType::I32 => (i32::MIN as i64, i32::MAX as i64),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Of `uniform_`.
pub fn uniform(dtype: DType, from: f64, to: f64) -> Result<()> {
    let dtype = dtype.to_real();
    if !dtype.is_float() {
        return Err(super::unsupported("check_uniform_bounds", dtype));
    }
    let most = largest(dtype);
    for (x, name) in [(from, "from"), (to, "to")] {
        if x.is_nan() || x.abs() > most {
            bail!(Runtime, "{name} is out of bounds for {}", c_name(dtype));
        }
    }
    if from > to {
        bail!(
            Runtime,
            "uniform_ expects to return a [from, to) range, but found from={} > to={}",
            shown(from),
            shown(to)
        );
    }
    if to - from > most {
        bail!(
            Runtime,
            "uniform_ expects to-from <= std::numeric_limits<{}>::max(), but found to={} and from={} which result in \
             to-from to exceed the limit",
            dtype.c10_name(),
            shown(to),
            shown(from)
        );
    }
    Ok(())
}

/// Of `normal_` and `normal`.
pub fn normal(std: f64) -> Result<()> {
    if std.is_nan() || std < 0.0 {
        bail!(Runtime, "normal expects std >= 0.0, but found std {}", shown(std));
    }
    Ok(())
}

/// Of `exponential_`.
pub fn exponential(dtype: DType, lambda: f64) -> Result<()> {
    if lambda.is_nan() || lambda <= 0.0 {
        bail!(Runtime, "exponential_ expects lambda > 0.0, but found lambda={}", shown(lambda));
    }
    if !dtype.is_float() {
        bail!(
            Runtime,
            "Exponential distribution is a continuous probability distribution. dtype must be a floating point but \
             you specified {}",
            dtype.c10_name()
        );
    }
    Ok(())
}

/// Of `cauchy_`.
pub fn cauchy(dtype: DType, sigma: f64) -> Result<()> {
    if sigma.is_nan() || sigma <= 0.0 {
        bail!(Runtime, "cauchy_ expects sigma > 0.0, but found sigma={}", shown(sigma));
    }
    if !dtype.is_float() {
        bail!(
            Runtime,
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you \
             specified {}",
            c_name(dtype)
        );
    }
    Ok(())
}

/// Of `log_normal_`.
pub fn log_normal(std: f64) -> Result<()> {
    if std.is_nan() || std <= 0.0 {
        bail!(Runtime, "log_normal_ expects std > 0.0, but found std={}", shown(std));
    }
    Ok(())
}

/// Of `geometric_`.
pub fn geometric(p: f64) -> Result<()> {
    if p.is_nan() || p <= 0.0 || p >= 1.0 {
        bail!(Runtime, "geometric_ expects p to be in (0, 1), but got p={}", shown(p));
    }
    Ok(())
}

/// Of `bernoulli_(p)`.
pub fn bernoulli(p: f64) -> Result<()> {
    if !(0.0..=1.0).contains(&p) {
        bail!(Runtime, "bernoulli_ expects p to be in [0, 1], but got p={}", shown(p));
    }
    Ok(())
}

/// Of the dropouts.
pub fn dropout(p: f64) -> Result<()> {
    if !(0.0..=1.0).contains(&p) {
        bail!(Runtime, "dropout probability has to be between 0 and 1, but got {}", shown(p));
    }
    Ok(())
}

/// Of `randperm`: can the dtype tell `n` numbers apart?
pub fn randperm(dtype: DType, n: i64) -> Result<()> {
    if !dtype.is_float() {
        let most = integer_bounds(dtype).1;
        if n > 0 && n - 1 > most && dtype != DType::Bool {
            let name = match dtype {
                DType::U8 => "uint8_t",
                DType::I8 => "int8_t",
                DType::I16 => "int16_t",
                DType::I32 => "int",
                _ => "int64_t",
            };
            bail!(Runtime, "value cannot be converted to type {name} without overflow");
        }
        return Ok(());
    }
    let (most, text) = match dtype {
        DType::F16 => (1 << 11, "2049"),
        DType::F32 => (1 << 24, "2^24+1"),
        DType::F64 => (1 << 53, "2^53+1"),
        _ => return Ok(()),
    };
    if n > most + 1 {
        bail!(Runtime, "n cannot be greater than {text} for {} type.", dtype.c10_name());
    }
    Ok(())
}

/// Of `multinomial`, of which the weights have `dims` dimensions and `cats` categories.
pub fn multinomial(dtype: DType, dims: usize, cats: usize, samples: i64, replacement: bool) -> Result<()> {
    if dims == 0 || dims > 2 {
        bail!(Runtime, "prob_dist must be 1 or 2 dim");
    }
    if !dtype.is_float() {
        bail!(Runtime, "multinomial only supports floating-point dtypes for input, got: {}", dtype.c10_name());
    }
    if samples <= 0 {
        bail!(Runtime, "cannot sample n_sample <= 0 samples");
    }
    if !replacement && samples as u64 > cats as u64 {
        bail!(Runtime, "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
    }
    if cats > 1 << 24 {
        bail!(Runtime, "number of categories cannot exceed 2^24");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_cpp_shows_them() {
        for (x, text) in [
            (0.0, "0"),
            (-1.0, "-1"),
            (0.1, "0.1"),
            (2.5, "2.5"),
            (1234567.0, "1.23457e+06"),
            (123456.0, "123456"),
            (3e38, "3e+38"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(shown(x), text);
        }
    }

    #[test]
    fn ranges_are_pytorchs() {
        let range = |d, from, to| random_range(d, from, to);
        let text = |d, from, to| random_range(d, from, to).err().map(|e| e.text().to_string()).unwrap_or_default();
        assert_eq!(range(DType::I64, 0, Some(10)).ok(), Some(Some((10, 0))));
        assert_eq!(range(DType::I64, 5, None).ok(), Some(Some((i64::MAX as u64 - 4, 5))));
        assert_eq!(range(DType::I64, i64::MIN, None).ok(), Some(None));
        assert_eq!(range(DType::F16, 0, Some(65504)).ok(), Some(Some((65472, 0))));
        assert_eq!(range(DType::F32, 0, None).ok(), Some(Some(((1 << 24) + 1, 0))));
        assert_eq!(text(DType::U8, 0, Some(257)), "to - 1 is out of bounds for unsigned char");
        assert_eq!(text(DType::U8, -1, Some(5)), "from is out of bounds for unsigned char");
        assert_eq!(text(DType::F16, 0, Some(70000)), "to - 1 is out of bounds for c10::Half");
        assert_eq!(text(DType::Bool, 0, Some(3)), "to - 1 is out of bounds for bool");
        assert_eq!(text(DType::F32, 5, Some(5)), "random_ expects 'from' to be less than 'to', but got from=5 >= to=5");
    }

    #[test]
    fn parameters_are_refused_in_pytorchs_words() {
        let text = |r: Result<()>| r.err().map(|e| e.text().to_string()).unwrap_or_default();
        assert_eq!(
            text(uniform(DType::F32, 2.0, 1.0)),
            "uniform_ expects to return a [from, to) range, but found from=2 > to=1"
        );
        assert_eq!(text(uniform(DType::F32, 0.0, 1e39)), "to is out of bounds for float");
        assert!(text(uniform(DType::F32, -3e38, 3e38)).contains("but found to=3e+38 and from=-3e+38 which"));
        assert_eq!(text(normal(-1.0)), "normal expects std >= 0.0, but found std -1");
        assert_eq!(text(geometric(0.0)), "geometric_ expects p to be in (0, 1), but got p=0");
        assert_eq!(text(bernoulli(2.0)), "bernoulli_ expects p to be in [0, 1], but got p=2");
        assert!(text(exponential(DType::I64, 1.0)).ends_with("you specified Long"));
        assert!(text(cauchy(DType::I64, 1.0)).ends_with("you specified long int"));
        assert!(uniform(DType::BF16, 0.0, 1.0).is_ok() && normal(0.0).is_ok() && bernoulli(1.0).is_ok());
        assert!(multinomial(DType::F32, 1, 5, 5, false).is_ok() && multinomial(DType::F32, 1, 5, 6, false).is_err());
    }
}
