// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProofVerifier} from "../interfaces/IProofVerifier.sol";
import {checkRootSum, verifyLayers} from "./Argument.sol";
import {
    EvaluatorFailed,
    InvalidConstruction,
    PublicValueOutOfRange,
    UnusedOutputNotZero,
    WrongChipCount,
    WrongConfig,
    WrongExitCode,
    WrongLength,
    WrongMagic,
    WrongMaskFlag,
    WrongOutput,
    WrongVerifyingKey,
    WrongVersion,
    ZerocheckMismatch
} from "./Errors.sol";
import {P1, R, R2, fold, isZero, mul, readExtension, sub, subCanonical} from "./Extension.sol";
import {equalityRun, virtualColumn} from "./Multilinear.sol";
import {Opening, OpeningVerifier} from "./OpeningVerifier.sol";
import {
    ABSENT,
    Shape,
    chipEntry,
    deriveShape,
    interactionsOf,
    loadTables,
    mainColumns,
    preprocessedColumns,
    publicBounds,
    tableByte,
    virtualColumns,
    virtualKind
} from "./Shape.sol";
import {
    TAG_COLUMN_EVALS,
    TAG_HEIGHTS,
    TAG_OOD,
    TAG_PUBLIC_VALUES,
    TAG_ROOT,
    TAG_VK,
    TAG_ZC_ROUND,
    Transcript,
    answer,
    challenge,
    observe,
    observeDigest,
    observeWords
} from "./Transcript.sol";

/// Verifies proofs of one verifying key in configuration K (proof system, section 12). Everything about the key is fixed at
/// construction: its digest, the tables of `Shape.sol`, the evaluators of its constraints. No state, no owner.
///
/// Memory: Solidity's allocator; big areas are `xi`/`r` (one word per coordinate), and the evaluator input
///   word 0 accumulator of the constraints (Horner in lambda) | 1 lambda | 2 lambda alpha | 2 + j lambda beta^j, j = 1..15
///   | 18 + c, per chip of the key: present << 128 | offset of its weights << 96 | virtual << 64 | preprocessed << 32 | main
///   | weights of all interactions | main columns | preprocessed columns | virtual columns, all in Montgomery form.
/// Offsets are in bytes from the start of the input.
contract ProofVerifier is IProofVerifier {
    uint256 internal constant VERSION = 1;
    uint256 internal constant CONFIG_K = 1;
    uint256 internal constant EVALUATORS_MAX = 8;
    uint256 internal constant INPUT_CHIPS = 18; // words of the evaluator input before the chips

    // public values of the machine (section 14)
    uint256 internal constant EXIT_CODE = 3;
    uint256 internal constant OUTPUT = 6;
    uint256 internal constant PUBLIC_VALUES = 38;

    bytes32 public immutable programId;
    address public immutable tables;
    OpeningVerifier public immutable openingVerifier;
    uint256 public immutable evaluatorCount;
    address internal immutable evaluator0;
    address internal immutable evaluator1;
    address internal immutable evaluator2;
    address internal immutable evaluator3;
    address internal immutable evaluator4;
    address internal immutable evaluator5;
    address internal immutable evaluator6;
    address internal immutable evaluator7;

    struct Session {
        Transcript transcript;
        Shape shape;
        uint256 position; // in calldata
        uint256 publicValues; // their position in calldata
        uint256 alphaBeta; // address of 16 words: alpha, beta, beta^2, .., beta^15
        uint256 xi; // address of the point of the last layer
        uint256 claim; // running claim, plain, reduced
        uint256 numerator; // P and Q of the last layer, plain
        uint256 denominator;
        uint256 input; // address of the evaluator input
        uint256 inputWords;
        uint256 columns; // address of the column evaluations in it
    }

    constructor(bytes32 programId_, address tables_, OpeningVerifier openingVerifier_, address[] memory evaluators) {
        uint256 count = evaluators.length;
        if (count == 0 || count > EVALUATORS_MAX || tables_.code.length < 2) revert InvalidConstruction();
        address[EVALUATORS_MAX] memory list;
        for (uint256 i = 0; i < count; i++) {
            list[i] = evaluators[i];
        }
        (evaluator0, evaluator1, evaluator2, evaluator3) = (list[0], list[1], list[2], list[3]);
        (evaluator4, evaluator5, evaluator6, evaluator7) = (list[4], list[5], list[6], list[7]);
        programId = programId_;
        tables = tables_;
        openingVerifier = openingVerifier_;
        evaluatorCount = count;
    }

    /// See IProofVerifier.
    /// Reverts with the error of the first failed check; returns true otherwise.
    function verify(bytes32 programId_, bytes32 publicInputsHash, bytes calldata proof) external view returns (bool) {
        if (programId_ != programId) revert WrongVerifyingKey(programId, programId_);
        uint256 values = verifyArgument(proof);
        uint256 exitCode = publicValue(values, EXIT_CODE) | publicValue(values, EXIT_CODE + 1);
        if (exitCode != 0) revert WrongExitCode(exitCode);
        bytes32 output = outputDigest(values);
        if (output != publicInputsHash) revert WrongOutput(publicInputsHash, output);
        for (uint256 i = 16; i < 32; i++) {
            if (publicValue(values, OUTPUT + i) != 0) revert UnusedOutputNotZero(i / 2);
        }
        return true;
    }

    /// Reverts unless `proof` shows that the machine of this key has an accepting trace with the proof's public values.
    function verifyProof(bytes calldata proof) external view returns (uint256[] memory values) {
        uint256 position = verifyArgument(proof);
        Shape memory shape;
        loadTables(shape, tables);
        values = new uint256[](tableByte(shape, 2));
        for (uint256 i = 0; i < values.length; i++) {
            values[i] = publicValue(position, i);
        }
    }

    /// The 32 bytes whose bytes 4i..4i+3 are output word i < 8, little-endian, from its limbs (low, high).
    function outputDigest(uint256 values) internal pure returns (bytes32) {
        uint256 digest = 0;
        for (uint256 i = 0; i < 16; i++) {
            uint256 limb = publicValue(values, OUTPUT + i);
            if (limb >> 16 != 0) revert PublicValueOutOfRange(OUTPUT + i, limb);
            digest = digest << 16 | (limb & 0xff) << 8 | limb >> 8;
        }
        return bytes32(digest);
    }

    function publicValue(uint256 values, uint256 i) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(add(values, shl(2, i))))
        }
    }

    /// Section 12, in its order. Returns the position of the public values in calldata.
    function verifyArgument(bytes calldata proof) internal view returns (uint256) {
        Session memory s;
        Opening memory opening;
        assembly ("memory-safe") {
            mstore(add(s, 0x40), proof.offset)
        }
        readHeader(s);
        readPublicValues(s);

        opening.mainRoot = readRoot(s);
        opening.zM = challenge(s.transcript);
        uint256 sample = readExtension(s.position);
        observe(s.transcript, TAG_OOD, 5, s.position, 20);
        s.position += 20;
        sampleFingerprint(s);
        (s.position, s.numerator, s.denominator) =
            checkRootSum(s.transcript, s.shape, s.position, s.publicValues, s.alphaBeta);
        (s.position, s.xi, s.numerator, s.denominator) =
            verifyLayers(s.transcript, s.shape.variables, s.position, s.numerator, s.denominator);

        opening.point = zerocheck(s);
        readColumns(s);
        addVirtualColumns(s, opening.point);
        checkEvaluation(s);
        observe(s.transcript, TAG_COLUMN_EVALS, 5 * s.shape.columnCount, s.position, 20 * s.shape.columnCount);
        s.position += 20 * s.shape.columnCount;

        opening.gammaM = challenge(s.transcript);
        opening.state = s.transcript.state;
        opening.claim = fold(sample + columnClaims(s, opening.gammaM));
        opening.schedule = s.shape.schedule;
        opening.preprocessedRoot = s.shape.preprocessedRoot;
        opening.mainWidth = s.shape.mainWidth;
        opening.preprocessedStart = s.shape.preprocessedStart;
        opening.preprocessedWidth = s.shape.preprocessedWidth;
        opening.runs = columnRuns(s.shape);
        uint256 start;
        assembly ("memory-safe") {
            start := proof.offset
        }
        uint256 used = s.position - start;
        if (used > proof.length) revert WrongLength(used, proof.length);
        openingVerifier.verifyOpening(opening, proof[used:]);
        return s.publicValues;
    }

    /// Step 1: magic, version, configuration, mask flag, key, heights; derives the shapes.
    function readHeader(Session memory s) internal view {
        uint256 position = s.position;
        uint256 word;
        bytes32 digest;
        uint256 chips;
        assembly ("memory-safe") {
            word := shr(192, calldataload(position))
            digest := calldataload(add(position, 8))
            chips := byte(0, calldataload(add(position, 40)))
        }
        if (word >> 32 != 0x62627a6b) revert WrongMagic(word >> 32);
        if ((word >> 16) & 0xffff != VERSION) revert WrongVersion(VERSION, (word >> 16) & 0xffff);
        if ((word >> 8) & 0xff != CONFIG_K) revert WrongConfig(CONFIG_K, (word >> 8) & 0xff);
        if (word & 0xff != 0) revert WrongMaskFlag(word & 0xff);
        if (digest != programId) revert WrongVerifyingKey(programId, digest);
        Shape memory shape = s.shape;
        loadTables(shape, tables);
        if (chips != shape.chipCount) revert WrongChipCount(shape.chipCount, chips);
        deriveShape(shape, position + 41);
        s.position = position + 41 + chips;
        observeDigest(s.transcript, TAG_VK, digest);
        observeWords(s.transcript, TAG_HEIGHTS, shape.heights);
    }

    /// Step 2: every public value within the bounds of the key (limbs, largest clock, entry point, end).
    function readPublicValues(Session memory s) internal pure {
        uint256 count = tableByte(s.shape, 2);
        uint256 bounds = publicBounds(s.shape);
        s.publicValues = s.position;
        for (uint256 i = 0; i < count; i++) {
            uint256 value = publicValue(s.position, i);
            uint256 bound;
            assembly ("memory-safe") {
                bound := shr(192, mload(add(bounds, shl(3, i))))
            }
            if (value < bound >> 32 || value > bound & 0xffffffff) revert PublicValueOutOfRange(i, value);
        }
        observe(s.transcript, TAG_PUBLIC_VALUES, count, s.position, 4 * count);
        s.position += 4 * count;
    }

    function readRoot(Session memory s) internal pure returns (bytes32 root) {
        uint256 position = s.position;
        assembly ("memory-safe") {
            root := calldataload(position)
        }
        observe(s.transcript, TAG_ROOT, 32, position, 32);
        s.position = position + 32;
    }

    function allocate(uint256 words) internal pure returns (uint256 place) {
        assembly ("memory-safe") {
            place := mload(0x40)
            mstore(0x40, add(place, shl(5, words)))
        }
    }

    function load(uint256 place) internal pure returns (uint256 value) {
        assembly ("memory-safe") {
            value := mload(place)
        }
    }

    function store(uint256 place, uint256 value) internal pure {
        assembly ("memory-safe") {
            mstore(place, value)
        }
    }

    /// alpha and the powers of beta: drawn after the trace is fixed, else two multisets could be made to collide.
    function sampleFingerprint(Session memory s) internal pure {
        s.alphaBeta = allocate(16);
        store(s.alphaBeta, challenge(s.transcript));
        uint256 beta = challenge(s.transcript);
        uint256 power = beta;
        unchecked {
            for (uint256 j = 1; j < 16; j++) {
                store(s.alphaBeta + 32 * j, power);
                power = mul(power, beta);
            }
        }
    }

    /// Section 8 up to the column evaluations: segment weights, claim P + lambda Q', sumcheck rounds. Returns r.
    function zerocheck(Session memory s) internal pure returns (uint256[] memory point) {
        uint256 lambda = challenge(s.transcript);
        uint256 weights = prepareInput(s, lambda);
        unchecked {
            // Q' = Q - (1 - sum of the weights): the unused leaves are (0, 1)
            uint256 rest = fold(s.denominator + mul(fold(fold(fold(weights))), 1) + P1 - 1);
            uint256 claim = fold(s.numerator + mul(lambda, rest));
            uint256 nmax = s.shape.nmax;
            uint256 position = s.position;
            point = new uint256[](nmax);
            for (uint256 v = nmax; v > 0;) {
                v -= 1;
                // h(X) = a + d X + e2 (X^2 - X) + e3 (X^3 - X), a = c - x d, so that c = (1 - x) h(0) + x h(1)
                uint256 d = readExtension(position);
                uint256 e2 = readExtension(position + 20);
                uint256 e3 = readExtension(position + 40);
                uint256 r = answer(s.transcript, TAG_ZC_ROUND, 15, position, 60);
                position += 60;
                point[v] = r;
                uint256 high = mul(mul(r, subCanonical(r, R)), mul(e3, r + R) + e2);
                claim = fold(claim + mul(d, subCanonical(r, load(s.xi + 32 * v))) + high);
            }
            s.position = position;
            s.claim = claim;
        }
    }

    /// Lays out the evaluator input and fills challenges, chip words and weights; returns the lazy sum of the weights.
    function prepareInput(Session memory s, uint256 lambda) internal pure returns (uint256 sum) {
        Shape memory shape = s.shape;
        uint256 chips = shape.chipCount;
        uint256 input = allocate(INPUT_CHIPS + chips + shape.interactionCount + shape.columnCount + 6 * chips);
        s.input = input;
        unchecked {
            store(input, 0);
            store(input + 32, lambda);
            for (uint256 j = 0; j < 16; j++) {
                store(input + 64 + 32 * j, mul(lambda, load(s.alphaBeta + 32 * j)));
            }
            for (uint256 c = 0; c < chips; c++) {
                store(input + 32 * (INPUT_CHIPS + c), 0);
            }
            uint256 weights = 32 * (INPUT_CHIPS + chips);
            uint256 main = weights + 32 * shape.interactionCount;
            uint256 preprocessed = main + 32 * shape.mainCount;
            uint256 virtual_ = main + 32 * shape.columnCount;
            s.columns = input + main;
            uint256 scratch = allocate(shape.variables + 1);
            uint256 offset = 0; // of the chip's first leaf
            for (uint256 i = 0; i < shape.order.length; i++) {
                uint256 c = shape.order[i];
                uint256 entry = chipEntry(shape, c);
                store(
                    input + 32 * (INPUT_CHIPS + c),
                    1 << 128 | weights << 96 | virtual_ << 64 | preprocessed << 32 | main
                );
                uint256 height = shape.heights[c];
                uint256 count = interactionsOf(entry);
                equalityRun(
                    s.xi + 32 * height, shape.variables - height, offset >> height, count, input + weights, scratch
                );
                for (uint256 place = input + weights; place < input + weights + 32 * count; place += 32) {
                    sum += load(place);
                }
                offset += count << height;
                weights += 32 * count;
                main += 32 * mainColumns(entry);
                preprocessed += 32 * preprocessedColumns(entry);
                virtual_ += 32 * virtualColumns(entry);
            }
            s.inputWords = virtual_ >> 5;
        }
    }

    /// Decodes the column evaluations (MAIN, then PRE, in the order of section 6.2) to Montgomery form.
    function readColumns(Session memory s) internal pure {
        uint256 position = s.position;
        uint256 target = s.columns;
        unchecked {
            for (uint256 finish = target + 32 * s.shape.columnCount; target < finish; target += 32) {
                store(target, mul(readExtension(position), R2));
                position += 20;
            }
        }
    }

    /// Evaluates the virtual columns of every present chip.
    function addVirtualColumns(Session memory s, uint256[] memory point) internal pure {
        unchecked {
            uint256 target = s.columns + 32 * s.shape.columnCount;
            for (uint256 i = 0; i < s.shape.order.length; i++) {
                uint256 c = s.shape.order[i];
                uint256 entry = chipEntry(s.shape, c);
                for (uint256 j = 0; j < virtualColumns(entry); j++) {
                    store(target, virtualColumn(virtualKind(entry, j), point, s.shape.heights[c]));
                    target += 32;
                }
            }
        }
    }

    /// End of section 8: the claim is sum_c G_c of the column evaluations. Evaluators run from the last chip to the first, so
    /// that Horner in lambda gives constraint k the power of its number among the present chips.
    function checkEvaluation(Session memory s) internal view {
        uint256 input = s.input;
        uint256 length = 32 * s.inputWords;
        uint256 output = allocate(2);
        uint256 interactions = 0;
        for (uint256 i = evaluatorCount; i > 0;) {
            i -= 1;
            address target = evaluator(i);
            bool done;
            assembly ("memory-safe") {
                done := staticcall(gas(), target, input, length, output, 64)
                done := and(done, eq(returndatasize(), 64))
            }
            if (!done) revert EvaluatorFailed(i);
            store(input, load(output));
            interactions += load(output + 32);
        }
        uint256 lambda = load(input + 32);
        uint256 total = mul(mul(lambda, lambda), load(input)) + fold(fold(fold(interactions)));
        if (!isZero(sub(total, mul(s.claim, R2)))) revert ZerocheckMismatch();
    }

    function evaluator(uint256 i) internal view returns (address) {
        if (i < 4) return i < 2 ? (i == 0 ? evaluator0 : evaluator1) : (i == 2 ? evaluator2 : evaluator3);
        return i < 6 ? (i == 4 ? evaluator4 : evaluator5) : (i == 6 ? evaluator6 : evaluator7);
    }

    /// sum_{m >= 1} gamma^m v_m, plain.
    function columnClaims(Session memory s, uint256 gamma) internal pure returns (uint256 sum) {
        unchecked {
            for (uint256 place = s.columns + 32 * s.shape.columnCount; place > s.columns;) {
                place -= 32;
                sum = mul(gamma, sum + load(place));
            }
            sum = mul(sum, 1);
        }
    }

    /// The columns as runs of equal height: height | count << 8 | selector of the first << 32 (section 6.4).
    function columnRuns(Shape memory shape) internal pure returns (uint256[] memory runs) {
        runs = new uint256[](2 * shape.order.length);
        uint256 filled = 0;
        unchecked {
            for (uint256 tree = 0; tree < 2; tree++) {
                uint256 begin = tree == 0 ? 0 : shape.preprocessedStart << (shape.schedule >> 248);
                uint256 offset = begin;
                for (uint256 i = 0; i < shape.order.length; i++) {
                    uint256 c = shape.order[i];
                    uint256 entry = chipEntry(shape, c);
                    uint256 count = tree == 0 ? mainColumns(entry) : preprocessedColumns(entry);
                    if (count == 0) continue;
                    uint256 height = shape.heights[c];
                    if (i > 0 && filled > 0 && runs[filled - 1] & 0xff == height && offset != begin) {
                        runs[filled - 1] += count << 8; // continues the run of the chip before
                    } else {
                        runs[filled++] = height | count << 8 | (offset >> height) << 32;
                    }
                    offset += count << height;
                }
            }
        }
        assembly ("memory-safe") {
            mstore(runs, filled)
        }
    }
}
