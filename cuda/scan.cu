// Running combinations along a dimension of a contiguous tensor. Op is a scan op of ops.cuh.
//
// A long row is cut into chunks: the reduction kernel gives each chunk's total, `scan_rows` with EXCLUSIVE turns these
// into what comes before each chunk (`carry`), and `scan_rows` again does the chunks.
#pragma once
#include "block.cuh"
#include "index.cuh"
#include "ops.cuh"

// x is [rows, n]: a block for each row (blockIdx.x) and chunk (blockIdx.y); ITEMS neighbouring elements per thread.
template <class C, class Op, int ITEMS, bool EXCLUSIVE, class In, class Out, class I>
DEV void scan_rows(Out* out, i64* indices, const In* x, const C* carry, I rows, I n, I chunk) {
    typedef typename Op::state S;
    I first = (I)blockIdx.y * chunk, end = first + chunk < n ? first + chunk : n;
    for (I row = blockIdx.x; row < rows; row += gridDim.x) {
        S before = carry ? Op::enter(carry[row * gridDim.y + blockIdx.y], 0) : Op::identity();
        for (I tile = first; tile < end; tile += (I)blockDim.x * ITEMS) {
            I at = tile + (I)threadIdx.x * ITEMS;
            S s[ITEMS], sum = Op::identity(), total;
#pragma unroll
            for (int k = 0; k < ITEMS; k++) {
                s[k] = at + k < end ? Op::enter(cast<C>(x[row * n + at + k]), (i64)(at + k)) : Op::identity();
                sum = Op::apply(sum, s[k]);
            }
            S run = Op::apply(before, block_scan_exclusive<Op>(sum, total));
#pragma unroll
            for (int k = 0; k < ITEMS; k++) {
                S next = Op::apply(run, s[k]), result = EXCLUSIVE ? run : next;
                if (at + k < end) {
                    out[row * n + at + k] = cast<Out>(Op::value(result));
                    if (Op::INDEX) indices[row * n + at + k] = Op::index(result);
                }
                run = next;
            }
            before = Op::apply(before, total);
        }
    }
}

// x is [outer, n, inner]: a thread for each column, neighbours side by side.
template <class C, class Op, class In, class Out, class I>
DEV void scan_columns(Out* out, i64* indices, const In* x, I outer, I n, I inner) {
    for (I c = thread_id<I>(); c < outer * inner; c += thread_count<I>()) {
        I at = c / inner * n * inner + c % inner;
        typename Op::state s = Op::identity();
        for (I k = 0; k < n; k++, at += inner) {
            s = Op::apply(s, Op::enter(cast<C>(x[at]), (i64)k));
            out[at] = cast<Out>(Op::value(s));
            if (Op::INDEX) indices[at] = Op::index(s);
        }
    }
}
