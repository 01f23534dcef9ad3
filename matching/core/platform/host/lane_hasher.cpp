#include "lane_hasher.hpp"

#include "../../src/poseidon2_constants.hpp"

// Run-time choice of the widest vectors, where the compiler and the loader know how.
#if defined(__linux__) && defined(__x86_64__)
#define BLINDBOOK_VECTOR_CLONES [[gnu::target_clones("avx512f", "avx2", "default")]]
#else
#define BLINDBOOK_VECTOR_CLONES
#endif

namespace matching::host {
namespace {

using namespace poseidon2;

constexpr u32 kLanes = 16;
constexpr u32 kLanesMin = 4;  // below it one permutation after another is quicker

// The same state element of sixteen permutations.
struct Lane {
    u32 values[kLanes];
};

[[gnu::always_inline]] inline void add(Lane& out, const Lane& a, const Lane& b) {
    for (u32 i = 0; i < kLanes; ++i) {
        u32 sum = a.values[i] + b.values[i], reduced = sum - kPrime;
        out.values[i] = reduced < sum ? reduced : sum;
    }
}

[[gnu::always_inline]] inline void add_constant(Lane& out, u32 constant) {
    for (u32 i = 0; i < kLanes; ++i) {
        u32 sum = out.values[i] + constant, reduced = sum - kPrime;
        out.values[i] = reduced < sum ? reduced : sum;
    }
}

[[gnu::always_inline]] inline u32 multiply_one(u32 a, u32 b) {
    u64 product = static_cast<u64>(a) * b;
    u32 factor = static_cast<u32>(product) * kPrimeInverse;
    u32 high = static_cast<u32>((product + static_cast<u64>(factor) * kPrime) >> 32);
    u32 reduced = high - kPrime;
    return reduced < high ? reduced : high;
}

[[gnu::always_inline]] inline void multiply_constant(Lane& out, const Lane& a, u32 constant) {
    for (u32 i = 0; i < kLanes; ++i) out.values[i] = multiply_one(a.values[i], constant);
}

[[gnu::always_inline]] inline void cube(Lane& x) {
    for (u32 i = 0; i < kLanes; ++i) {
        x.values[i] = multiply_one(multiply_one(x.values[i], x.values[i]), x.values[i]);
    }
}

// The external layer of src/poseidon2.cpp on lanes.
[[gnu::always_inline]] inline void mix_external(Lane* s) {
    for (u32 i = 0; i < 16; i += 4) {
        Lane a = s[i], b = s[i + 1], c = s[i + 2], d = s[i + 3], ab, cd, all, twice, sum;
        add(ab, a, b);
        add(cd, c, d);
        add(all, ab, cd);
        add(sum, all, ab);
        add(s[i], sum, b);
        add(sum, all, b);
        add(twice, c, c);
        add(s[i + 1], sum, twice);
        add(sum, all, cd);
        add(s[i + 2], sum, d);
        add(sum, all, d);
        add(twice, a, a);
        add(s[i + 3], sum, twice);
    }
    for (u32 j = 0; j < 4; ++j) {
        Lane left, right, sum;
        add(left, s[j], s[j + 4]);
        add(right, s[j + 8], s[j + 12]);
        add(sum, left, right);
        for (u32 i = j; i < 16; i += 4) add(s[i], s[i], sum);
    }
}

[[gnu::always_inline]] inline void full_round(Lane* s, const u32* constants) {
    for (u32 i = 0; i < 16; ++i) {
        add_constant(s[i], constants[i]);
        cube(s[i]);
    }
    mix_external(s);
}

[[gnu::always_inline]] inline void partial_round(Lane* s, u32 constant) {
    add_constant(s[0], constant);
    cube(s[0]);
    Lane sum = s[0];
    for (u32 i = 1; i < 16; ++i) add(sum, sum, s[i]);
    for (u32 i = 0; i < 16; ++i) {
        Lane scaled;
        multiply_constant(scaled, s[i], kDiagonal[i]);
        add(s[i], scaled, sum);
    }
}

// Sixteen permutations of canonical states, in place.
BLINDBOOK_VECTOR_CLONES void permute_lanes(Lane* s) {
    for (u32 i = 0; i < 16; ++i) multiply_constant(s[i], s[i], kRSquared);
    mix_external(s);
    for (const auto& constants : kInitial) full_round(s, constants);
    for (u32 constant : kPartial) partial_round(s, constant);
    for (const auto& constants : kFinal) full_round(s, constants);
    for (u32 i = 0; i < 16; ++i) multiply_constant(s[i], s[i], 1);
}

void hash_sixteen_nodes(const Digest* children, Digest* parents, u32 count) {
    alignas(64) Lane states[16] = {};
    for (u32 lane = 0; lane < count; ++lane) {
        for (u32 i = 0; i < 8; ++i) {
            states[i].values[lane] = children[2 * lane].words[i];
            states[i + 8].values[lane] = children[2 * lane + 1].words[i];
        }
    }
    permute_lanes(states);
    for (u32 lane = 0; lane < count; ++lane) {
        bool is_empty = children[2 * lane].is_zero() && children[2 * lane + 1].is_zero();
        for (u32 i = 0; i < 8; ++i) {
            u32 sum = states[i].values[lane] + children[2 * lane].words[i], reduced = sum - kPrime;
            parents[lane].words[i] = is_empty ? 0 : reduced < sum ? reduced : sum;
        }
    }
}

[[nodiscard]] bool is_zero_page(const PageView& page) {
    u32 any = 0;
    for (u32 i = 0; i < page.length && any == 0; i += 4) any |= load<u32>(page.bytes + i);
    return any == 0;
}

void hash_sixteen_pages(const PageView* pages, Digest* leaves, u32 count) {
    alignas(64) Lane states[16] = {};
    for (u32 lane = 0; lane < count; ++lane) {
        states[8].values[lane] = static_cast<u32>(HashTag::Page);
        states[9].values[lane] = pages[lane].length;
        states[10].values[lane] = static_cast<u32>(pages[lane].arena);
    }
    for (u32 at = 0; at < pages[0].length; at += 16) {
        for (u32 lane = 0; lane < count; ++lane) {
            for (u32 i = 0; i < 4; ++i) {
                u32 word = load<u32>(pages[lane].bytes + at + 4 * i);
                states[2 * i].values[lane] = word & 0xFFFF;
                states[2 * i + 1].values[lane] = word >> 16;
            }
        }
        permute_lanes(states);
    }
    for (u32 lane = 0; lane < count; ++lane) {
        bool is_empty = is_zero_page(pages[lane]);
        for (u32 i = 0; i < 8; ++i) leaves[lane].words[i] = is_empty ? 0 : states[i].values[lane];
    }
}

}  // namespace

void hash_nodes(const std::vector<Digest>& children, std::vector<Digest>& parents) {
    size_t count = children.size() / 2;
    parents.resize(count);
    for (size_t i = 0; i < count; i += kLanes) {
        u32 lanes = static_cast<u32>(min<size_t>(kLanes, count - i));
        if (lanes >= kLanesMin) {
            hash_sixteen_nodes(children.data() + 2 * i, parents.data() + i, lanes);
            continue;
        }
        for (size_t k = i; k < i + lanes; ++k) parents[k] = hash_node(children[2 * k], children[2 * k + 1]);
    }
}

void hash_pages(const std::vector<PageView>& pages, std::vector<Digest>& leaves) {
    leaves.resize(pages.size());
    for (size_t i = 0; i < pages.size();) {
        u32 lanes = 1;
        while (lanes < kLanes && i + lanes < pages.size() && pages[i + lanes].length == pages[i].length) ++lanes;
        if (lanes >= kLanesMin) {
            hash_sixteen_pages(pages.data() + i, leaves.data() + i, lanes);
        } else {
            for (size_t k = i; k < i + lanes; ++k)
                leaves[k] = hash_page(pages[k].arena, pages[k].bytes, pages[k].length);
        }
        i += lanes;
    }
}

}  // namespace matching::host
