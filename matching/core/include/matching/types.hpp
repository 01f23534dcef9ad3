// Fixed-width names, raw byte access and the two byte-array types of the state machine.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace matching {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;

// All buffers that hold commands, records and events start at a multiple of 8 bytes.
inline constexpr size_t kAlignment = 8;

template <class T>
[[nodiscard]] inline T load(const u8* bytes) {
    T value;
    __builtin_memcpy(&value, __builtin_assume_aligned(bytes, alignof(T)), sizeof(T));
    return value;
}

template <class T>
inline void store(u8* bytes, const T& value) {
    __builtin_memcpy(__builtin_assume_aligned(bytes, alignof(T)), &value, sizeof(T));
}

template <class T>
[[nodiscard]] constexpr T min(T a, T b) {
    return b < a ? b : a;
}

template <class T>
[[nodiscard]] constexpr T max(T a, T b) {
    return a < b ? b : a;
}

template <class T>
[[nodiscard]] constexpr T clamp(T x, T low, T high) {
    return max(low, min(x, high));
}

// 20 bytes, kept as words so that comparing costs five compares.
struct Address {
    u32 words[5];

    [[nodiscard]] bool operator==(const Address& other) const {
        return words[0] == other.words[0] && words[1] == other.words[1] && words[2] == other.words[2] &&
               words[3] == other.words[3] && words[4] == other.words[4];
    }
    [[nodiscard]] bool is_zero() const { return (words[0] | words[1] | words[2] | words[3] | words[4]) == 0; }
};
static_assert(sizeof(Address) == 20);

// Eight canonical field elements; also any other 32-byte value.
struct Digest {
    u32 words[8];

    [[nodiscard]] bool is_zero() const {
        return (words[0] | words[1] | words[2] | words[3] | words[4] | words[5] | words[6] | words[7]) == 0;
    }
    [[nodiscard]] bool operator==(const Digest& other) const {
        u32 difference = 0;
        for (int i = 0; i < 8; ++i) difference |= words[i] ^ other.words[i];
        return difference == 0;
    }
};
static_assert(sizeof(Digest) == 32);

struct Bytes16 {
    u32 words[4];

    [[nodiscard]] bool operator==(const Bytes16& other) const {
        return words[0] == other.words[0] && words[1] == other.words[1] && words[2] == other.words[2] &&
               words[3] == other.words[3];
    }
    [[nodiscard]] bool is_zero() const { return (words[0] | words[1] | words[2] | words[3]) == 0; }
};
static_assert(sizeof(Bytes16) == 16);

}  // namespace matching
