// Warp and block reductions and scans in a fixed order: two runs give the same bits. No atomics.
#pragma once
#include "types.cuh"

#define WARP 32
#define FULL 0xffffffffu

// Shuffles of any type whose size is a multiple of 4, word by word.
template <class T> struct words { u32 w[sizeof(T) / 4]; };
template <class T> DEV words<T> split_words(const T& x) { words<T> r; memcpy(&r, &x, sizeof(T)); return r; }
template <class T> DEV T join_words(const words<T>& r) { T x; memcpy(&x, &r, sizeof(T)); return x; }
template <class T> DEV T shuffle_xor(const T& x, int mask) {
    words<T> r = split_words(x);
#pragma unroll
    for (int i = 0; i < (int)(sizeof(T) / 4); i++) r.w[i] = __shfl_xor_sync(FULL, r.w[i], mask);
    return join_words<T>(r);
}
template <class T> DEV T shuffle_up(const T& x, int by) {
    words<T> r = split_words(x);
#pragma unroll
    for (int i = 0; i < (int)(sizeof(T) / 4); i++) r.w[i] = __shfl_up_sync(FULL, r.w[i], by);
    return join_words<T>(r);
}
template <class T> DEV T shuffle_from(const T& x, int lane) {
    words<T> r = split_words(x);
#pragma unroll
    for (int i = 0; i < (int)(sizeof(T) / 4); i++) r.w[i] = __shfl_sync(FULL, r.w[i], lane);
    return join_words<T>(r);
}

DEV int lane_id() { return threadIdx.x % WARP; }
DEV int warp_id() { return threadIdx.x / WARP; }

// Every lane gets the combination of all 32; the lower lane is always the left operand.
template <class Op, class S> DEV S warp_reduce(S x) {
#pragma unroll
    for (int m = 1; m < WARP; m *= 2) {
        S y = shuffle_xor(x, m);
        x = lane_id() & m ? Op::apply(y, x) : Op::apply(x, y);
    }
    return x;
}

// Every thread gets the combination of the block's blockDim.x values (a multiple of 32).
template <class Op, class S> DEV S block_reduce(S x) {
    __shared__ S part[WARP];
    x = warp_reduce<Op>(x);
    if (lane_id() == 0) part[warp_id()] = x;
    __syncthreads();
    x = lane_id() < (int)(blockDim.x / WARP) ? part[lane_id()] : Op::identity();
    x = warp_reduce<Op>(x);
    __syncthreads();  // `part` may be used again
    return x;
}

// Inclusive scan over a warp.
template <class Op, class S> DEV S warp_scan(S x) {
#pragma unroll
    for (int m = 1; m < WARP; m *= 2) {
        S y = shuffle_up(x, m);
        if (lane_id() >= m) x = Op::apply(y, x);
    }
    return x;
}

// What comes before this thread's value (identity for thread 0), and the combination of all in `total`.
template <class Op, class S> DEV S block_scan_exclusive(S x, S& total) {
    __shared__ S part[WARP];
    S inclusive = warp_scan<Op>(x);
    if (lane_id() == WARP - 1) part[warp_id()] = inclusive;
    __syncthreads();
    S warps = lane_id() < (int)(blockDim.x / WARP) ? part[lane_id()] : Op::identity();
    warps = warp_scan<Op>(warps);
    S before = shuffle_up(inclusive, 1), base = shuffle_from(warps, warp_id() ? warp_id() - 1 : 0);
    total = shuffle_from(warps, WARP - 1);
    __syncthreads();
    if (lane_id() == 0) before = Op::identity();
    return warp_id() ? Op::apply(base, before) : before;
}
