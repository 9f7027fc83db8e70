// Reductions of a formula. PRE is printed: `load<W>(off, values)` gives W neighbouring values in the compute type;
// POST is printed: `apply(x)` on each result. Outputs lie one after the other. Every order is fixed.
#pragma once
#include "block.cuh"
#include "index.cuh"
#include "ops.cuh"

// One thread's share of an output: groups of V reduced elements first, first + step, ... below `end`; `base` are the
// offsets of the output. V running results, joined from left to right.
template <int V, class Op, class Pre, int RD, class I>
DEV typename Pre::C reduce_share(const Pre& pre, const I (&base)[Pre::N], I first, I step, I end,
                                 const strides<RD, Pre::N, I>& red) {
    typedef typename Pre::C C;
    C acc[V], x[V];
#pragma unroll
    for (int v = 0; v < V; v++) acc[v] = Op::identity();
#pragma unroll 4
    for (I r = first; r < end; r += step) {
        I off[Pre::N];
        red.offsets(r, off);
#pragma unroll
        for (int t = 0; t < Pre::N; t++) off[t] += base[t];
        pre.template load<V>(off, x);
#pragma unroll
        for (int v = 0; v < V; v++) acc[v] = Op::apply(acc[v], x[v]);
    }
#pragma unroll
    for (int v = 1; v < V; v++) acc[0] = Op::apply(acc[0], acc[v]);
    return acc[0];
}

// A warp for each output: short rows.
template <int V, class Op, class Pre, class Post, class Out, int KD, int RD, class I>
DEV void reduce_warp(const Pre& pre, const Post& post, Out* out, I n_out, I n_red, const strides<KD, Pre::N, I>& kept,
                     const strides<RD, Pre::N, I>& red) {
    I base[Pre::N];
    for (I o = thread_id<I>() / WARP; o < n_out; o += thread_count<I>() / WARP) {
        kept.offsets(o, base);
        typename Pre::C x = reduce_share<V, Op>(pre, base, (I)lane_id() * V, (I)WARP * V, n_red, red);
        x = warp_reduce<Op>(x);
        if (lane_id() == 0) out[o] = cast<Out>(post.apply(x));
    }
}

// A block for each output, or for each `chunk` of one (gridDim.y chunks: out[o * gridDim.y + chunk]).
template <int V, class Op, class Pre, class Post, class Out, int KD, int RD, class I>
DEV void reduce_block(const Pre& pre, const Post& post, Out* out, I n_out, I n_red, I chunk,
                      const strides<KD, Pre::N, I>& kept, const strides<RD, Pre::N, I>& red) {
    I base[Pre::N];
    I first = (I)blockIdx.y * chunk, end = first + chunk < n_red ? first + chunk : n_red;
    for (I o = blockIdx.x; o < n_out; o += gridDim.x) {
        kept.offsets(o, base);
        typename Pre::C x =
            reduce_share<V, Op>(pre, base, first + (I)threadIdx.x * V, (I)blockDim.x * V, end, red);
        x = block_reduce<Op>(x);
        if (threadIdx.x == 0) out[o * gridDim.y + blockIdx.y] = cast<Out>(post.apply(x));
    }
}

// Neighbouring threads have neighbouring outputs (blockDim.x of them), blockDim.y threads share each: columns.
#define COLUMN_THREADS 256
template <class Op, class Pre, class Post, class Out, int KD, int RD, class I>
DEV void reduce_column(const Pre& pre, const Post& post, Out* out, I n_out, I n_red, I chunk,
                       const strides<KD, Pre::N, I>& kept, const strides<RD, Pre::N, I>& red) {
    typedef typename Pre::C C;
    __shared__ C part[COLUMN_THREADS];
    I base[Pre::N];
    I first = (I)blockIdx.y * chunk, end = first + chunk < n_red ? first + chunk : n_red;
    for (I b = (I)blockIdx.x * blockDim.x; b < n_out; b += (I)gridDim.x * blockDim.x) {
        I o = b + threadIdx.x;
        C x = Op::identity();
        if (o < n_out) {
            kept.offsets(o, base);
            x = reduce_share<1, Op>(pre, base, first + (I)threadIdx.y, (I)blockDim.y, end, red);
        }
        part[threadIdx.y * blockDim.x + threadIdx.x] = x;
        __syncthreads();
        if (threadIdx.y == 0 && o < n_out) {
            for (u32 y = 1; y < blockDim.y; y++) x = Op::apply(x, part[y * blockDim.x + threadIdx.x]);
            out[o * gridDim.y + blockIdx.y] = cast<Out>(post.apply(x));
        }
        __syncthreads();
    }
}
