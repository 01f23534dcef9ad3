// The extension E = F[X] / (X^5 + X^2 - 1), for one element (Ext<Fp>) or a vector of them (Ext<Lanes>).
//
// Multiplication. From X^5 = 1 - X^2 each coefficient of a * b is a sum of five products a_i * B_ki, where B_ki is one
// of the nine values b_0..b_4, b_1 - b_4, b_0 - b_3, b_4 - b_2, b_3 - b_1 + b_4. `Factor` holds these nine, so a
// constant factor is prepared once.
#pragma once

#include "lanes.cuh"

namespace blindbook::BLINDBOOK_ISA {

template <class V>
struct Ext {
    V c[5];

    static BLINDBOOK_INLINE Ext zero() { return {{V::zero(), V::zero(), V::zero(), V::zero(), V::zero()}}; }
    static BLINDBOOK_INLINE Ext one() { return {{V::one(), V::zero(), V::zero(), V::zero(), V::zero()}}; }
    static BLINDBOOK_INLINE Ext broadcast(const Ext<Fp>& a) {
        return {{V::broadcast(a.c[0]), V::broadcast(a.c[1]), V::broadcast(a.c[2]), V::broadcast(a.c[3]),
                 V::broadcast(a.c[4])}};
    }
    // Five coefficients `stride` words apart.
    static BLINDBOOK_INLINE Ext load(const u32* from, usize stride) {
        return {{V::load(from), V::load(from + stride), V::load(from + 2 * stride), V::load(from + 3 * stride),
                 V::load(from + 4 * stride)}};
    }
    BLINDBOOK_INLINE void store(u32* to, usize stride) const {
        for (usize k = 0; k < 5; ++k) c[k].store(to + k * stride);
    }

    friend BLINDBOOK_INLINE Ext operator+(const Ext& a, const Ext& b) {
        return {{a.c[0] + b.c[0], a.c[1] + b.c[1], a.c[2] + b.c[2], a.c[3] + b.c[3], a.c[4] + b.c[4]}};
    }
    friend BLINDBOOK_INLINE Ext operator-(const Ext& a, const Ext& b) {
        return {{a.c[0] - b.c[0], a.c[1] - b.c[1], a.c[2] - b.c[2], a.c[3] - b.c[3], a.c[4] - b.c[4]}};
    }
    friend BLINDBOOK_INLINE Ext operator*(const Ext& a, V b) {
        return {{a.c[0] * b, a.c[1] * b, a.c[2] * b, a.c[3] * b, a.c[4] * b}};
    }
};

using Element = Ext<Fp>;

template <class V>
struct Factor {
    // 0..4: b_0..b_4; 5: b_1 - b_4; 6: b_0 - b_3; 7: b_4 - b_2; 8: b_3 - b_1 + b_4.
    typename V::Split s[9];

    explicit BLINDBOOK_INLINE Factor(const Ext<V>& b) {
        const V b14 = b.c[1] - b.c[4];
        for (int i = 0; i < 5; ++i) s[i] = V::split(b.c[i]);
        s[5] = V::split(b14);
        s[6] = V::split(b.c[0] - b.c[3]);
        s[7] = V::split(b.c[4] - b.c[2]);
        s[8] = V::split(b.c[3] - b14);
    }
};

template <class V>
BLINDBOOK_INLINE typename V::Wide dot5(const typename V::Split* a, const Factor<V>& b, int i0, int i1, int i2, int i3,
                                       int i4) {
    const auto low = V::add(V::multiply(a[0], b.s[i0]), V::multiply(a[1], b.s[i1]));
    const auto middle = V::add(V::multiply(a[2], b.s[i2]), V::multiply(a[3], b.s[i3]));
    return V::add(V::shrink(V::add(low, middle)), V::multiply(a[4], b.s[i4]));
}

template <class V>
BLINDBOOK_INLINE Ext<V> operator*(const Ext<V>& a, const Factor<V>& b) {
    const typename V::Split s[5] = {V::split(a.c[0]), V::split(a.c[1]), V::split(a.c[2]), V::split(a.c[3]),
                                    V::split(a.c[4])};
    return {{V::reduce(dot5<V>(s, b, 0, 4, 3, 2, 5)), V::reduce(dot5<V>(s, b, 1, 0, 4, 3, 2)),
             V::reduce(dot5<V>(s, b, 2, 5, 6, 7, 8)), V::reduce(dot5<V>(s, b, 3, 2, 5, 6, 7)),
             V::reduce(dot5<V>(s, b, 4, 3, 2, 5, 6))}};
}

template <class V>
BLINDBOOK_INLINE Ext<V> operator*(const Ext<V>& a, const Ext<V>& b) {
    return a * Factor<V>(b);
}

// sum of constant * value with delayed reduction, for base values and extension constants (or the other way round).
template <class V>
struct MixedSum {
    typename V::Wide sum[5];

    BLINDBOOK_INLINE MixedSum() {
        const auto zero = V::multiply(V::split(V::zero()), V::split(V::zero()));
        for (auto& s : sum) s = zero;
    }
    BLINDBOOK_INLINE void shrink() {
        for (auto& s : sum) s = V::shrink(s);
    }
    // At most two calls between calls of shrink().
    BLINDBOOK_INLINE void add(const typename V::Split* ext, const typename V::Split& base) {
        for (int k = 0; k < 5; ++k) sum[k] = V::add(sum[k], V::multiply(ext[k], base));
    }
    // After shrink().
    BLINDBOOK_INLINE Ext<V> value() const {
        return {{V::reduce(sum[0]), V::reduce(sum[1]), V::reduce(sum[2]), V::reduce(sum[3]), V::reduce(sum[4])}};
    }
};

BLINDBOOK_INLINE Element sum_lanes(const Ext<Fp>& a) { return a; }
template <class V>
BLINDBOOK_INLINE Element sum_lanes(const Ext<V>& a) {
    return {{sum_lanes(a.c[0]), sum_lanes(a.c[1]), sum_lanes(a.c[2]), sum_lanes(a.c[3]), sum_lanes(a.c[4])}};
}

BLINDBOOK_INLINE Element power(Element base, u64 exponent) {
    Element result = Element::one();
    for (; exponent != 0; exponent >>= 1) {
        if ((exponent & 1U) != 0) result = result * base;
        base = base * base;
    }
    return result;
}

}  // namespace blindbook::BLINDBOOK_ISA
