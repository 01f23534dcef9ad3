// A pool of threads for loops over independent tasks, and large aligned buffers.
#pragma once

#include <cstring>
#include <functional>
#include <memory>

#include "gpu/kernels/isa.cuh"

namespace blindbook {

// Number of threads that loops use: the hardware's, or BLINDBOOK_THREADS.
usize thread_count();

// Calls body(task, thread) for each task in [0, tasks), thread < thread_count(); returns when all are done. Tasks are
// handed out in ascending order. Loops from several callers follow one another. Exceptions of a body end the program:
// bodies are kernels.
void parallel_for(usize tasks, const std::function<void(usize task, usize thread)>& body);

// Cuts [0, total) into ranges of about `grain` (multiples of `unit`) and calls body(begin, end, thread).
void parallel_ranges(usize total, usize grain, const std::function<void(usize begin, usize end, usize thread)>& body);

// Uninitialised 32-bit words, aligned for vectors, on huge pages where large.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(usize words);

    u32* data() { return data_.get(); }
    const u32* data() const { return data_.get(); }
    usize size() const { return data_ ? size_ : 0; }  // a buffer that was moved from is empty
    void clear() { std::memset(data(), 0, size() * sizeof(u32)); }
    void release() {
        data_.reset();
        size_ = 0;
    }

  private:
    struct Deleter {
        usize block_bytes;  // of a large block, which may be kept for later buffers
        Deleter() : block_bytes(0) {}
        explicit Deleter(usize bytes) : block_bytes(bytes) {}
        void operator()(u32* data) const;
    };
    std::unique_ptr<u32, Deleter> data_;
    usize size_ = 0;
};

}  // namespace blindbook
