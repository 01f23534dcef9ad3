// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "../src/Settlement.sol";
import {IProofVerifier} from "../src/interfaces/IProofVerifier.sol";
import {ISettlement} from "../src/interfaces/ISettlement.sol";
import {SettlementFixture} from "./support/SettlementFixture.sol";
import {EighteenDecimalsToken} from "./support/Tokens.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

/// The constructor: what is fixed for ever, and what is refused.
contract SettlementSetupTest is SettlementFixture {
    function test_deployment_fixes_its_configuration() external view {
        checkEq(address(settlement.token()), address(token), "token");
        checkEq(address(settlement.verifier()), address(verifier), "verifier");
        checkEq(settlement.programId(), PROGRAM, "program");
        checkEq(settlement.operator(), operator, "operator");
        checkEq(settlement.depositMin_e6(), MIN_E6, "minimum");
        checkEq(settlement.progress().stateHash, GENESIS, "genesis state");
        checkEq(settlement.progress().batchNumber, 0, "no batch");
        checkEq(settlement.accountCount(), 2, "fund and fee collector");
        checkEq(settlement.firstBlock(), block.number, "first block");
    }

    function test_token_without_code_is_refused() external {
        Settlement.Config memory wrong = config();
        wrong.token = IERC20Metadata(alice);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ContractMissing.selector, alice));
        new Settlement(wrong, signersBody(), marketBodies(1));
    }

    function test_verifier_without_code_is_refused() external {
        Settlement.Config memory wrong = config();
        wrong.verifier = IProofVerifier(alice);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.ContractMissing.selector, alice));
        new Settlement(wrong, signersBody(), marketBodies(1));
    }

    function test_missing_operator_is_refused() external {
        Settlement.Config memory wrong = config();
        wrong.operator = address(0);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.Unauthorized.selector, address(0)));
        new Settlement(wrong, signersBody(), marketBodies(1));
    }

    function test_token_with_other_decimals_is_refused() external {
        Settlement.Config memory wrong = config();
        wrong.token = new EighteenDecimalsToken();
        vm.expectRevert(abi.encodeWithSelector(ISettlement.TokenDecimals.selector, 6, 18));
        new Settlement(wrong, signersBody(), marketBodies(1));
    }

    function test_signer_body_must_have_the_length_its_count_demands() external {
        bytes memory body = signersBody();
        signersRefused("");
        signersRefused(bytes.concat(body, hex"00"));
        signersRefused(hex"0101010000000000");
        signersRefused(hex"01010100000000");
        body = new bytes(8 + 24 * 17);
        body[1] = bytes1(uint8(17));
        signersRefused(body);
    }

    function test_market_bodies_must_be_whole_and_numbered() external {
        bytes[] memory bodies = marketBodies(2);
        bodies[1] = marketBody(2);
        marketsRefused(bodies, 1);
        bodies[1] = marketBody(257);
        marketsRefused(bodies, 1);
        bodies[1] = bytes.concat(marketBody(1), hex"00");
        marketsRefused(bodies, 1);
        bodies[1] = marketBody(1);
        (, uint64 tail,) = new Settlement(config(), signersBody(), bodies).queue();
        checkEq(tail, 3, "signers and two markets");
    }

    function signersRefused(bytes memory body) internal {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RequestMalformed.selector, 53, 0));
        new Settlement(config(), body, marketBodies(1));
    }

    function marketsRefused(bytes[] memory bodies, uint256 index) internal {
        vm.expectRevert(abi.encodeWithSelector(ISettlement.RequestMalformed.selector, 50, index));
        new Settlement(config(), signersBody(), bodies);
    }
}
