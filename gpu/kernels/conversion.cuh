// Element-wise work: conversions and products.
#pragma once

#include "extension.cuh"
#include "merkle.cuh"

namespace blindbook::BLINDBOOK_ISA {

inline bool to_montgomery(const u32* from, u32* to, usize count) {
    bool canonical = true;
    for (usize i = 0; i < count; ++i) canonical &= from[i] < P;
    for_each_vector(0, count, [&](auto tag, usize i) {
        using V = decltype(tag);
        V::encode(V::load(from + i)).store(to + i);
    });
    return canonical;
}

inline void from_montgomery(const u32* from, u32* to, usize count) {
    for_each_vector(0, count, [&](auto tag, usize i) {
        using V = decltype(tag);
        V::decode(V::load(from + i)).store(to + i);
    });
}

inline void multiply_base(const u32* a, const u32* b, u32* product, usize count) {
    for_each_vector(0, count, [&](auto tag, usize i) {
        using V = decltype(tag);
        (V::load(a + i) * V::load(b + i)).store(product + i);
    });
}

inline void multiply_extension(const u32* a, const u32* b, u32* product, usize blocks) {
    for (usize block = 0; block < blocks; ++block)
        for (usize lane = 0; lane < BLOCK; lane += static_cast<usize>(Lanes::width)) {
            const usize at = block * EXT_BLOCK + lane;
            (Ext<Lanes>::load(a + at, BLOCK) * Ext<Lanes>::load(b + at, BLOCK)).store(product + at, BLOCK);
        }
}

// states: [16][count].
inline void poseidon2_permute_all(u32* states, usize count) {
    for_each_vector(0, count, [&](auto tag, usize i) {
        using V = decltype(tag);
        V s[16];
        for (usize k = 0; k < 16; ++k) s[k] = V::load(states + k * count + i);
        poseidon2_permute(s);
        for (usize k = 0; k < 16; ++k) s[k].store(states + k * count + i);
    });
}

// states: [25][count].
inline void keccak_permute_all(u64* states, usize count) {
    usize i = 0;
    for (; i + KECCAK_LANES <= count; i += KECCAK_LANES) {
        Words64 s[25];
        for (usize k = 0; k < 25; ++k) s[k] = Words64::load(states + k * count + i);
        keccak_permute(s);
        for (usize k = 0; k < 25; ++k) s[k].store(states + k * count + i);
    }
    for (; i < count; ++i) {
        Word64 s[25];
        for (usize k = 0; k < 25; ++k) s[k] = Word64::load(states + k * count + i);
        keccak_permute(s);
        for (usize k = 0; k < 25; ++k) s[k].store(states + k * count + i);
    }
}

}  // namespace blindbook::BLINDBOOK_ISA
