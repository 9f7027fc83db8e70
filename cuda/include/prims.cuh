// One device function per primitive of kernels/program.rs, in namespace prim, for float, double, i64 and complex.
// Comparisons and tests give 1 or 0 in the compute type. Compiled without contraction (--fmad=false), so that every
// primitive rounds by itself, as on the CPU.
#pragma once
#include "types.cuh"

// ---- the math library, by type -----------------------------------------------------------------------------------

#define MATH1(name)                                                                                                    \
    DEV float m_##name(float x) { return name##f(x); }                                                                 \
    DEV double m_##name(double x) { return name(x); }
#define MATH2(name)                                                                                                    \
    DEV float m_##name(float x, float y) { return name##f(x, y); }                                                     \
    DEV double m_##name(double x, double y) { return name(x, y); }
MATH1(fabs) MATH1(sqrt) MATH1(exp) MATH1(exp2) MATH1(expm1) MATH1(log) MATH1(log2) MATH1(log10) MATH1(log1p)
MATH1(sin) MATH1(cos) MATH1(tan) MATH1(asin) MATH1(acos) MATH1(atan)
MATH1(sinh) MATH1(cosh) MATH1(tanh) MATH1(asinh) MATH1(acosh) MATH1(atanh)
MATH1(erf) MATH1(erfc) MATH1(lgamma) MATH1(floor) MATH1(ceil) MATH1(rint) MATH1(trunc)
MATH2(fmod) MATH2(pow) MATH2(atan2) MATH2(hypot) MATH2(copysign) MATH2(nextafter) MATH2(fmax) MATH2(fmin)
#undef MATH1
#undef MATH2

template <class T> struct limits;
template <> struct limits<float> {
    static DEV float inf() { return f32_from_bits(0x7f800000u); }
    static DEV float nan() { return f32_from_bits(0x7fc00000u); }
    static DEV float lowest() { return -inf(); }
    static DEV float highest() { return inf(); }
    static DEV bool sign(float x) { return bits_of(x) >> 31; }
    static DEV float huge() { return 1e38f; }
};
template <> struct limits<double> {
    static DEV double inf() { return f64_from_bits(0x7ff0000000000000ull); }
    static DEV double nan() { return f64_from_bits(0x7ff8000000000000ull); }
    static DEV double lowest() { return -inf(); }
    static DEV double highest() { return inf(); }
    static DEV bool sign(double x) { return bits_of(x) >> 63; }
    static DEV double huge() { return 1e308; }
};
template <> struct limits<i64> {
    static DEV i64 lowest() { return (i64)(1ull << 63); }
    static DEV i64 highest() { return (i64)(~0ull >> 1); }
};

template <class T> DEV bool is_nan(T x) { return x != x; }
template <class T> DEV bool is_nan(cplx<T> z) { return z.re != z.re || z.im != z.im; }
template <class T> DEV bool is_inf(T x) { return m_fabs(x) == limits<T>::inf(); }
DEV bool is_inf(i64) { return false; }
template <class T> DEV bool is_inf(cplx<T> z) { return is_inf(z.re) || is_inf(z.im); }
template <class T> DEV bool nonzero(T x) { return x != 0; }
template <class T> DEV bool nonzero(cplx<T> z) { return z.re != 0 || z.im != 0; }
template <class T> DEV T truth(bool b) { return caster<T>::any((int)b); }
template <class T> DEV cplx<T> make_cplx(T re, T im) {
    cplx<T> z;
    z.re = re;
    z.im = im;
    return z;
}
// A real number as T; a complex T gets imaginary part 0.
template <class T> DEV T number(double x) { return caster<T>::any(x); }

namespace prim {

#define PI 3.14159265358979323846
#define LN2 0.69314718055994530942
#define LN10 2.30258509299404568402

// ---- one operand, real -------------------------------------------------------------------------------------------

template <class T> DEV T copy(T x) { return x; }
template <class T> DEV T neg(T x) { return -x; }
DEV i64 neg(i64 x) { return (i64)(0 - (u64)x); }
template <class T> DEV T abs(T x) { return m_fabs(x); }
DEV i64 abs(i64 x) { return x < 0 ? neg(x) : x; }
template <class T> DEV T sign(T x) { return (T)((0 < x) - (x < 0)); }
template <class T> DEV T recip(T x) { return 1 / x; }
template <class T> DEV T sqrt(T x) { return m_sqrt(x); }
template <class T> DEV T rsqrt(T x) { return 1 / m_sqrt(x); }
template <class T> DEV T square(T x) { return x * x; }
DEV i64 square(i64 x) { return (i64)((u64)x * (u64)x); }
#define ALIAS(name) template <class T> DEV T name(T x) { return m_##name(x); }
ALIAS(exp) ALIAS(exp2) ALIAS(expm1) ALIAS(log) ALIAS(log2) ALIAS(log10) ALIAS(log1p)
ALIAS(sin) ALIAS(cos) ALIAS(tan) ALIAS(asin) ALIAS(acos) ALIAS(atan)
ALIAS(sinh) ALIAS(cosh) ALIAS(tanh) ALIAS(asinh) ALIAS(acosh) ALIAS(atanh)
ALIAS(erf) ALIAS(erfc) ALIAS(lgamma) ALIAS(floor) ALIAS(ceil) ALIAS(trunc)
#undef ALIAS
DEV i64 floor(i64 x) { return x; }
DEV i64 ceil(i64 x) { return x; }
DEV i64 trunc(i64 x) { return x; }
template <class T> DEV T round(T x) { return m_rint(x); }  // half to even
DEV i64 round(i64 x) { return x; }
template <class T> DEV T sigmoid(T x) { return 1 / (1 + m_exp(-x)); }

// A first guess that is good to 0.2 % everywhere (Winitzki), then two steps of Halley's rule.
template <class T> DEV T erfinv(T y) {
    T a = m_fabs(y);
    if (!(a <= 1)) return limits<T>::nan();
    if (a == 1) return m_copysign(limits<T>::inf(), y);
    T l = -m_log1p(-a * a), b = (T)(2 / (PI * 0.147)) - l / 2;
    T x = m_sqrt((l / (T)0.147) / (m_sqrt(b * b + l / (T)0.147) + b));
#pragma unroll
    for (int i = 0; i < 2; i++) {
        T e = a > (T)0.5 ? (1 - a) - m_erfc(x) : m_erf(x) - a;
        e = e * (T)0.88622692545275801365 * m_exp(x * x);
        x = x - e / (1 + x * e);
    }
    return m_copysign(x, y);
}

// Reflection below 0, recurrence up to 10, then the asymptotic series.
template <class T> DEV T digamma(T x) {
    if (x == 0) return m_copysign(limits<T>::inf(), -x);
    T result = 0;
    if (x < 0) {
        T whole = m_trunc(x);
        if (x == whole) return limits<T>::nan();
        result = (T)(-PI / m_tan(PI * (double)(x - whole)));
        x = 1 - x;
    }
    while (x < 10) {
        result -= 1 / x;
        x += 1;
    }
    if (x == 10) return result + (T)2.25175258906672110764;
    T z = 1 / (x * x), p = (T)8.33333333333333333333e-2;
    p = p * z - (T)2.10927960927960927961e-2;
    p = p * z + (T)7.57575757575757575758e-3;
    p = p * z - (T)4.16666666666666666667e-3;
    p = p * z + (T)3.96825396825396825397e-3;
    p = p * z - (T)8.33333333333333333333e-3;
    p = p * z + (T)8.33333333333333333333e-2;
    return result + m_log(x) - (T)0.5 / x - z * p;
}

template <class T> DEV T is_nan(T x) { return truth<T>(::is_nan(x)); }
template <class T> DEV T is_inf(T x) { return truth<T>(::is_inf(x)); }
template <class T> DEV T logical_not(T x) { return truth<T>(!nonzero(x)); }
DEV i64 bit_not(i64 x) { return ~x; }
template <class T> DEV T sign_bit(T x) { return truth<T>(limits<T>::sign(x)); }
DEV i64 sign_bit(i64 x) { return x < 0; }
template <class T> DEV T conj(T x) { return x; }
template <class T> DEV T real(T x) { return x; }
template <class T> DEV T imag(T) { return 0; }
template <class T> DEV T angle(T x) { return x < 0 ? (T)PI : x != x ? x : (T)0; }

// ---- two operands, real ------------------------------------------------------------------------------------------

template <class T> DEV T add(T a, T b) { return a + b; }
template <class T> DEV T sub(T a, T b) { return a - b; }
template <class T> DEV T mul(T a, T b) { return a * b; }
template <class T> DEV T div(T a, T b) { return a / b; }
DEV i64 add(i64 a, i64 b) { return (i64)((u64)a + (u64)b); }
DEV i64 sub(i64 a, i64 b) { return (i64)((u64)a - (u64)b); }
DEV i64 mul(i64 a, i64 b) { return (i64)((u64)a * (u64)b); }

template <class T> DEV T trunc_div(T a, T b) { return m_trunc(a / b); }
template <class T> DEV T fmod(T a, T b) { return m_fmod(a, b); }
template <class T> DEV T remainder(T a, T b) {
    T r = m_fmod(a, b);
    return r != 0 && (b < 0) != (r < 0) ? r + b : r;
}
// Python's `//`, in the way that keeps (a // b) * b + a % b == a.
template <class T> DEV T floor_div(T a, T b) {
    if (b == 0) return a / b;
    T r = m_fmod(a, b), q = (a - r) / b;
    if (r != 0 && (b < 0) != (r < 0)) q -= 1;
    if (q == 0) return m_copysign((T)0, a / b);
    T f = m_floor(q);
    return q - f > (T)0.5 ? f + 1 : f;
}
// Integers: a division by zero gives 0 (the CPU has refused it), and the least number / -1 wraps.
DEV i64 trunc_div(i64 a, i64 b) { return b == 0 ? 0 : b == -1 ? neg(a) : a / b; }
DEV i64 div(i64 a, i64 b) { return trunc_div(a, b); }
DEV i64 fmod(i64 a, i64 b) { return b == 0 || b == -1 ? 0 : a % b; }
DEV i64 remainder(i64 a, i64 b) {
    i64 r = fmod(a, b);
    return r != 0 && (b < 0) != (r < 0) ? r + b : r;
}
DEV i64 floor_div(i64 a, i64 b) {
    i64 q = trunc_div(a, b);
    return fmod(a, b) != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

template <class T> DEV T pow(T a, T b) { return m_pow(a, b); }
DEV i64 pow(i64 a, i64 b) {
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
    u64 r = 1, x = (u64)a;
    for (u64 n = (u64)b; n; n >>= 1) {
        if (n & 1) r *= x;
        x *= x;
    }
    return (i64)r;
}
template <class T> DEV T atan2(T a, T b) { return m_atan2(a, b); }
template <class T> DEV T hypot(T a, T b) { return m_hypot(a, b); }
template <class T> DEV T copysign(T a, T b) { return m_copysign(a, b); }
template <class T> DEV T next_after(T a, T b) { return m_nextafter(a, b); }
template <class T> DEV T max(T a, T b) { return a != a ? a : b != b ? b : a < b ? b : a; }
template <class T> DEV T min(T a, T b) { return a != a ? a : b != b ? b : b < a ? b : a; }
template <class T> DEV T fmax(T a, T b) { return a != a ? b : b != b ? a : a < b ? b : a; }
template <class T> DEV T fmin(T a, T b) { return a != a ? b : b != b ? a : b < a ? b : a; }

template <class T> DEV T eq(T a, T b) { return (T)(a == b); }
template <class T> DEV T ne(T a, T b) { return (T)(a != b); }
template <class T> DEV T lt(T a, T b) { return (T)(a < b); }
template <class T> DEV T le(T a, T b) { return (T)(a <= b); }
template <class T> DEV T gt(T a, T b) { return (T)(a > b); }
template <class T> DEV T ge(T a, T b) { return (T)(a >= b); }
template <class T> DEV T logical_and(T a, T b) { return truth<T>(nonzero(a) && nonzero(b)); }
template <class T> DEV T logical_or(T a, T b) { return truth<T>(nonzero(a) || nonzero(b)); }
template <class T> DEV T logical_xor(T a, T b) { return truth<T>(nonzero(a) != nonzero(b)); }
DEV i64 bit_and(i64 a, i64 b) { return a & b; }
DEV i64 bit_or(i64 a, i64 b) { return a | b; }
DEV i64 bit_xor(i64 a, i64 b) { return a ^ b; }
DEV i64 shl(i64 a, i64 b) { return b < 0 || b > 63 ? 0 : (i64)((u64)a << b); }
DEV i64 shr(i64 a, i64 b) { return a >> (b < 0 || b > 63 ? 63 : b); }

template <class T> DEV T select(T c, T a, T b) { return nonzero(c) ? a : b; }

// ---- complex -----------------------------------------------------------------------------------------------------

template <class T> DEV cplx<T> neg(cplx<T> z) { return make_cplx(-z.re, -z.im); }
template <class T> DEV cplx<T> conj(cplx<T> z) { return make_cplx(z.re, -z.im); }
template <class T> DEV cplx<T> real(cplx<T> z) { return make_cplx(z.re, (T)0); }
template <class T> DEV cplx<T> imag(cplx<T> z) { return make_cplx(z.im, (T)0); }
template <class T> DEV cplx<T> abs(cplx<T> z) { return make_cplx(m_hypot(z.re, z.im), (T)0); }
template <class T> DEV cplx<T> angle(cplx<T> z) { return make_cplx(m_atan2(z.im, z.re), (T)0); }
// The real part of a, and the real part of b as imaginary part.
template <class T> DEV cplx<T> complex(cplx<T> a, cplx<T> b) { return make_cplx(a.re, b.re); }
template <class T> DEV cplx<T> add(cplx<T> a, cplx<T> b) { return make_cplx(a.re + b.re, a.im + b.im); }
template <class T> DEV cplx<T> sub(cplx<T> a, cplx<T> b) { return make_cplx(a.re - b.re, a.im - b.im); }
template <class T> DEV cplx<T> mul(cplx<T> a, cplx<T> b) {
    return make_cplx(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
}
template <class T> DEV cplx<T> scale(cplx<T> z, T s) { return make_cplx(z.re * s, z.im * s); }
// Smith's division: scaled, so that the squares of b's parts do not overflow.
template <class T> DEV cplx<T> div(cplx<T> a, cplx<T> b) {
    if (m_fabs(b.re) >= m_fabs(b.im)) {
        if (b.re == 0 && b.im == 0) return make_cplx(a.re / m_fabs(b.re), a.im / m_fabs(b.im));
        T r = b.im / b.re, s = 1 / (b.re + b.im * r);
        return make_cplx((a.re + a.im * r) * s, (a.im - a.re * r) * s);
    }
    T r = b.re / b.im, s = 1 / (b.re * r + b.im);
    return make_cplx((a.re * r + a.im) * s, (a.im * r - a.re) * s);
}
template <class T> DEV cplx<T> recip(cplx<T> z) { return div(make_cplx((T)1, (T)0), z); }
template <class T> DEV cplx<T> square(cplx<T> z) { return mul(z, z); }
template <class T> DEV cplx<T> sign(cplx<T> z) {
    T a = m_hypot(z.re, z.im);
    return a == 0 ? make_cplx((T)0, (T)0) : make_cplx(z.re / a, z.im / a);
}
template <class T> DEV cplx<T> eq(cplx<T> a, cplx<T> b) { return truth<cplx<T>>(a.re == b.re && a.im == b.im); }
// Formulas order absolute values, which have no imaginary part.
template <class T> DEV cplx<T> lt(cplx<T> a, cplx<T> b) { return truth<cplx<T>>(a.re < b.re); }
template <class T> DEV cplx<T> le(cplx<T> a, cplx<T> b) { return truth<cplx<T>>(a.re <= b.re); }
template <class T> DEV cplx<T> gt(cplx<T> a, cplx<T> b) { return truth<cplx<T>>(a.re > b.re); }
template <class T> DEV cplx<T> ge(cplx<T> a, cplx<T> b) { return truth<cplx<T>>(a.re >= b.re); }
template <class T> DEV cplx<T> ne(cplx<T> a, cplx<T> b) { return truth<cplx<T>>(a.re != b.re || a.im != b.im); }

template <class T> DEV cplx<T> sqrt(cplx<T> z) {
    T x = z.re, y = z.im;
    if (x == 0 && y == 0) return make_cplx((T)0, y);
    if (::is_inf(y)) return make_cplx(limits<T>::inf(), y);
    if (::is_inf(x))
        return x > 0 ? make_cplx(x, y != y ? y : m_copysign((T)0, y))
                     : make_cplx(y != y ? y : (T)0, m_copysign(limits<T>::inf(), y));
    bool big = m_fabs(x) > limits<T>::huge() || m_fabs(y) > limits<T>::huge();
    if (big) x /= 4, y /= 4;
    T t = m_sqrt((m_fabs(x) + m_hypot(x, y)) / 2);
    cplx<T> r = x >= 0 ? make_cplx(t, y / (2 * t)) : make_cplx(m_fabs(y) / (2 * t), m_copysign(t, y));
    return big ? scale(r, (T)2) : r;
}
template <class T> DEV cplx<T> rsqrt(cplx<T> z) { return recip(sqrt(z)); }

template <class T> DEV cplx<T> exp(cplx<T> z) {
    T e = m_exp(z.re);
    if (z.im == 0) return make_cplx(e, z.im);
    if (e == 0) return make_cplx((T)0, (T)0);
    return make_cplx(e * m_cos(z.im), e * m_sin(z.im));
}
template <class T> DEV cplx<T> exp2(cplx<T> z) { return exp(scale(z, (T)LN2)); }
template <class T> DEV cplx<T> expm1(cplx<T> z) {
    T s = m_sin(z.im / 2);
    return make_cplx(m_expm1(z.re) * m_cos(z.im) - 2 * s * s, m_exp(z.re) * m_sin(z.im));
}
template <class T> DEV cplx<T> log(cplx<T> z) {
    T a = m_fabs(z.re), b = m_fabs(z.im), m = a < b ? b : a, n = a < b ? a : b, h = m_hypot(a, b);
    T re = h > (T)0.5 && h < 2 ? m_log1p((m - 1) * (m + 1) + n * n) / 2 : m_log(h);
    return make_cplx(re, m_atan2(z.im, z.re));
}
template <class T> DEV cplx<T> log2(cplx<T> z) { return scale(log(z), (T)(1 / LN2)); }
template <class T> DEV cplx<T> log10(cplx<T> z) { return scale(log(z), (T)(1 / LN10)); }
template <class T> DEV cplx<T> log1p(cplx<T> z) {
    T re = m_hypot(z.re, z.im) < (T)0.5 ? m_log1p(z.re * (2 + z.re) + z.im * z.im) / 2 : m_log(m_hypot(1 + z.re, z.im));
    return make_cplx(re, m_atan2(z.im, 1 + z.re));
}
template <class T> DEV cplx<T> pow(cplx<T> a, cplx<T> b) {
    if (!nonzero(b)) return make_cplx((T)1, (T)0);
    if (!nonzero(a)) return b.re > 0 ? make_cplx((T)0, (T)0) : make_cplx(limits<T>::nan(), limits<T>::nan());
    if (b.im == 0 && b.re == m_trunc(b.re) && m_fabs(b.re) <= 64) {  // by multiplication: exact where the result is
        cplx<T> r = make_cplx((T)1, (T)0), x = a;
        for (int n = (int)m_fabs(b.re); n; n >>= 1) {
            if (n & 1) r = mul(r, x);
            x = mul(x, x);
        }
        return b.re < 0 ? recip(r) : r;
    }
    return exp(mul(b, log(a)));
}
template <class T> DEV cplx<T> sinh(cplx<T> z) {
    if (z.im == 0) return make_cplx(m_sinh(z.re), z.im);
    return make_cplx(m_sinh(z.re) * m_cos(z.im), m_cosh(z.re) * m_sin(z.im));
}
template <class T> DEV cplx<T> cosh(cplx<T> z) {
    if (z.im == 0) return make_cplx(m_cosh(z.re), m_copysign((T)1, z.re) * z.im);
    return make_cplx(m_cosh(z.re) * m_cos(z.im), m_sinh(z.re) * m_sin(z.im));
}
// Kahan 1987, "Branch cuts for complex elementary functions", for this and the inverse functions.
template <class T> DEV cplx<T> tanh(cplx<T> z) {
    if (m_fabs(z.re) > (sizeof(T) == 4 ? 22 : 177)) return make_cplx(m_copysign((T)1, z.re), m_copysign((T)0, z.im));
    T t = m_tan(z.im), b = 1 + t * t, s = m_sinh(z.re), r = m_sqrt(1 + s * s), d = 1 + b * s * s;
    if (::is_inf(t)) return make_cplx(r / s, 1 / t);
    return make_cplx(b * r * s / d, t / d);
}
// i * z and -i * z: the circular functions are the hyperbolic ones turned.
template <class T> DEV cplx<T> turn(cplx<T> z) { return make_cplx(-z.im, z.re); }
template <class T> DEV cplx<T> back(cplx<T> z) { return make_cplx(z.im, -z.re); }
template <class T> DEV cplx<T> sin(cplx<T> z) { return back(sinh(turn(z))); }
template <class T> DEV cplx<T> cos(cplx<T> z) { return cosh(turn(z)); }
template <class T> DEV cplx<T> tan(cplx<T> z) { return back(tanh(turn(z))); }
template <class T> DEV cplx<T> asin(cplx<T> z) {
    cplx<T> a = sqrt(make_cplx(1 - z.re, -z.im)), b = sqrt(make_cplx(1 + z.re, z.im));
    return make_cplx(m_atan2(z.re, a.re * b.re - a.im * b.im), m_asinh(a.re * b.im - a.im * b.re));
}
template <class T> DEV cplx<T> acos(cplx<T> z) {
    cplx<T> a = sqrt(make_cplx(1 - z.re, -z.im)), b = sqrt(make_cplx(1 + z.re, z.im));
    return make_cplx(2 * m_atan2(a.re, b.re), m_asinh(b.re * a.im - b.im * a.re));
}
template <class T> DEV cplx<T> acosh(cplx<T> z) {
    cplx<T> a = sqrt(make_cplx(z.re - 1, z.im)), b = sqrt(make_cplx(z.re + 1, z.im));
    return make_cplx(m_asinh(a.re * b.re + a.im * b.im), 2 * m_atan2(a.im, b.re));
}
template <class T> DEV cplx<T> atanh(cplx<T> z) {
    T x = m_fabs(z.re), y = z.im, u = 1 - x;
    T re = m_log1p(4 * x / (u * u + y * y)) / 4;
    return make_cplx(m_copysign(re, z.re), m_atan2(2 * y, u * (1 + x) - y * y) / 2);
}
template <class T> DEV cplx<T> asinh(cplx<T> z) { return back(asin(turn(z))); }
template <class T> DEV cplx<T> atan(cplx<T> z) { return back(atanh(turn(z))); }
template <class T> DEV cplx<T> sigmoid(cplx<T> z) {
    cplx<T> e = exp(neg(z));
    return recip(make_cplx(1 + e.re, e.im));
}

#undef PI
#undef LN2
#undef LN10
}  // namespace prim
