#include "gpu/native/threads.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>
#include <vector>

namespace blindbook {

namespace {

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

}  // namespace blindbook
