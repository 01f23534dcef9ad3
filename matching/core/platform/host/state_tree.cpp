#include "state_tree.hpp"

#include "lane_hasher.hpp"

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

void StateTree::update_leaves(LiveState& state, Arena arena, ArenaTree& tree, const std::vector<u32>& pages) {
    std::vector<PageView> views;
    std::vector<Digest> leaves;
    for (u32 page : pages) {
        known_pages(arena).add(page);
        views.push_back({arena, state.page(arena, page), state.page_bytes(arena, page)});
    }
    hash_pages(views, leaves);
    for (size_t i = 0; i < pages.size(); ++i) set(tree.node(0, pages[i]), leaves[i]);
}

void StateTree::update_arena(LiveState& state, Arena arena) {
    PageSet& dirty = state.dirty(arena);
    if (dirty.size() == 0) return;
    dirty.sort();
    ArenaTree& tree = trees_[static_cast<u32>(arena)];
    std::vector<u32> changed(dirty.begin(), dirty.end());
    update_leaves(state, arena, tree, changed);
    std::vector<Digest> children, parents;
    for (u32 layer = 0; layer < tree.depth(); ++layer) {
        children.clear();
        size_t count = 0;
        for (u32 index : changed) {
            u32 parent = index >> 1;
            if (count != 0 && changed[count - 1] == parent) continue;
            changed[count++] = parent;
            children.push_back(tree.node(layer, parent * 2));
            children.push_back(tree.node(layer, parent * 2 + 1));
        }
        changed.resize(count);
        hash_nodes(children, parents);
        for (size_t i = 0; i < count; ++i) set(tree.node(layer + 1, changed[i]), parents[i]);
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
