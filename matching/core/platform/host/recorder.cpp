#include "recorder.hpp"

#include <algorithm>
#include <cstring>

namespace matching::host {

void Recorder::start() {
    for (Arena arena : kUsedArenas) {
        touched_[static_cast<u32>(arena)].clear();
        pages_[static_cast<u32>(arena)].clear();
    }
    bytes_.clear();
}

void Recorder::keep(const LiveState& live, Arena arena, u32 page) {
    u32 length = live.page_bytes(arena, page);
    pages_[static_cast<u32>(arena)].push_back({page, length, bytes_.size()});
    const u8* bytes = live.page(arena, page);
    bytes_.insert(bytes_.end(), bytes, bytes + length);
}

std::vector<TouchedPage> Recorder::pages(Arena arena) const {
    std::vector<TouchedPage> sorted = pages_[static_cast<u32>(arena)];
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    return sorted;
}

namespace {

// A digest of the witness: one word says whether it is zero.
void append_digest(std::vector<u32>& words, const Digest& digest) {
    words.push_back(digest.is_zero() ? 0 : 1);
    if (!digest.is_zero()) words.insert(words.end(), digest.words, digest.words + 8);
}

// Layer by layer from the leaves, left to right, what cannot be computed from the touched pages.
void append_siblings(std::vector<u32>& words, const ArenaTree& tree, std::vector<u32> indices) {
    if (indices.empty()) {
        append_digest(words, tree.root());
        return;
    }
    for (u32 layer = 0; layer < tree.depth(); ++layer) {
        std::vector<u32> parents;
        for (size_t i = 0; i < indices.size(); ++i) {
            bool has_right = (indices[i] & 1) == 0 && i + 1 < indices.size() && indices[i + 1] == indices[i] + 1;
            if (has_right) {
                ++i;
            } else {
                append_digest(words, tree.node(layer, indices[i] ^ 1));
            }
            parents.push_back(indices[i] >> 1);
        }
        indices = std::move(parents);
    }
}

}  // namespace

std::vector<u32> Recorder::encode_witness(const StateTree& trees) const {
    std::vector<u32> words;
    for (Arena arena : kUsedArenas) {
        std::vector<TouchedPage> touched = pages(arena);
        std::vector<u32> indices;
        words.push_back(static_cast<u32>(touched.size()));
        for (const TouchedPage& page : touched) {
            indices.push_back(page.index);
            words.push_back(page.index);
            size_t start = words.size();
            words.resize(start + page.length / 4);
            std::memcpy(words.data() + start, old_bytes(page), page.length);
        }
        append_siblings(words, trees.tree(arena), std::move(indices));
    }
    return words;
}

}  // namespace matching::host
