// Folding the touched leaves of one tree to its root, with the siblings that cannot be computed (rules 3.4).
#pragma once

#include "matching/hasher.hpp"

namespace matching::replay {

inline void copy_digest(u32* to, const u32* from) {
    for (int i = 0; i < 8; ++i) to[i] = from[i];
}

// Parent of nodes[0] and nodes[1], written to `out`; node(zero, zero) = zero.
inline void fold_pair(Digest* nodes, Digest& out) {
    if (nodes[0].words[0] == 0 && nodes[0].is_zero() && nodes[1].is_zero()) {
        out = Digest{};
        return;
    }
    permute_node(nodes[0].words);
    if (&out != nodes) copy_digest(out.words, nodes[0].words);
}

// Parent of `node` and a sibling that the witness gives.
inline void fold_single(const Digest& node, const Digest* sibling, bool is_right, Digest& out) {
    if (!sibling && node.words[0] == 0 && node.is_zero()) {
        out = Digest{};
        return;
    }
    alignas(8) u32 state[16];
    u32* own = is_right ? state + 8 : state;
    u32* other = is_right ? state : state + 8;
    copy_digest(own, node.words);
    if (sibling) {
        copy_digest(other, sibling->words);
    } else {
        for (int i = 0; i < 8; ++i) other[i] = 0;
    }
    permute_node(state);
    copy_digest(out.words, state);
}

// Root of a tree of `depth` layers over `count` > 0 leaves with rising indices. nodes and indices are consumed.
// next_sibling() gives the siblings layer by layer, left to right.
template <class NextSibling>
[[nodiscard]] Digest fold_tree(Digest* nodes, u32* indices, u32 count, u32 depth, NextSibling&& next_sibling) {
    for (u32 layer = 0; layer < depth; ++layer) {
        u32 parents = 0;
        for (u32 i = 0; i < count; ++parents) {
            u32 index = indices[i];
            bool is_right = (index & 1) != 0;
            if (!is_right && i + 1 < count && indices[i + 1] == index + 1) {
                fold_pair(nodes + i, nodes[parents]);
                i += 2;
            } else {
                fold_single(nodes[i], next_sibling(), is_right, nodes[parents]);
                i += 1;
            }
            indices[parents] = index >> 1;
        }
        count = parents;
    }
    return nodes[0];
}

}  // namespace matching::replay
