// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The seam between settlement and the proof system.
interface IProofVerifier {
    /// True iff `proof` shows that the program `programId` (digest of its verifying key) ended with exit code 0 and
    /// output words 0..7 equal to `publicInputsHash` (word i = bytes 4i..4i+3 as a little-endian integer), words 8..15 zero.
    /// A malformed proof may return false or revert with the verifier's own error; it never returns true.
    function verify(bytes32 programId, bytes32 publicInputsHash, bytes calldata proof) external view returns (bool);
}
