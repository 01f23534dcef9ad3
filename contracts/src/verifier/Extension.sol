// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NotCanonical} from "./Errors.sol";

// Arithmetic of F = Z/p, p = 2^31 - 2^24 + 1, and of E = F[X]/(X^5 + X^2 - 1).
//
// An element c0 + c1 X + .. + c4 X^4 of E is one word with c_i in the 51 bits from bit 51 i on, so X = 2^51 and
// X^5 = 1 - X^2 is arithmetic modulo M = 2^255 + 2^102 - 1. Digits are not unique: a digit stands for its class mod p.
//
//   canonical   every digit < p                         (decoded from a proof, sampled from the transcript)
//   reduced     every digit < p + 2^27                  (results of mul, scale, fold)
//   lazy        anything below 2^51 without a borrow    (sums and differences)
//
// Montgomery form, R = 2^40: `mul(a, b)` = a b / R, because p = 1 mod 2^24 makes division by 2^16 and by 2^24 of all five
// digits at once one multiplication by a small constant: y = 0 mod 2^k after y -= (y mod 2^k) p, hence
// y / 2^k = (y >> k) - (y mod 2^k) ((p - 1) / 2^k) mod p. Challenges are sampled as R times the challenge, so
// (challenge in Montgomery form) x (plain value) = plain value. Names say `M` where a value is in Montgomery form.

uint256 constant P = 0x7f000001;
uint256 constant R = 0x3fffdfc; // 2^40 mod p: the one of Montgomery form
uint256 constant R2 = 0x3fe3cfb0; // 2^80 mod p: mul(a, R2) brings a plain value to Montgomery form
uint256 constant MODULUS = 0x800000000000000000000000000000000000003fffffffffffffffffffffffff;
uint256 constant P1 = 0x7f00000100000fe00000200001fc00000400003f800000800007f000001; // p in every digit
uint256 constant P2 = 0xfe00000200001fc00000400003f800000800007f00000100000fe000002; // 2 p in every digit

/// a b / R, reduced. Bounds: for digits a < A and b < B, A max(B / 2^16, 2^16) <= 2.2517e14, so `a` reduced and every digit
/// of `b` below 6.5e9 (a sum of two reduced elements, or reduced - canonical + p).
///
/// b = b0 + 2^16 b1 digit by digit. The digits of a b0 modulo X^5 + X^2 - 1 lie in (-4 A 2^16, 6 A 2^16); the multiple
/// K = 0x333333306734d of p in every digit makes them non-negative and below 2^51, so the word read back is exact.
function mul(uint256 a, uint256 b) pure returns (uint256 r) {
    assembly ("memory-safe") {
        let x :=
            addmod(
                mulmod(
                    a,
                    and(b, 0xffff000000001fffe000000003fffc000000007fff800000000ffff),
                    0x800000000000000000000000000000000000003fffffffffffffffffffffffff
                ),
                0x333333306734d66666660ce69accccccc19cd359999998339a6b33333306734d,
                0x800000000000000000000000000000000000003fffffffffffffffffffffffff
            )
        // divide by 2^16: (p - 1) / 2^16 = 0x7f00; K again, for this step and for the product with b1
        let y :=
            sub(
                add(
                    and(shr(16, x), 0x7ffffffff0000ffffffffe0001ffffffffc0003ffffffff80007ffffffff),
                    0x333333306734d66666660ce69accccccc19cd359999998339a6b33333306734d
                ),
                mul(and(x, 0xffff000000001fffe000000003fffc000000007fff800000000ffff), 0x7f00)
            )
        x := addmod(
            mulmod(
                a,
                and(shr(16, b), 0x7ffffffff0000ffffffffe0001ffffffffc0003ffffffff80007ffffffff),
                0x800000000000000000000000000000000000003fffffffffffffffffffffffff
            ),
            y,
            0x800000000000000000000000000000000000003fffffffffffffffffffffffff
        )
        // divide by 2^24: (p - 1) / 2^24 = 127; digits in (0, p + 2^27)
        r := sub(
            add(
                and(shr(24, x), 0x7ffffff000000ffffffe000001ffffffc000003ffffff8000007ffffff),
                0x7f00000100000fe00000200001fc00000400003f800000800007f000001
            ),
            mul(and(x, 0xffffff0000001fffffe0000003fffffc0000007fffff8000000ffffff), 127)
        )
    }
}

/// a s / R, reduced, for `a` reduced (digits < 2^31.5) and a base element s < 2^31. No digit wraps, so no modulus.
function scale(uint256 a, uint256 s) pure returns (uint256 r) {
    assembly ("memory-safe") {
        let x := mul(a, and(s, 0xffff))
        x := add(
            mul(a, shr(16, s)),
            sub(
                add(
                    and(shr(16, x), 0x7ffffffff0000ffffffffe0001ffffffffc0003ffffffff80007ffffffff),
                    0xfe00000200001fc00000400003f800000800007f00000100000fe000002
                ),
                mul(and(x, 0xffff000000001fffe000000003fffc000000007fff800000000ffff), 0x7f00)
            )
        )
        r := sub(
            add(
                and(shr(24, x), 0x7ffffff000000ffffffe000001ffffffc000003ffffff8000007ffffff),
                0x7f00000100000fe00000200001fc00000400003f800000800007f000001
            ),
            mul(and(x, 0xffffff0000001fffffe0000003fffffc0000007fffff8000000ffffff), 127)
        )
    }
}

/// The same element with smaller digits, by 2^31 = 2^24 - 1: below 2^31 + 2^24 (x / 2^31), so reduced for digits < 2^34.
function fold(uint256 x) pure returns (uint256 r) {
    assembly ("memory-safe") {
        r := add(
            and(x, 0x7fffffff00000fffffffe00001fffffffc00003fffffff800007fffffff),
            mul(and(shr(31, x), 0xfffff00000001ffffe00000003ffffc00000007ffff80000000fffff), 0xffffff)
        )
    }
}

/// x - y, lazy, for `y` reduced; digits below those of x plus 2 p.
function sub(uint256 x, uint256 y) pure returns (uint256 r) {
    assembly ("memory-safe") {
        r := sub(add(x, 0xfe00000200001fc00000400003f800000800007f00000100000fe000002), y)
    }
}

/// x - y, lazy, for `y` canonical; digits below those of x plus p.
function subCanonical(uint256 x, uint256 y) pure returns (uint256 r) {
    assembly ("memory-safe") {
        r := sub(add(x, 0x7f00000100000fe00000200001fc00000400003f800000800007f000001), y)
    }
}

/// Whether a lazy word stands for zero.
function isZero(uint256 x) pure returns (bool r) {
    assembly ("memory-safe") {
        let digit := 0x7ffffffffffff
        r := iszero(
            or(
                or(mod(and(x, digit), 0x7f000001), mod(and(shr(51, x), digit), 0x7f000001)),
                or(
                    or(mod(and(shr(102, x), digit), 0x7f000001), mod(and(shr(153, x), digit), 0x7f000001)),
                    mod(shr(204, x), 0x7f000001)
                )
            )
        )
    }
}

/// The canonical form of a lazy word.
function canonical(uint256 x) pure returns (uint256 r) {
    assembly ("memory-safe") {
        let digit := 0x7ffffffffffff
        r := mod(and(x, digit), 0x7f000001)
        r := or(r, shl(51, mod(and(shr(51, x), digit), 0x7f000001)))
        r := or(r, shl(102, mod(and(shr(102, x), digit), 0x7f000001)))
        r := or(r, shl(153, mod(and(shr(153, x), digit), 0x7f000001)))
        r := or(r, shl(204, mod(shr(204, x), 0x7f000001)))
    }
}

/// Decodes 20 bytes of calldata (five big-endian u32, c0 first); reverts unless each is < p: adding 2^32 - p sets bit 32
/// of exactly the digits that are not.
function readExtension(uint256 position) pure returns (uint256 x) {
    uint256 bad;
    assembly ("memory-safe") {
        let w := calldataload(position)
        x := or(
            or(shr(224, w), and(shr(141, w), 0x7fffffff8000000000000)),
            or(
                and(shr(58, w), 0x3fffffffc0000000000000000000000000),
                or(
                    and(shl(25, w), 0x1fffffffe00000000000000000000000000000000000000),
                    and(shl(108, w), 0xffffffff000000000000000000000000000000000000000000000000000)
                )
            )
        )
        bad := and(
            add(x, 0x80ffffff0000101fffffe0000203fffffc0000407fffff8000080ffffff),
            0x100000000000020000000000004000000000000800000000000100000000
        )
    }
    if (bad != 0) revert NotCanonical(position);
}

/// Five 48-bit big-endian chunks of a squeezed word, each times R mod p: a uniform challenge in Montgomery form, canonical.
function challengeFromWord(uint256 w) pure returns (uint256 r) {
    assembly ("memory-safe") {
        let chunk := 0xffffffffffff
        r := mulmod(shr(208, w), 0x3fffdfc, 0x7f000001)
        r := or(r, shl(51, mulmod(and(shr(160, w), chunk), 0x3fffdfc, 0x7f000001)))
        r := or(r, shl(102, mulmod(and(shr(112, w), chunk), 0x3fffdfc, 0x7f000001)))
        r := or(r, shl(153, mulmod(and(shr(64, w), chunk), 0x3fffdfc, 0x7f000001)))
        r := or(r, shl(204, mulmod(and(shr(16, w), chunk), 0x3fffdfc, 0x7f000001)))
    }
}
