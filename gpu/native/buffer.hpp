// Large aligned buffers, and the arena that they come from.
#pragma once

#include <cstring>
#include <memory>

#include "gpu/kernels/isa.cuh"

namespace blindbook {

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
        usize arena_bytes;  // of a large buffer, which goes back to the arena; else 0
        Deleter() : arena_bytes(0) {}
        explicit Deleter(usize bytes) : arena_bytes(bytes) {}
        void operator()(u32* data) const;
    };
    std::unique_ptr<u32, Deleter> data_;
    usize size_ = 0;
};

}  // namespace blindbook
