// Element types, and conversions between them. No CUDA header is needed: the half types are two bytes with
// conversions of their own. The same text compiles with NVRTC and, behind host_shim.h, as C++.
#pragma once

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef short i16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define DEV __device__ __forceinline__

// One byte that is 0 or 1.
struct b8 { u8 v; };
// IEEE binary16 and bfloat16: bits only.
struct f16 { u16 bits; };
struct bf16 { u16 bits; };

template <class T> struct alignas(2 * sizeof(T)) cplx { T re, im; };
typedef cplx<float> c64;
typedef cplx<double> c128;

template <class A, class B> struct same_type { static const bool value = false; };
template <class A> struct same_type<A, A> { static const bool value = true; };

// The type of a complex number's parts; real types are their own.
template <class T> struct part { typedef T type; static const bool complex = false; };
template <class T> struct part<cplx<T>> { typedef T type; static const bool complex = true; };

template <class T> struct is_float { static const bool value = false; };
template <> struct is_float<float> { static const bool value = true; };
template <> struct is_float<double> { static const bool value = true; };

DEV float f32_from_bits(u32 u) { float f; memcpy(&f, &u, 4); return f; }
DEV u32 bits_of(float f) { u32 u; memcpy(&u, &f, 4); return u; }
DEV double f64_from_bits(u64 u) { double f; memcpy(&f, &u, 8); return f; }
DEV u64 bits_of(double f) { u64 u; memcpy(&u, &f, 8); return u; }

// ---- half types --------------------------------------------------------------------------------------------------

DEV float from_half(f16 h) {
#ifdef __CUDA_ARCH__
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h.bits));
    return f;
#else
    u32 sign = (u32)(h.bits & 0x8000) << 16, exp = (h.bits >> 10) & 31, man = h.bits & 0x3ff;
    if (exp == 31) return f32_from_bits(sign | 0x7f800000u | man << 13);
    if (exp) return f32_from_bits(sign | (exp + 112) << 23 | man << 13);
    float f = (float)man * 5.9604644775390625e-8f;  // subnormal: man * 2^-24
    return sign ? -f : f;
#endif
}

// To nearest, ties to even.
DEV f16 to_f16(float f) {
    f16 h;
#ifdef __CUDA_ARCH__
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(f));
#else
    u32 u = bits_of(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) h.bits = (u16)(sign | 0x7e00);
    else if (a >= 0x477ff000u) h.bits = (u16)(sign | 0x7c00);  // 65520 and above round to infinity
    else if (a < 0x38800000u) {                                // subnormal: add and let the sum round
        float t = f32_from_bits(a) + 0.5f;
        h.bits = (u16)(sign | (bits_of(t) - 0x3f000000u));
    } else h.bits = (u16)(sign | ((a + 0xfffu + (a >> 13 & 1) - 0x38000000u) >> 13));
#endif
    return h;
}

DEV float from_half(bf16 h) { return f32_from_bits((u32)h.bits << 16); }

DEV bf16 to_bf16(float f) {
    bf16 h;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h.bits) : "f"(f));
#else
    u32 u = bits_of(f);
    h.bits = (u & 0x7fffffffu) > 0x7f800000u ? (u16)0x7fc0 : (u16)((u + 0x7fff + (u >> 16 & 1)) >> 16);
#endif
    return h;
}

// ---- cast<To>(from): what `Tensor.to(dtype)` does to one element -------------------------------------------------

// Float to integer: fractions are cut; what does not fit is the least number, as on x86 (8 and 16 bits go through 32).
DEV i64 float_to_i64(double x) {
    return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (i64)x : (i64)(1ull << 63);
}
DEV i32 float_to_i32(double x) { return x > -2147483649.0 && x < 2147483648.0 ? (i32)x : (i32)(1u << 31); }

// A value in memory form -> a plain number: half types widen, bool becomes an integer.
DEV float plain(f16 x) { return from_half(x); }
DEV float plain(bf16 x) { return from_half(x); }
DEV i32 plain(b8 x) { return x.v != 0; }
template <class T> DEV T plain(T x) { return x; }

template <class To> struct caster {
    template <class T> static DEV To real(T x) { return (To)x; }
    static DEV To real(float x) { return integer((double)x); }
    static DEV To real(double x) { return integer(x); }
    static DEV To integer(double x) { return sizeof(To) == 8 ? (To)float_to_i64(x) : (To)float_to_i32(x); }
    template <class T> static DEV To any(T x) { return real(x); }
    template <class T> static DEV To any(cplx<T> x) { return real(x.re); }
};
template <> struct caster<float> {
    template <class T> static DEV float any(T x) { return (float)x; }
    template <class T> static DEV float any(cplx<T> x) { return (float)x.re; }
};
template <> struct caster<double> {
    template <class T> static DEV double any(T x) { return (double)x; }
    template <class T> static DEV double any(cplx<T> x) { return (double)x.re; }
};
template <> struct caster<b8> {
    static DEV b8 make(bool x) { b8 b; b.v = x; return b; }
    template <class T> static DEV b8 any(T x) { return make(x != 0); }
    template <class T> static DEV b8 any(cplx<T> x) { return make(x.re != 0 || x.im != 0); }
};
template <> struct caster<f16> {
    template <class T> static DEV f16 any(T x) { return to_f16(caster<float>::any(x)); }
};
template <> struct caster<bf16> {
    template <class T> static DEV bf16 any(T x) { return to_bf16(caster<float>::any(x)); }
};
template <class P> struct caster<cplx<P>> {
    template <class T> static DEV cplx<P> any(T x) { cplx<P> z; z.re = (P)x; z.im = 0; return z; }
    template <class T> static DEV cplx<P> any(cplx<T> x) { cplx<P> z; z.re = (P)x.re; z.im = (P)x.im; return z; }
};

template <class To, class From> struct cast_pair {
    static DEV To run(From x) { return caster<To>::any(plain(x)); }
};
template <class T> struct cast_pair<T, T> {  // the same bits, NaN payloads too
    static DEV T run(T x) { return x; }
};
template <> struct cast_pair<b8, b8> {
    static DEV b8 run(b8 x) { return caster<b8>::make(x.v != 0); }
};
template <class To, class From> DEV To cast(From x) { return cast_pair<To, From>::run(x); }

// ---- vectors of V elements: one load or store where they are aligned ---------------------------------------------

template <class T, int V> struct alignas(sizeof(T) * V > 16 ? 16 : sizeof(T) * V) vec { T v[V]; };

template <int V, class T> DEV vec<T, V> load(const T* p) { return *reinterpret_cast<const vec<T, V>*>(p); }
template <int V, class T> DEV void store(T* p, const vec<T, V>& x) { *reinterpret_cast<vec<T, V>*>(p) = x; }
// All V elements are the one at p.
template <int V, class T> DEV vec<T, V> splat(const T* p) {
    vec<T, V> r;
    T x = *p;
#pragma unroll
    for (int i = 0; i < V; i++) r.v[i] = x;
    return r;
}
