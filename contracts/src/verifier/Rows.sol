// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NotCanonical} from "./Errors.sol";

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

/// Rewrites `count` reduced elements for `foldExtensionRow`: three words each, bits 0..10, 11..20 and 21.. of every digit.
function splitTable(uint256 table, uint256 count, uint256 target) pure {
    assembly ("memory-safe") {
        for { let finish := add(table, shl(5, count)) } lt(table, finish) { table := add(table, 32) } {
            let x := mload(table)
            mstore(target, and(x, 0x7ff0000000000ffe0000000001ffc0000000003ff80000000007ff))
            mstore(add(target, 32), and(shr(11, x), 0x3ff00000000007fe0000000000ffc0000000001ff80000000003ff))
            mstore(add(target, 64), and(shr(21, x), 0x3fffffff000007ffffffe00000fffffffc00001fffffff800003fffffff))
            target := add(target, 96)
        }
    }
}

/// sum_j weight_j row_j over `count` <= 16 extension elements of calldata; plain, reduced. `split` holds the weights times
/// 2^45, cut in three: products with a piece have digits in (-4, 6) 2^42, so sixteen of them add up without a carry before
/// the division by 2^11, 2^10 and 2^24, each by Montgomery's trick as in mul().
function foldExtensionRow(uint256 position, uint256 count, uint256 split) pure returns (uint256 sum) {
    uint256 bad;
    uint256 start = position;
    assembly ("memory-safe") {
        let a := 0
        let b := 0
        let c := 0
        for { let finish := add(position, mul(20, count)) } lt(position, finish) { position := add(position, 20) } {
            let w := calldataload(position)
            let x :=
                or(
                    or(shr(224, w), and(shr(141, w), 0x7fffffff8000000000000)),
                    or(
                        and(shr(58, w), 0x3fffffffc0000000000000000000000000),
                        or(
                            and(shl(25, w), 0x1fffffffe00000000000000000000000000000000000000),
                            and(shl(108, w), 0xffffffff000000000000000000000000000000000000000000000000000)
                        )
                    )
                )
            bad := or(bad, add(x, 0x80ffffff0000101fffffe0000203fffffc0000407fffff8000080ffffff))
            a := addmod(
                a,
                mulmod(x, mload(split), 0x800000000000000000000000000000000000003fffffffffffffffffffffffff),
                0x800000000000000000000000000000000000003fffffffffffffffffffffffff
            )
            b := addmod(
                b,
                mulmod(x, mload(add(split, 32)), 0x800000000000000000000000000000000000003fffffffffffffffffffffffff),
                0x800000000000000000000000000000000000003fffffffffffffffffffffffff
            )
            c := addmod(
                c,
                mulmod(x, mload(add(split, 64)), 0x800000000000000000000000000000000000003fffffffffffffffffffffffff),
                0x800000000000000000000000000000000000003fffffffffffffffffffffffff
            )
            split := add(split, 96)
        }
        bad := and(bad, 0x100000000000020000000000004000000000000800000000000100000000)
        let offset := 0x333333306734d66666660ce69accccccc19cd359999998339a6b33333306734d
        let modulus := 0x800000000000000000000000000000000000003fffffffffffffffffffffffff
        a := addmod(a, offset, modulus)
        a := sub(
            add(and(shr(11, a), 0xffffffffff001fffffffffe003fffffffffc007fffffffff800ffffffffff), offset),
            mul(and(a, 0x7ff0000000000ffe0000000001ffc0000000003ff80000000007ff), 1040384)
        )
        a := addmod(b, a, modulus)
        a := sub(
            add(and(shr(10, a), 0x1ffffffffff003fffffffffe007fffffffffc00ffffffffff801ffffffffff), offset),
            mul(and(a, 0x3ff00000000007fe0000000000ffc0000000001ff80000000003ff), 2080768)
        )
        a := addmod(c, a, modulus)
        sum := sub(
            add(
                and(shr(24, a), 0x7ffffff000000ffffffe000001ffffffc000003ffffff8000007ffffff),
                0x7f00000100000fe00000200001fc00000400003f800000800007f000001
            ),
            mul(and(a, 0xffffff0000001fffffe0000003fffffc0000007fffff8000000ffffff), 127)
        )
    }
    if (bad != 0) revert NotCanonical(start);
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
