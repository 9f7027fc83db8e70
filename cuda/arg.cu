// The largest or smallest element and its index along a dimension of a contiguous tensor. `values` or `indices` may be
// null. A long row is cut into chunks (blockIdx.y): the second pass reads the first one's values and, as `given`, its
// indices.
#pragma once
#include "block.cuh"
#include "index.cuh"
#include "ops.cuh"

template <class C, bool MAX, class In, class Out, class I>
DEV void arg_rows(Out* values, i64* indices, const In* x, const i64* given, I rows, I n, I chunk) {
    typedef arg_op<C, MAX> Op;
    I first = (I)blockIdx.y * chunk, end = first + chunk < n ? first + chunk : n;
    for (I row = blockIdx.x; row < rows; row += gridDim.x) {
        found<C> best = Op::identity();
        for (I k = first + threadIdx.x; k < end; k += blockDim.x)
            best = Op::apply(best, find(cast<C>(x[row * n + k]), given ? given[row * n + k] : (i64)k));
        best = block_reduce<Op>(best);
        if (threadIdx.x == 0) {
            I at = row * gridDim.y + blockIdx.y;
            if (values) values[at] = cast<Out>(best.value);
            if (indices) indices[at] = best.index;
        }
    }
}

template <class C, bool MAX, class In, class Out, class I>
DEV void arg_columns(Out* values, i64* indices, const In* x, I outer, I n, I inner) {
    typedef arg_op<C, MAX> Op;
    for (I c = thread_id<I>(); c < outer * inner; c += thread_count<I>()) {
        I at = c / inner * n * inner + c % inner;
        found<C> best = Op::identity();
        for (I k = 0; k < n; k++, at += inner) best = Op::apply(best, find(cast<C>(x[at]), (i64)k));
        if (values) values[c] = cast<Out>(best.value);
        if (indices) indices[c] = best.index;
    }
}
