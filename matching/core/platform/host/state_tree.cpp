#include "state_tree.hpp"

namespace matching::host {

StateTree::StateTree() {
    for (Arena arena : kUsedArenas) {
        u32 depth = shape_of(arena).tree_depth;
        trees_[static_cast<u32>(arena)] = ArenaTree(depth);
        known_[static_cast<u32>(arena)] = PageSet(depth);
    }
}

void StateTree::set(Digest& node, const Digest& value) {
    if (is_journaling_) journal_.push_back({&node, node, value});
    node = value;
}

void StateTree::rewind() {
    for (auto change = journal_.rbegin(); change != journal_.rend(); ++change) *change->node = change->before;
}

void StateTree::replay() {
    for (const Change& change : journal_) *change.node = change.after;
}

void StateTree::update_arena(LiveState& state, Arena arena) {
    PageSet& dirty = state.dirty(arena);
    if (dirty.size() == 0) return;
    dirty.sort();
    ArenaTree& tree = trees_[static_cast<u32>(arena)];
    std::vector<u32> changed(dirty.begin(), dirty.end());
    for (u32 page : changed) {
        known_pages(arena).add(page);
        set(tree.node(0, page), hash_page(arena, state.page(arena, page), state.page_bytes(arena, page)));
    }
    for (u32 layer = 0; layer < tree.depth(); ++layer) {
        size_t parents = 0;
        for (size_t i = 0; i < changed.size(); ++i) {
            u32 parent = changed[i] >> 1;
            if (parents != 0 && changed[parents - 1] == parent) continue;
            changed[parents++] = parent;
            set(tree.node(layer + 1, parent),
                hash_node(tree.node(layer, parent * 2), tree.node(layer, parent * 2 + 1)));
        }
        changed.resize(parents);
    }
    dirty.clear();
}

Digest StateTree::update(LiveState& state) {
    ArenaRoots roots;
    for (Arena arena : kUsedArenas) {
        update_arena(state, arena);
        roots[arena] = tree(arena).root();
    }
    return compute_state_root(roots, state.read<System>(0).books_salt);
}

}  // namespace matching::host
