// Pointwise formulas. F is printed by kernels/cuda/print.rs: the pointers, the parameters, and
// `run<W>(off)`, which computes W neighbouring elements whose offsets (one per tensor) are given.
#pragma once
#include "index.cuh"
#include "prims.cuh"

// n elements, V at a time. With ND > 1 the host has seen to it that V divides the innermost size.
template <int V, int ND, class F, class I> DEV void map_loop(const F& f, I n, const strides<ND, F::N, I>& s) {
    I off[F::N];
    for (I g = thread_id<I>(); g < n / V; g += thread_count<I>()) {
        s.offsets(g * V, off);
        f.template run<V>(off);
    }
    if (V > 1 && ND <= 1)
        for (I i = n / V * V + thread_id<I>(); i < n; i += thread_count<I>()) {
            s.offsets(i, off);
            f.template run<1>(off);
        }
}
