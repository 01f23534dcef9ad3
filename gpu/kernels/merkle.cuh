// Leaf hashes, tree nodes and grinding. Digests are eight planes of u32: digests[word][stride].
#pragma once

#include "keccak.cuh"
#include "poseidon2.cuh"

namespace blindbook::BLINDBOOK_ISA {

// Calls body with a value type and a position: whole vectors from begin, single elements at the end.
template <class Body>
BLINDBOOK_INLINE void for_each_vector(usize begin, usize end, Body body) {
    usize row = begin;
    for (; row + static_cast<usize>(Lanes::width) <= end; row += static_cast<usize>(Lanes::width)) body(Lanes{}, row);
    for (; row < end; ++row) body(Fp{}, row);
}

// ---- Poseidon2
// -------------------------------------------------------------------------------------------------------------

inline void poseidon2_leaves(const u32* const* columns, usize width, usize begin, usize end, u32* digests,
                             usize stride) {
    for_each_vector(begin, end, [&](auto tag, usize row) {
        using V = decltype(tag);
        V state[16];
        poseidon2_leaf(columns, width, row, state);
        for (usize i = 0; i < 8; ++i) state[i].store(digests + i * stride + row);
    });
}

// Nodes begin..end of a layer whose left and right children lie in separate runs.
inline void poseidon2_nodes(const u32* left, const u32* right, usize child_stride, u32* nodes, usize stride,
                            usize begin, usize end) {
    for_each_vector(begin, end, [&](auto tag, usize row) {
        using V = decltype(tag);
        V state[16];
        for (usize i = 0; i < 8; ++i) {
            state[i] = V::load(left + i * child_stride + row);
            state[8 + i] = V::load(right + i * child_stride + row);
        }
        poseidon2_node(state);
        for (usize i = 0; i < 8; ++i) state[i].store(nodes + i * stride + row);
    });
}

BLINDBOOK_INLINE void load_pairs(const u32* from, Fp& even, Fp& odd) {
    even = Fp{from[0]};
    odd = Fp{from[1]};
}
#if defined(BLINDBOOK_AVX512) || defined(BLINDBOOK_AVX2)
BLINDBOOK_INLINE void load_pairs(const u32* from, Lanes& even, Lanes& odd) { Lanes::load_pairs(from, even, odd); }
#endif

// Nodes begin..end of a layer whose children alternate.
inline void poseidon2_node_pairs(const u32* children, usize child_stride, u32* nodes, usize stride, usize begin,
                                 usize end) {
    for_each_vector(begin, end, [&](auto tag, usize row) {
        using V = decltype(tag);
        V state[16];
        for (usize i = 0; i < 8; ++i) load_pairs(children + i * child_stride + 2 * row, state[i], state[8 + i]);
        poseidon2_node(state);
        for (usize i = 0; i < 8; ++i) state[i].store(nodes + i * stride + row);
    });
}

// The state after the tag of the nonce message; `slot` is where the nonce goes. Returns the smallest nonce of
// [start, start + count) that passes, or count + start.
inline u32 poseidon2_grind(const u32* state, usize slot, u32 start, u32 count, u32 mask) {
    using V = Lanes;
    constexpr u32 width = static_cast<u32>(V::width);
    alignas(64) u32 lanes[16];
    for (u32 offset = 0; offset < count; offset += width) {
        for (u32 i = 0; i < width; ++i) lanes[i] = start + offset + i;
        V s[16];
        for (usize i = 0; i < 16; ++i) s[i] = V::broadcast(Fp{state[i]});
        s[slot] = V::encode(V::load(lanes));
        poseidon2_permute(s);
        V::decode(s[0]).store(lanes);
        for (u32 i = 0; i < width && offset + i < count; ++i)
            if ((lanes[i] & mask) == 0) return start + offset + i;
    }
    return start + count;
}

// ---- Keccak
// ----------------------------------------------------------------------------------------------------------------

inline void keccak_store_digests(const u64* digest, usize active, u32* to, usize stride) {
    for (usize j = 0; j < 4; ++j)
        for (usize k = 0; k < active; ++k) {
            to[2 * j * stride + k] = static_cast<u32>(digest[j * KECCAK_LANES + k]);
            to[(2 * j + 1) * stride + k] = static_cast<u32>(digest[j * KECCAK_LANES + k] >> 32);
        }
}

// The message words of 16 rows from `row`: words[group][(width + 1) / 2][KECCAK_LANES], group g holds rows from g *
// KECCAK_LANES.
BLINDBOOK_INLINE void keccak_leaf_words(const u32* const* columns, usize width, usize row, u64* words) {
    const usize count = (width + 1) / 2;
    for (usize i = 0; i < count; ++i) {
        alignas(64) u32 pair[2][BLOCK] = {};
        for (usize side = 0; side < 2 && 2 * i + side < width; ++side) {
            prefetch(columns[2 * i + side] + row + BLOCK);  // more columns than the hardware follows
            for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width))
                Lanes::decode(Lanes::load(columns[2 * i + side] + row + lane)).store(pair[side] + lane);
        }
        for (usize group = 0; group < BLOCK / KECCAK_LANES; ++group)
            for (usize k = 0; k < KECCAK_LANES; ++k) {
                const u64 first = __builtin_bswap32(pair[0][group * KECCAK_LANES + k]);
                const u64 second = __builtin_bswap32(pair[1][group * KECCAK_LANES + k]);
                words[(group * count + i) * KECCAK_LANES + k] = first | second << 32;
            }
    }
}

// words: scratch of [(width + 1) / 2][16].
inline void keccak_leaves(const u32* const* columns, usize width, usize begin, usize end, u32* digests, usize stride,
                          u64* words) {
    alignas(64) u64 digest[4 * KECCAK_LANES];
    const usize count = (width + 1) / 2;
    const int missing = width % 2 == 0 ? 0 : 4;
    usize row = begin;
    for (; row + BLOCK <= end; row += BLOCK) {
        keccak_leaf_words(columns, width, row, words);
        for (usize group = 0; group < BLOCK / KECCAK_LANES; ++group) {
            keccak_domain_message(0, words + group * count * KECCAK_LANES, count, missing, digest);
            keccak_store_digests(digest, KECCAK_LANES, digests + row + group * KECCAK_LANES, stride);
        }
    }
    for (; row < end; row += KECCAK_LANES) {
        const usize active = end - row < KECCAK_LANES ? end - row : KECCAK_LANES;
        for (usize i = 0; i < count; ++i)
            for (usize k = 0; k < KECCAK_LANES; ++k) {
                const usize from = row + (k < active ? k : 0);
                const u64 first = __builtin_bswap32(Fp{columns[2 * i][from]}.canonical());
                const u64 second = 2 * i + 1 < width ? __builtin_bswap32(Fp{columns[2 * i + 1][from]}.canonical()) : 0;
                words[i * KECCAK_LANES + k] = first | second << 32;
            }
        keccak_domain_message(0, words, count, missing, digest);
        keccak_store_digests(digest, active, digests + row, stride);
    }
}

template <class Load>
inline void keccak_node_rows(usize begin, usize end, u32* nodes, usize stride, Load load) {
    alignas(64) u64 words[8 * KECCAK_LANES];
    alignas(64) u64 digest[4 * KECCAK_LANES];
    for (usize row = begin; row < end; row += KECCAK_LANES) {
        const usize active = end - row < KECCAK_LANES ? end - row : KECCAK_LANES;
        for (usize i = 0; i < 8; ++i)
            for (usize k = 0; k < KECCAK_LANES; ++k) words[i * KECCAK_LANES + k] = load(i, row + (k < active ? k : 0));
        keccak_domain_message(1, words, 8, 0, digest);
        keccak_store_digests(digest, active, nodes + row, stride);
    }
}

inline void keccak_nodes(const u32* left, const u32* right, usize child_stride, u32* nodes, usize stride, usize begin,
                         usize end) {
    keccak_node_rows(begin, end, nodes, stride, [&](usize i, usize row) {
        const u32* side = i < 4 ? left : right;
        const usize plane = 2 * (i % 4) * child_stride + row;
        return u64{side[plane]} | u64{side[plane + child_stride]} << 32;
    });
}

inline void keccak_node_pairs(const u32* children, usize child_stride, u32* nodes, usize stride, usize begin,
                              usize end) {
    keccak_node_rows(begin, end, nodes, stride, [&](usize i, usize row) {
        const usize plane = 2 * (i % 4) * child_stride + 2 * row + i / 4;
        return u64{children[plane]} | u64{children[plane + child_stride]} << 32;
    });
}

// S' = keccak(0x04 ‖ S ‖ nonce BE8) must start with `bits` zero bits. state: S as four little-endian words.
inline u64 keccak_grind(const u64* state, u64 start, u64 count, int bits) {
    alignas(64) u64 words[5 * KECCAK_LANES];
    alignas(64) u64 digest[4 * KECCAK_LANES];
    for (u64 offset = 0; offset < count; offset += KECCAK_LANES) {
        for (usize k = 0; k < KECCAK_LANES; ++k) {
            for (usize i = 0; i < 4; ++i) words[i * KECCAK_LANES + k] = state[i];
            words[4 * KECCAK_LANES + k] = __builtin_bswap64(start + offset + k);
        }
        keccak_domain_message(4, words, 5, 0, digest);
        for (usize k = 0; k < KECCAK_LANES && offset + k < count; ++k)
            if (bits == 0 || (__builtin_bswap64(digest[k]) >> (64 - bits)) == 0) return start + offset + k;
    }
    return start + count;
}

}  // namespace blindbook::BLINDBOOK_ISA
