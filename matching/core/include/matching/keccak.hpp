// Keccak-256 as Ethereum uses it (rate 136, domain byte 0x01), in plain C++ for host and guest.
#pragma once

#include "matching/types.hpp"

namespace matching {

class Keccak256 {
  public:
    void update(const u8* bytes, u32 count) {
        for (u32 i = 0; i < count; ++i) {
            buffer_[filled_++] = bytes[i];
            if (filled_ == kRate) absorb_block();
        }
    }

    // Call once; out[32].
    void finish(u8* out) {
        for (u32 i = filled_; i < kRate; ++i) buffer_[i] = 0;
        buffer_[filled_] = 0x01;
        buffer_[kRate - 1] = static_cast<u8>(buffer_[kRate - 1] | 0x80);
        absorb_block();
        for (u32 i = 0; i < 32; ++i) out[i] = static_cast<u8>(lanes_[i / 8] >> (8 * (i % 8)));
    }

  private:
    static constexpr u32 kRate = 136;
    static constexpr u64 kRoundConstants[24] = {
        0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
        0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
        0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
        0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
        0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};
    // Rotation and target lane along the path of rho and pi.
    static constexpr u8 kRotations[24] = {1,  3,  6,  10, 15, 21, 28, 36, 45, 55, 2,  14,
                                          27, 41, 56, 8,  25, 43, 62, 18, 39, 61, 20, 44};
    static constexpr u8 kTargets[24] = {10, 7,  11, 17, 18, 3, 5,  16, 8,  21, 24, 4,
                                        15, 23, 19, 13, 12, 2, 20, 14, 22, 9,  6,  1};

    [[nodiscard]] static u64 rotate(u64 x, u32 bits) { return (x << bits) | (x >> (64 - bits)); }

    void absorb_block() {
        for (u32 i = 0; i < kRate / 8; ++i) lanes_[i] ^= load<u64>(buffer_ + 8 * i);
        for (u64 constant : kRoundConstants) round(constant);
        filled_ = 0;
    }

    // Unrolled, so that lanes and rotations are constants: half the cycles of the loop in the guest.
    void round(u64 constant) {
        u64 columns[5];
#pragma GCC unroll 5
        for (int x = 0; x < 5; ++x) {
            columns[x] = lanes_[x] ^ lanes_[x + 5] ^ lanes_[x + 10] ^ lanes_[x + 15] ^ lanes_[x + 20];
        }
#pragma GCC unroll 5
        for (int x = 0; x < 5; ++x) {
            u64 effect = columns[(x + 4) % 5] ^ rotate(columns[(x + 1) % 5], 1);
#pragma GCC unroll 5
            for (int y = 0; y < 25; y += 5) lanes_[x + y] ^= effect;
        }
        u64 moving = lanes_[1];
#pragma GCC unroll 24
        for (int i = 0; i < 24; ++i) {
            u64 next = lanes_[kTargets[i]];
            lanes_[kTargets[i]] = rotate(moving, kRotations[i]);
            moving = next;
        }
#pragma GCC unroll 5
        for (int y = 0; y < 25; y += 5) {
            u64 row[5];
#pragma GCC unroll 5
            for (int x = 0; x < 5; ++x) row[x] = lanes_[y + x];
#pragma GCC unroll 5
            for (int x = 0; x < 5; ++x) lanes_[y + x] = row[x] ^ (~row[(x + 1) % 5] & row[(x + 2) % 5]);
        }
        lanes_[0] ^= constant;
    }

    u64 lanes_[25] = {};
    alignas(8) u8 buffer_[kRate] = {};
    u32 filled_ = 0;
};

// 32 bytes of a Keccak digest, in the order of the bytes.
struct KeccakDigest {
    alignas(8) u8 bytes[32] = {};
};

// Feeds numbers big-endian, as the contract packs them.
class PackedKeccak {
  public:
    PackedKeccak& bytes(const u8* data, u32 count) {
        hasher_.update(data, count);
        return *this;
    }
    PackedKeccak& number(u64 value, u32 width) {
        for (u32 i = width; i > 0; --i) {
            u32 shift = 8 * (i - 1);
            u8 byte = shift >= 64 ? u8{0} : static_cast<u8>(value >> shift);
            hasher_.update(&byte, 1);
        }
        return *this;
    }
    PackedKeccak& digest(const KeccakDigest& value) { return bytes(value.bytes, 32); }
    [[nodiscard]] KeccakDigest finish() {
        KeccakDigest out;
        hasher_.finish(out.bytes);
        return out;
    }

  private:
    Keccak256 hasher_;
};

}  // namespace matching
