// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GrindingTooWeak} from "./Errors.sol";
import {challengeFromWord} from "./Extension.sol";

// Fiat-Shamir transcript of configuration K (proof system, section 4). Typed: each message is absorbed with its tag and its
// number of base elements. Whoever could choose a challenge before the message it answers could satisfy any check.

uint256 constant TAG_VK = 1;
uint256 constant TAG_HEIGHTS = 2;
uint256 constant TAG_PUBLIC_VALUES = 3;
uint256 constant TAG_ROOT = 4;
uint256 constant TAG_OOD = 5;
uint256 constant TAG_GKR_ROOT = 6;
uint256 constant TAG_GKR_ROUND = 7;
uint256 constant TAG_GKR_CLAIMS = 8;
uint256 constant TAG_ZC_ROUND = 9;
uint256 constant TAG_COLUMN_EVALS = 10;
uint256 constant TAG_WHIR_SUMCHECK = 11;
uint256 constant TAG_WHIR_FINAL = 12;

/// `chunks` holds the unread 4-byte chunks of the last squeezed word, first one on top; `left` says how many.
struct Transcript {
    bytes32 state;
    uint256 counter;
    uint256 chunks;
    uint256 left;
}

/// S <- keccak(0x02 | S | tag 2^16 + count | bytes) with the bytes taken from calldata.
function observe(Transcript memory t, uint256 tag, uint256 count, uint256 position, uint256 length) pure {
    bytes32 state = t.state;
    assembly ("memory-safe") {
        let buffer := mload(0x40)
        mstore8(buffer, 0x02)
        mstore(add(buffer, 1), state)
        mstore(add(buffer, 33), shl(224, or(shl(16, tag), count)))
        calldatacopy(add(buffer, 37), position, length)
        state := keccak256(buffer, add(37, length))
    }
    t.state = state;
    t.counter = 0;
    t.left = 0;
}

/// `observe`, then `challenge`: a round of a sumcheck.
function answer(Transcript memory t, uint256 tag, uint256 count, uint256 position, uint256 length)
    pure
    returns (uint256)
{
    bytes32 state = t.state;
    uint256 word;
    assembly ("memory-safe") {
        let buffer := mload(0x40)
        mstore8(buffer, 0x02)
        mstore(add(buffer, 1), state)
        mstore(add(buffer, 33), shl(224, or(shl(16, tag), count)))
        calldatacopy(add(buffer, 37), position, length)
        state := keccak256(buffer, add(37, length))
        mstore8(buffer, 0x03)
        mstore(add(buffer, 1), state)
        mstore(add(buffer, 33), 0)
        word := keccak256(buffer, 37)
    }
    t.state = state;
    t.counter = 1;
    t.left = 0;
    return challengeFromWord(word);
}

/// As `observe`, for a digest: count 32 and the raw bytes.
function observeDigest(Transcript memory t, uint256 tag, bytes32 digest) pure {
    bytes32 state = t.state;
    assembly ("memory-safe") {
        let buffer := mload(0x40)
        mstore8(buffer, 0x02)
        mstore(add(buffer, 1), state)
        mstore(add(buffer, 33), shl(224, or(shl(16, tag), 32)))
        mstore(add(buffer, 37), digest)
        state := keccak256(buffer, 69)
    }
    t.state = state;
    t.counter = 0;
    t.left = 0;
}

/// As `observe`, for base elements given as words in memory.
function observeWords(Transcript memory t, uint256 tag, uint256[] memory values) pure {
    bytes32 state = t.state;
    assembly ("memory-safe") {
        let count := mload(values)
        let buffer := mload(0x40)
        mstore8(buffer, 0x02)
        mstore(add(buffer, 1), state)
        mstore(add(buffer, 33), shl(224, or(shl(16, tag), count)))
        for { let i := 0 } lt(i, count) { i := add(i, 1) } {
            mstore(add(add(buffer, 37), shl(2, i)), shl(224, mload(add(add(values, 0x20), shl(5, i)))))
        }
        state := keccak256(buffer, add(37, shl(2, count)))
    }
    t.state = state;
    t.counter = 0;
    t.left = 0;
}

/// A challenge of E in Montgomery form. Drops unread chunks.
function challenge(Transcript memory t) pure returns (uint256) {
    t.left = 0;
    return challengeFromWord(squeeze(t));
}

/// The low `k` bits of the next 4-byte chunk.
function sampleBits(Transcript memory t, uint256 k) pure returns (uint256 value) {
    if (t.left == 0) {
        t.chunks = squeeze(t);
        t.left = 8;
    }
    unchecked {
        value = (t.chunks >> 224) & ((1 << k) - 1);
        t.chunks <<= 32;
        t.left -= 1;
    }
}

/// Reads a nonce of 8 bytes and demands `bits` leading zero bits of keccak(0x04 | S | nonce), which becomes the state. A
/// prover without this work could try query positions at the price of one hash each.
function checkGrinding(Transcript memory t, uint256 bits, uint256 position, uint256 round) pure {
    bytes32 state = t.state;
    assembly ("memory-safe") {
        let buffer := mload(0x40)
        mstore8(buffer, 0x04)
        mstore(add(buffer, 1), state)
        calldatacopy(add(buffer, 33), position, 8)
        state := keccak256(buffer, 41)
    }
    if (uint256(state) >> (256 - bits) != 0) revert GrindingTooWeak(round);
    t.state = state;
    t.counter = 0;
    t.left = 0;
}

function squeeze(Transcript memory t) pure returns (uint256 word) {
    bytes32 state = t.state;
    uint256 counter = t.counter;
    assembly ("memory-safe") {
        let buffer := mload(0x40)
        mstore8(buffer, 0x03)
        mstore(add(buffer, 1), state)
        mstore(add(buffer, 33), shl(224, counter))
        word := keccak256(buffer, 37)
    }
    unchecked {
        t.counter = counter + 1;
    }
}
