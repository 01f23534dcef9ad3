// Python bindings of the CPU kernels. Arrays are contiguous NumPy arrays of u32 in Montgomery form except where said.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "gpu/kernels/extension.cuh"
#include "gpu/kernels/poseidon2.cuh"
#include "gpu/native/commitment.hpp"
#include "gpu/native/dispatch.hpp"
#include "gpu/native/fraction_tree.hpp"
#include "gpu/native/opening.hpp"
#include "gpu/native/univariate.hpp"
#include "gpu/native/zerocheck.hpp"

namespace nb = nanobind;

namespace blindbook {
namespace {

using Words = nb::ndarray<u32, nb::c_contig, nb::device::cpu>;
using ConstWords = nb::ndarray<const u32, nb::c_contig, nb::device::cpu>;
using Words64 = nb::ndarray<u64, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

// Uninitialised words of this shape, from the arena of the kernels.
nb::ndarray<nb::numpy, u32> empty(const std::vector<usize>& shape) {
    usize count = 1;
    for (const usize length : shape) count *= length;
    auto buffer = std::make_unique<Buffer>(count);
    u32* data = buffer->data();
    const nb::capsule owner(buffer.release(), [](void* held) noexcept { delete static_cast<Buffer*>(held); });
    return nb::ndarray<nb::numpy, u32>(data, shape.size(), shape.data(), owner);
}

// One permutation of canonical elements, for the transcript of a prover.
std::vector<u32> permute_poseidon2(const std::vector<u32>& elements) {
    require(elements.size() == 16, "a state of 16 elements expected");
    portable::Fp state[16];
    for (usize i = 0; i < 16; ++i) {
        require(elements[i] < portable::P, "a value is not below p");
        state[i] = portable::Fp::from_canonical(elements[i]);
    }
    portable::poseidon2_permute(state);
    std::vector<u32> result(16);
    for (usize i = 0; i < 16; ++i) result[i] = state[i].canonical();
    return result;
}

constexpr usize CONVERSION_GRAIN = usize{1} << 16;

void to_montgomery(const Kernels& kernels, const ConstWords& from, const Words& to) {
    require(from.size() == to.size(), "arrays of equal size expected");
    const nb::gil_scoped_release release;
    std::vector<char> bad(thread_count(), 0);
    parallel_ranges(from.size(), CONVERSION_GRAIN, [&](usize begin, usize end, usize thread) {
        if (!kernels.to_montgomery(from.data() + begin, to.data() + begin, end - begin)) bad[thread] = 1;
    });
    for (const char flag : bad) require(flag == 0, "a value is not below p");
}

void from_montgomery(const Kernels& kernels, const ConstWords& from, const Words& to) {
    require(from.size() == to.size(), "arrays of equal size expected");
    const nb::gil_scoped_release release;
    parallel_ranges(from.size(), CONVERSION_GRAIN, [&](usize begin, usize end, usize) {
        kernels.from_montgomery(from.data() + begin, to.data() + begin, end - begin);
    });
}

HashKind hash_kind(const std::string& name) {
    if (name == "poseidon2") return HashKind::poseidon2;
    require(name == "keccak", "the hash is poseidon2 or keccak");
    return HashKind::keccak;
}

int log2_of(usize size) {
    int log = 0;
    while ((usize{1} << log) < size) ++log;
    require((usize{1} << log) == size, "a power of two expected");
    return log;
}

// columns: (width, 2^log_rows).
Commitment* commit(const Kernels& kernels, const std::string& hash, const ConstWords& columns, int log_inv_rate) {
    require(columns.ndim() == 2 && columns.shape(0) > 0, "columns of shape (width, rows) expected");
    const usize length = columns.shape(1);
    std::vector<const u32*> pointers(columns.shape(0));
    for (usize i = 0; i < pointers.size(); ++i) pointers[i] = columns.data() + i * length;
    const int log_rows = log2_of(length);
    const HashKind kind = hash_kind(hash);
    const nb::gil_scoped_release release;
    return new Commitment(kernels, kind, std::move(pointers), log_rows, log_inv_rate);
}

// values: (5, 2^m), cut into 2^log_width columns of five base columns each.
Commitment* commit_extension(const Kernels& kernels, const std::string& hash, const ConstWords& values, int log_width,
                             int log_inv_rate) {
    require(values.ndim() == 2 && values.shape(0) == 5, "values of shape (5, n) expected");
    const usize size = values.shape(1);
    const int log_rows = log2_of(size) - log_width;
    require(log_width >= 0 && log_rows >= 0, "the width exceeds the vector");
    std::vector<const u32*> pointers;
    for (usize column = 0; column < usize{1} << log_width; ++column)
        for (usize k = 0; k < 5; ++k) pointers.push_back(values.data() + k * size + (column << log_rows));
    const HashKind kind = hash_kind(hash);
    const nb::gil_scoped_release release;
    return new Commitment(kernels, kind, std::move(pointers), log_rows, log_inv_rate);
}

nb::bytes digest_bytes(const Digest& digest) {
    return nb::bytes(reinterpret_cast<const char*>(digest.data()), digest.size());
}

nb::list open(const Commitment& commitment, const std::vector<usize>& positions, const Words& rows) {
    require(rows.size() == positions.size() * commitment.width(), "rows of shape (positions, width) expected");
    OpenedRows opened;
    {
        const nb::gil_scoped_release release;
        opened = commitment.open(positions);
        std::copy(opened.rows.begin(), opened.rows.end(), rows.data());
    }
    nb::list path;
    for (const auto& digest : opened.path) path.append(digest_bytes(digest));
    return path;
}

// Sums per run of `length` values against the tables (count, 5, length): (runs, count, 5).
void weighted_runs(const Kernels& kernels, const ConstWords& values, const ConstWords& tables, const Words& sums) {
    require(tables.ndim() == 3 && tables.shape(1) == 5 && tables.shape(2) % 16 == 0,
            "tables of shape (count, 5, 16 k) expected");
    const usize length = tables.shape(2);
    const usize count = tables.shape(0);
    const usize runs = values.size() / length;
    require(values.size() == runs * length && sums.size() == runs * count * 5,
            "sums of shape (runs, count, 5) expected");
    const nb::gil_scoped_release release;
    parallel_ranges(runs, 64, [&](usize begin, usize end, usize) {
        kernels.weighted_runs(values.data() + begin * length, end - begin, length, tables.data(), count,
                              sums.data() + begin * count * 5);
    });
}

// Flat base values; point and result in Montgomery form.
void evaluate(const Kernels& kernels, const ConstWords& values, const ConstWords& point, const Words& result) {
    require(point.size() == 5 && result.size() == 5, "extension values of 5 words expected");
    const Element at = Element::load(point.data(), 1);
    const nb::gil_scoped_release release;
    evaluate_univariate(kernels, values.data(), values.size(), at).store(result.data(), 1);
}

std::vector<Element> elements(const ConstWords& words) {
    require(words.size() % 5 == 0, "extension values of 5 words expected");
    std::vector<Element> values;
    for (usize i = 0; i < words.size(); i += 5) values.push_back(Element::load(words.data() + i, 1));
    return values;
}

Element element(const ConstWords& words) {
    require(words.size() == 5, "an extension value of 5 words expected");
    return Element::load(words.data(), 1);
}

// Extension values as a list of five words each.
std::vector<std::vector<u32>> word_lists(const std::vector<Element>& values) {
    std::vector<std::vector<u32>> lists;
    for (const auto& value : values) {
        u32 words[5];
        value.store(words, 1);
        lists.emplace_back(words, words + 5);
    }
    return lists;
}

// A chip of a trace with the arrays that its columns lie in.
struct BoundChip {
    ChipTrace trace;
    std::vector<ConstWords> parts;

    // parts: arrays (columns, 2^log_height); evaluators: addresses of interactions, constraints_base,
    // constraints_extension.
    BoundChip(std::vector<ConstWords> arrays, int log_height, const std::vector<u64>& evaluators, usize interactions,
              usize constraints)
        : parts(std::move(arrays)) {
        require(evaluators.size() == 3, "three evaluators expected");
        trace.evaluators.interactions = reinterpret_cast<RowEvaluators::Interactions>(evaluators[0]);
        trace.evaluators.constraints_base = reinterpret_cast<RowEvaluators::Constraints>(evaluators[1]);
        trace.evaluators.constraints_extension = reinterpret_cast<RowEvaluators::Constraints>(evaluators[2]);
        trace.log_height = log_height;
        trace.interactions = interactions;
        trace.constraints = constraints;
        require(log_height >= 4 && log_height < 32, "a chip has at least 16 rows");
        for (const auto& part : parts) {
            require(part.ndim() == 2 && part.shape(1) == trace.height(),
                    "columns of shape (count, 2^log_height) expected");
            for (usize i = 0; i < part.shape(0); ++i) trace.columns.push_back(part.data() + i * part.shape(1));
        }
    }
};

std::vector<ChipTrace> traces(const std::vector<const BoundChip*>& chips) {
    std::vector<ChipTrace> result;
    for (const BoundChip* chip : chips) result.push_back(chip->trace);
    return result;
}

// constants: alpha and beta^1..beta^15, (16, 5).
FractionTree* fraction_tree(const Kernels& kernels, const std::vector<const BoundChip*>& chips,
                            const ConstWords& constants, int log_leaves) {
    require(constants.size() == 80, "alpha and 15 powers of beta expected");
    require(log_leaves >= 0 && log_leaves < 32, "at most 2^31 leaves expected");
    const std::vector<ChipTrace> list = traces(chips);
    const nb::gil_scoped_release release;
    return new FractionTree(kernels, list, constants.data(), log_leaves);
}

// claim: one value, or none where it is not known.
LayerProver* prove_layer(FractionTree& tree, usize index, const ConstWords& point, const ConstWords& combination,
                         const ConstWords& claim) {
    std::vector<Element> coordinates = elements(point);
    const Element value = element(combination);
    std::optional<Element> known;
    if (claim.size() != 0) known = element(claim);
    const nb::gil_scoped_release release;
    return new LayerProver(tree.layer(index, std::move(coordinates), value, known));
}

void bind_fractions(nb::module_& module, nb::class_<Kernels>& kernels) {
    nb::class_<BoundChip>(module, "Chip")
        .def(nb::init<std::vector<ConstWords>, int, const std::vector<u64>&, usize, usize>());
    kernels.def("fraction_tree", &fraction_tree, nb::rv_policy::take_ownership);
    nb::class_<FractionTree>(module, "FractionTree")
        .def_prop_ro("root",
                     [](const FractionTree& tree) {
                         const auto [p, q] = tree.root();
                         return word_lists({p, q});
                     })
        .def("layer", &prove_layer, nb::rv_policy::take_ownership);
    nb::class_<LayerProver>(module, "LayerProver")
        .def("round",
             [](LayerProver& prover) {
                 std::pair<Element, Element> message;
                 {
                     const nb::gil_scoped_release release;
                     message = prover.round();
                 }
                 return word_lists({message.first, message.second});
             })
        .def("bind",
             [](LayerProver& prover, const ConstWords& challenge) {
                 const Element value = element(challenge);
                 const nb::gil_scoped_release release;
                 prover.bind(value);
             })
        .def("claims", [](LayerProver& prover) { return word_lists(prover.claims()); });
}

// weights[c]: (constraints, 5), affine[c]: (columns, 5).
ZerocheckProver* zerocheck(const Kernels& kernels, const std::vector<const BoundChip*>& chips,
                           const std::vector<ConstWords>& weights, const std::vector<ConstWords>& affine,
                           const ConstWords& point) {
    require(weights.size() == chips.size() && affine.size() == chips.size(), "weights for each chip expected");
    std::vector<ZerocheckChip> list(chips.size());
    for (usize i = 0; i < chips.size(); ++i) {
        list[i].trace = chips[i]->trace;
        list[i].weights.assign(weights[i].data(), weights[i].data() + weights[i].size());
        list[i].affine.assign(affine[i].data(), affine[i].data() + affine[i].size());
    }
    return new ZerocheckProver(kernels, std::move(list), elements(point));
}

void bind_zerocheck(nb::module_& module, nb::class_<Kernels>& kernels) {
    kernels.def("zerocheck", &zerocheck, nb::rv_policy::take_ownership);
    nb::class_<ZerocheckProver>(module, "ZerocheckProver")
        .def("round",
             [](ZerocheckProver& prover) {
                 std::array<Element, 3> message;
                 {
                     const nb::gil_scoped_release release;
                     message = prover.round();
                 }
                 return word_lists({message[0], message[1], message[2]});
             })
        .def("bind",
             [](ZerocheckProver& prover, const ConstWords& challenge) {
                 const Element value = element(challenge);
                 const nb::gil_scoped_release release;
                 prover.bind(value);
             })
        .def("column_evaluations", [](const ZerocheckProver& prover) {
            std::vector<std::vector<std::vector<u32>>> result;
            for (const auto& values : prover.column_evaluations()) result.push_back(word_lists(values));
            return result;
        });
}

// pieces: (offset, flat values); claims: (offset, log_height), their coefficients: (claims, 5).
WeightedSumProver* opening(const Kernels& kernels, const std::vector<std::tuple<usize, ConstWords>>& pieces,
                           int log_size, const ConstWords& out_of_domain, const ConstWords& point,
                           const std::vector<std::tuple<usize, int>>& claims, const ConstWords& coefficients) {
    require(log_size >= 0 && log_size < 32, "at most 2^31 cells expected");
    require(coefficients.size() == 5 * claims.size(), "a coefficient for each claim expected");
    std::vector<OpeningPiece> piece_list;
    for (const auto& [offset, values] : pieces) piece_list.push_back({offset, values.data(), values.size()});
    std::vector<OpeningClaim> claim_list;
    for (usize i = 0; i < claims.size(); ++i)
        claim_list.push_back(
            {std::get<0>(claims[i]), std::get<1>(claims[i]), Element::load(coefficients.data() + 5 * i, 1)});
    const Element z = element(out_of_domain);
    const std::vector<Element> coordinates = elements(point);
    const nb::gil_scoped_release release;
    return new WeightedSumProver(kernels, std::move(piece_list), log_size, z, coordinates, claim_list);
}

void bind_openings(nb::module_& module, nb::class_<Kernels>& kernels) {
    kernels.def("opening", &opening, nb::rv_policy::take_ownership);
    nb::class_<WeightedSumProver>(module, "WeightedSumProver")
        .def_prop_ro("size", &WeightedSumProver::size)
        .def("round",
             [](WeightedSumProver& prover) {
                 std::pair<Element, Element> message;
                 {
                     const nb::gil_scoped_release release;
                     message = prover.round();
                 }
                 return word_lists({message.first, message.second});
             })
        .def("bind",
             [](WeightedSumProver& prover, const ConstWords& challenge) {
                 const Element value = element(challenge);
                 const nb::gil_scoped_release release;
                 prover.bind(value);
             })
        .def("copy_values",
             [](WeightedSumProver& prover, const Words& planes) {
                 require(planes.size() == 5 * prover.size(), "planes of shape (5, size) expected");
                 const nb::gil_scoped_release release;
                 prover.copy_values(planes.data());
             })
        .def("add_univariate", [](WeightedSumProver& prover, const ConstWords& coefficients, const ConstWords& points) {
            require(coefficients.size() == points.size(), "as many coefficients as points expected");
            const std::vector<Element> coefficient_list = elements(coefficients);
            const std::vector<Element> point_list = elements(points);
            const nb::gil_scoped_release release;
            prover.add_univariate(coefficient_list, point_list);
        });
}

void bind_arithmetic(nb::class_<Kernels>& kernels) {
    kernels.def("to_montgomery", &to_montgomery, nb::arg("source"), nb::arg("target"))
        .def("from_montgomery", &from_montgomery, nb::arg("source"), nb::arg("target"))
        .def("multiply_base",
             [](const Kernels& k, const ConstWords& a, const ConstWords& b, const Words& product) {
                 require(a.size() == b.size() && a.size() == product.size(), "arrays of equal size expected");
                 const nb::gil_scoped_release release;
                 k.multiply_base(a.data(), b.data(), product.data(), a.size());
             })
        .def("multiply_extension",
             [](const Kernels& k, const ConstWords& a, const ConstWords& b, const Words& product) {
                 require(a.size() == b.size() && a.size() == product.size() && a.size() % 80 == 0,
                         "blocked extension arrays of equal size expected");
                 const nb::gil_scoped_release release;
                 k.multiply_extension(a.data(), b.data(), product.data(), a.size() / 80);
             })
        .def("poseidon2_permute",
             [](const Kernels& k, const Words& states) {
                 require(states.ndim() == 2 && states.shape(0) == 16, "states of shape (16, n) expected");
                 const nb::gil_scoped_release release;
                 k.poseidon2_permute(states.data(), states.shape(1));
             })
        .def("keccak_permute", [](const Kernels& k, const Words64& states) {
            require(states.ndim() == 2 && states.shape(0) == 25, "states of shape (25, n) expected");
            const nb::gil_scoped_release release;
            k.keccak_permute(states.data(), states.shape(1));
        });
}

void bind_commitments(nb::module_& module, nb::class_<Kernels>& kernels) {
    kernels.def("commit", &commit, nb::rv_policy::take_ownership, nb::keep_alive<0, 3>())
        .def("commit_extension", &commit_extension, nb::rv_policy::take_ownership, nb::keep_alive<0, 3>())
        .def("weighted_runs", &weighted_runs)
        .def("evaluate_univariate", &evaluate)
        .def("grind_poseidon2",
             [](const Kernels& k, const ConstWords& state, usize slot, int bits) {
                 require(state.size() == 16 && slot < 8 && bits >= 0 && bits <= 24,
                         "a state, its slot and at most 24 bits expected");
                 const nb::gil_scoped_release release;
                 return grind_poseidon2(k, state.data(), slot, bits);
             })
        .def("grind_keccak", [](const Kernels& k, const Words64& state, int bits) {
            require(state.size() == 4 && bits >= 0 && bits <= 60, "a state of four words and at most 60 bits expected");
            const nb::gil_scoped_release release;
            return grind_keccak(k, state.data(), bits);
        });
    nb::class_<Commitment>(module, "Commitment")
        .def_prop_ro("root", [](const Commitment& c) { return digest_bytes(c.root()); })
        .def_prop_ro("width", &Commitment::width)
        .def("open", &open);
}

}  // namespace
}  // namespace blindbook

NB_MODULE(_native, module) {
    using namespace blindbook;
    module.doc() = "CPU kernels of the prover";
    module.def("instruction_sets", &available_instruction_sets);
    module.def("thread_count", &thread_count);
    module.def("empty", &empty, nb::arg("shape"));
    module.def("permute_poseidon2", &permute_poseidon2, nb::arg("elements"));
    module.def("kernels", &find_kernels, nb::rv_policy::reference);
    nb::class_<Kernels> kernels(module, "Kernels");
    kernels.def_prop_ro("name", [](const Kernels& k) { return k.name; });
    bind_arithmetic(kernels);
    bind_commitments(module, kernels);
    bind_fractions(module, kernels);
    bind_zerocheck(module, kernels);
    bind_openings(module, kernels);
}
