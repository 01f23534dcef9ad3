// A zeroed range of address space that takes memory only where it is written.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "matching/types.hpp"

namespace matching::host {

class MappedRegion {
  public:
    MappedRegion() = default;
    explicit MappedRegion(size_t bytes) : bytes_(bytes) {
        void* base = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED) {
            throw std::system_error(errno, std::generic_category(), "cannot reserve address space for the state");
        }
        base_ = static_cast<u8*>(base);
    }
    MappedRegion(MappedRegion&& other) noexcept
        : base_(std::exchange(other.base_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    MappedRegion& operator=(MappedRegion&& other) noexcept {
        std::swap(base_, other.base_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    MappedRegion(const MappedRegion&) = delete;
    MappedRegion& operator=(const MappedRegion&) = delete;
    ~MappedRegion() {
        if (base_) ::munmap(base_, bytes_);
    }

    [[nodiscard]] u8* data() const { return base_; }
    [[nodiscard]] size_t size() const { return bytes_; }
    template <class T>
    [[nodiscard]] T* as() const {
        return reinterpret_cast<T*>(base_);
    }

  private:
    u8* base_ = nullptr;
    size_t bytes_ = 0;
};

}  // namespace matching::host
