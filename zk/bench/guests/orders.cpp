// Benchmark mix: a matching-like load. Two binary heaps of orders, a hash map from number to remaining size, 64-bit
// sums. Hint: number of steps. Output 0, 1: low and high word of the traded value.
#include <array>
#include <cstdint>

#include "blindbook_guest.hpp"

namespace {

constexpr std::uint32_t heap_max = 512;
constexpr std::uint32_t map_size = 2048;

struct Order {
    std::uint32_t price;
    std::uint32_t number;
};

struct Heap {
    std::array<Order, heap_max> items;
    std::uint32_t count = 0;
    std::uint32_t sign = 0;  // 0: smallest price first, ~0: largest

    bool before(const Order& a, const Order& b) const { return (a.price ^ sign) < (b.price ^ sign); }

    void push(Order order) {
        std::uint32_t i = count++;
        while (i != 0 && before(order, items[(i - 1) / 2])) {
            items[i] = items[(i - 1) / 2];
            i = (i - 1) / 2;
        }
        items[i] = order;
    }

    Order pop() {
        const Order top = items[0], last = items[--count];
        std::uint32_t i = 0;
        for (;;) {
            std::uint32_t child = 2 * i + 1;
            if (child >= count) break;
            if (child + 1 < count && before(items[child + 1], items[child])) ++child;
            if (!before(items[child], last)) break;
            items[i] = items[child];
            i = child;
        }
        items[i] = last;
        return top;
    }
};

struct Remaining {
    std::array<std::uint32_t, map_size> numbers{};
    std::array<std::uint32_t, map_size> lots{};

    std::uint32_t& at(std::uint32_t number) {
        std::uint32_t slot = (number * 0x9e3779b1U) >> 21;
        while (numbers[slot] != 0 && numbers[slot] != number) slot = (slot + 1) & (map_size - 1);
        numbers[slot] = number;
        return lots[slot];
    }
};

Heap bids, asks;
Remaining remaining;

}  // namespace

int main() {
    const std::uint32_t steps = guest::hint();
    bids.sign = ~0U;
    std::uint32_t random = 0x2545f491U;
    std::uint64_t value = 0;
    for (std::uint32_t number = 1; number <= steps; ++number) {
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        const bool is_buy = (random & 1) != 0;
        const std::uint32_t price = 10'000 + ((random >> 8) & 255), key = (number & 1023) + 1;
        std::uint32_t lots = 1 + ((random >> 16) & 63);
        Heap& own = is_buy ? bids : asks;
        Heap& other = is_buy ? asks : bids;
        while (lots != 0 && other.count != 0) {
            const Order best = other.items[0];
            if (is_buy ? best.price > price : best.price < price) break;
            std::uint32_t& left = remaining.at(best.number);
            const std::uint32_t fill = lots < left ? lots : left;
            value += static_cast<std::uint64_t>(fill) * best.price;
            lots -= fill;
            left -= fill;
            if (left == 0) other.pop();
        }
        if (lots != 0 && own.count < heap_max) {
            remaining.at(key) = lots;
            own.push({price, key});
        }
    }
    guest::commit(0, static_cast<std::uint32_t>(value));
    guest::commit(1, static_cast<std::uint32_t>(value >> 32));
    return 0;
}
