#include "gpu/native/threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace blindbook {

namespace {

constexpr usize HUGE_PAGE_BYTES = usize{1} << 21;
constexpr usize LINE_BYTES = 64;

class Pool {
  public:
    static Pool& instance() {
        static Pool pool;
        return pool;
    }

    usize size() const { return size_; }

    void run(usize tasks, const std::function<void(usize, usize)>& body) {
        const std::lock_guard<std::mutex> one_loop(loop_mutex_);
        if (tasks <= 1 || size_ == 1) {
            for (usize task = 0; task < tasks; ++task) body(task, 0);
            return;
        }
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            body_ = &body;
            tasks_ = tasks;
            next_.store(0, std::memory_order_relaxed);
            busy_ = workers_.size();
            ++generation_;
        }
        wake_.notify_all();
        work(body, tasks, 0);
        std::unique_lock<std::mutex> lock(mutex_);
        idle_.wait(lock, [this] { return busy_ == 0; });
        body_ = nullptr;
    }

  private:
    usize size_ = 1;
    std::vector<std::thread> workers_;
    std::mutex loop_mutex_, mutex_;
    std::condition_variable wake_, idle_;
    const std::function<void(usize, usize)>* body_ = nullptr;
    usize tasks_ = 0, busy_ = 0;
    u64 generation_ = 0;
    bool stop_ = false;
    std::atomic<usize> next_{0};

    Pool() {
        const char* wanted = std::getenv("BLINDBOOK_THREADS");
        const long count = wanted != nullptr ? std::strtol(wanted, nullptr, 10) : 0;
        size_ = count > 0 ? static_cast<usize>(count) : std::max(1U, std::thread::hardware_concurrency());
        for (usize thread = 1; thread < size_; ++thread) workers_.emplace_back([this, thread] { serve(thread); });
    }

    ~Pool() {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            stop_ = true;
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    void work(const std::function<void(usize, usize)>& body, usize tasks, usize thread) {
        for (usize task = next_.fetch_add(1); task < tasks; task = next_.fetch_add(1)) body(task, thread);
    }

    void serve(usize thread) {
        u64 seen = 0;
        for (;;) {
            const std::function<void(usize, usize)>* body = nullptr;
            usize tasks = 0;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
                if (stop_) return;
                seen = generation_;
                body = body_;
                tasks = tasks_;
            }
            work(*body, tasks, thread);
            {
                const std::lock_guard<std::mutex> lock(mutex_);
                --busy_;
            }
            idle_.notify_one();
        }
    }
};

}  // namespace

usize thread_count() { return Pool::instance().size(); }

void parallel_for(usize tasks, const std::function<void(usize task, usize thread)>& body) {
    Pool::instance().run(tasks, body);
}

void parallel_ranges(usize total, usize grain, const std::function<void(usize begin, usize end, usize thread)>& body) {
    parallel_for((total + grain - 1) / grain, [&](usize task, usize thread) {
        const usize begin = task * grain;
        body(begin, begin + grain < total ? begin + grain : total, thread);
    });
}

namespace {

// Freed large blocks, kept for the next buffer of about their size: fresh pages must be cleared by the kernel, which
// costs more than most passes over them.
class BlockCache {
  public:
    static BlockCache& instance() {
        static BlockCache cache;
        return cache;
    }

    void* take(usize& bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        const auto found = free_.lower_bound(bytes);
        if (found == free_.end() || found->first > bytes + bytes / 2) return nullptr;
        void* memory = found->second;
        bytes = found->first;
        kept_ -= bytes;
        free_.erase(found);
        return memory;
    }

    bool keep(void* memory, usize bytes) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (kept_ + bytes > KEPT_BYTES_MAX) return false;
        free_.emplace(bytes, memory);
        kept_ += bytes;
        return true;
    }

  private:
    static constexpr usize KEPT_BYTES_MAX = usize{3} << 29;  // 1.5 GiB
    std::mutex mutex_;
    std::multimap<usize, void*> free_;
    usize kept_ = 0;
};

}  // namespace

Buffer::Buffer(usize words) : size_(words) {
    const usize bytes = words * sizeof(u32);
    const bool large = bytes >= HUGE_PAGE_BYTES;
    const usize alignment = large ? HUGE_PAGE_BYTES : LINE_BYTES;
    usize rounded = std::max((bytes + alignment - 1) / alignment * alignment, alignment);
    void* memory = large ? BlockCache::instance().take(rounded) : nullptr;
    if (memory == nullptr) {
        memory = std::aligned_alloc(alignment, rounded);
        if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
        if (large) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
    }
    data_ = {static_cast<u32*>(memory), Deleter{large ? rounded : 0}};
}

void Buffer::Deleter::operator()(u32* data) const {
    if (block_bytes == 0 || !BlockCache::instance().keep(data, block_bytes)) std::free(data);
}

}  // namespace blindbook
