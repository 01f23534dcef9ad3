// Python bindings of the matching core: bytes in, bytes out, no logic.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#pragma GCC diagnostic pop

#include <chrono>
#include <cstring>
#include <tuple>

#include "arithmetic.hpp"
#include "host_engine.hpp"
#include "host_platform.hpp"

namespace nb = nanobind;
using namespace matching;
using matching::host::HostEngine;

namespace {

[[noreturn]] void raise_halted(Code code, const std::string& detail) {
    nb::object type = nb::module_::import_("matching.errors").attr("CoreHalted");
    nb::object error = type(static_cast<int>(code), detail);
    PyErr_SetObject(type.ptr(), error.ptr());
    throw nb::python_error();
}

[[noreturn]] void raise_contradiction(const host::StateContradiction& contradiction) {
    nb::object type = nb::module_::import_("matching.errors").attr("InvariantViolation");
    nb::object error = type("state", contradiction.what());
    PyErr_SetObject(type.ptr(), error.ptr());
    throw nb::python_error();
}

Result apply_checked(HostEngine& engine, const u8* bytes, size_t size) {
    try {
        return engine.apply(bytes, size);
    } catch (const host::StateContradiction& contradiction) {
        raise_contradiction(contradiction);
    }
}

const u8* bytes_of(const nb::bytes& data) { return reinterpret_cast<const u8*>(data.c_str()); }

nb::bytes to_bytes(const void* data, size_t size) { return nb::bytes(static_cast<const char*>(data), size); }

Address to_address(const nb::bytes& data) {
    if (data.size() != sizeof(Address)) throw nb::value_error("an address has 20 bytes");
    Address address;
    std::memcpy(&address, data.c_str(), sizeof(Address));
    return address;
}

std::vector<u32> to_words(const nb::bytes& data) {
    std::vector<u32> words((data.size() + 3) / 4 + 4);
    std::memcpy(words.data(), data.c_str(), data.size());
    return words;
}

nb::bytes take_events(HostEngine& engine) {
    nb::bytes events = to_bytes(engine.live().event_data(), engine.live().event_bytes());
    engine.live().clear_events();
    return events;
}

nb::bytes apply_one(HostEngine& engine, const nb::bytes& command) {
    Result result = apply_checked(engine, bytes_of(command), command.size());
    if (result.is_halt) raise_halted(result.code, "");
    return take_events(engine);
}

// Length of the command at the start of `bytes`; 0 when it is cut off.
size_t command_length(const u8* bytes, size_t size) {
    if (size < sizeof(CommandHeader)) return 0;
    u32 body_len;
    std::memcpy(&body_len, bytes + 4, 4);
    size_t length = sizeof(CommandHeader) + body_len;
    return length <= size ? length : 0;
}

std::pair<size_t, nb::bytes> apply_many(HostEngine& engine, const nb::bytes& commands) {
    const u8* bytes = bytes_of(commands);
    size_t size = commands.size(), count = 0;
    for (size_t at = 0; at < size; ++count) {
        size_t length = command_length(bytes + at, size - at);
        Result result = length == 0 ? Result{Code::Malformed, true} : apply_checked(engine, bytes + at, length);
        if (result.is_halt) {
            engine.live().clear_events();
            raise_halted(result.code, "command " + std::to_string(count));
        }
        at += length;
    }
    return {count, take_events(engine)};
}

// Seconds of wall time that the commands took, without the command chain.
std::tuple<size_t, double> time_unchained(HostEngine& engine, const nb::bytes& commands) {
    std::vector<u64> aligned((commands.size() + 7) / 8);
    std::memcpy(aligned.data(), commands.c_str(), commands.size());
    const u8* bytes = reinterpret_cast<const u8*>(aligned.data());
    size_t size = commands.size(), count = 0;
    auto start = std::chrono::steady_clock::now();
    for (size_t at = 0; at < size; ++count) {
        size_t length = command_length(bytes + at, size - at);
        Result result =
            length == 0 ? Result{Code::Malformed, true} : engine.apply_unchained(bytes + at, static_cast<u32>(length));
        if (result.is_halt) raise_halted(result.code, "command " + std::to_string(count));
        if (engine.live().event_bytes() > (size_t{1} << 20)) engine.live().clear_events();
        at += length;
    }
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    engine.live().clear_events();
    return {count, elapsed.count()};
}

nb::bytes read_record(HostEngine& engine, u32 arena, u32 index) {
    for (Arena known : kUsedArenas) {
        if (static_cast<u32>(known) != arena) continue;
        ArenaShape shape = shape_of(known);
        u32 page = index >> shape.page_log_records;
        if (page >> shape.tree_depth != 0) throw nb::index_error("record index out of range");
        const u8* bytes = engine.live().page(known, page);
        if (known == Arena::Account) return to_bytes(bytes, engine.live().page_bytes(known, page));
        u32 within = index & ((1u << shape.page_log_records) - 1);
        return to_bytes(bytes + within * shape.record_bytes, shape.record_bytes);
    }
    throw nb::value_error("unknown arena");
}

std::vector<std::pair<u32, u64>> read_levels(HostEngine& engine, u16 market, u8 side, u32 depth) {
    std::vector<std::pair<u32, u64>> out;
    for (const auto& level : engine.levels(market, side, depth)) out.emplace_back(level.price_ticks, level.lots);
    return out;
}

std::vector<nb::bytes> read_open_orders(HostEngine& engine, u32 account) {
    std::vector<nb::bytes> out;
    for (const Order& order : engine.open_orders(account)) out.push_back(to_bytes(&order, sizeof(order)));
    return out;
}

std::tuple<nb::bytes, nb::bytes, nb::bytes> take_witness(HostEngine& engine) {
    host::Witness witness = engine.take_witness();
    return {to_bytes(&witness.opening_root, 32), to_bytes(&witness.closing_root, 32),
            to_bytes(witness.words.data(), witness.words.size() * 4)};
}

nb::bytes digest_bytes(const Digest& digest) { return to_bytes(&digest, sizeof(digest)); }

Digest to_digest(const nb::bytes& data) {
    if (data.size() != sizeof(Digest)) throw nb::value_error("a digest has 32 bytes");
    Digest digest;
    std::memcpy(&digest, data.c_str(), sizeof(digest));
    return digest;
}

void bind_engine(nb::module_& module) {
    nb::class_<HostEngine>(module, "Engine")
        .def(
            "__init__",
            [](HostEngine* self, const nb::bytes& fund_owner, const nb::bytes& fee_owner, u32 taker_ppm, i32 maker_ppm,
               u32 insurance_share_ppm) {
                new (self) HostEngine(GenesisTerms{to_address(fund_owner), to_address(fee_owner), taker_ppm, maker_ppm,
                                                   insurance_share_ppm});
            },
            nb::arg("fund_owner"), nb::arg("fee_owner"), nb::arg("taker_ppm"), nb::arg("maker_ppm"),
            nb::arg("insurance_share_ppm"))
        .def_static(
            "restore",
            [](const nb::bytes& snapshot) { return new HostEngine(std::string(snapshot.c_str(), snapshot.size())); })
        .def("apply", &apply_one)
        .def("apply_many", &apply_many)
        .def("time_unchained", &time_unchained)
        .def("state_root", [](HostEngine& engine) { return digest_bytes(engine.state_root()); })
        .def("read", &read_record, nb::arg("arena"), nb::arg("index"))
        .def("levels", &read_levels, nb::arg("market"), nb::arg("side"), nb::arg("depth"))
        .def("open_orders", &read_open_orders, nb::arg("account"))
        .def("start_recording", &HostEngine::start_recording)
        .def("take_witness", &take_witness)
        .def("snapshot", [](HostEngine& engine) {
            std::string snapshot = engine.snapshot();
            return to_bytes(snapshot.data(), snapshot.size());
        });
}

void bind_hashing(nb::module_& module) {
    module.def("permute", [](std::vector<u32> state) {
        if (state.size() != 16) throw nb::value_error("the permutation has 16 lanes");
        permute(state.data());
        return state;
    });
    module.def(
        "absorb",
        [](u32 tag, const nb::bytes& data, u32 domain) {
            return digest_bytes(absorb(static_cast<HashTag>(tag), reinterpret_cast<const u8*>(to_words(data).data()),
                                       static_cast<u32>(data.size()), domain));
        },
        nb::arg("tag"), nb::arg("data"), nb::arg("domain") = 0);
    module.def("node", [](const nb::bytes& left, const nb::bytes& right) {
        return digest_bytes(hash_node(to_digest(left), to_digest(right)));
    });
}

// (0, 492 public-input bytes, their hash) or (halt reason, empty, empty).
std::tuple<u32, nb::bytes, nb::bytes> run_batch(const nb::bytes& hints) {
    std::vector<u32> words(hints.size() / 4);
    std::memcpy(words.data(), hints.c_str(), words.size() * 4);
    host::HostPlatform platform(words);
    try {
        replay::BatchOutcome outcome = replay::run_batch(platform);
        if (!platform.are_hints_used())
            return {host::HostPlatform::kHintsExhausted, nb::bytes("", 0), nb::bytes("", 0)};
        return {0, to_bytes(outcome.inputs.bytes(), replay::kPublicInputBytes), to_bytes(outcome.hash.bytes, 32)};
    } catch (const host::ReplayHalted& halted) {
        return {halted.reason, nb::bytes("", 0), nb::bytes("", 0)};
    }
}

}  // namespace

NB_MODULE(_core, module) {
    module.doc() = "Matching core in C++.";
    bind_engine(module);
    bind_hashing(module);
    nb::module_ arithmetic = module.def_submodule("arithmetic", "The pure rules, for tests.");
    matching::bindings::bind_arithmetic(arithmetic);
    module.def("run_batch", &run_batch, nb::arg("hints"));
    module.def("keccak256", [](const nb::bytes& data) {
        Keccak256 hasher;
        hasher.update(bytes_of(data), static_cast<u32>(data.size()));
        KeccakDigest digest;
        hasher.finish(digest.bytes);
        return to_bytes(digest.bytes, 32);
    });
}
