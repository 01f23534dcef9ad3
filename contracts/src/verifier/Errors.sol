// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// One error per check of the verifier (proof system, section 12). Expected value first, provided second.

/// Construction: 1 to 8 evaluators, tables with code.
error InvalidConstruction();

/// Step 1: the header.
error WrongMagic(uint256 provided);
error WrongVersion(uint256 expected, uint256 provided);
error WrongConfig(uint256 expected, uint256 provided);
error WrongMaskFlag(uint256 provided);
error WrongVerifyingKey(bytes32 expected, bytes32 provided);
error WrongChipCount(uint256 expected, uint256 provided);
error HeightOutOfBounds(uint256 chip, uint256 provided);
error ShapeNotListed(uint256 logRows, uint256 logColumns);
error TooManyVariables(uint256 provided);

/// Step 2: public values.
error PublicValueOutOfRange(uint256 index, uint256 provided);
error WrongExitCode(uint256 provided);
error WrongOutput(bytes32 expected, bytes32 provided);
error UnusedOutputNotZero(uint256 word);

/// Decoding.
error NotCanonical(uint256 position);
error WrongLength(uint256 expected, uint256 provided);

/// Steps 3 and 4: the argument.
error ZeroDenominator();
error RootSumMismatch();
error LayerClaimMismatch(uint256 layer);
error ZerocheckMismatch();
error EvaluatorFailed(uint256 evaluator);

/// Step 4: the opening.
error GrindingTooWeak(uint256 round);
error WrongRoot(uint256 round, uint256 tree);
error FinalPolynomialMismatch(uint256 position);
error FinalIdentityMismatch();
