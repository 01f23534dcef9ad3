// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "../interfaces/ISettlement.sol";

/// The 492 bytes whose keccak is the only public value of a batch proof.
library PublicInputs {
    uint32 internal constant MAGIC = 0x42420001;

    /// Packed big-endian, in the order of the published table. Chain and contract are part of it, so that a proof made
    /// for one deployment is worth nothing in another.
    function encode(BatchHeader calldata header, uint64 chain, address exchange) internal pure returns (bytes memory) {
        return bytes.concat(
            abi.encodePacked(MAGIC, chain, exchange), _transition(header), _money(header), _laterStages(header)
        );
    }

    /// What the guest outputs for this batch.
    function hash(BatchHeader calldata header, uint64 chain, address exchange) internal pure returns (bytes32) {
        return keccak256(encode(header, chain, exchange));
    }

    /// Offsets 32..231.
    function _transition(BatchHeader calldata header) private pure returns (bytes memory) {
        return abi.encodePacked(
            header.batchNumber,
            header.timeMs,
            header.prevStateHash,
            header.newStateHash,
            header.seqFirst,
            header.seqLast,
            header.receiptHead,
            header.receiptsRoot,
            header.priorityCount,
            header.priorityHash
        );
    }

    /// Offsets 232..335.
    function _money(BatchHeader calldata header) private pure returns (bytes memory) {
        return abi.encodePacked(
            header.withdrawalsRoot,
            header.withdrawalCount,
            header.withdrawalTotal_e6,
            header.liabilities_e6,
            header.insurance_e6,
            header.fees_e6
        );
    }

    /// Offsets 336..491.
    function _laterStages(BatchHeader calldata header) private pure returns (bytes memory) {
        return abi.encodePacked(
            header.oracleSetHash,
            header.configHash,
            header.daDigest,
            header.oracleTimeMinMs,
            header.accountsChecked,
            header.liquidationAgeMaxMs,
            header.sweepAgeMs,
            header.voidCount,
            header.recordCount,
            header.flags,
            header.shortfall_e6,
            bytes15(0)
        );
    }
}
