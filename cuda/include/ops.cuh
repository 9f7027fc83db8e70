// How values are combined: what reductions and scans take as Op. `apply(a, b)` has the earlier one on the left.
#pragma once
#include "prims.cuh"

template <class C> struct sum_op {
    static DEV C identity() { return number<C>(0); }
    static DEV C apply(C a, C b) { return prim::add(a, b); }
};
template <class C> struct prod_op {
    static DEV C identity() { return number<C>(1); }
    static DEV C apply(C a, C b) { return prim::mul(a, b); }
};
template <class C> struct max_op {
    static DEV C identity() { return limits<C>::lowest(); }
    static DEV C apply(C a, C b) { return prim::max(a, b); }
};
template <class C> struct min_op {
    static DEV C identity() { return limits<C>::highest(); }
    static DEV C apply(C a, C b) { return prim::min(a, b); }
};
template <class C> struct any_op {
    static DEV C identity() { return number<C>(0); }
    static DEV C apply(C a, C b) { return prim::logical_or(a, b); }
};
template <class C> struct all_op {
    static DEV C identity() { return number<C>(1); }
    static DEV C apply(C a, C b) { return prim::logical_and(a, b); }
};
// log(exp(a) + exp(b)).
template <class C> struct logaddexp_op {
    static DEV C identity() { return limits<C>::lowest(); }
    static DEV C apply(C a, C b) {
        C m = prim::max(a, b), n = prim::min(a, b);
        return m != m || m == n ? (m != m ? m : m == limits<C>::lowest() || m == limits<C>::highest() ? m : m + m_log1p((C)1))
                                : m + m_log1p(m_exp(n - m));
    }
};

// A value and where it stands; index -1 is "nothing yet".
template <class C> struct alignas(8) found { C value; i64 index; };
template <class C> DEV found<C> nothing() { found<C> f; f.value = number<C>(0); f.index = -1; return f; }
template <class C> DEV found<C> find(C value, i64 index) { found<C> f; f.value = value; f.index = index; return f; }

// The largest (smallest), NaN above all; of equals the first.
template <class C, bool MAX> struct arg_op {
    static DEV found<C> identity() { return nothing<C>(); }
    static DEV found<C> apply(found<C> a, found<C> b) {
        if (a.index < 0) return b;
        if (b.index < 0) return a;
        bool an = a.value != a.value, bn = b.value != b.value;
        bool first = a.index < b.index;
        if (an || bn) return an && (!bn || first) ? a : b;
        if (a.value == b.value) return first ? a : b;
        return (MAX ? a.value > b.value : a.value < b.value) ? a : b;
    }
};
// Running maximum (minimum): of equals the last, and after a NaN only NaNs.
template <class C, bool MAX> struct cum_op {
    static DEV found<C> identity() { return nothing<C>(); }
    static DEV found<C> apply(found<C> a, found<C> b) {
        if (a.index < 0) return b;
        if (b.index < 0) return a;
        if (b.value != b.value) return b;
        if (a.value != a.value) return a;
        return (MAX ? b.value >= a.value : b.value <= a.value) ? b : a;
    }
};

// Scan ops: the state, how an element enters it, and how it leaves.
template <class C, class Op> struct scan_value : Op {
    typedef C state;
    static const bool INDEX = false;
    static DEV C enter(C x, i64) { return x; }
    static DEV C value(C s) { return s; }
    static DEV i64 index(C) { return 0; }
};
template <class C, class Op> struct scan_found : Op {
    typedef found<C> state;
    static const bool INDEX = true;
    static DEV found<C> enter(C x, i64 i) { return find(x, i); }
    static DEV C value(found<C> s) { return s.value; }
    static DEV i64 index(found<C> s) { return s.index; }
};
