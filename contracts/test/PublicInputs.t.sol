// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader} from "../src/interfaces/ISettlement.sol";
import {PublicInputs} from "../src/libraries/PublicInputs.sol";
import {Base} from "./Base.sol";

/// The golden vector was laid out from the published table of offsets; the exchange's Python code reads it too.
contract PublicInputsTest is Base {
    function encode(BatchHeader calldata header, uint64 chain, address exchange)
        external
        pure
        returns (bytes memory, bytes32)
    {
        return (PublicInputs.encode(header, chain, exchange), PublicInputs.hash(header, chain, exchange));
    }

    function test_public_inputs_are_the_492_bytes_of_the_golden_vector() external view {
        string memory vector = vm.readFile("vectors/public_inputs_v1.json");
        BatchHeader memory header = abi.decode(vm.parseJsonBytes(vector, ".headerWords"), (BatchHeader));
        uint64 chain = uint64(vm.parseJsonUint(vector, ".chainId"));
        (bytes memory encoded, bytes32 hash) = this.encode(header, chain, vm.parseJsonAddress(vector, ".exchange"));
        checkEq(encoded.length, 492, "length");
        checkEq(encoded, vm.parseJsonBytes(vector, ".publicInputs"), "bytes");
        checkEq(hash, vm.parseJsonBytes32(vector, ".hash"), "hash");
    }
}
