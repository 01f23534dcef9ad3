#include "gpu/native/univariate.hpp"

#include <algorithm>

namespace blindbook {

namespace {

constexpr usize RUN = 256;          // values that are summed against a table of powers
constexpr usize RUNS_OF_TASK = 64;  // joined by Horner's rule

}  // namespace

Element evaluate_univariate(const Kernels& kernels, const u32* values, usize size, const Element& point) {
    Buffer table(5 * RUN);
    Element power = Element::one();
    for (usize t = 0; t < RUN; ++t) {
        power.store(table.data() + t, RUN);
        power = power * point;
    }
    const portable::Factor<Fp> step(power);  // point^RUN
    const usize runs = size / RUN;
    std::vector<Element> parts((runs + RUNS_OF_TASK - 1) / RUNS_OF_TASK, Element::zero());
    parallel_for(parts.size(), [&](usize task, usize) {
        u32 sums[5 * RUNS_OF_TASK];
        const usize begin = task * RUNS_OF_TASK;
        const usize count = std::min(RUNS_OF_TASK, runs - begin);
        kernels.weighted_runs(values + begin * RUN, count, RUN, table.data(), 1, sums);
        for (usize i = count; i-- > 0;) parts[task] = parts[task] * step + Element::load(sums + 5 * i, 1);
    });
    Buffer tail(RUN);
    tail.clear();
    std::copy(values + runs * RUN, values + size, tail.data());
    u32 tail_sum[5];
    kernels.weighted_runs(tail.data(), 1, RUN, table.data(), 1, tail_sum);
    const portable::Factor<Fp> stride(portable::power(power, RUNS_OF_TASK));
    Element total = Element::zero();
    for (usize i = parts.size(); i-- > 0;) total = total * stride + parts[i];
    return total + Element::load(tail_sum, 1) * portable::power(power, runs);
}

}  // namespace blindbook
