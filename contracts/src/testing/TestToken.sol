// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// Collateral of local chains and test networks: six decimals, and everyone may mint.
contract TestToken is ERC20("Test USD", "tUSD") {
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount_e6) external {
        _mint(to, amount_e6);
    }
}
