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
    friend BLINDBOOK_INLINE bool operator==(const Ext& a, const Ext& b) {
        return a.c[0] == b.c[0] && a.c[1] == b.c[1] && a.c[2] == b.c[2] && a.c[3] == b.c[3] && a.c[4] == b.c[4];
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

    // The same value in all lanes.
    static BLINDBOOK_INLINE Factor constant(const Element& b) {
        const Fp b14 = b.c[1] - b.c[4];
        Factor factor;
        for (int i = 0; i < 5; ++i) factor.s[i] = V::split_constant(b.c[i]);
        factor.s[5] = V::split_constant(b14);
        factor.s[6] = V::split_constant(b.c[0] - b.c[3]);
        factor.s[7] = V::split_constant(b.c[4] - b.c[2]);
        factor.s[8] = V::split_constant(b.c[3] - b14);
        return factor;
    }

    BLINDBOOK_INLINE Factor() = default;
    explicit BLINDBOOK_INLINE Factor(const Ext<V>& b) {
        const V b14 = b.c[1] - b.c[4];
        for (int i = 0; i < 5; ++i) s[i] = V::split(b.c[i]);
        s[5] = V::split(b14);
        s[6] = V::split(b.c[0] - b.c[3]);
        s[7] = V::split(b.c[4] - b.c[2]);
        s[8] = V::split(b.c[3] - b14);
    }
};

// The positions in Factor::s that the coefficients a_0..a_4 meet, for each coefficient of the product.
inline constexpr int FACTOR_OF[5][5] = {
    {0, 4, 3, 2, 5}, {1, 0, 4, 3, 2}, {2, 5, 6, 7, 8}, {3, 2, 5, 6, 7}, {4, 3, 2, 5, 6}};

template <class V>
struct SplitExt {
    typename V::Split s[5];
    explicit BLINDBOOK_INLINE SplitExt(const Ext<V>& a) {
        for (int i = 0; i < 5; ++i) s[i] = V::split(a.c[i]);
    }
};

// Coefficient k of a * b, below 3.05 p^2.
template <int K, class V>
BLINDBOOK_INLINE typename V::Wide product_coefficient(const SplitExt<V>& a, const Factor<V>& b) {
    constexpr const int* at = FACTOR_OF[K];
    const auto low = V::add(V::multiply(a.s[0], b.s[at[0]]), V::multiply(a.s[1], b.s[at[1]]));
    const auto middle = V::add(V::multiply(a.s[2], b.s[at[2]]), V::multiply(a.s[3], b.s[at[3]]));
    return V::add(V::shrink(V::add(low, middle)), V::multiply(a.s[4], b.s[at[4]]));
}

// Coefficient k of a * b + c * d.
template <int K, class V>
BLINDBOOK_INLINE typename V::Wide sum_coefficient(const SplitExt<V>& a, const Factor<V>& b, const SplitExt<V>& c,
                                                  const Factor<V>& d) {
    constexpr const int* at = FACTOR_OF[K];
    const auto low = V::add(V::multiply(c.s[0], d.s[at[0]]), V::multiply(c.s[1], d.s[at[1]]));
    const auto middle = V::add(V::multiply(c.s[2], d.s[at[2]]), V::multiply(c.s[3], d.s[at[3]]));
    auto sum = V::add(V::shrink(product_coefficient<K>(a, b)), low);
    sum = V::add(V::shrink(sum), middle);
    return V::add(V::shrink(sum), V::multiply(c.s[4], d.s[at[4]]));
}

template <class V>
BLINDBOOK_INLINE Ext<V> operator*(const SplitExt<V>& a, const Factor<V>& b) {
    return {{V::reduce(product_coefficient<0>(a, b)), V::reduce(product_coefficient<1>(a, b)),
             V::reduce(product_coefficient<2>(a, b)), V::reduce(product_coefficient<3>(a, b)),
             V::reduce(product_coefficient<4>(a, b))}};
}
template <class V>
BLINDBOOK_INLINE Ext<V> operator*(const Ext<V>& a, const Factor<V>& b) {
    return SplitExt<V>(a) * b;
}
template <class V>
BLINDBOOK_INLINE Ext<V> operator*(const Ext<V>& a, const Ext<V>& b) {
    return a * Factor<V>(b);
}

// a * b + c * d with one reduction.
template <class V>
BLINDBOOK_INLINE Ext<V> product_sum(const SplitExt<V>& a, const Factor<V>& b, const SplitExt<V>& c,
                                    const Factor<V>& d) {
    return {{V::reduce(sum_coefficient<0>(a, b, c, d)), V::reduce(sum_coefficient<1>(a, b, c, d)),
             V::reduce(sum_coefficient<2>(a, b, c, d)), V::reduce(sum_coefficient<3>(a, b, c, d)),
             V::reduce(sum_coefficient<4>(a, b, c, d))}};
}

// base * ext with the base value split already; base a * b + base c * d.
template <class V>
BLINDBOOK_INLINE Ext<V> mixed_product(const typename V::Split& a, const SplitExt<V>& b) {
    Ext<V> result;
    for (int k = 0; k < 5; ++k) result.c[k] = V::reduce(V::multiply(b.s[k], a));
    return result;
}
template <class V>
BLINDBOOK_INLINE Ext<V> mixed_product_sum(const typename V::Split& a, const SplitExt<V>& b, const typename V::Split& c,
                                          const SplitExt<V>& d) {
    Ext<V> result;
    for (int k = 0; k < 5; ++k) result.c[k] = V::reduce(V::add(V::multiply(b.s[k], a), V::multiply(d.s[k], c)));
    return result;
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

// 1 / a for a other than 0: the conjugates a^p .. a^(p^4) multiplied with a give the norm, which is in F.
BLINDBOOK_INLINE Element inverse(const Element& a) {
    Element conjugate = a;
    Element conjugates = Element::one();
    for (int i = 1; i < 5; ++i) {
        conjugate = power(conjugate, P);
        conjugates = conjugates * conjugate;
    }
    return conjugates * inverse((a * conjugates).c[0]);
}

}  // namespace blindbook::BLINDBOOK_ISA
