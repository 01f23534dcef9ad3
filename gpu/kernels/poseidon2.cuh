// Poseidon2-16 over KoalaBear (section 3): permutation, leaf sponge, two-to-one compression, one instance per lane.
#pragma once

#include "lanes.cuh"
#include "poseidon2_constants.cuh"

namespace blindbook::BLINDBOOK_ISA {

template <class V>
BLINDBOOK_INLINE V cube(V a) {
    return a * a * a;
}

template <class V>
BLINDBOOK_INLINE V twice(V a) {
    return a + a;
}

// The external layer: M4 = [[2,3,1,1],[1,2,3,1],[1,1,2,3],[3,1,1,2]] on blocks of four, then the sums over equal
// positions.
template <class V>
BLINDBOOK_INLINE void external_layer(V* s) {
    for (int b = 0; b < 16; b += 4) {
        const V t01 = s[b] + s[b + 1];
        const V t23 = s[b + 2] + s[b + 3];
        const V all = t01 + t23;
        const V with1 = all + s[b + 1];
        const V with3 = all + s[b + 3];
        const V y1 = with1 + twice(s[b + 2]);
        const V y3 = with3 + twice(s[b]);
        s[b] = with1 + t01;
        s[b + 1] = y1;
        s[b + 2] = with3 + t23;
        s[b + 3] = y3;
    }
    for (int i = 0; i < 4; ++i) {
        const V sum = (s[i] + s[i + 4]) + (s[i + 8] + s[i + 12]);
        for (int b = 0; b < 16; b += 4) s[b + i] = s[b + i] + sum;
    }
}

template <class V>
BLINDBOOK_INLINE V halve(V a) {
    return V::template divide_by_power<1>(a);
}

// The internal layer y_i = sum + d_i x_i, d = [-2, 1, 2, 1/2, 3, 4, -1/2, -3, -4, 2^-8, 2^-3, 2^-24, -2^-8, -2^-3,
// -2^-4, -2^-24].
template <class V>
BLINDBOOK_INLINE void internal_layer(V* s, V rest) {
    const V sum = rest + s[0];
    s[0] = rest - s[0];
    s[1] = sum + s[1];
    s[2] = sum + twice(s[2]);
    s[3] = sum + halve(s[3]);
    s[4] = sum + (twice(s[4]) + s[4]);
    s[5] = sum + twice(twice(s[5]));
    s[6] = sum - halve(s[6]);
    s[7] = sum - (twice(s[7]) + s[7]);
    s[8] = sum - twice(twice(s[8]));
    s[9] = sum + V::template divide_by_power<8>(s[9]);
    s[10] = sum + V::template divide_by_power<3>(s[10]);
    s[11] = sum + V::template divide_by_power<24>(s[11]);
    s[12] = sum + V::template divide_by_minus_power<8>(s[12]);
    s[13] = sum + V::template divide_by_minus_power<3>(s[13]);
    s[14] = sum + V::template divide_by_minus_power<4>(s[14]);
    s[15] = sum + V::template divide_by_minus_power<24>(s[15]);
}

// Sum of lanes 1..15; it does not wait for the S-box of lane 0.
template <class V>
BLINDBOOK_INLINE V internal_rest(const V* s) {
    const V a = (s[1] + s[2]) + (s[3] + s[4]);
    const V b = (s[5] + s[6]) + (s[7] + s[8]);
    const V c = (s[9] + s[10]) + (s[11] + s[12]);
    return (a + b) + (c + ((s[13] + s[14]) + s[15]));
}

template <class V>
BLINDBOOK_NOINLINE void poseidon2_permute(V* state) {  // [16]
    V s[16];
    for (int i = 0; i < 16; ++i) s[i] = state[i];
    external_layer(s);
    for (const auto& round : POSEIDON2.initial) {
        for (int i = 0; i < 16; ++i) s[i] = cube(s[i] + V::broadcast(round[i]));
        external_layer(s);
    }
    for (const auto& constant : POSEIDON2.partial) {
        const V rest = internal_rest(s);
        s[0] = cube(s[0] + V::broadcast(constant));
        internal_layer(s, rest);
    }
    for (const auto& round : POSEIDON2.terminal) {
        for (int i = 0; i < 16; ++i) s[i] = cube(s[i] + V::broadcast(round[i]));
        external_layer(s);
    }
    for (int i = 0; i < 16; ++i) state[i] = s[i];
}

// leaf(v) of rows row .. row + width - 1 of the columns.
template <class V>
BLINDBOOK_INLINE void poseidon2_leaf(const u32* const* columns, usize width, usize row, V* state) {
    for (int i = 0; i < 16; ++i) state[i] = V::zero();
    state[8] = V::broadcast(Fp::from_canonical(static_cast<u32>(width)));
    state[9] = V::one();
    for (usize first = 0; first < width; first += 8) {
        for (usize i = 0; i < 8; ++i) {
            state[i] = first + i < width ? V::load(columns[first + i] + row) : V::zero();
            if (first + i < width)
                prefetch(columns[first + i] + row + BLOCK);  // more columns than the hardware follows
        }
        poseidon2_permute(state);
    }
}

// node(l, r): state holds l and r; the digest is left in state[0..8).
template <class V>
BLINDBOOK_INLINE void poseidon2_node(V* state) {
    V kept[8];
    for (int i = 0; i < 8; ++i) kept[i] = state[i];
    poseidon2_permute(state);
    for (int i = 0; i < 8; ++i) state[i] = state[i] + kept[i];
}

}  // namespace blindbook::BLINDBOOK_ISA
