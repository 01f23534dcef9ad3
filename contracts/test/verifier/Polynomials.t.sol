// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {checkRootSum, publicFraction} from "../../src/verifier/Argument.sol";
import {NotCanonical, RootSumMismatch, ZeroDenominator} from "../../src/verifier/Errors.sol";
import {P, R, R2, canonical, isZero, mul, sub} from "../../src/verifier/Extension.sol";
import {
    equalityBit,
    equalityRun,
    equalityTable,
    powerBase,
    powerExtension,
    powerPairs,
    virtualColumn
} from "../../src/verifier/Multilinear.sol";
import {
    foldBaseRow,
    foldExtensionRow,
    generatorPowers,
    power,
    splitTable,
    spreadTable
} from "../../src/verifier/Rows.sol";
import {Shape} from "../../src/verifier/Shape.sol";
import {Transcript} from "../../src/verifier/Transcript.sol";
import {Base} from "../Base.sol";

/// Rows, equality polynomials, powers and public terms against their definitions. Elements are packed and canonical;
/// `times` multiplies plain values.
contract PolynomialsTest is Base {
    function times(uint256 a, uint256 b) internal pure returns (uint256) {
        return canonical(mul(mul(a, R2), b));
    }

    function plus(uint256 a, uint256 b) internal pure returns (uint256) {
        return canonical(a + b);
    }

    function minus(uint256 a, uint256 b) internal pure returns (uint256) {
        return canonical(sub(a, b));
    }

    function toMontgomery(uint256 a) internal pure returns (uint256) {
        return canonical(mul(a, R2));
    }

    function element(uint256 seed, uint256 i) internal pure returns (uint256 x) {
        for (uint256 j = 0; j < 5; j++) {
            uint256 draw = uint256(keccak256(abi.encode(seed, i, j)));
            x |= (draw % 8 == 0 ? P - 1 : (draw >> 8) % P) << (51 * j);
        }
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

    /// Plain coordinates of a random point, and the address of the same in Montgomery form.
    function randomPoint(uint256 seed, uint256 size) internal pure returns (uint256[] memory plain, uint256 place) {
        plain = new uint256[](size);
        place = allocate(size);
        for (uint256 i = 0; i < size; i++) {
            plain[i] = element(seed, i);
            store(place + 32 * i, toMontgomery(plain[i]));
        }
    }

    function slowEquality(uint256[] memory point, uint256 from, uint256 k) internal pure returns (uint256 product) {
        product = 1;
        for (uint256 i = from; i < point.length; i++) {
            product = times(product, (k >> (i - from)) & 1 == 1 ? point[i] : minus(1, point[i]));
        }
    }

    function test_fuzz_equality_table(uint256 seed, uint256 size) external pure {
        size = size % 6;
        (uint256[] memory point, uint256 place) = randomPoint(seed, size);
        uint256 table = allocate(1 << size);
        equalityTable(place, size, table, 1);
        for (uint256 j = 0; j < 1 << size; j++) {
            checkEq(canonical(load(table + 32 * j)), slowEquality(point, 0, j), "table");
        }
    }

    function test_fuzz_equality_run(uint256 seed, uint256 first, uint256 count) external pure {
        (uint256[] memory point, uint256 place) = randomPoint(seed, 6);
        first = first % 64;
        count = 1 + count % (64 - first);
        uint256 target = allocate(count);
        equalityRun(place, 6, first, count, target, allocate(7));
        for (uint256 j = 0; j < count; j++) {
            uint256 expected = toMontgomery(slowEquality(point, 0, first + j));
            checkEq(canonical(load(target + 32 * j)), expected, "run");
        }
    }

    function test_fuzz_equality_bit(uint256 seed) external pure {
        (uint256 a, uint256 b) = (element(seed, 0), element(seed, 1));
        uint256 expected = plus(times(a, b), times(minus(1, a), minus(1, b)));
        checkEq(canonical(equalityBit(toMontgomery(a), toMontgomery(b))), toMontgomery(expected), "eq1");
    }

    function slowPower(uint256 z, uint256[] memory point) internal pure returns (uint256 product) {
        product = 1;
        for (uint256 i = 0; i < point.length; i++) {
            product = times(product, plus(minus(1, point[i]), times(point[i], z)));
            z = times(z, z);
        }
    }

    function test_fuzz_powers(uint256 seed, uint256 x) external pure {
        (uint256[] memory point, uint256 place) = randomPoint(seed, 6);
        uint256 z = element(seed, 9);
        checkEq(canonical(powerExtension(toMontgomery(z), place, 6)), toMontgomery(slowPower(z, point)), "E");
        uint256 pairs = allocate(12);
        powerPairs(place, 3, pairs);
        x = x % P;
        checkEq(canonical(powerBase(x, R, pairs, 3)), toMontgomery(slowPower(x, point)), "F");
    }

    /// Every virtual column is the sum of its entries times their weights.
    function test_fuzz_virtual_columns(uint256 seed) external pure {
        for (uint256 kind = 0; kind < 8; kind++) {
            if (kind >= 1 && kind <= 3) continue; // of height 2^16: in the next test
            uint256[] memory point = new uint256[](5);
            uint256[] memory pointM = new uint256[](5);
            for (uint256 i = 0; i < 5; i++) {
                point[i] = element(seed, i);
                pointM[i] = toMontgomery(point[i]);
            }
            uint256 expected = 0;
            for (uint256 k = 0; k < 32; k++) {
                uint256 value =
                    kind == 0 ? k : kind == 4 ? 1 << (k % 16) : kind == 5 ? 1 << (16 - k % 16) : kind == 6 ? k / 16 : 1;
                expected = plus(expected, times(value, slowEquality(point, 0, k)));
            }
            checkEq(canonical(virtualColumn(kind, pointM, 5)), toMontgomery(expected), "column");
        }
    }

    /// Multilinear polynomials are equal when they agree on the cube; degree one in each variable is plain from the code.
    function test_fuzz_byte_columns_at_corners(uint16 index) external pure {
        uint256[] memory point = new uint256[](16);
        for (uint256 i = 0; i < 16; i++) {
            point[i] = (uint256(index) >> i) & 1 == 1 ? R : 0;
        }
        uint256 low = uint256(index) & 0xff;
        uint256 high = uint256(index) >> 8;
        checkEq(canonical(virtualColumn(1, point, 16)), toMontgomery(low), "BYTE_X");
        checkEq(canonical(virtualColumn(2, point, 16)), toMontgomery(high), "BYTE_Y");
        checkEq(canonical(virtualColumn(3, point, 16)), toMontgomery(low & high), "BYTE_AND");
        checkEq(canonical(virtualColumn(0, point, 16)), toMontgomery(index), "IDX");
    }

    function foldRows(bytes calldata row, uint256 seed, bool extension) external pure returns (uint256) {
        uint256 position;
        assembly ("memory-safe") {
            position := row.offset
        }
        uint256 count = row.length / (extension ? 20 : 4);
        uint256 table = allocate(count);
        uint256 scale = extension ? mulmod(2 ** 45 % P, 1, P) : 1;
        for (uint256 i = 0; i < count; i++) {
            store(table + 32 * i, canonical(times(element(seed, i), scale)));
        }
        uint256 target = allocate(3 * count + 32);
        if (extension) {
            splitTable(table, count, target);
            return canonical(foldExtensionRow(position, count, target));
        }
        spreadTable(table, count, target);
        return foldBaseRow(position, count, target);
    }

    function test_fuzz_base_rows_fold(uint256 seed, uint256 count) external view {
        count = 1 + count % 130;
        bytes memory row;
        uint256 expected = 0;
        for (uint256 i = 0; i < count; i++) {
            uint256 value = element(seed, 1000 + i) & (2 ** 51 - 1);
            row = abi.encodePacked(row, uint32(value));
            expected = plus(expected, times(value, element(seed, i)));
        }
        checkEq(this.foldRows(row, seed, false), expected, "fold");
    }

    function test_fuzz_extension_rows_fold(uint256 seed, uint256 count) external view {
        count = 1 + count % 16;
        bytes memory row;
        uint256 expected = 0;
        for (uint256 i = 0; i < count; i++) {
            uint256 value = element(seed, 1000 + i);
            for (uint256 j = 0; j < 5; j++) {
                row = abi.encodePacked(row, uint32((value >> (51 * j)) & (2 ** 51 - 1)));
            }
            expected = plus(expected, times(value, element(seed, i)));
        }
        checkEq(this.foldRows(row, seed, true), expected, "fold");
    }

    function test_fuzz_row_element_not_below_p_is_refused(uint256 seed, uint256 count, uint256 place, uint256 excess)
        external
        view
    {
        count = 1 + count % 40;
        place = place % count;
        bytes memory row;
        for (uint256 i = 0; i < count; i++) {
            uint256 value = i == place ? P + excess % (2 ** 32 - P) : element(seed, i) & (2 ** 51 - 1);
            row = abi.encodePacked(row, uint32(value));
        }
        checkNotCanonical(row, seed, false);
        bytes memory wide = new bytes(0);
        for (uint256 i = 0; i < 16; i++) {
            for (uint256 j = 0; j < 5; j++) {
                wide = abi.encodePacked(wide, uint32(5 * i + j == place * 2 % 80 ? P + excess % (2 ** 32 - P) : 3));
            }
        }
        checkNotCanonical(wide, seed, true);
    }

    function checkNotCanonical(bytes memory row, uint256 seed, bool extension) internal view {
        try this.foldRows(row, seed, extension) returns (uint256) {
            check(false, "accepted");
        } catch (bytes memory reason) {
            check(bytes4(reason) == NotCanonical.selector, "another error");
        }
    }

    function test_fuzz_domain_points(uint256 exponent) external view {
        exponent = exponent % 2 ** 24;
        uint256 table = allocate(96);
        generatorPowers(table);
        (, bytes memory expected) =
            address(5).staticcall(abi.encode(32, 32, 32, uint256(0x6ac49f88), exponent, uint256(P)));
        checkEq(power(table, exponent), abi.decode(expected, (uint256)), "power");
    }

    /// Tables with one public term: bus 1, +1, message (constant, public value 0).
    function terms(bool negative) internal pure returns (Shape memory shape) {
        bytes memory tables = abi.encodePacked(
            uint8(0), uint8(0), uint8(0), uint8(1), uint96(0), uint8(1), uint8(negative ? 1 : 0), uint8(2), uint8(0)
        );
        tables = abi.encodePacked(tables, uint32(7), uint8(255), uint32(0), uint8(0), uint256(0));
        uint256 place;
        assembly ("memory-safe") {
            place := add(tables, 32)
        }
        shape.tables = place;
    }

    function challenges(uint256 alpha, uint256 beta) internal pure returns (uint256 place) {
        place = allocate(16);
        store(place, toMontgomery(alpha));
        uint256 current = 1;
        for (uint256 j = 1; j < 16; j++) {
            current = times(current, beta);
            store(place + 32 * j, toMontgomery(current));
        }
    }

    function rootSum(bytes calldata data, uint256 alpha, uint256 beta) external pure {
        uint256 position;
        assembly ("memory-safe") {
            position := data.offset
        }
        Transcript memory transcript;
        checkRootSum(transcript, terms(false), position, position + 40, challenges(alpha, beta));
    }

    function test_fuzz_public_fraction(uint256 seed, uint32 value) external view {
        this.fraction(abi.encodePacked(uint32(value % P)), seed);
    }

    function fraction(bytes calldata values, uint256 seed) external pure {
        uint256 position;
        assembly ("memory-safe") {
            position := values.offset
        }
        (uint256 alpha, uint256 beta) = (element(seed, 0), element(seed, 1));
        uint256 value = uint32(bytes4(values));
        uint256 expected = plus(plus(alpha, 1), plus(times(beta, 7), times(times(beta, beta), value)));
        for (uint256 sign = 0; sign < 2; sign++) {
            (uint256 n, uint256 d) = publicFraction(terms(sign == 1), position, challenges(alpha, beta));
            checkEq(canonical(n), sign == 1 ? toMontgomery(minus(0, 1)) : R, "numerator");
            checkEq(canonical(d), toMontgomery(expected), "denominator");
        }
    }

    /// alpha + 1 + 7 beta + beta^2 v = 0 for beta = 1, v = 3, alpha = -11: without the check every sum would pass.
    function test_zero_public_denominator_is_refused() external {
        bytes memory data = abi.encodePacked(new bytes(39), uint8(5), uint32(3));
        data[39] = 0x05;
        data[23] = 0x01; // q_0 = (1, .., 5)
        vm.expectRevert(abi.encodeWithSelector(ZeroDenominator.selector));
        this.rootSum(data, P - 11, 1);
        vm.expectRevert(abi.encodeWithSelector(RootSumMismatch.selector));
        this.rootSum(data, P - 12, 1);
    }

    function test_zero_root_denominator_is_refused() external {
        vm.expectRevert(abi.encodeWithSelector(ZeroDenominator.selector));
        this.rootSum(abi.encodePacked(new bytes(40), uint32(3)), 5, 1);
    }
}
