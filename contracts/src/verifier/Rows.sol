// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NotCanonical} from "./Errors.sol";
import {fold, mul, readExtension} from "./Extension.sol";

// Opened rows: decoding and folding, and the points of the evaluation domains.

/// Rewrites `count` reduced elements for `foldBaseRow`: words (c0 | c1 << 80 | c2 << 160, c3 | c4 << 80) each.
function spreadTable(uint256 table, uint256 count, uint256 target) pure {
    assembly ("memory-safe") {
        let digit := 0x7ffffffffffff
        for { let finish := add(table, shl(5, count)) } lt(table, finish) { table := add(table, 32) } {
            let x := mload(table)
            mstore(target, or(and(x, digit), or(shl(80, and(shr(51, x), digit)), shl(160, and(shr(102, x), digit)))))
            mstore(add(target, 32), or(and(shr(153, x), digit), shl(80, shr(204, x))))
            target := add(target, 64)
        }
    }
}

/// sum_j weight_j row_j over `count` base elements of calldata, canonical; reverts unless each is < p. Products have less
/// than 64 bits, so 2^16 of them fit the 80 bits of a lane; eight elements are decoded at a time, missing ones as zero.
function foldBaseRow(uint256 position, uint256 count, uint256 spread) pure returns (uint256 sum) {
    uint256 bad;
    uint256 start = position;
    assembly ("memory-safe") {
        let finish := add(position, shl(2, count))
        let a := 0
        let b := 0
        let element := 0xffffffff
        for {} lt(position, finish) { position := add(position, 32) } {
            let w := calldataload(position)
            let rest := sub(finish, position)
            if lt(rest, 32) { w := and(w, not(shr(shl(3, rest), not(0)))) }
            // element + 2^32 - p has bit 32 set iff the element is not below p; every second element at a time
            bad := or(
                bad,
                or(
                    add(
                        and(w, 0xffffffff00000000ffffffff00000000ffffffff00000000ffffffff),
                        0x80ffffff0000000080ffffff0000000080ffffff0000000080ffffff
                    ),
                    add(
                        and(shr(32, w), 0xffffffff00000000ffffffff00000000ffffffff00000000ffffffff),
                        0x80ffffff0000000080ffffff0000000080ffffff0000000080ffffff
                    )
                )
            )
            let e := shr(224, w)
            a := add(a, mul(e, mload(spread)))
            b := add(b, mul(e, mload(add(spread, 32))))
            e := and(shr(192, w), element)
            a := add(a, mul(e, mload(add(spread, 64))))
            b := add(b, mul(e, mload(add(spread, 96))))
            e := and(shr(160, w), element)
            a := add(a, mul(e, mload(add(spread, 128))))
            b := add(b, mul(e, mload(add(spread, 160))))
            e := and(shr(128, w), element)
            a := add(a, mul(e, mload(add(spread, 192))))
            b := add(b, mul(e, mload(add(spread, 224))))
            e := and(shr(96, w), element)
            a := add(a, mul(e, mload(add(spread, 256))))
            b := add(b, mul(e, mload(add(spread, 288))))
            e := and(shr(64, w), element)
            a := add(a, mul(e, mload(add(spread, 320))))
            b := add(b, mul(e, mload(add(spread, 352))))
            e := and(shr(32, w), element)
            a := add(a, mul(e, mload(add(spread, 384))))
            b := add(b, mul(e, mload(add(spread, 416))))
            e := and(w, element)
            a := add(a, mul(e, mload(add(spread, 448))))
            b := add(b, mul(e, mload(add(spread, 480))))
            spread := add(spread, 512)
        }
        bad := and(bad, 0x100000000000000010000000000000001000000000000000100000000)
        let lane := 0xffffffffffffffffffff
        sum := mod(and(a, lane), 0x7f000001)
        sum := or(sum, shl(51, mod(and(shr(80, a), lane), 0x7f000001)))
        sum := or(sum, shl(102, mod(shr(160, a), 0x7f000001)))
        sum := or(sum, shl(153, mod(and(b, lane), 0x7f000001)))
        sum := or(sum, shl(204, mod(shr(80, b), 0x7f000001)))
    }
    if (bad != 0) revert NotCanonical(start);
}

/// sum_j weight_j row_j over `count` <= 2^7 extension elements of calldata, weights in Montgomery form; plain, reduced.
function foldExtensionRow(uint256 position, uint256 count, uint256 table) pure returns (uint256 sum) {
    unchecked {
        for (uint256 finish = table + 32 * count; table < finish; table += 32) {
            uint256 weight;
            assembly ("memory-safe") {
                weight := mload(table)
            }
            sum += mul(readExtension(position), weight);
            position += 20;
        }
    }
    sum = fold(fold(sum));
}

/// Writes g^(d 16^w) for w < 6, d < 16 to 96 words, g = 0x6ac49f88 of order 2^24.
function generatorPowers(uint256 table) pure {
    assembly ("memory-safe") {
        let base := 0x6ac49f88
        for { let w := 0 } lt(w, 6) { w := add(w, 1) } {
            let x := 1
            for { let d := 0 } lt(d, 16) { d := add(d, 1) } {
                mstore(table, x)
                x := mulmod(x, base, 0x7f000001)
                table := add(table, 32)
            }
            base := x
        }
    }
}

/// g^exponent for exponent < 2^24.
function power(uint256 table, uint256 exponent) pure returns (uint256 x) {
    assembly ("memory-safe") {
        x := mload(add(table, shl(5, and(exponent, 15))))
        x := mulmod(x, mload(add(table, add(512, shl(1, and(exponent, 0xf0))))), 0x7f000001)
        x := mulmod(x, mload(add(table, add(1024, shr(3, and(exponent, 0xf00))))), 0x7f000001)
        x := mulmod(x, mload(add(table, add(1536, shr(7, and(exponent, 0xf000))))), 0x7f000001)
        x := mulmod(x, mload(add(table, add(2048, shr(11, and(exponent, 0xf0000))))), 0x7f000001)
        x := mulmod(x, mload(add(table, add(2560, shr(15, and(exponent, 0xf00000))))), 0x7f000001)
    }
}
