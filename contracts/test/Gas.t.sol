// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BatchHeader, BatchRecord, Withdrawal} from "../src/interfaces/ISettlement.sol";
import {SettlementFixture} from "./support/SettlementFixture.sol";

/// Gas of whole transactions (intrinsic cost and calldata included) against the committed budget; 2 % either way fails,
/// so that the budget stays true. A changed number goes into snapshots/settlement.json.
/// forge-config: default.isolate = true
contract GasTest is SettlementFixture {
    string internal budget;

    function setUp() public override {
        super.setUp();
        budget = vm.readFile("snapshots/settlement.json");
    }

    function checkGas(string memory name) internal view {
        uint256 used = vm.lastCallGas().gasTotalUsed;
        uint256 planned = vm.parseJsonUint(budget, string.concat(".", name));
        if (used * 100 > planned * 102 || used * 102 < planned * 100) revert UintDiffers(name, planned, used);
    }

    function test_gas_of_deposits() external {
        depositFor(alice, 100e6);
        checkGas("deposit_first");
        depositFor(alice, 100e6);
        checkGas("deposit_again");
    }

    function test_gas_of_fund_contribution() external {
        vm.prank(bob);
        settlement.fundInsurance(100e6);
        checkGas("fund_insurance");
    }

    function test_gas_of_a_batch_without_its_proof() external {
        depositFor(alice, 100e6);
        submit(nextHeader());
        checkGas("submit_batch_first");
        depositFor(alice, 100e6);
        submit(nextHeader());
        checkGas("submit_batch_again");
    }

    function test_gas_of_claims() external {
        depositFor(alice, 100e6);
        Withdrawal[] memory leaves = new Withdrawal[](32);
        for (uint64 i = 0; i < 32; ++i) {
            leaves[i] = Withdrawal(i, bob, 1e6, 0);
        }
        BatchHeader memory header = headerWith(leaves);
        submit(header);
        BatchRecord memory record = recordOf(header, 0);
        for (uint256 i = 0; i < 2; ++i) {
            bytes32[] memory path = treePath(1, leaves, i);
            vm.prank(alice);
            settlement.claimWithdrawal(1, record, leaves[i], path);
            checkGas(i == 0 ? "claim_first_of_word" : "claim_again");
        }
    }
}
