// The sparse Merkle trees of the arenas, kept up to date page by page (rules 3.2).
#pragma once

#include <vector>

#include "live_state.hpp"
#include "matching/hasher.hpp"
#include "matching/system.hpp"

namespace matching::host {

// One tree as flat layers; layer 0 holds the leaves. A digest never written is zero and takes no memory.
class ArenaTree {
  public:
    ArenaTree() = default;
    explicit ArenaTree(u32 depth) : depth_(depth), nodes_((size_t{2} << depth) * sizeof(Digest)) {}

    [[nodiscard]] Digest& node(u32 layer, u32 index) const {
        // Layers lie one after another: 2^(depth+1) - 2^(depth+1-layer) nodes come before this one.
        size_t start = (size_t{2} << depth_) - (size_t{2} << (depth_ - layer));
        return nodes_.as<Digest>()[start + index];
    }
    [[nodiscard]] const Digest& root() const { return node(depth_, 0); }
    [[nodiscard]] u32 depth() const { return depth_; }

  private:
    u32 depth_ = 0;
    MappedRegion nodes_;
};

class StateTree {
  public:
    StateTree();

    // Brings the trees up to date with the dirty pages of the state and returns the state root.
    Digest update(LiveState& state);

    [[nodiscard]] const ArenaTree& tree(Arena arena) const { return trees_[static_cast<u32>(arena)]; }
    // Every page ever hashed, for snapshots.
    [[nodiscard]] PageSet& known_pages(Arena arena) { return known_[static_cast<u32>(arena)]; }

    // While a journal is kept, changed nodes can be taken back and set again.
    void start_journal() {
        journal_.clear();
        is_journaling_ = true;
    }
    void stop_journal() { is_journaling_ = false; }
    void rewind();
    void replay();

  private:
    struct Change {
        Digest* node;
        Digest before;
        Digest after;
    };

    void set(Digest& node, const Digest& value);
    void update_leaves(LiveState& state, Arena arena, ArenaTree& tree, const std::vector<u32>& pages);
    void update_arena(LiveState& state, Arena arena);

    ArenaTree trees_[kArenaIdMax + 1];
    PageSet known_[kArenaIdMax + 1];
    std::vector<Change> journal_;
    bool is_journaling_ = false;
};

}  // namespace matching::host
