// Adds up private amounts: the proof shows that somebody knows `count` amounts, none above the limit, with this sum and
// this digest, without listing them.
//
// Private words (hints): count, then the amounts. Public words (outputs): 0 count, 1 sum, 2..9 Poseidon2 digest.
#include <array>

#include "blindbook_guest.hpp"

namespace {

constexpr std::uint32_t amount_max = 1'000'000;  // the sum of up to 4096 amounts fits a word
constexpr std::uint32_t count_max = 4096;
constexpr std::uint32_t wrong_input = 1;  // exit codes other than 0 say that a run proves nothing

// A chain of compressions: digest := node(digest, amount).
class Digest {
  public:
    void absorb(std::uint32_t amount) {
        for (std::uint32_t i = 8; i < 16; ++i) words_[i] = 0;
        words_[8] = amount;
        guest::p2_node(words_);
    }

    [[nodiscard]] std::uint32_t word(std::uint32_t index) const { return words_[index]; }

  private:
    std::array<std::uint32_t, 16> words_{};
};

}  // namespace

int main() {
    const std::uint32_t count = guest::hint();
    if (count > count_max) return wrong_input;  // a hint may be anything: check what the program relies on
    std::uint32_t sum = 0;
    Digest digest;
    for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t amount = guest::hint();
        if (amount > amount_max) return wrong_input;
        sum += amount;
        digest.absorb(amount);
    }
    guest::commit(0, count);
    guest::commit(1, sum);
    for (std::uint32_t i = 0; i < 8; ++i) guest::commit(2 + i, digest.word(i));
    return 0;
}
