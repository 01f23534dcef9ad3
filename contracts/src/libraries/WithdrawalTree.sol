// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Withdrawal} from "../interfaces/ISettlement.sol";

/// Keccak tree over a batch's withdrawals, in order, filled with zero digests to a power of two; no withdrawals = 0.
library WithdrawalTree {
    /// Leaves and nodes have different first bytes, so neither can be shown as the other.
    function leafHash(uint64 batch, Withdrawal calldata leaf) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x00), batch, leaf.index, leaf.recipient, leaf.amount_e6, leaf.salt));
    }

    function nodeHash(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(bytes1(0x01), left, right));
    }

    /// True iff `leaf` stands at `position` of the tree with this root; the path goes from the leaf upwards.
    function contains(bytes32 root, bytes32 leaf, uint256 position, bytes32[] calldata path)
        internal
        pure
        returns (bool)
    {
        bytes32 digest = leaf;
        for (uint256 layer = 0; layer < path.length; ++layer) {
            digest = position & 1 == 0 ? nodeHash(digest, path[layer]) : nodeHash(path[layer], digest);
            position >>= 1;
        }
        return position == 0 && digest == root; // position left over: the path is too short for it
    }
}
