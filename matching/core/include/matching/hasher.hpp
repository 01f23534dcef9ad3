// Poseidon2 hashing of the state (rules 3.2). The permutation is the platform's: C++ on the host, a coprocessor in the
// guest.
#pragma once

#include "matching/arena.hpp"
#include "matching/types.hpp"

namespace matching {

// state[16], canonical elements; in place.
void permute(u32* state);
// For each of `blocks` > 0 blocks of 16 bytes: state[0..8) := its eight 16-bit elements, then the permutation.
void absorb_blocks(u32* state, const u8* bytes, u32 blocks);
// state[0..8) := first 8 of P2(state) + state; state[8..16) unchanged.
void permute_node(u32* state);

enum class HashTag : u32 { Page = 1, Command = 2, OracleReport = 3, BooksSalt = 4, SignerSet = 5, Withdrawal = 6 };

// Sponge over 16-bit elements; overwrite mode. `bytes` is 4-aligned and the 16-byte blocks are whole except the last.
class Absorber {
  public:
    Absorber(HashTag tag, u32 length_bytes, u32 domain = 0) {
        // Lanes 0..8 are overwritten by the first block, so only the others are set.
        state_[8] = static_cast<u32>(tag);
        state_[9] = length_bytes;
        state_[10] = domain;
        for (int i = 11; i < 16; ++i) state_[i] = 0;
    }

    void blocks(const u8* bytes, u32 count) { absorb_blocks(state_, bytes, count); }
    void digest_words(const u32 (&words)[8]) { blocks(reinterpret_cast<const u8*>(words), 2); }

    [[nodiscard]] Digest digest() const {
        Digest out;
        for (int i = 0; i < 8; ++i) out.words[i] = state_[i];
        return out;
    }

  private:
    alignas(8) u32 state_[16];
};

// absorb(tag, bytes) of any length; bytes is 4-aligned. Empty input: one permutation.
[[nodiscard]] inline Digest absorb(HashTag tag, const u8* bytes, u32 length, u32 domain = 0) {
    Absorber absorber(tag, length, domain);
    u32 whole = length & ~u32{15};
    if (whole != 0) absorber.blocks(bytes, whole / 16);
    if (whole != length || length == 0) {
        alignas(8) u8 last[16] = {};
        for (u32 i = whole; i < length; ++i) last[i - whole] = bytes[i];
        absorber.blocks(last, 1);
    }
    return absorber.digest();
}

// Leaf of a page; an all-zero page has the zero digest.
[[nodiscard]] inline Digest hash_page(Arena arena, const u8* bytes, u32 length) {
    u32 any = 0;
    for (u32 i = 0; i < length && any == 0; i += 4) any |= load<u32>(bytes + i);
    if (any == 0) return Digest{};
    return absorb(HashTag::Page, bytes, length, static_cast<u32>(arena));
}

// node(zero, zero) = zero: an empty subtree costs nothing.
[[nodiscard]] inline Digest hash_node(const Digest& left, const Digest& right) {
    if (left.is_zero() && right.is_zero()) return Digest{};
    alignas(8) u32 state[16];
    for (int i = 0; i < 8; ++i) {
        state[i] = left.words[i];
        state[i + 8] = right.words[i];
    }
    permute_node(state);
    Digest out;
    for (int i = 0; i < 8; ++i) out.words[i] = state[i];
    return out;
}

// Chains absorb `previous || item`, 64 bytes.
[[nodiscard]] inline Digest hash_chain(HashTag tag, const Digest& previous, const u32 (&item)[8]) {
    Absorber absorber(tag, 64);
    absorber.digest_words(previous.words);
    absorber.digest_words(item);
    return absorber.digest();
}

// Roots of the arenas' trees, by arena id.
struct ArenaRoots {
    Digest roots[kArenaIdMax + 1] = {};

    Digest& operator[](Arena arena) { return roots[static_cast<u32>(arena)]; }
    const Digest& operator[](Arena arena) const { return roots[static_cast<u32>(arena)]; }
};

// The top of the state (rules 3.2). root[System] is the system digest.
[[nodiscard]] inline Digest compute_state_root(const ArenaRoots& roots, const Digest& books_salt) {
    Digest arenas = hash_node(
        hash_node(hash_node(roots[Arena::VolumeRing], roots[Arena::Signer]),
                  hash_node(roots[Arena::Order], roots[Arena::Level])),
        hash_node(hash_node(roots[Arena::Trie], roots[Arena::BookHead]), hash_node(Digest{}, roots[Arena::AdlPlan])));
    Absorber salted(HashTag::BooksSalt, 64);
    salted.digest_words(books_salt.words);
    salted.digest_words(arenas.words);
    Digest books = salted.digest();
    Digest markets = hash_node(roots[Arena::MarketConfig], roots[Arena::MarketState]);
    return hash_node(hash_node(roots[Arena::Account], books), hash_node(markets, roots[Arena::System]));
}

}  // namespace matching
