// Reads n, commits the n-th Fibonacci number modulo 2^32 and the sum of the first n.
#include "blindbook_guest.hpp"

int main() {
    const std::uint32_t n = guest::hint();
    std::uint32_t current = 0, next = 1, sum = 0;
    for (std::uint32_t i = 0; i < n; ++i) {
        const std::uint32_t following = current + next;
        current = next;
        next = following;
        sum += current;
    }
    guest::commit(0, current);
    guest::commit(1, sum);
    guest::commit(2, n);
    return 0;
}
