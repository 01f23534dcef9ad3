// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Merkle multiproofs of configuration K: leaf = keccak(0x00 | row), node = keccak(0x01 | left | right).

/// The root over the opened leaves, and the calldata position after the sibling digests. `nodes` is the memory address of
/// `count` > 0 pairs of words (position, digest) with strictly increasing positions below 2^depth; it is overwritten.
/// Level by level, left to right: a node whose sibling is not among the nodes takes the next 32 bytes of the proof.
///
/// Two leaves become siblings at the level of the highest bit in which they differ, so below the lowest such level every
/// node takes a digest: there each leaf is hashed upwards by itself, its digests lying `count` places apart.
function multiproofRoot(uint256 nodes, uint256 count, uint256 depth, uint256 position)
    pure
    returns (bytes32 root, uint256 end)
{
    assembly ("memory-safe") {
        let buffer := mload(0x40) // 0x01 | left | right
        mstore8(buffer, 1)
        let left := add(buffer, 1)
        let right := add(buffer, 33)
        let finish := add(nodes, shl(6, count))

        let single := depth // levels without siblings among the nodes
        for { let node := add(nodes, 64) } lt(node, finish) { node := add(node, 64) } {
            let level := sub(255, clz(xor(mload(node), mload(sub(node, 64)))))
            if lt(level, single) { single := level }
        }
        let stride := shl(5, count)
        for { let node := nodes } lt(node, finish) { node := add(node, 64) } {
            let index := mload(node)
            let digest := mload(add(node, 32))
            let place := position
            for { let last := add(position, mul(stride, single)) } lt(place, last) { place := add(place, stride) } {
                let side := and(shl(5, index), 32) // 32 for a right child
                mstore(add(left, side), digest)
                mstore(sub(right, side), calldataload(place))
                digest := keccak256(buffer, 65)
                index := shr(1, index)
            }
            mstore(node, index)
            mstore(add(node, 32), digest)
            position := add(position, 32)
        }
        position := add(sub(position, stride), mul(stride, single))

        for { depth := sub(depth, single) } depth { depth := sub(depth, 1) } {
            let target := nodes
            for { let source := nodes } lt(source, finish) {} {
                let index := mload(source)
                let side := and(shl(5, index), 32)
                mstore(add(left, side), mload(add(source, 32)))
                source := add(source, 64)
                switch and(lt(source, finish), eq(mload(source), or(index, 1)))
                case 1 {
                    mstore(right, mload(add(source, 32)))
                    source := add(source, 64)
                }
                default {
                    mstore(sub(right, side), calldataload(position))
                    position := add(position, 32)
                }
                mstore(target, shr(1, index))
                mstore(add(target, 32), keccak256(buffer, 65))
                target := add(target, 64)
            }
            finish := target
        }
        root := mload(add(nodes, 32))
        end := position
    }
}

/// keccak(0x00 | `length` bytes of calldata).
function leafDigest(uint256 position, uint256 length) pure returns (bytes32 digest) {
    assembly ("memory-safe") {
        let buffer := mload(0x40)
        mstore8(buffer, 0)
        calldatacopy(add(buffer, 1), position, length)
        digest := keccak256(buffer, add(1, length))
    }
}
