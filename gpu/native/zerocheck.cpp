#include "gpu/native/zerocheck.hpp"

#include <algorithm>
#include <stdexcept>

namespace blindbook {

namespace {

constexpr usize CHUNK_BLOCKS = 16;  // rows of one task: 256

std::array<Element, 3> zero_sums() { return {Element::zero(), Element::zero(), Element::zero()}; }

void add_sums(std::array<Element, 3>& total, const u32* sums, const Element& weight) {
    const portable::Factor<Fp> factor(weight);
    for (usize i = 0; i < 3; ++i) total[i] = total[i] + Element::load(sums + 5 * i, 1) * factor;
}

}  // namespace

std::vector<const u32*> ZerocheckProver::Table::sources() const {
    if (base) return chip.trace.columns;
    return {columns.begin(), columns.end()};
}

ZerocheckProver::ZerocheckProver(const Kernels& kernels, std::vector<ZerocheckChip> chips, std::vector<Element> point)
    : kernels_(kernels), point_(std::move(point)) {
    for (auto& chip : chips) {
        if (static_cast<usize>(chip.trace.log_height) > point_.size())
            throw std::invalid_argument("the point has fewer coordinates than a chip has variables");
        if (chip.weights.size() != 5 * chip.trace.constraints || chip.affine.size() != 5 * chip.trace.columns.size())
            throw std::invalid_argument("a weight for each constraint and a factor for each column expected");
        Table table;
        table.size = chip.trace.height();
        scratch_words_ = std::max(scratch_words_, (2 * chip.trace.columns.size() + 4) * EXT_BLOCK);
        table.chip = std::move(chip);
        tables_.push_back(std::move(table));
    }
}

std::array<Element, 3> ZerocheckProver::round() {
    if (point_.empty() || between_) throw std::logic_error("no round is due");
    point_.pop_back();
    between_ = true;
    const int variables = static_cast<int>(point_.size());
    const usize half = usize{1} << variables;
    std::array<Element, 3> total = zero_sums();
    if (half < BLOCK) {
        for (const auto& table : tables_)
            if (is_active(table)) {
                const auto sums = small_round(table);
                for (usize i = 0; i < 3; ++i) total[i] = total[i] + sums[i];
            }
    } else {
        struct Task {
            const Table* table;
            usize source;
            usize block;
        };
        std::vector<Task> tasks;
        std::vector<std::vector<const u32*>> sources;
        const usize chunk_blocks = std::min(CHUNK_BLOCKS, half / BLOCK);
        for (const auto& table : tables_) {
            if (!is_active(table)) continue;
            sources.push_back(table.sources());
            for (usize block = 0; block < half / BLOCK; block += chunk_blocks)
                tasks.push_back({&table, sources.size() - 1, block});
        }
        const EqTable eq(point_, variables);
        std::vector<std::array<Element, 3>> totals(thread_count(), zero_sums());
        Buffer scratch(thread_count() * scratch_words_);
        parallel_for(tasks.size(), [&](usize number, usize thread) {
            const Task& task = tasks[number];
            const Table& table = *task.table;
            const usize row = task.block * BLOCK;
            const ZerocheckChunk chunk = {
                .columns = sources[task.source].data(),
                .column_count = sources[task.source].size(),
                .half = half,
                .row = row,
                .blocks = chunk_blocks,
                .constraints = table.chip.trace.constraints == 0 ? nullptr
                               : table.base                      ? table.chip.trace.evaluators.constraints_base
                                                                 : table.chip.trace.evaluators.constraints_extension,
                .weights = table.chip.weights.data(),
                .affine = table.base ? table.chip.affine.data() : table.affine,
                .eq = eq.inner() + row % eq.chunk() * 5,
            };
            u32 sums[15];
            const auto kernel = table.base ? kernels_.zerocheck_base_round : kernels_.zerocheck_extension_round;
            kernel(chunk, scratch.data() + thread * scratch_words_, sums);
            add_sums(totals[thread], sums, eq.outer()[row / eq.chunk()]);
        });
        for (const auto& part : totals)
            for (usize i = 0; i < 3; ++i) total[i] = total[i] + part[i];
    }
    // e3 = third / 6, e2 = second / 2 - 3 e3.
    const Fp sixth = portable::inverse(Fp::from_canonical(6));
    const Fp one_half = portable::inverse(Fp::from_canonical(2));
    const Element e3 = total[2] * sixth;
    return {total[0], total[1] * one_half - e3 * Fp::from_canonical(3), e3};
}

// Fewer than 16 pairs of rows: one block whose unused rows have weight zero.
std::array<Element, 3> ZerocheckProver::small_round(const Table& table) const {
    const usize half = table.size / 2;
    const EqTable eq(point_, static_cast<int>(point_.size()));
    const usize words = table.base ? BLOCK : EXT_BLOCK;
    const auto pack = [&](const u32* from, u32* to) {
        for (usize side = 0; side < 2; ++side)
            for (usize i = 0; i < half; ++i) {
                if (table.base)
                    to[side * BLOCK + i] = from[side * half + i];
                else
                    set_blocked(to + side * EXT_BLOCK, i, get_blocked(from, side * half + i));
            }
    };
    const std::vector<const u32*> sources = table.sources();
    Buffer packed((sources.size() + 1) * 2 * words);
    packed.clear();
    std::vector<const u32*> columns;
    for (usize c = 0; c < sources.size(); ++c) {
        pack(sources[c], packed.data() + c * 2 * words);
        columns.push_back(packed.data() + c * 2 * words);
    }
    u32* affine = packed.data() + sources.size() * 2 * words;
    if (!table.base) pack(table.affine, affine);
    const ZerocheckChunk chunk = {
        .columns = columns.data(),
        .column_count = columns.size(),
        .half = BLOCK,
        .row = 0,
        .blocks = 1,
        .constraints = table.chip.trace.constraints == 0 ? nullptr
                       : table.base                      ? table.chip.trace.evaluators.constraints_base
                                                         : table.chip.trace.evaluators.constraints_extension,
        .weights = table.chip.weights.data(),
        .affine = table.base ? table.chip.affine.data() : affine,
        .eq = eq.inner(),
    };
    u32 sums[15];
    Buffer scratch(scratch_words_);
    (table.base ? kernels_.zerocheck_base_round : kernels_.zerocheck_extension_round)(chunk, scratch.data(), sums);
    std::array<Element, 3> total = zero_sums();
    add_sums(total, sums, Element::one());
    return total;
}

void ZerocheckProver::bind(const Element& challenge) {
    if (!between_) throw std::logic_error("a round must precede its challenge");
    between_ = false;
    for (auto& table : tables_)
        if (is_active(table)) fold(table, challenge);
}

void ZerocheckProver::fold(Table& table, const Element& challenge) {
    u32 words[5];
    challenge.store(words, 1);
    const usize half = table.size / 2;
    if (table.base) {
        const usize count = table.chip.trace.columns.size();
        const usize stride = blocked_words(half);
        table.folded = Buffer((count + 1) * stride);
        for (usize c = 0; c < count; ++c) table.columns.push_back(table.folded.data() + c * stride);
        table.affine = table.folded.data() + count * stride;
    }
    if (half < BLOCK) {
        fold_small(table, challenge);
    } else if (table.base) {
        fold_base(table, words);
    } else {
        const usize blocks = half / BLOCK;
        const usize chunks = (blocks + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS;
        parallel_for((table.columns.size() + 1) * chunks, [&](usize task, usize) {
            u32* column = task / chunks < table.columns.size() ? table.columns[task / chunks] : table.affine;
            const usize begin = task % chunks * CHUNK_BLOCKS;
            kernels_.extension_fold(column + begin * EXT_BLOCK, column + (blocks + begin) * EXT_BLOCK,
                                    std::min(CHUNK_BLOCKS, blocks - begin), words);
        });
    }
    table.base = false;
    table.size = half;
}

void ZerocheckProver::fold_base(Table& table, const u32* challenge) {
    const usize half = table.size / 2;
    const std::vector<const u32*> sources = table.sources();
    Buffer scratch(thread_count() * scratch_words_);
    parallel_ranges(half / BLOCK, CHUNK_BLOCKS, [&](usize begin, usize end, usize thread) {
        const ZerocheckChunk chunk = {
            .columns = sources.data(),
            .column_count = sources.size(),
            .half = half,
            .row = begin * BLOCK,
            .blocks = end - begin,
            .constraints = nullptr,
            .weights = nullptr,
            .affine = table.chip.affine.data(),
            .eq = nullptr,
        };
        kernels_.zerocheck_base_fold(chunk, challenge, table.columns.data(), table.affine,
                                     scratch.data() + thread * scratch_words_);
    });
}

void ZerocheckProver::fold_small(Table& table, const Element& challenge) {
    const usize half = table.size / 2;
    const std::vector<const u32*> sources = table.sources();
    const auto value = [&](usize column, usize row) {
        if (!table.base) return get_blocked(sources[column], row);
        Element result = Element::zero();
        result.c[0] = Fp{sources[column][row]};
        return result;
    };
    for (usize row = 0; row < half; ++row) {
        Element affine = Element::zero();
        for (usize c = 0; c < sources.size(); ++c) {
            const Element folded = interpolate(value(c, row), value(c, row + half), challenge);
            affine = affine + folded * Element::load(table.chip.affine.data() + 5 * c, 1);
            set_blocked(table.columns[c], row, folded);
        }
        set_blocked(table.affine, row, affine);
    }
}

std::vector<std::vector<Element>> ZerocheckProver::column_evaluations() const {
    if (!point_.empty() || between_) throw std::logic_error("some variables are not bound");
    std::vector<std::vector<Element>> result;
    for (const auto& table : tables_) {
        auto& values = result.emplace_back();
        for (const u32* column : table.columns) values.push_back(get_blocked(column, 0));
    }
    return result;
}

}  // namespace blindbook
