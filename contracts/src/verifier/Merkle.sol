// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// Merkle multiproofs of configuration K: leaf = keccak(0x00 | row), node = keccak(0x01 | left | right).

/// The root over the opened leaves, and the calldata position after the sibling digests. `nodes` is the memory address of
/// `count` pairs of words (position, digest) with strictly increasing positions below 2^depth; it is overwritten.
/// Level by level, left to right: a node whose sibling is not among the nodes takes the next 32 bytes of the proof.
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
        for {} depth { depth := sub(depth, 1) } {
            let target := nodes
            for { let source := nodes } lt(source, finish) {} {
                let index := mload(source)
                let next := add(source, 64)
                switch and(index, 1)
                case 1 {
                    mstore(left, calldataload(position))
                    position := add(position, 32)
                    mstore(right, mload(add(source, 32)))
                }
                default {
                    mstore(left, mload(add(source, 32)))
                    switch and(lt(next, finish), eq(mload(next), add(index, 1)))
                    case 1 {
                        mstore(right, mload(add(next, 32)))
                        next := add(next, 64)
                    }
                    default {
                        mstore(right, calldataload(position))
                        position := add(position, 32)
                    }
                }
                mstore(target, shr(1, index))
                mstore(add(target, 32), keccak256(buffer, 65))
                target := add(target, 64)
                source := next
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
