// Hashes many nodes or pages side by side: sixteen permutations in lanes that the compiler turns into vectors.
#pragma once

#include <vector>

#include "matching/hasher.hpp"

namespace matching::host {

// One page to hash; `length` is a multiple of 16 and not 0.
struct PageView {
    Arena arena;
    const u8* bytes;
    u32 length;
};

// parents[i] := hash_node(children[2i], children[2i + 1]).
void hash_nodes(const std::vector<Digest>& children, std::vector<Digest>& parents);

// leaves[i] := hash_page(pages[i]). Neighbours of equal length are hashed together.
void hash_pages(const std::vector<PageView>& pages, std::vector<Digest>& leaves);

}  // namespace matching::host
