// Copies with a change of type or layout. Anything is `map_loop` with a cast; a transposition goes through shared
// memory, so that both sides move whole lines.
#pragma once
#include "index.cuh"
#include "map.cu"

// in is [batch, rows, cols] with neighbours along cols; out is [batch, cols, rows]. 32 x 8 threads.
#define TILE 32
#define TILE_ROWS 8
template <class To, class From, class I>
DEV void transpose(To* out, const From* in, I batch, I rows, I cols, I in_batch, I in_row, I out_batch, I out_row) {
    __shared__ To tile[TILE][TILE + 1];  // + 1: columns in different banks
    I across = (cols + TILE - 1) / TILE, down = (rows + TILE - 1) / TILE;
    for (I t = blockIdx.x; t < batch * across * down; t += gridDim.x) {
        I c0 = t % across * TILE, r0 = t / across % down * TILE, b = t / across / down;
        for (u32 k = threadIdx.y; k < TILE; k += TILE_ROWS)
            if (r0 + k < rows && c0 + threadIdx.x < cols)
                tile[k][threadIdx.x] = cast<To>(in[b * in_batch + (r0 + k) * in_row + c0 + threadIdx.x]);
        __syncthreads();
        for (u32 k = threadIdx.y; k < TILE; k += TILE_ROWS)
            if (c0 + k < cols && r0 + threadIdx.x < rows)
                out[b * out_batch + (c0 + k) * out_row + r0 + threadIdx.x] = tile[threadIdx.x][k];
        __syncthreads();
    }
}
