// Moves by index along one dimension. Tensor 0 is the result, 1 the indices, 2 the source; strides that do not apply
// are 0, so that gather, index_select, embedding and take are one kernel, and scatter, index_add, index_copy another.
// An index out of range sets *bad to 1 and moves nothing; negative ones count from the end where WRAP is.
#pragma once
#include "index.cuh"
#include "ops.cuh"

template <bool WRAP, class I> DEV bool in_range(i64& i, I size, int* bad) {
    if (WRAP && i < 0) i += (i64)size;
    if (i >= 0 && i < (i64)size) return true;
    *bad = 1;
    return false;
}

// out[...] = src[..., index, ...]: `size` and `step` are the size and stride of src's dimension.
template <bool WRAP, class T, class Index, int ND, class I>
DEV void gather(T* out, const Index* index, const T* src, int* bad, I n, I size, I step, const strides<ND, 3, I>& s) {
    I off[3];
    for (I g = thread_id<I>(); g < n; g += thread_count<I>()) {
        s.offsets(g, off);
        i64 i = (i64)index[off[1]];
        if (in_range<WRAP>(i, size, bad)) out[off[0]] = src[off[2] + (I)i * step];
    }
}

template <class C> struct assign_op {
    static DEV C apply(C, C b) { return b; }
};
// out[..., index, ...] = Op(out[..., index, ...], src[...]). Only elements of one line (along the dimension) can meet,
// so a thread walks a line in order: equal bits in every run, and the last assignment wins. `count` is the length of a
// line of indices; `walk` are the strides along it (result: stride of its dimension).
template <bool WRAP, class C, class Op, class T, class Index, int ND, class I>
DEV void scatter(T* out, const Index* index, const T* src, int* bad, I lines, I count, I size, I out_step, I index_step,
                 I src_step, const strides<ND, 3, I>& s) {
    I off[3];
    for (I g = thread_id<I>(); g < lines; g += thread_count<I>()) {
        s.offsets(g, off);
        for (I k = 0; k < count; k++) {
            i64 i = (i64)index[off[1] + k * index_step];
            if (!in_range<WRAP>(i, size, bad)) continue;
            T* to = out + off[0] + (I)i * out_step;
            *to = cast<T>(Op::apply(cast<C>(*to), cast<C>(src[off[2] + k * src_step])));
        }
    }
}

// Sums of source rows into result rows, each in the order of `order`: segment k adds src rows order[start[k]] ..
// order[start[k + 1] - 1] to row target[k]. What index_add and embedding's gradient are once the indices are sorted.
template <class C, class T, class I>
DEV void segment_add(T* out, const T* src, const i64* target, const i64* start, const i64* order, I segments, I width) {
    for (I k = blockIdx.x; k < segments; k += gridDim.x)
        for (I c = threadIdx.x; c < width; c += blockDim.x) {
            T* to = out + (I)target[k] * width + c;
            C sum = cast<C>(*to);
            for (i64 j = start[k]; j < start[k + 1]; j++) sum = prim::add(sum, cast<C>(src[(I)order[j] * width + c]));
            *to = cast<T>(sum);
        }
}
