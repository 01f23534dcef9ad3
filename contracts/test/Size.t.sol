// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {SettlementFixture} from "./support/SettlementFixture.sol";

/// EIP-170 and EIP-3860 bounds of Settlement with its constructor arguments (64 markets, 16 signers).
contract SizeTest is SettlementFixture {
    uint256 internal constant CODE_BYTES_MAX = 24_576;
    uint256 internal constant INITCODE_BYTES_MAX = 49_152;

    function test_settlement_fits_the_code_size_limits() external view {
        check(address(settlement).code.length <= CODE_BYTES_MAX, "runtime code of Settlement");
        bytes memory signers = bytes.concat(hex"0110010000000000", new bytes(16 * 24));
        bytes memory arguments = abi.encode(config(), signers, marketBodies(64));
        check(type(Settlement).creationCode.length + arguments.length <= INITCODE_BYTES_MAX, "initcode of Settlement");
    }
}
