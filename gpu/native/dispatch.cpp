#include "gpu/native/dispatch.hpp"

#include <stdexcept>

namespace blindbook {

namespace portable {
const Kernels& kernels();
}
#if defined(__x86_64__)
namespace avx2 {
const Kernels& kernels();
}
namespace avx512 {
const Kernels& kernels();
}
#endif

std::vector<std::string> available_instruction_sets() {
    std::vector<std::string> names;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
        names.emplace_back("avx512");
    if (__builtin_cpu_supports("avx2")) names.emplace_back("avx2");
#endif
    names.emplace_back("portable");
    return names;
}

const Kernels& find_kernels(const std::string& name) {
    for (const auto& available : available_instruction_sets()) {
        if (available != name) continue;
#if defined(__x86_64__)
        if (name == "avx512") return avx512::kernels();
        if (name == "avx2") return avx2::kernels();
#endif
        return portable::kernels();
    }
    throw std::invalid_argument("instruction set " + name + " is not available here");
}

}  // namespace blindbook
