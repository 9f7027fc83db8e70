// From a linear index to the offset of an element in each tensor: fast division by sizes known at the launch.
#pragma once
#include "types.cuh"

// Division by a number that is fixed for a launch. Filled in by the host (kernels/cuda/args.rs).
template <class I> struct divisor { I d; DEV void split(I n, I& q, I& r) const { q = n / d; r = n - q * d; } };
// Granlund and Montgomery 1994, fig. 4.1; n and d below 2^31.
template <> struct divisor<u32> {
    u32 d, magic, shift;
    DEV void split(u32 n, u32& q, u32& r) const {
        q = (u32)((u64)n * magic >> 32);
        q = (q + n) >> shift;
        r = n - q * d;
    }
};

// Strides, in elements, of NT tensors over ND dimensions; dimension 0 is the innermost. size[ND - 1] is not looked at.
template <int ND, int NT, class I> struct strides {
    divisor<I> size[ND];
    I stride[NT][ND];
    DEV void offsets(I linear, I (&off)[NT]) const {
#pragma unroll
        for (int t = 0; t < NT; t++) off[t] = 0;
#pragma unroll
        for (int d = 0; d < ND; d++) {
            I q = 0, r = linear;
            if (d < ND - 1) size[d].split(linear, q, r);
#pragma unroll
            for (int t = 0; t < NT; t++) off[t] += r * stride[t][d];
            linear = q;
        }
    }
};
// Contiguous: nothing to know.
template <int NT, class I> struct strides<0, NT, I> {
    int unused;
    DEV void offsets(I linear, I (&off)[NT]) const {
#pragma unroll
        for (int t = 0; t < NT; t++) off[t] = linear;
    }
};

template <class I> DEV I thread_id() { return (I)blockIdx.x * blockDim.x + threadIdx.x; }
template <class I> DEV I thread_count() { return (I)gridDim.x * blockDim.x; }
