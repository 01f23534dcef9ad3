// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {FinalIdentityMismatch, FinalPolynomialMismatch, WrongLength, WrongRoot} from "./Errors.sol";
import {R, fold, isZero, mul, readExtension, scale, sub, subCanonical} from "./Extension.sol";
import {leafDigest, multiproofRoot} from "./Merkle.sol";
import {
    equalityBit,
    equalityTable,
    nextBlock,
    openBlock,
    powerBase,
    powerExtension,
    powerPairs
} from "./Multilinear.sol";
import {foldBaseRow, foldExtensionRow, generatorPowers, power, splitTable, spreadTable} from "./Rows.sol";
import {
    TAG_OOD,
    TAG_ROOT,
    TAG_WHIR_FINAL,
    TAG_WHIR_SUMCHECK,
    Transcript,
    answer,
    challenge,
    checkGrinding,
    observe,
    sampleBits
} from "./Transcript.sol";

/// What the argument leaves to the opening (proof system, sections 9.2 and 9.3).
struct Opening {
    bytes32 state; // of the transcript after gamma was drawn
    uint256 claim; // sigma = F(z_0) + sum gamma^m v_m, plain, reduced
    uint256 zM; // z_0
    uint256 gammaM;
    uint256 schedule; // row of the tables: l, k_0, rounds M, m_M, then per round k_i, D_i, t_i, grinding bits; one byte each
    bytes32 mainRoot;
    bytes32 preprocessedRoot;
    uint256 mainWidth; // stack columns of tree MAIN
    uint256 preprocessedStart; // first stack column of tree PRE
    uint256 preprocessedWidth; // 0: no such tree
    uint256[] point; // r in Montgomery form, canonical
    uint256[] runs; // columns in the order of step 8: height | columns << 8 | (offset >> height) << 32
}

/// Opens the stacked commitment: WHIR (proof system, section 9.3). Stateless; reverts unless the rest of the proof shows that
/// the committed vector satisfies the claim.
contract OpeningVerifier {
    /// One round's contribution to the final weight: gamma_i (pow(z_{i+1}) + sum_s gamma_i^s pow(x_s)) at R[0..variables).
    struct Combination {
        uint256 gammaM;
        uint256 zM;
        uint256 variables;
        uint256 queries; // address of the x_s
        uint256 count;
    }

    struct Powers {
        uint256 gammaM; // gamma^m of the next column
        uint256 squares; // address of gamma^(2^i)
        uint256 products; // address of prod_{i < t} (1 - R_i + R_i gamma^(2^i)) of the run
        uint256 scratch; // address of the prefixes of openBlock()
    }

    uint256 private constant R_SPLIT = 0xffbf7f; // 2^45 mod p: the one of foldExtensionRow()

    struct Session {
        Transcript transcript;
        uint256 position; // in calldata
        uint256 claim; // sigma, plain, reduced
        uint256 point; // address of R[0]
        uint256 variables; // m_i: coordinates below it are not drawn yet
        uint256 powers; // address of the table of generatorPowers()
        uint256 nodes; // address of the scratch area of the multiproofs
        uint256 finalPolynomial; // address of f_M
        bytes32 root; // of oracle i > 0
    }

    function verifyOpening(Opening calldata opening, bytes calldata proof) external pure {
        Session memory s;
        s.transcript.state = opening.state;
        s.claim = opening.claim;
        uint256 end;
        assembly ("memory-safe") {
            mstore(add(s, 0x20), proof.offset)
            end := add(proof.offset, proof.length)
        }
        uint256 rounds = field(opening.schedule, 2);
        uint256 n = field(opening.schedule, 0) + field(opening.schedule, 1);
        s.variables = n;
        s.point = allocate(n);
        s.nodes = allocate(512);
        s.powers = allocate(96);
        generatorPowers(s.powers);
        Combination[] memory combinations = new Combination[](rounds - 1);
        for (uint256 i = 0; i < rounds; i++) {
            round(s, opening, i, i + 1 < rounds ? combinations[i] : Combination(0, 0, 0, 0, 0));
        }
        sumcheck(s, s.variables);
        if (s.position != end) revert WrongLength(end, s.position);
        checkIdentity(s, opening, n, combinations);
    }

    /// Byte `index` of the schedule, counted from its top.
    function field(uint256 schedule, uint256 index) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := byte(index, schedule)
        }
    }

    function allocate(uint256 words) private pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := mload(0x40)
            mstore(0x40, add(place, shl(5, words)))
        }
    }

    function load(uint256 place) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(place)
        }
    }

    function store(uint256 place, uint256 value) private pure {
        assembly ("memory-safe") {
            mstore(place, value)
        }
    }

    /// Section 9.3, steps 1 to 4, of round i.
    function round(Session memory s, Opening calldata opening, uint256 i, Combination memory combination) private pure {
        uint256 entry = 4 + 4 * i;
        uint256 folded = field(opening.schedule, entry);
        bool last = i + 1 == field(opening.schedule, 2);
        sumcheck(s, folded);
        uint256 position = s.position;
        bytes32 nextRoot;
        uint256 sample;
        if (last) {
            uint256 size = 1 << s.variables;
            s.finalPolynomial = allocate(size);
            for (uint256 b = 0; b < size; b++) {
                store(s.finalPolynomial + 32 * b, readExtension(position + 20 * b));
            }
            observe(s.transcript, TAG_WHIR_FINAL, 5 * size, position, 20 * size);
            position += 20 * size;
        } else {
            // without a sample outside the domain the prover could later choose among the codewords near the oracle
            assembly ("memory-safe") {
                nextRoot := calldataload(position)
            }
            observe(s.transcript, TAG_ROOT, 32, position, 32);
            combination.zM = challenge(s.transcript);
            combination.variables = s.variables;
            sample = readExtension(position + 32);
            observe(s.transcript, TAG_OOD, 5, position + 32, 20);
            position += 52;
        }
        checkGrinding(s.transcript, field(opening.schedule, entry + 3), position, i);
        s.position = position + 8;

        uint256 domain = field(opening.schedule, entry + 1);
        uint256 queries = allocate(field(opening.schedule, entry + 2));
        uint256 count = sampleQueries(s.transcript, domain, field(opening.schedule, entry + 2), queries);
        uint256 folds = allocate(count);
        if (i == 0) openTrees(s, opening, folded, domain, queries, count, folds);
        else openOracle(s, i, folded, domain, queries, count, folds);
        for (uint256 q = queries; q < queries + 32 * count; q += 32) {
            store(q, power(s.powers, load(q) << (24 - domain)));
        }
        if (last) {
            checkFinalPolynomial(s, queries, count, folds);
        } else {
            s.root = nextRoot;
            combination.gammaM = challenge(s.transcript);
            combination.queries = queries;
            combination.count = count;
            combine(s, combination.gammaM, sample, folds, count);
        }
    }

    /// `count` plain sumcheck rounds on sum_b f(b) w(b), highest variable first. Message (c0, c2) of
    /// h(X) = c0 + (h(1) - c0 - c2) X + c2 X^2 with h(1) = sigma - c0; sigma <- h(r).
    function sumcheck(Session memory s, uint256 count) private pure {
        uint256 position = s.position;
        uint256 claim = s.claim;
        uint256 variable = s.variables;
        unchecked {
            for (uint256 i = 0; i < count; i++) {
                uint256 c0 = readExtension(position);
                uint256 c2 = readExtension(position + 20);
                uint256 r = answer(s.transcript, TAG_WHIR_SUMCHECK, 10, position, 40);
                position += 40;
                variable -= 1;
                store(s.point + 32 * variable, r);
                uint256 slope = subCanonical(subCanonical(subCanonical(claim, c0), c0), c2);
                claim = fold(c0 + mul(r, fold(slope + mul(r, c2))));
            }
        }
        s.position = position;
        s.claim = claim;
        s.variables = variable;
    }

    /// Draws `draws` positions below 2^bits and writes the distinct ones in ascending order to `queries`.
    function sampleQueries(Transcript memory t, uint256 bits, uint256 draws, uint256 queries)
        private
        pure
        returns (uint256 count)
    {
        unchecked {
            uint256 finish = queries;
            for (uint256 i = 0; i < draws; i++) {
                uint256 drawn = sampleBits(t, bits);
                assembly ("memory-safe") {
                    let place := finish
                    for {} gt(place, queries) { place := sub(place, 32) } {
                        if iszero(gt(mload(sub(place, 32)), drawn)) { break }
                    }
                    let known := 0
                    if gt(place, queries) { known := eq(mload(sub(place, 32)), drawn) }
                    if iszero(known) {
                        mcopy(add(place, 32), place, sub(finish, place))
                        mstore(place, drawn)
                        finish := add(finish, 32)
                    }
                }
            }
            count = (finish - queries) >> 5;
        }
    }

    /// Rows of MAIN, their multiproof, rows of PRE, their multiproof: one interleaved code, so folds add up.
    function openTrees(
        Session memory s,
        Opening calldata opening,
        uint256 folded,
        uint256 depth,
        uint256 queries,
        uint256 count,
        uint256 folds
    ) private pure {
        for (uint256 q = 0; q < count; q++) {
            store(folds + 32 * q, 0);
        }
        uint256 table = allocate(1 << folded);
        equalityTable(s.point + 32 * s.variables, folded, table, 1);
        uint256 spread = allocate(2 << folded);
        spreadTable(table, 1 << folded, spread);
        openTree(s, opening.mainWidth, spread, queries, count, folds);
        checkRoot(s, count, depth, opening.mainRoot, 0, 0);
        if (opening.preprocessedWidth != 0) {
            spread += 64 * opening.preprocessedStart;
            openTree(s, opening.preprocessedWidth, spread, queries, count, folds);
            checkRoot(s, count, depth, opening.preprocessedRoot, 0, 1);
        }
    }

    /// Adds sum_j eq_j row_q[j] to every fold and leaves (q, leaf digest) in `nodes`.
    function openTree(Session memory s, uint256 width, uint256 spread, uint256 queries, uint256 count, uint256 folds)
        private
        pure
    {
        uint256 position = s.position;
        uint256 nodes = s.nodes;
        unchecked {
            for (uint256 i = 0; i < count; i++) {
                store(nodes + 64 * i, load(queries + 32 * i));
                store(nodes + 64 * i + 32, uint256(leafDigest(position, 4 * width)));
                store(folds + 32 * i, load(folds + 32 * i) + foldBaseRow(position, width, spread));
                position += 4 * width;
            }
        }
        s.position = position;
    }

    /// Rows of 2^folded extension elements of oracle i > 0.
    function openOracle(
        Session memory s,
        uint256 i,
        uint256 folded,
        uint256 depth,
        uint256 queries,
        uint256 count,
        uint256 folds
    ) private pure {
        uint256 table = allocate(1 << folded);
        equalityTable(s.point + 32 * s.variables, folded, table, R_SPLIT);
        uint256 split = allocate(3 << folded);
        splitTable(table, 1 << folded, split);
        uint256 position = s.position;
        uint256 nodes = s.nodes;
        unchecked {
            for (uint256 q = 0; q < count; q++) {
                store(nodes + 64 * q, load(queries + 32 * q));
                store(nodes + 64 * q + 32, uint256(leafDigest(position, 20 << folded)));
                store(folds + 32 * q, foldExtensionRow(position, 1 << folded, split));
                position += 20 << folded;
            }
        }
        s.position = position;
        checkRoot(s, count, depth, s.root, i, 0);
    }

    function checkRoot(Session memory s, uint256 count, uint256 depth, bytes32 expected, uint256 i, uint256 tree)
        private
        pure
    {
        (bytes32 root, uint256 end) = multiproofRoot(s.nodes, count, depth, s.position);
        if (root != expected) revert WrongRoot(i, tree);
        s.position = end;
    }

    /// sigma <- sigma + gamma y + sum_s gamma^(1+s) fold_s, by Horner from the last fold.
    function combine(Session memory s, uint256 gammaM, uint256 sample, uint256 folds, uint256 count) private pure {
        unchecked {
            uint256 sum = 0;
            for (uint256 i = count; i > 0; i--) {
                sum = mul(gammaM, sum + load(folds + 32 * (i - 1)));
            }
            s.claim = fold(s.claim + mul(gammaM, sum + sample));
        }
    }

    /// F_M(x_q) = fold_q for the polynomial sent in clear.
    function checkFinalPolynomial(Session memory s, uint256 queries, uint256 count, uint256 folds) private pure {
        uint256 size = 1 << s.variables;
        unchecked {
            for (uint256 q = 0; q < count; q++) {
                uint256 xM = mulmod(load(queries + 32 * q), R, 0x7f000001);
                uint256 value = 0;
                for (uint256 b = size; b > 0; b--) {
                    value = scale(value, xM) + load(s.finalPolynomial + 32 * (b - 1));
                }
                if (!isZero(sub(value, load(folds + 32 * q)))) revert FinalPolynomialMismatch(q);
            }
        }
    }

    /// Section 9.3, step 5: sigma = w(R) f_M(R[0..m_M)).
    function checkIdentity(Session memory s, Opening calldata opening, uint256 n, Combination[] memory combinations)
        private
        pure
    {
        uint256 weight = fold(powerExtension(opening.zM, s.point, n) + columnWeight(s, opening, n));
        uint256 pairs = allocate(4 * (n + 1));
        uint256 parity = 2; // of the variables the table of pairs was made for
        for (uint256 i = 0; i < combinations.length; i++) {
            Combination memory c = combinations[i];
            if (c.variables & 1 != parity) {
                parity = c.variables & 1;
                powerPairs(s.point + 32 * parity, c.variables >> 1, pairs);
            }
            weight = fold(weight + combinationWeight(s, c, pairs));
        }
        uint256 value = multilinearValue(s.finalPolynomial, s.point, field(opening.schedule, 3));
        if (!isZero(sub(mul(value, weight), s.claim))) revert FinalIdentityMismatch();
    }

    /// gamma (pow(z, R) + gamma (pow(x_1, R) + gamma (pow(x_2, R) + ..))).
    function combinationWeight(Session memory s, Combination memory c, uint256 pairs)
        private
        pure
        returns (uint256 sum)
    {
        unchecked {
            uint256 r0 = load(s.point);
            for (uint256 i = c.count; i > 0; i--) {
                uint256 x = load(c.queries + 32 * (i - 1));
                uint256 first = R;
                if (c.variables & 1 == 1) {
                    // 1 - r_0 + r_0 x
                    first = fold(subCanonical(scale(r0, mulmod(x, R, 0x7f000001)) + R, r0));
                    x = mulmod(x, x, 0x7f000001);
                }
                sum = mul(c.gammaM, sum + powerBase(x, first, pairs, c.variables >> 1));
            }
            sum = mul(c.gammaM, sum + powerExtension(c.zM, s.point, c.variables));
        }
    }

    /// W(R) = sum_m gamma^m eq(offset_m >> h, R[h..n)) prod_{v < h} eq1(r_v, R_v), section 9.4.
    function columnWeight(Session memory s, Opening calldata opening, uint256 n) private pure returns (uint256 weight) {
        uint256 prefix = prefixProducts(s, opening.point);
        Powers memory powers;
        powers.gammaM = opening.gammaM;
        powers.squares = allocate(25);
        powers.products = allocate(25);
        powers.scratch = allocate(n + 1);
        uint256 square = opening.gammaM;
        unchecked {
            for (uint256 i = 0; i < 25; i++) {
                store(powers.squares + 32 * i, square);
                square = mul(square, square);
            }
            for (uint256 i = 0; i < opening.runs.length; i++) {
                uint256 run = opening.runs[i];
                uint256 height = run & 0xff;
                uint256 sum = runWeight(powers, s.point + 32 * height, n - height, run >> 32, (run >> 8) & 0xffffff);
                weight += mul(fold(fold(sum)), load(prefix + 32 * height));
            }
        }
        weight = fold(fold(weight));
    }

    /// sum_j gamma^(m+j) eq(first + j, point) over a run, in aligned blocks [k, k + 2^t) of it: gamma^(m+..) eq(k >> t, upper)
    /// prod_{i < t} (1 - R_i + R_i gamma^(2^i)), where m is the number of the first column. Leaves gamma^m of the next run.
    function runWeight(Powers memory powers, uint256 point, uint256 variables, uint256 first, uint256 count)
        private
        pure
        returns (uint256 sum)
    {
        uint256 known = 0; // products[t] is computed up to here
        store(powers.products, R);
        store(powers.scratch + 32 * variables, R);
        uint256 valid = variables;
        unchecked {
            uint256 finish = first + count;
            while (true) {
                (uint256 t, uint256 value) = openBlock(point, first, finish, valid, powers.scratch);
                for (; known < t; known++) {
                    uint256 r = load(point + 32 * known);
                    uint256 factor = fold(subCanonical(mul(r, load(powers.squares + 32 * known)) + R, r));
                    store(powers.products + 32 * known + 32, mul(factor, load(powers.products + 32 * known)));
                }
                sum += mul(mul(value, powers.gammaM), load(powers.products + 32 * t));
                powers.gammaM = mul(powers.gammaM, load(powers.squares + 32 * t));
                if (first + (1 << t) == finish) return sum;
                valid = nextBlock(first, t, powers.scratch);
                first += 1 << t;
            }
        }
    }

    /// Word h: prod_{v < h} eq1(r_v, R_v).
    function prefixProducts(Session memory s, uint256[] calldata point) private pure returns (uint256 prefix) {
        prefix = allocate(point.length + 1);
        uint256 product = R;
        store(prefix, product);
        unchecked {
            for (uint256 v = 0; v < point.length; v++) {
                product = mul(product, equalityBit(point[v], load(s.point + 32 * v)));
                store(prefix + 32 * (v + 1), product);
            }
        }
    }

    /// The multilinear polynomial with these 2^variables values at the point; plain, reduced. Overwrites the values.
    function multilinearValue(uint256 values, uint256 point, uint256 variables) private pure returns (uint256) {
        unchecked {
            for (uint256 v = variables; v > 0; v--) {
                uint256 r = load(point + 32 * (v - 1));
                uint256 half = 32 << (v - 1);
                for (uint256 place = values; place < values + half; place += 32) {
                    uint256 low = load(place);
                    store(place, fold(low + mul(r, fold(sub(load(place + half), low)))));
                }
            }
        }
        return load(values);
    }
}
