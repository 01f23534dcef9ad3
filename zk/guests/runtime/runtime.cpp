// Freestanding parts that compilers expect, and the functions of blindbook_guest.hpp that keep state.
#include <cstdlib>
#include <cstring>
#include <new>

#include "blindbook_guest.hpp"

extern "C" char __heap_start[];
extern "C" char __stack_top[];

namespace guest {
namespace {

constexpr std::uint32_t stack_bytes_max = 64U << 20;
std::uint32_t committed = 0;
char* heap_next = nullptr;

}  // namespace

void commit(std::uint32_t index, std::uint32_t word) {
    committed |= 1U << index;
    call(Call::Commit, index, word);
}

void halt(std::uint32_t exit_code) {
    for (std::uint32_t index = 0; index < output_count; ++index)
        if ((committed >> index & 1) == 0) call(Call::Commit, index, 0);
    call(Call::Halt, exit_code);
    __builtin_unreachable();
}

void* allocate(std::size_t bytes) {
    if (heap_next == nullptr) heap_next = __heap_start;
    void* const result = heap_next;
    const std::size_t rounded = (bytes + 15) & ~std::size_t{15};
    if (rounded < bytes || rounded > static_cast<std::size_t>(__stack_top - stack_bytes_max - heap_next)) halt(0xffff);
    heap_next += rounded;
    return result;
}

}  // namespace guest

extern "C" [[noreturn]] void guest_halt(std::uint32_t exit_code) { guest::halt(exit_code); }
extern "C" void abort() { guest::halt(0xfffe); }
extern "C" [[noreturn]] void __cxa_pure_virtual() { abort(); }
extern "C" int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }  // nothing runs after HALT
extern "C" void* __dso_handle = nullptr;

void* operator new(std::size_t bytes) { return guest::allocate(bytes); }
void* operator new[](std::size_t bytes) { return guest::allocate(bytes); }
void operator delete(void*) noexcept {}
void operator delete[](void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}
void operator delete[](void*, std::size_t) noexcept {}

// Word by word where both ends allow it: a byte costs as many cycles as a word. Without the attribute the compiler
// would turn these loops into calls of the very functions they define.
#define NO_BUILTIN __attribute__((no_builtin("memcpy", "memmove", "memset", "memcmp")))

namespace {

using Word = std::uint32_t __attribute__((may_alias));

bool aligned(const void* a, const void* b) { return ((guest::address_of(a) | guest::address_of(b)) & 3) == 0; }

}  // namespace

extern "C" NO_BUILTIN void* memcpy(void* __restrict target, const void* __restrict source, std::size_t count) {
    auto* to = static_cast<unsigned char*>(target);
    auto* from = static_cast<const unsigned char*>(source);
    if (aligned(to, from)) {
        auto* to_word = reinterpret_cast<Word*>(to);
        auto* from_word = reinterpret_cast<const Word*>(from);
        for (; count >= 16; count -= 16, to_word += 4, from_word += 4) {
            const Word a = from_word[0], b = from_word[1], c = from_word[2], d = from_word[3];
            to_word[0] = a, to_word[1] = b, to_word[2] = c, to_word[3] = d;
        }
        for (; count >= 4; count -= 4) *to_word++ = *from_word++;
        to = reinterpret_cast<unsigned char*>(to_word);
        from = reinterpret_cast<const unsigned char*>(from_word);
    }
    for (; count != 0; --count) *to++ = *from++;
    return target;
}

extern "C" NO_BUILTIN void* memmove(void* target, const void* source, std::size_t count) {
    auto* to = static_cast<unsigned char*>(target);
    auto* from = static_cast<const unsigned char*>(source);
    if (to <= from || to >= from + count) return memcpy(target, source, count);
    to += count, from += count;
    if (aligned(to, from)) {
        auto* to_word = reinterpret_cast<Word*>(to);
        auto* from_word = reinterpret_cast<const Word*>(from);
        for (; count >= 4; count -= 4) *--to_word = *--from_word;
        to = reinterpret_cast<unsigned char*>(to_word);
        from = reinterpret_cast<const unsigned char*>(from_word);
    }
    for (; count != 0; --count) *--to = *--from;
    return target;
}

extern "C" NO_BUILTIN void* memset(void* target, int value, std::size_t count) {
    auto* to = static_cast<unsigned char*>(target);
    const auto byte = static_cast<unsigned char>(value);
    for (; count != 0 && (guest::address_of(to) & 3) != 0; --count) *to++ = byte;
    auto* to_word = reinterpret_cast<Word*>(to);
    const std::uint32_t word = byte * 0x01010101U;
    for (; count >= 16; count -= 16, to_word += 4) to_word[0] = to_word[1] = to_word[2] = to_word[3] = word;
    for (; count >= 4; count -= 4) *to_word++ = word;
    to = reinterpret_cast<unsigned char*>(to_word);
    for (; count != 0; --count) *to++ = byte;
    return target;
}

extern "C" NO_BUILTIN int memcmp(const void* left, const void* right, std::size_t count) {
    auto* a = static_cast<const unsigned char*>(left);
    auto* b = static_cast<const unsigned char*>(right);
    for (; count != 0; --count, ++a, ++b)
        if (*a != *b) return *a < *b ? -1 : 1;
    return 0;
}
