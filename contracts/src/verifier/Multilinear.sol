// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {R, R2, fold, mul, sub, subCanonical} from "./Extension.sol";

// Equality polynomials and powers as multilinear extensions (proof system, section 1), over points in memory: `point` is the
// address of coordinate 0, canonical and in Montgomery form, one word each.

/// eq1(a, b) = a b + (1 - a)(1 - b) = 1 - a - b + 2 a b in Montgomery form, reduced.
function equalityBit(uint256 aM, uint256 bM) pure returns (uint256) {
    unchecked {
        return fold(subCanonical(subCanonical(2 * mul(aM, bM) + R, aM), bM));
    }
}

/// Writes eq(point[0..variables), j) for j < 2^variables to `table`, times `one` (reduced; R for Montgomery form, 1 for plain).
function equalityTable(uint256 point, uint256 variables, uint256 table, uint256 one) pure {
    unchecked {
        assembly ("memory-safe") {
            mstore(table, one)
        }
        for (uint256 v = 0; v < variables; v++) {
            uint256 r;
            assembly ("memory-safe") {
                r := mload(add(point, shl(5, v)))
            }
            uint256 half = 32 << v;
            for (uint256 entry = table; entry < table + half; entry += 32) {
                uint256 whole;
                assembly ("memory-safe") {
                    whole := mload(entry)
                }
                uint256 high = mul(r, whole);
                uint256 low = fold(sub(whole, high));
                assembly ("memory-safe") {
                    mstore(entry, low)
                    mstore(add(entry, half), high)
                }
            }
        }
    }
}

/// Walks the numbers first .. finish - 1 in aligned blocks [s, s + 2^t). prefix[i], word i of `scratch` (variables + 1 words),
/// is the product over the bits i and above of s of point[i] or 1 - point[i]; valid from i = `valid` on. This brings it down
/// to i = t and returns t and prefix[t] = eq(point[t..variables), s >> t). Start with valid = variables, prefix[valid] = R.
function openBlock(uint256 point, uint256 s, uint256 finish, uint256 valid, uint256 scratch)
    pure
    returns (uint256 t, uint256 prefix)
{
    unchecked {
        assembly ("memory-safe") {
            t := sub(255, clz(sub(finish, s)))
            if s {
                let zeros := sub(255, clz(and(s, sub(0, s))))
                if lt(zeros, t) { t := zeros }
            }
            prefix := mload(add(scratch, shl(5, valid)))
        }
        while (valid > t) {
            valid -= 1;
            uint256 r;
            assembly ("memory-safe") {
                r := mload(add(point, shl(5, valid)))
            }
            if ((s >> valid) & 1 == 0) r = subCanonical(R, r);
            prefix = mul(prefix, r);
            assembly ("memory-safe") {
                mstore(add(scratch, shl(5, valid)), prefix)
            }
        }
    }
}

/// From block [s, s + 2^t) to s + 2^t: the lowest zero bit of s at or above t becomes one, so its prefix is that of the bits
/// above it minus the old one. Returns the new `valid`, which is that bit; the lower bits of s + 2^t are zero.
function nextBlock(uint256 s, uint256 t, uint256 scratch) pure returns (uint256 valid) {
    uint256 prefix;
    assembly ("memory-safe") {
        let zeros := not(or(s, sub(shl(t, 1), 1)))
        valid := sub(255, clz(and(zeros, sub(0, zeros))))
        let slot := add(scratch, shl(5, valid))
        prefix := sub(
            add(mload(add(slot, 32)), 0xfe00000200001fc00000400003f800000800007f00000100000fe000002),
            mload(slot)
        )
    }
    prefix = fold(prefix);
    assembly ("memory-safe") {
        mstore(add(scratch, shl(5, valid)), prefix)
    }
}

/// Writes eq(point[0..variables), k) in Montgomery form for k = first .. first + count - 1 to `target`, reduced.
/// The caller guarantees first + count <= 2^variables.
function equalityRun(uint256 point, uint256 variables, uint256 first, uint256 count, uint256 target, uint256 scratch)
    pure {
    assembly ("memory-safe") {
        mstore(add(scratch, shl(5, variables)), 0x3fffdfc)
    }
    uint256 valid = variables;
    unchecked {
        uint256 finish = first + count;
        while (true) {
            (uint256 t, uint256 prefix) = openBlock(point, first, finish, valid, scratch);
            equalityTable(point, t, target, prefix);
            if (first + (1 << t) == finish) return;
            valid = nextBlock(first, t, scratch);
            target += 32 << t;
            first += 1 << t;
        }
    }
}

/// pow(z, point) = prod_i (1 - r_i + r_i z^(2^i)) for z in E; Montgomery form, reduced.
function powerExtension(uint256 zM, uint256 point, uint256 variables) pure returns (uint256 product) {
    unchecked {
        product = R;
        for (uint256 v = 0; v < variables; v++) {
            uint256 r;
            assembly ("memory-safe") {
                r := mload(add(point, shl(5, v)))
            }
            product = mul(product, fold(subCanonical(mul(r, zM) + R, r)));
            zM = mul(zM, zM);
        }
    }
}

/// The same for x in F (plain): pairs of variables share one multiplication, prod of sum_{b < 4} eq(r_2i r_2i+1, b) y^b.
/// `pairs` holds, per pair, three words eq(., 1), eq(., 2), eq(., 3) times R^2 and one word eq(., 0) times R; the result is
/// `first` (reduced) times the product, reduced.
function powerBase(uint256 x, uint256 first, uint256 pairs, uint256 count) pure returns (uint256 product) {
    product = first;
    uint256 finish;
    unchecked {
        finish = pairs + 128 * count;
    }
    while (pairs < finish) {
        uint256 factor;
        assembly ("memory-safe") {
            let x2 := mulmod(x, x, 0x7f000001)
            let x3 := mulmod(x2, x, 0x7f000001)
            let e1 := mload(pairs)
            let e2 := mload(add(pairs, 32))
            let e3 := mload(add(pairs, 64))
            // as in scale(), three products summed: digits < 3 * 2^47.1
            let a := add(add(mul(e1, and(x, 0xffff)), mul(e2, and(x2, 0xffff))), mul(e3, and(x3, 0xffff)))
            a := add(
                add(add(mul(e1, shr(16, x)), mul(e2, shr(16, x2))), mul(e3, shr(16, x3))),
                sub(
                    add(
                        and(shr(16, a), 0x7ffffffff0000ffffffffe0001ffffffffc0003ffffffff80007ffffffff),
                        0xfe00000200001fc00000400003f800000800007f00000100000fe000002
                    ),
                    mul(and(a, 0xffff000000001fffe000000003fffc000000007fff800000000ffff), 0x7f00)
                )
            )
            factor := sub(
                add(
                    and(shr(24, a), 0x7ffffff000000ffffffe000001ffffffc000003ffffff8000007ffffff),
                    0x7f00000100000fe00000200001fc00000400003f800000800007f000001
                ),
                mul(and(a, 0xffffff0000001fffffe0000003fffffc0000007fffff8000000ffffff), 127)
            )
            factor := add(factor, mload(add(pairs, 96)))
            x := mulmod(x2, x2, 0x7f000001)
            pairs := add(pairs, 128)
        }
        product = mul(product, factor);
    }
}

/// Writes the table of `powerBase` for the pairs (point[0], point[1]), (point[2], point[3]), .. to `pairs`.
function powerPairs(uint256 point, uint256 count, uint256 pairs) pure {
    unchecked {
        for (uint256 i = 0; i < count; i++) {
            uint256 low;
            uint256 high;
            assembly ("memory-safe") {
                low := mload(point)
                high := mload(add(point, 32))
            }
            uint256 both = mul(low, high);
            uint256 e1 = mul(fold(sub(low, both)), R2); // (1 - high) low
            uint256 e2 = mul(fold(sub(high, both)), R2);
            uint256 e3 = mul(both, R2);
            uint256 e0 = fold(subCanonical(subCanonical(both + R, low), high));
            assembly ("memory-safe") {
                mstore(pairs, e1)
                mstore(add(pairs, 32), e2)
                mstore(add(pairs, 64), e3)
                mstore(add(pairs, 96), e0)
            }
            point += 64;
            pairs += 128;
        }
    }
}

/// A virtual column of height 2^h at the point (proof system, section 5.7); Montgomery form, reduced. Kinds: 0 IDX, 1 BYTE_X,
/// 2 BYTE_Y, 3 BYTE_AND, 4 POW2_16, 5 POW2_16_COMPLEMENT, 6 BIT4, 7 ONE.
function virtualColumn(uint256 kind, uint256[] memory point, uint256 h) pure returns (uint256 value) {
    unchecked {
        if (kind == 7) return R;
        if (kind == 6) return point[4];
        if (kind >= 4) {
            // prod_{i < 4} (1 + r_i (2^(2^i) - 1)); the complement is twice the same at 1 - r
            value = R;
            for (uint256 i = 0; i < 4; i++) {
                uint256 r = kind == 4 ? point[i] : fold(subCanonical(R, point[i]));
                value = mul(value, fold(fold(R + r * ((1 << (1 << i)) - 1))));
            }
            return kind == 4 ? value : fold(2 * value);
        }
        uint256 bits = kind == 0 ? h : 8;
        for (uint256 i = bits; i > 0; i--) {
            uint256 r = point[kind == 2 ? i + 7 : i - 1];
            if (kind == 3) r = mul(r, point[i + 7]);
            value = fold(2 * value + r);
        }
    }
}
