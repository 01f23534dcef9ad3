#include "gpu/native/buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <set>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace blindbook {

namespace {

constexpr usize HUGE_PAGE_BYTES = usize{1} << 21;
constexpr usize LINE_BYTES = 64;

usize round_up(usize bytes, usize unit) { return (bytes + unit - 1) / unit * unit; }

// Memory of large buffers, on huge pages. Pages are cleared by the kernel when they are touched for the first time,
// which costs more than most passes over them: what a stage of the prover frees is what the next one gets. Extents lie
// in regions that are reserved but untouched at first; the smallest extent that fits is cut, neighbours are merged.
class Arena {
  public:
    static Arena& instance() {
        static Arena& arena = *new Arena;  // never destroyed: arrays of the interpreter may outlive static objects
        return arena;
    }

    // bytes: a multiple of HUGE_PAGE_BYTES.
    char* take(usize bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        auto best = find(bytes);
        if (best == free_.end()) best = reserve(bytes);
        char* memory = best->first;
        const usize left = best->second - bytes;
        free_.erase(best);
        if (left > 0) free_.emplace(memory + bytes, left);
        kept_ -= std::min(kept_, bytes);
        return memory;
    }

    void give(char* memory, usize bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (kept_ + bytes > KEPT_BYTES_MAX)
            discard(memory, bytes);
        else
            kept_ += bytes;
        auto at = free_.emplace(memory, bytes).first;
        const auto next = std::next(at);
        if (next != free_.end() && memory + bytes == next->first && regions_.count(next->first) == 0) {
            at->second += next->second;
            free_.erase(next);
        }
        if (at == free_.begin() || regions_.count(memory) != 0) return;
        const auto before = std::prev(at);
        if (before->first + before->second != memory) return;
        before->second += at->second;
        free_.erase(at);
    }

  private:
    static constexpr usize REGION_BYTES = usize{1} << 30;
    static constexpr usize KEPT_BYTES_MAX = usize{3} << 30;  // beyond it freed pages go back to the system
    using Extents = std::map<char*, usize>;

    std::mutex mutex_;
    Extents free_;
    std::set<char*> regions_;  // first bytes: extents of different regions are never merged
    usize kept_ = 0;           // free bytes that may have pages, at most

    Extents::iterator find(usize bytes) {
        auto best = free_.end();
        for (auto it = free_.begin(); it != free_.end(); ++it)
            if (it->second >= bytes && (best == free_.end() || it->second < best->second)) best = it;
        return best;
    }

    // A new region, of just the wanted bytes where the system gives no more.
    Extents::iterator reserve(usize wanted) {
        usize bytes = std::max(wanted, REGION_BYTES);
        void* memory = std::aligned_alloc(HUGE_PAGE_BYTES, bytes);
        if (memory == nullptr && bytes > wanted) memory = std::aligned_alloc(HUGE_PAGE_BYTES, bytes = wanted);
        if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
        madvise(memory, bytes, MADV_HUGEPAGE);
#endif
        regions_.insert(static_cast<char*>(memory));
        return free_.emplace(static_cast<char*>(memory), bytes).first;
    }

    static void discard(char* memory, usize bytes) {
#if defined(__linux__)
        madvise(memory, bytes, MADV_DONTNEED);
#else
        static_cast<void>(memory);
        static_cast<void>(bytes);
#endif
    }
};

}  // namespace

Buffer::Buffer(usize words) : size_(words) {
    const usize bytes = words * sizeof(u32);
    if (bytes >= HUGE_PAGE_BYTES) {
        const usize rounded = round_up(bytes, HUGE_PAGE_BYTES);
        data_ = {reinterpret_cast<u32*>(Arena::instance().take(rounded)), Deleter{rounded}};
        return;
    }
    void* memory = std::aligned_alloc(LINE_BYTES, std::max(round_up(bytes, LINE_BYTES), LINE_BYTES));
    if (memory == nullptr) throw std::bad_alloc();
    data_ = {static_cast<u32*>(memory), Deleter{}};
}

void Buffer::Deleter::operator()(u32* data) const {
    if (arena_bytes == 0)
        std::free(data);
    else
        Arena::instance().give(reinterpret_cast<char*>(data), arena_bytes);
}

}  // namespace blindbook
