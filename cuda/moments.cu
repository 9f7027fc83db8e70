// Mean and variance along a dimension of a contiguous tensor, in one pass, by Welford's rule joined as Chan, Golub and
// LeVeque (1979) do. var, std, var_mean and the norms start here. `mean` or `var` may be null.
#pragma once
#include "block.cuh"
#include "index.cuh"
#include "ops.cuh"

template <class C> struct alignas(8) moments { C n, mean, m2; };
template <class C> struct moments_op {
    static DEV moments<C> make(C n, C mean, C m2) { moments<C> r; r.n = n; r.mean = mean; r.m2 = m2; return r; }
    static DEV moments<C> identity() { return make(0, 0, 0); }
    static DEV moments<C> enter(moments<C> a, C x) {
        C n = a.n + 1, d = x - a.mean, mean = a.mean + d / n;
        return make(n, mean, a.m2 + d * (x - mean));
    }
    static DEV moments<C> apply(moments<C> a, moments<C> b) {
        C n = a.n + b.n, d = b.mean - a.mean;
        if (n == 0) return a;
        return make(n, a.mean + d * (b.n / n), a.m2 + b.m2 + d * d * (a.n * (b.n / n)));
    }
};

// var = m2 / divisor (n minus the correction; 0 gives NaN).
template <class C, class Out, class I> DEV void moments_store(Out* mean, Out* var, I at, moments<C> s, C divisor) {
    if (mean) mean[at] = cast<Out>(s.mean);
    if (var) var[at] = cast<Out>(s.m2 / (divisor > 0 ? divisor : (C)0));
}

template <bool WARPS, class C, class In, class Out, class I>
DEV void moments_rows(Out* mean, Out* var, const In* x, I rows, I n, C divisor) {
    typedef moments_op<C> Op;
    I step = WARPS ? (I)WARP : (I)blockDim.x, me = WARPS ? (I)lane_id() : (I)threadIdx.x;
    I all = WARPS ? thread_count<I>() / WARP : (I)gridDim.x;
    for (I row = WARPS ? thread_id<I>() / WARP : (I)blockIdx.x; row < rows; row += all) {
        moments<C> s = Op::identity();
        for (I k = me; k < n; k += step) s = Op::enter(s, cast<C>(x[row * n + k]));
        s = WARPS ? warp_reduce<Op>(s) : block_reduce<Op>(s);
        if (me == 0) moments_store(mean, var, row, s, divisor);
    }
}

template <class C, class In, class Out, class I>
DEV void moments_columns(Out* mean, Out* var, const In* x, I outer, I n, I inner, C divisor) {
    typedef moments_op<C> Op;
    for (I c = thread_id<I>(); c < outer * inner; c += thread_count<I>()) {
        I at = c / inner * n * inner + c % inner;
        moments<C> s = Op::identity();
        for (I k = 0; k < n; k++, at += inner) s = Op::enter(s, cast<C>(x[at]));
        moments_store(mean, var, c, s, divisor);
    }
}
