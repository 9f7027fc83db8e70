// The device code as C++ on a CPU, for tests: threads of a block are fibres that take turns, blocks run one after the
// other. A barrier that not every thread reaches is reported. Not part of the library.
#pragma once
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <utility>
#include <vector>

#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static

namespace emu {

struct dim { unsigned x, y, z; };
enum { WARP_SIZE = 32, MAX_THREADS = 1024, STACK = 64 * 1024 };
enum wait { RUNNING, AT_BLOCK, AT_WARP, DONE };

struct fibre {
    ucontext_t context;
    wait state;
    dim index;
    unsigned long long slot;  // what it gives to a shuffle
};

struct machine {
    dim grid, block, block_index;
    fibre* now;
    ucontext_t home;
    fibre fibres[MAX_THREADS];
    char* stacks;
    void (*body)(void*);
    void* closure;
    sigjmp_buf outside;
};
inline machine m;

inline void on_fault(int) { siglongjmp(m.outside, 1); }

inline void rest(wait w) {
    m.now->state = w;
    swapcontext(&m.now->context, &m.home);
}

inline void start() {
    m.body(m.closure);
    m.now->state = DONE;
    swapcontext(&m.now->context, &m.home);
}

// Lets go every fibre of [first, last) if all that live wait at `w`; false if some wait elsewhere.
inline int release(unsigned first, unsigned last, wait w) {
    unsigned live = 0, waiting = 0;
    for (unsigned i = first; i < last; i++) {
        live += m.fibres[i].state != DONE;
        waiting += m.fibres[i].state == w;
    }
    if (!waiting || waiting != live) return 0;
    for (unsigned i = first; i < last; i++)
        if (m.fibres[i].state == w) m.fibres[i].state = RUNNING;
    return 1;
}

inline int run_block() {
    unsigned n = m.block.x * m.block.y * m.block.z;
    for (unsigned i = 0; i < n; i++) {
        fibre& f = m.fibres[i];
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = m.stacks + (size_t)i * STACK;
        f.context.uc_stack.ss_size = STACK;
        f.context.uc_link = 0;
        makecontext(&f.context, start, 0);
        f.state = RUNNING;
        f.index = {i % m.block.x, i / m.block.x % m.block.y, i / m.block.x / m.block.y};
    }
    for (;;) {
        unsigned done = 0;
        int moved = 0;
        for (unsigned w = 0; w < n; w += WARP_SIZE) {
            unsigned end = w + WARP_SIZE < n ? w + WARP_SIZE : n;
            do {
                for (unsigned i = w; i < end; i++)
                    if (m.fibres[i].state == RUNNING) {
                        m.now = &m.fibres[i];
                        swapcontext(&m.home, &m.now->context);
                        moved = 1;
                    }
            } while (release(w, end, AT_WARP));
        }
        for (unsigned i = 0; i < n; i++) done += m.fibres[i].state == DONE;
        if (done == n) return 0;
        moved |= release(0, n, AT_BLOCK);
        if (!moved) return 1;
    }
}

template <class... A, size_t... K> void call(void (*kernel)(A...), void** args, std::index_sequence<K...>) {
    kernel(*(typename std::remove_const<A>::type*)args[K]...);
}

template <class... A>
int launch(void (*kernel)(A...), unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, void** args) {
    if ((unsigned long long)bx * by * bz > MAX_THREADS) return 2;
    if (!m.stacks) m.stacks = (char*)malloc((size_t)STACK * MAX_THREADS);
    auto body = [&] { call(kernel, args, std::index_sequence_for<A...>()); };
    m.grid = {gx, gy, gz};
    m.block = {bx, by, bz};
    m.closure = &body;
    m.body = [](void* c) { (*(decltype(body)*)c)(); };
    // The tests put a page without access behind each buffer.
    struct sigaction fault = {}, before;
    fault.sa_handler = on_fault;
    sigaction(SIGSEGV, &fault, &before);
    volatile int failure = 0;
    if (sigsetjmp(m.outside, 1)) failure = 3;
    for (unsigned z = 0; z < gz && !failure; z++)
        for (unsigned y = 0; y < gy && !failure; y++)
            for (unsigned x = 0; x < gx && !failure; x++) {
                m.block_index = {x, y, z};
                failure = run_block();
            }
    sigaction(SIGSEGV, &before, 0);
    return failure;
}

inline unsigned linear() { return (unsigned)(m.now - m.fibres); }
// The word of lane `from` of this warp: all lanes put theirs down, all lanes take.
inline unsigned exchange(unsigned x, unsigned from) {
    m.now->slot = x;
    rest(AT_WARP);
    unsigned i = linear() / WARP_SIZE * WARP_SIZE + from, y = (unsigned)m.fibres[i].slot;
    rest(AT_WARP);
    return y;
}

}  // namespace emu

#define threadIdx (emu::m.now->index)
#define blockIdx (emu::m.block_index)
#define blockDim (emu::m.block)
#define gridDim (emu::m.grid)

inline void __syncthreads() { emu::rest(emu::AT_BLOCK); }
inline unsigned __shfl_sync(unsigned, unsigned x, int lane) { return emu::exchange(x, lane & 31); }
inline unsigned __shfl_xor_sync(unsigned, unsigned x, int mask) { return emu::exchange(x, (emu::linear() & 31) ^ mask); }
inline unsigned __shfl_up_sync(unsigned, unsigned x, int by) {
    int lane = emu::linear() & 31;
    return emu::exchange(x, lane >= by ? lane - by : lane);
}

#define EMULATE(name)                                                                                                  \
    extern "C" int emulate_##name(unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,        \
                                  void** args) {                                                                       \
        return emu::launch(name, gx, gy, gz, bx, by, bz, args);                                                        \
    }
