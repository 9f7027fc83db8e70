// softmax, log_softmax, logsumexp and the two gradients along a dimension of a contiguous tensor. The maximum and the
// sum of exponentials are found in one pass (Milakov and Gimelshein 2018).
#pragma once
#include "block.cuh"
#include "index.cuh"
#include "ops.cuh"

enum { SOFTMAX, LOG_SOFTMAX, LOGSUMEXP };

// Maximum and sum of exp(x - maximum).
template <class C> struct alignas(8) expsum { C m, s; };
template <class C> struct expsum_op {
    static DEV expsum<C> make(C m, C s) { expsum<C> r; r.m = m; r.s = s; return r; }
    static DEV expsum<C> identity() { return make(limits<C>::lowest(), 0); }
    static DEV expsum<C> enter(C x) { return make(x, 1); }
    static DEV expsum<C> apply(expsum<C> a, expsum<C> b) {
        C m = prim::max(a.m, b.m);
        // Equal maxima need no exponential: infinite ones would give inf - inf.
        C x = a.m == m ? a.s : a.s * m_exp(a.m - m), y = b.m == m ? b.s : b.s * m_exp(b.m - m);
        return make(m, x + y);
    }
};

template <int KIND, class C> DEV C softmax_value(C x, expsum<C> t) {
    return KIND == SOFTMAX ? m_exp(x - t.m) / t.s : x - t.m - m_log(t.s);
}
template <class C> DEV C logsumexp_value(expsum<C> t) {
    // All -inf, or a +inf: the maximum is the answer.
    return m_fabs(t.m) == limits<C>::inf() ? t.m : t.m + m_log(t.s);
}

// WARPS: a warp for each row (short rows), else a block.
template <bool WARPS, class Op, class S> DEV S row_reduce(S x) {
    return WARPS ? warp_reduce<Op>(x) : block_reduce<Op>(x);
}
#define ROWS_BEGIN                                                                                                     \
    I step = WARPS ? (I)WARP : (I)blockDim.x, me = WARPS ? (I)lane_id() : (I)threadIdx.x;                              \
    I all = WARPS ? thread_count<I>() / WARP : (I)gridDim.x;                                                           \
    for (I row = WARPS ? thread_id<I>() / WARP : (I)blockIdx.x; row < rows; row += all) {                              \
        I at = row * n;

template <int KIND, bool WARPS, class C, class In, class Out, class I>
DEV void softmax_rows(Out* out, const In* x, I rows, I n) {
    typedef expsum_op<C> Op;
    ROWS_BEGIN
        expsum<C> t = Op::identity();
        for (I k = me; k < n; k += step) t = Op::apply(t, Op::enter(cast<C>(x[at + k])));
        t = row_reduce<WARPS, Op>(t);
        if (KIND == LOGSUMEXP) {
            if (me == 0) out[row] = cast<Out>(logsumexp_value(t));
        } else
            for (I k = me; k < n; k += step) out[at + k] = cast<Out>(softmax_value<KIND>(cast<C>(x[at + k]), t));
    }
}

template <int KIND, class C, class In, class Out, class I>
DEV void softmax_columns(Out* out, const In* x, I outer, I n, I inner) {
    typedef expsum_op<C> Op;
    for (I c = thread_id<I>(); c < outer * inner; c += thread_count<I>()) {
        I start = c / inner * n * inner + c % inner;
        expsum<C> t = Op::identity();
        for (I k = 0; k < n; k++) t = Op::apply(t, Op::enter(cast<C>(x[start + k * inner])));
        if (KIND == LOGSUMEXP) out[c] = cast<Out>(logsumexp_value(t));
        else
            for (I k = 0; k < n; k++)
                out[start + k * inner] = cast<Out>(softmax_value<KIND>(cast<C>(x[start + k * inner]), t));
    }
}

// g the incoming gradient, y the forward result. softmax: y (g - sum(g y)); log_softmax: g - exp(y) sum(g).
template <int KIND, class C> DEV C softmax_term(C g, C y) { return KIND == SOFTMAX ? g * y : g; }
template <int KIND, class C> DEV C softmax_slope(C g, C y, C sum) {
    return KIND == SOFTMAX ? y * (g - sum) : g - m_exp(y) * sum;
}

template <int KIND, bool WARPS, class C, class In, class Out, class I>
DEV void softmax_grad_rows(Out* out, const In* g, const In* y, I rows, I n) {
    ROWS_BEGIN
        C sum = 0;
        for (I k = me; k < n; k += step) sum += softmax_term<KIND>(cast<C>(g[at + k]), cast<C>(y[at + k]));
        sum = row_reduce<WARPS, sum_op<C>>(sum);
        for (I k = me; k < n; k += step)
            out[at + k] = cast<Out>(softmax_slope<KIND>(cast<C>(g[at + k]), cast<C>(y[at + k]), sum));
    }
}

template <int KIND, class C, class In, class Out, class I>
DEV void softmax_grad_columns(Out* out, const In* g, const In* y, I outer, I n, I inner) {
    for (I c = thread_id<I>(); c < outer * inner; c += thread_count<I>()) {
        I start = c / inner * n * inner + c % inner;
        C sum = 0;
        for (I k = 0; k < n; k++)
            sum += softmax_term<KIND>(cast<C>(g[start + k * inner]), cast<C>(y[start + k * inner]));
        for (I k = 0; k < n; k++) {
            I at = start + k * inner;
            out[at] = cast<Out>(softmax_slope<KIND>(cast<C>(g[at]), cast<C>(y[at]), sum));
        }
    }
}
#undef ROWS_BEGIN
