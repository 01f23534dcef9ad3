// Python bindings of the executor; no logic.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>

#include "call_tree.hpp"
#include "executor.hpp"

namespace nb = nanobind;
using namespace blindbook::vm;

namespace {

using Words = nb::ndarray<const std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using OwnedWords = nb::ndarray<nb::numpy, std::uint32_t>;
using OwnedCounts = nb::ndarray<nb::numpy, std::uint64_t>;

std::span<const std::uint32_t> view(const Words& words) { return {words.data(), words.shape(0)}; }

template <typename Word>
nb::ndarray<nb::numpy, Word> own(std::vector<Word> values, std::size_t rows, std::size_t columns) {
    auto* owned = new std::vector<Word>(std::move(values));
    nb::capsule owner(owned, [](void* pointer) noexcept { delete static_cast<std::vector<Word>*>(pointer); });
    return nb::ndarray<nb::numpy, Word>(owned->data(), {rows, columns}, owner);
}

// Row-major rows to one array per column, in blocks that stay in the cache.
std::vector<std::uint32_t> transpose(const std::vector<std::uint32_t>& rows, std::size_t width) {
    const std::size_t count = rows.size() / width;
    std::vector<std::uint32_t> columns(rows.size());
    constexpr std::size_t block = 512;
    for (std::size_t start = 0; start < count; start += block)
        for (std::size_t column = 0; column < width; ++column)
            for (std::size_t row = start; row < std::min(count, start + block); ++row)
                columns[column * count + row] = rows[row * width + column];
    return columns;
}

std::unique_ptr<Executor> make_executor(const nb::ndarray<const std::uint32_t, nb::shape<6, -1>, nb::c_contig>& rom,
                                        const Words& image_addresses, const Words& image_values,
                                        std::uint32_t zero_base, std::uint32_t entry, const Words& constants) {
    const std::size_t rows = rom.shape(1);
    if (rows == 0) throw std::invalid_argument("empty ROM");
    if (image_addresses.shape(0) != image_values.shape(0)) throw std::invalid_argument("image: lengths differ");
    if (constants.shape(0) != 8 * 16 + 20 + 16) throw std::invalid_argument("Poseidon2: expected 164 constants");
    const auto column = [&](std::size_t i) { return std::span(rom.data() + i * rows, rows); };
    const Program program{
        column(0),          column(1), column(2), column(3), column(4), column(5), view(image_addresses),
        view(image_values), zero_base, entry};
    for (std::size_t i = 0; i < rows; ++i)
        if (program.pc[i] % 4 != 0 || program.r[i] >= register_count || program.op[i] > 255 ||
            (program.op[i] != static_cast<std::uint32_t>(OpCode::Set) && program.rs1[i] >= 32) ||
            (i > 0 && program.pc[i] <= program.pc[i - 1]))
            throw std::invalid_argument("ROM row " + std::to_string(i) + " is malformed");
    for (const std::uint32_t address : view(image_addresses))
        if (address % 4 != 0 || address >= address_limit) throw std::invalid_argument("image address is malformed");
    Poseidon2Constants poseidon2;
    const std::uint32_t* next = constants.data();
    for (auto& round : poseidon2.full) next = std::copy_n(next, 16, round.begin()) - round.end() + next + 16;
    std::copy_n(next, 20, poseidon2.partial.begin());
    std::copy_n(next + 20, 16, poseidon2.diagonal.begin());
    return std::make_unique<Executor>(program, poseidon2);
}

void run(Executor& executor, const Words& hints, std::uint32_t cycle_limit, bool record, std::uint32_t calls) {
    if (cycle_limit > (record ? recorded_cycles_max : cycles_max)) throw std::invalid_argument("cycle limit too large");
    const auto words = view(hints);
    nb::gil_scoped_release release;
    executor.run(words, {cycle_limit, record, calls});
}

void run_shard(Executor& executor, const Words& hints, std::uint32_t cycle_limit, std::uint64_t coprocessor_cells,
               bool record, std::uint32_t calls) {
    if (cycle_limit > recorded_cycles_max) throw std::invalid_argument("cycle limit too large");
    const auto words = view(hints);
    nb::gil_scoped_release release;
    executor.run(words, {cycle_limit, record, calls, true, coprocessor_cells});
}

void resume(Executor& executor, const Words& registers, std::uint32_t committed) {
    if (registers.shape(0) != register_count) throw std::invalid_argument("expected 33 registers");
    executor.resume({view(registers), committed});
}

void run_observed(Executor& executor, const Words& hints, std::uint32_t cycle_limit, std::uint32_t calls,
                  CallTree& tree) {
    if (cycle_limit > cycles_max) throw std::invalid_argument("cycle limit too large");
    const auto words = view(hints);
    nb::gil_scoped_release release;
    executor.run_observed(words, {cycle_limit, true, calls}, tree);
    tree.drain(executor);
}

// One line a node: parent, context, calls, cycles, rows by family.
OwnedCounts nodes_of(const CallTree& tree) {
    std::vector<std::uint64_t> values;
    for (const CallNode& node : tree.nodes()) {
        values.insert(values.end(), {node.parent, node.context, node.calls, node.cycles});
        values.insert(values.end(), node.rows.begin(), node.rows.end());
    }
    return own(std::move(values), tree.nodes().size(), 4 + family_shapes.size());
}

// The pcs of pending calls, outermost first.
OwnedWords call_sites_of(const CallTree& tree) {
    std::vector<std::uint32_t> sites;
    for (std::size_t depth = 1; depth < tree.frames().size(); ++depth) sites.push_back(tree.frames()[depth].site);
    if (tree.is_calling()) sites.push_back(tree.last_pc());
    const std::size_t count = sites.size();
    return own(std::move(sites), 1, count);
}

// The C++ name of a symbol; the symbol itself where it is no mangled name.
std::string demangle(const std::string& symbol) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name(
        abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &status), &std::free);
    return status == 0 && name ? name.get() : symbol;
}

// (addresses, values, times) of the words that satisfy the condition of the caller: here all touched ones, ascending.
nb::tuple touched(const Executor& executor) {
    std::vector<std::uint32_t> addresses = executor.memory().touched();
    std::sort(addresses.begin(), addresses.end());
    std::vector<std::uint32_t> values, times;
    for (const std::uint32_t address : addresses) {
        const Cell cell = executor.memory().peek(address);
        values.push_back(cell.value);
        times.push_back(cell.time);
    }
    const std::size_t count = addresses.size();
    return nb::make_tuple(own(std::move(addresses), 1, count), own(std::move(values), 1, count),
                          own(std::move(times), 1, count));
}

}  // namespace

NB_MODULE(_executor, m) {
    m.doc() = "RV32IM executor that logs what trace generation needs.";
    nb::class_<Executor>(m, "Executor")
        .def("run", &run, nb::arg("hints"), nb::arg("cycle_limit"), nb::arg("record"), nb::arg("calls"))
        .def("run_shard", &run_shard, nb::arg("hints"), nb::arg("cycle_limit"), nb::arg("coprocessor_cells"),
             nb::arg("record"), nb::arg("calls"))
        .def("resume", &resume, nb::arg("registers"), nb::arg("committed"))
        .def("begin_shard", &Executor::begin_shard)
        .def("coprocessor_rows",
             [](const Executor& executor) {
                 const auto& rows = executor.coprocessor_rows();
                 return std::vector<std::uint64_t>(rows.begin(), rows.end());
             })
        .def_prop_ro("halted", &Executor::halted)
        .def_prop_ro("committed", &Executor::committed)
        .def("run_observed", &run_observed, nb::arg("hints"), nb::arg("cycle_limit"), nb::arg("calls"), nb::arg("tree"))
        .def_prop_ro("fault", &Executor::fault)
        .def_prop_ro("fault_kind", [](const Executor& executor) { return std::string(name_of(executor.fault_kind())); })
        .def_prop_ro("pc", &Executor::pc)
        .def_prop_ro("cycles", &Executor::cycles)
        .def_prop_ro("exit_code", &Executor::exit_code)
        .def_prop_ro("hints_read", &Executor::hints_read)
        .def("outputs",
             [](const Executor& executor) {
                 const auto& words = executor.outputs();
                 return own(std::vector(words.begin(), words.end()), 1, words.size());
             })
        .def("executions",
             [](const Executor& executor) { return own(executor.executions(), 1, executor.executions().size()); })
        .def("registers",
             [](const Executor& executor) {
                 std::vector<std::uint32_t> words;
                 for (const Cell& cell : executor.registers()) words.insert(words.end(), {cell.value, cell.time});
                 return own(std::move(words), register_count, 2);
             })
        .def("touched", &touched)
        .def(
            "take_rows",
            [](Executor& executor, std::size_t family) {
                if (family >= family_shapes.size()) throw std::out_of_range("no such family");
                const std::size_t width = family_shapes[family].width;
                const std::vector<std::uint32_t> rows = std::move(executor.rows(family));
                return own(transpose(rows, width), width, rows.size() / width);
            },
            "Logged rows of a family as (width, rows); they are given away.");
    nb::class_<CallTree>(m, "CallTree")
        .def("__init__",
             [](CallTree* tree, const Words& contexts) {
                 const auto words = view(contexts);
                 new (tree) CallTree(std::vector(words.begin(), words.end()));
             })
        .def("nodes", &nodes_of)
        .def("call_sites", &call_sites_of)
        .def_prop_ro("last_pc", &CallTree::last_pc);
    m.def("make_executor", &make_executor);
    m.def("demangle", &demangle);
    m.def("op_codes", [] {
        nb::dict names;
        for (const auto& [name, code] : op_code_names) names[name] = static_cast<int>(code);
        return names;
    });
    m.def("families", [] {
        nb::list names;
        for (const auto& shape : family_shapes) names.append(nb::str(shape.chip.data(), shape.chip.size()));
        return names;
    });
}
