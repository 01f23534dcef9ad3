// A committed codeword matrix: its Merkle tree and its opened rows (proof system, sections 3 and 9.1).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "gpu/kernels/table.cuh"
#include "gpu/native/buffer.hpp"
#include "gpu/native/threads.hpp"

namespace blindbook {

enum class HashKind { poseidon2, keccak };

using Digest = std::array<u8, 32>;

struct OpenedRows {
    std::vector<u32> rows;  // [positions][width], canonical
    std::vector<Digest> path;
};

class Commitment {
  public:
    // columns: `width` pointers to 2^log_rows coefficients in Montgomery form, which must outlive the object where the
    // codeword is not kept (log_inv_rate above KEPT_LOG_INV_RATE): then opened rows are evaluated again.
    Commitment(const Kernels& kernels, HashKind hash, std::vector<const u32*> columns, int log_rows, int log_inv_rate);

    Digest root() const { return digest(layers_.size() - 1, 0); }
    usize width() const { return columns_.size(); }
    usize rows() const { return usize{1} << (log_rows_ + log_inv_rate_); }
    // Positions must be ascending, distinct and below rows().
    OpenedRows open(const std::vector<usize>& positions) const;

  private:
    static constexpr int KEPT_LOG_INV_RATE = 2;

    const Kernels& kernels_;
    HashKind hash_;
    std::vector<const u32*> columns_;
    int log_rows_, log_inv_rate_;
    Buffer codeword_;             // [coset][width][2^log_rows] if kept
    std::vector<Buffer> layers_;  // leaves first; digest planes [8][nodes], coset by coset while there are cosets

    void encode();
    void hash_leaves(const u32* matrix, usize coset);
    void hash_layer(usize depth);
    usize slot(usize depth, usize index) const;
    Digest digest(usize depth, usize index) const;
    void evaluate_rows(const std::vector<usize>& positions, u32* rows) const;
};

// The smallest nonce that passes (section 4). Poseidon2: state in Montgomery form with the tag of the nonce message
// absorbed.
u64 grind_poseidon2(const Kernels& kernels, const u32* state, usize slot, int bits);
u64 grind_keccak(const Kernels& kernels, const u64* state, int bits);

}  // namespace blindbook
