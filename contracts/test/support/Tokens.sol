// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TestToken} from "../../src/testing/TestToken.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// Keeps one per cent of every transfer.
contract FeeToken is TestToken {
    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : amount / 100;
        super._update(from, to, amount - fee);
        if (fee != 0) super._update(from, address(0), fee);
    }
}

/// Keeps balances as shares of a total that can change at any time.
contract RebasingToken is TestToken {
    uint256 public factor_ppm = 1e6;

    function rebase(uint256 newFactor_ppm) external {
        factor_ppm = newFactor_ppm;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * factor_ppm / 1e6;
    }
}

/// Moves nothing and says so by returning false.
contract FalseToken is TestToken {
    function transfer(address, uint256) public pure override returns (bool) {
        return false;
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// Says true and moves nothing.
contract LyingToken is TestToken {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

/// Moves the money and returns nothing, as some old tokens do.
contract SilentToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function decimals() external pure returns (uint8) {
        return 6;
    }

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// Calls back into a target in the middle of a transfer and keeps what came of it.
contract ReentrantToken is TestToken {
    address public target;
    bytes public call;
    bool public succeeded;
    bytes public returned;

    function arm(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (target != address(0)) {
            address armed = target;
            target = address(0);
            (succeeded, returned) = armed.call(call);
        }
    }
}

/// Eighteen decimals, the default of the token library.
contract EighteenDecimalsToken is ERC20("Other", "OTH") {}
