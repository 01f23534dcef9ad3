// Reads depth, index and a leaf digest; walks to the root twice, by P2_PATH and by P2 nodes, demands equality, and
// commits the root. Hints: depth, index, 8 words leaf, 8 * depth words siblings (for P2_PATH), the same siblings again.
#include <array>

#include "blindbook_guest.hpp"

namespace {

using Digest = std::array<std::uint32_t, 8>;

Digest walk(Digest current, std::uint32_t depth, std::uint32_t index) {
    for (std::uint32_t level = 0; level < depth; ++level) {
        const std::uint32_t own = 8 * (index >> level & 1);
        std::array<std::uint32_t, 16> children;
        for (std::uint32_t i = 0; i < 8; ++i) {
            children[own + i] = current[i];
            children[(own ^ 8) + i] = guest::hint();
        }
        guest::p2_node(children);
        for (std::uint32_t i = 0; i < 8; ++i) current[i] = children[i];
    }
    return current;
}

}  // namespace

int main() {
    const std::uint32_t depth = guest::hint();
    const std::uint32_t index = guest::hint();
    std::array<std::uint32_t, 16> words;
    Digest leaf;
    guest::read_hints(leaf);
    for (std::uint32_t i = 0; i < 8; ++i) words[i] = leaf[i];
    guest::p2_path(words, depth, index);
    const Digest root = walk(leaf, depth, index);
    for (std::uint32_t i = 0; i < 8; ++i) {
        if (root[i] != words[8 + i]) return 1;
        guest::commit(i, root[i]);
    }
    return 0;
}
