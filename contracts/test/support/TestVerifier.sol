// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProofVerifier} from "../../src/interfaces/IProofVerifier.sol";

/// Stands in for the proof system in tests of settlement only: a "proof" is the hash of exactly one statement, so a
/// change of any public input, program, chain or contract invalidates it, as it does with a real proof.
contract TestVerifier is IProofVerifier {
    function prove(bytes32 programId, bytes32 publicInputsHash) public pure returns (bytes memory) {
        return abi.encodePacked(keccak256(abi.encodePacked("test proof", programId, publicInputsHash)));
    }

    function verify(bytes32 programId, bytes32 publicInputsHash, bytes calldata proof) external pure returns (bool) {
        return keccak256(proof) == keccak256(prove(programId, publicInputsHash));
    }
}
